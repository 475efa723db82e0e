//! Sides that are replaced: `pull_truth` and `push_truth`. Rules P-65 to P-67.

use serde_json::{Value, json};

use crate::check::{Check, Checked, Miss};
use crate::device::Device;
use crate::fingerprint::EMPTY;
use crate::http::{Answer, same};
use crate::run::Run;
use crate::talk::{all_shared, deletion, edit, made, shared, whole};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-65"],
        "in `pull_truth` all comes, as of nothing, and both are in sync then",
        pull_truth,
    ),
    Check::of(
        &["P-65"],
        "`pull_truth` forgets what the device acked",
        forgets_acks,
    ),
    Check::of(
        &["P-65"],
        "a push in `pull_truth` is forbidden, and undone",
        pushes_nothing,
    ),
    Check::of(
        &["P-66", "P-41"],
        "`push_truth` is held with 423 until it is confirmed, however little it changes",
        unconfirmed,
    ),
    Check::of(
        &["P-66", "T-84"],
        "confirmed, each record is as it was pushed, whoever changed it since, without conflicts",
        overrides,
    ),
    Check::of(
        &["P-66", "T-85"],
        "what is not named is deleted, and what was deleted and is named lives again",
        replaces,
    ),
    Check::of(
        &["P-66", "T-85"],
        "a record that is rejected counts as named, and stays as it was",
        rejected_stays,
    ),
    Check::of(
        &["P-66"],
        "what the session pushes afterwards is a push like any other",
        later_push,
    ),
    Check::of(
        &["P-67"],
        "all other devices' sessions are over",
        sessions_end,
    ),
    Check::of(
        &["P-67", "T-83"],
        "who comes from before gets 409 `truth_pushed`, and pulls the truth first",
        from_before,
    ),
    Check::of(
        &["P-67", "T-83"],
        "an empty device, and the one that did it, are never asked to",
        never_asked,
    ),
];

fn pull_truth(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!(1), json!(2)])?;
    one.sync(&[whole(&records[0], &json!("newer")), deletion(&records[1])])?;
    let opened = two
        .tries_to_open(&json!({"mode": "pull_truth"}))?
        .served()?;
    opened.is("/mode", &json!("pull_truth"), "it was asked for")?;
    opened.is(
        "/last_sync",
        &Value::Null,
        "the window starts at the beginning",
    )?;
    opened.is(
        "/in_sync",
        &json!(false),
        "who asks for it gets it, in sync or not",
    )?;
    two.held.0.clear();
    let (page, _) = two.pull()?;
    let holds = two.held.at(&records[0]["key"])["value"] == "newer";
    page.demand(holds, "what the device held comes again, as it is now")?;
    let holds = two.held.0.len() == one.held.0.len();
    page.demand(holds, "all that lives is told")?;
    two.finish_in_sync()?;
    let opened = two.open(&json!({}))?;
    opened.is(
        "/in_sync",
        &json!(true),
        "and the next sync finds nothing to do",
    )
}

fn forgets_acks(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"text": "long"}))?;
    let (mut two, key) = (pair.two, &pair.record["key"]);
    two.open(&json!({"pending": 1, "last_sync": null}))?;
    two.pull()?;
    two.held.spoil(key, &json!({"text": "lo"}));
    let acks: Vec<Value> = two
        .held
        .0
        .values()
        .map(|it| json!({"key": it["key"], "fingerprint": it["fingerprint"]}))
        .collect();
    two.call("pull", &json!({"limit": 1, "acks": acks}))?
        .done()?;
    two.finish_in_sync()?;
    two.tries_to_open(&json!({"mode": "pull_truth"}))?
        .served()?;
    two.held.0.clear();
    let (page, _) = two.pull()?;
    let holds = two.held.at(key)["value"]["text"] == "long";
    page.demand(holds, "the truth's own form is told")?;
    two.finish_in_sync()?;
    Ok(())
}

fn pushes_nothing(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let ask = json!({"mode": "pull_truth", "pending": 1, "push": {"records": [made(&json!(1))]}});
    let opened = device.tries_to_open(&ask)?.served()?;
    opened.is(
        "/push/code",
        &json!("forbidden"),
        "a push that rides leaves its problem",
    )?;
    opened.text("/sync_uuid")?;
    let answer = device.tries_to_push(&[made(&json!(2))], &json!({}))?;
    answer.refused(403, "forbidden")?;
    device.pull()?;
    device.finish_in_sync()?;
    Ok(())
}

/// Opens to replace the truth; only where that takes nobody's records from them.
fn replacing(run: &Run, device: &mut Device) -> Checked<Answer> {
    if !run.is_dev() {
        let why = "it replaces all that a user has, which is done to users of its own only: \
                   it takes a server in --dev";
        return Err(Miss::NotChecked(why.to_owned()));
    }
    let ask = json!({"mode": "push_truth", "pending": 1});
    let opened = device.tries_to_open(&ask)?.served()?;
    opened.is("/mode", &json!("push_truth"), "it was asked for")?;
    Ok(opened)
}

/// Replaces the truth by these records.
fn replace(run: &Run, device: &mut Device, records: &[Value]) -> Checked<Answer> {
    replacing(run, device)?;
    device
        .tries_to_push(records, &json!({"confirm": true}))?
        .done()
}

fn unconfirmed(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!(1), json!(2)])?;
    replacing(run, &mut two)?;
    let push = [
        whole(&records[0], &json!(1)),
        whole(&records[1], &json!("mine")),
    ];
    let held = two.tries_to_push(&push, &json!({}))?;
    held.refused(423, "airbag")?;
    for count in ["deletes", "changes", "live"] {
        held.demand(held[count].is_number(), &format!("`{count}` is told"))?;
    }
    let synced = one.sync(&[])?;
    synced
        .push
        .is("/in_sync", &json!(true), "nothing was done")?;
    replacing(run, &mut two)?;
    two.tries_to_push(&push, &json!({"confirm": true}))?
        .done()?;
    Ok(())
}

fn overrides(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0, "b": 0}))?;
    let (mut one, mut two, record) = (pair.one, pair.two, pair.record);
    one.sync(&[edit(&record, &json!({"a": 1, "c": 1}))])?;
    let mine = json!({"a": 0, "b": 2});
    let pushed = replace(run, &mut two, &[whole(&record, &mine)])?;
    pushed.is(
        "/conflicts",
        &json!(0),
        "the person has confirmed: nothing conflicts",
    )?;
    two.pull()?;
    two.finish_in_sync()?;
    let mut witness = Device::new(&caller);
    let synced = witness.sync(&[])?;
    let holds = same(&witness.held.at(&record["key"])["value"], &mine);
    synced
        .pull
        .demand(holds, &format!("the truth is {mine}, as it was pushed"))
}

fn replaces(run: &Run) -> Checked {
    let caller = run.user()?;
    let values = [json!("kept"), json!("unnamed"), json!("deleted")];
    let (mut one, mut two, records) = all_shared(&caller, &values)?;
    one.sync(&[deletion(&records[2]), made(&json!("another's"))])?;
    let push = [
        whole(&records[0], &json!("kept")),
        whole(&records[2], &json!("deleted")),
        made(&json!("own")),
    ];
    replace(run, &mut two, &push)?;
    two.held.0.clear();
    two.open(&json!({"mode": "pull_truth"}))?;
    two.pull()?;
    two.finish_in_sync()?;
    let mut witness = Device::new(&caller);
    let synced = witness.sync(&[])?;
    let mut told: Vec<String> = witness
        .held
        .0
        .values()
        .map(|it| it["value"].to_string())
        .collect();
    told.sort_unstable();
    let holds = told == ["\"deleted\"", "\"kept\"", "\"own\""];
    synced
        .pull
        .demand(holds, "the truth is just what was pushed: three records")
}

fn rejected_stays(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, mut two, records) = all_shared(&caller, &[json!({"a": 0}), json!({"b": 0})])?;
    let wrong = json!({"key": records[0]["key"], "value": 1, "base": "then"});
    let pushed = replace(run, &mut two, &[wrong, edit(&records[1], &json!({"b": 1}))])?;
    let codes = |at: usize| pushed.at(&format!("/rejected/{at}/problem/code")).clone();
    let holds = codes(0) == "bad_record" && codes(1) == "need_whole";
    pushed.demand(holds, "one is wrong, and one is a part")?;
    let mut witness = Device::new(&caller);
    let synced = witness.sync(&[])?;
    for (record, value) in records.iter().zip([json!({"a": 0}), json!({"b": 0})]) {
        let holds = same(&witness.held.at(&record["key"])["value"], &value);
        synced
            .pull
            .demand(holds, &format!("{value} stays as it was"))?;
    }
    Ok(())
}

fn later_push(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, mut two, records) = all_shared(&caller, &[json!(1), json!(2)])?;
    let all: Vec<Value> = records.iter().map(|it| whole(it, &json!("mine"))).collect();
    replace(run, &mut two, &all)?;
    let pushed = two.push(&[made(&json!("more"))])?;
    pushed.is("/created", &json!(1), "it asks for no confirming")?;
    let mut witness = Device::new(&caller);
    let synced = witness.sync(&[])?;
    synced
        .pull
        .demand(witness.held.0.len() == 3, "and deletes nothing")
}

fn sessions_end(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!(1)])?;
    one.start()?;
    replace(run, &mut two, &[whole(&records[0], &json!("mine"))])?;
    let answer = one.tries_to_push(&[made(&json!(1))], &json!({}))?;
    answer.refused(410, "session_gone")?;
    two.pull()?;
    two.finish_in_sync()?;
    Ok(())
}

fn from_before(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!(1), json!(2)])?;
    replace(run, &mut two, &[whole(&records[0], &json!("mine"))])?;
    for more in [
        json!({"pending": 1}),
        json!({"mode": "fast", "pending": 1}),
        json!({"mode": "repair"}),
        json!({"last_sync": null}),
        json!({"last_sync": "2001-01-01T00:00:00.000000Z"}),
    ] {
        one.tries_to_open(&more)?.refused(409, "truth_pushed")?;
    }
    one.open(&json!({"mode": "pull_truth"}))?;
    one.held.0.clear();
    one.pull()?;
    one.finish_in_sync()?;
    let synced = one.sync(&[made(&json!("new"))])?;
    synced
        .push
        .is("/created", &json!(1), "then it goes on like any other")
}

fn never_asked(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, mut two, records) = all_shared(&caller, &[json!(1)])?;
    replace(run, &mut two, &[whole(&records[0], &json!("mine"))])?;
    let mut fresh = Device::new(&caller);
    let opened = fresh.open(&json!({"pending": 1, "fingerprint": EMPTY}))?;
    opened.text("/sync_uuid")?;
    let opened = two.open(&json!({"pending": 1}))?;
    opened.text("/sync_uuid")?;
    let opened = two.open(&json!({"pending": 1, "last_sync": null}))?;
    opened.text("/sync_uuid")?;
    Ok(())
}
