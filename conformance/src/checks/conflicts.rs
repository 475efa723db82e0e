//! What lost, and how people settle it. Rules P-56 and P-57.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::http::{Answer, Caller, same};
use crate::run::Run;
use crate::talk::{Shared, deletion, edit, name, shared, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-56"],
        "a conflict tells both sides whole, with fields, base, devices and times",
        told,
    ),
    Check::of(
        &["P-56"],
        "a side that deleted the record is named by `deleted`, and is `null`",
        deleted_side,
    ),
    Check::of(
        &["P-56"],
        "the list comes in pages in the order of storing, settled ones apart",
        listed,
    ),
    Check::of(
        &["P-57", "T-40"],
        "`truth`, `device` or a `value` becomes a version that syncs, in one commit",
        settled,
    ),
    Check::of(
        &["P-57", "T-40"],
        "the same decision again changes nothing; another gets 409 `settled`",
        settled_twice,
    ),
    Check::of(
        &["P-57"],
        "delete against edit is settled either way",
        deletions,
    ),
    Check::of(
        &["P-57"],
        "who edits without having seen the decision conflicts with it",
        unseen_decision,
    ),
    Check::of(
        &["P-57"],
        "a conflict that is not there is 404, a decision that is none is refused",
        wrong_decisions,
    ),
    Check::of(
        &["P-10", "P-57"],
        "nobody settles another's conflict",
        anothers,
    ),
];

/// Two devices change `a`, and the conflict that is stored.
struct Contest<'a> {
    one: Device<'a>,
    two: Device<'a>,
    record: Value,
    conflict: Value,
}

const FIRST: &str = "2026-11-22T05:00:00Z";
const SECOND: &str = "2026-11-22T06:00:00Z";

fn contest(caller: &Caller) -> Checked<Contest<'_>> {
    let Shared {
        mut one,
        mut two,
        record,
    } = shared(caller, &json!({"a": 0, "b": 0}))?;
    let at = |time: &str| json!({"updated": time});
    one.sync(&[with(edit(&record, &json!({"a": 1})), &at(FIRST))])?;
    let push = with(edit(&record, &json!({"a": 2, "b": 2})), &at(SECOND));
    let synced = two.sync(&[push])?;
    synced
        .push
        .is("/conflicts", &json!(1), "both changed `a` (P-36)")?;
    let conflict = found(caller, &record["key"])?;
    Ok(Contest {
        one,
        two,
        record,
        conflict,
    })
}

/// All that waits for a person, or was settled.
fn all(caller: &Caller, settled: bool) -> Checked<(Answer, Vec<Value>)> {
    let (mut conflicts, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/conflicts?settled={settled}{cursor}");
        let page = caller.get(&path)?.done()?;
        conflicts.extend(page.list("/conflicts")?.iter().cloned());
        match page["cursor"].as_str() {
            None => return Ok((page, conflicts)),
            Some(next) => cursor = format!("&cursor={}", super::escaped(next)),
        }
    }
}

/// The unsettled conflict of a record.
fn found(caller: &Caller, key: &Value) -> Checked<Value> {
    let (page, conflicts) = all(caller, false)?;
    let found = conflicts.into_iter().find(|it| it["key"] == *key);
    found.ok_or_else(|| page.miss(&format!("the conflict about {key} is listed")))
}

fn settle(caller: &Caller, conflict: &Value, decision: &Value) -> Checked<Answer> {
    let id = conflict["id"].as_str().unwrap_or_default();
    caller.post(&format!("/v1/conflicts/{}", super::escaped(id)), decision)
}

fn told(run: &Run) -> Checked {
    let caller = run.user()?;
    let contest = contest(&caller)?;
    let (page, _) = all(&caller, false)?;
    for (member, wanted) in [
        ("entity", json!("record")),
        ("fields", json!(["a"])),
        ("base", contest.record["checkin"].clone()),
        ("checkin", contest.two.last_sync.clone()),
        ("truth", json!({"a": 1, "b": 0})),
        ("truth_device", json!(contest.one.uuid)),
        ("truth_updated", json!(FIRST)),
        ("device", json!({"a": 2, "b": 2})),
        ("device_uuid", json!(contest.two.uuid)),
        ("device_updated", json!(SECOND)),
    ] {
        let holds = same(&contest.conflict[member], &wanted);
        page.demand(holds, &format!("`{member}` of the conflict is {wanted}"))?;
    }
    page.demand(contest.conflict["id"].is_string(), "it has an `id`")
}

/// One device changes `a` of a shared record and the other deletes it, in this order; neither knows
/// of the other's.
fn edited_and_deleted(caller: &Caller, is_edit_first: bool) -> Checked<Shared<'_>> {
    let mut pair = shared(caller, &json!({"a": 0}))?;
    let mut changes = [edit(&pair.record, &json!({"a": 1})), deletion(&pair.record)];
    if !is_edit_first {
        changes.reverse();
    }
    let [first, second] = changes;
    pair.one.sync(&[first])?;
    pair.two.sync(&[second])?;
    Ok(pair)
}

fn deleted_side(run: &Run) -> Checked {
    let caller = run.user()?;
    for is_edit_first in [true, false] {
        let Shared { record, .. } = edited_and_deleted(&caller, is_edit_first)?;
        let (page, _) = all(&caller, false)?;
        let conflict = found(&caller, &record["key"])?;
        let (side, other) = if is_edit_first {
            ("device", "truth")
        } else {
            ("truth", "device")
        };
        page.demand(
            conflict["deleted"] == side,
            &format!("`deleted` is `{side}`"),
        )?;
        page.demand(conflict[side].is_null(), &format!("`{side}` is null"))?;
        let holds = same(&conflict[other], &json!({"a": 1}));
        page.demand(holds, &format!("`{other}` is the edit, whole"))?;
    }
    Ok(())
}

fn listed(run: &Run) -> Checked {
    let caller = run.user()?;
    let contests = [contest(&caller)?, contest(&caller)?, contest(&caller)?];
    let (page, open) = all(&caller, false)?;
    page.is(
        "/open",
        &json!(open.len()),
        "`open` counts those that wait for a person",
    )?;
    let ids = |list: &[Value]| list.iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    let ours: Vec<Value> = contests
        .iter()
        .map(|it| it.conflict["id"].clone())
        .collect();
    let last = &ids(&open)[open.len() - 3..];
    page.demand(last == ours, "in the order in which they were stored")?;
    let first = caller.get("/v1/conflicts?limit=2")?.done()?;
    let holds = first.list("/conflicts")?.len() == 2 && first["remaining"] == open.len() - 2;
    first.demand(holds, "`limit` cuts the page, `remaining` come after it")?;
    settle(&caller, &contests[0].conflict, &json!({"take": "truth"}))?.done()?;
    let (page, open) = all(&caller, false)?;
    let is_there = |list: &[Value]| ids(list).contains(&ours[0]);
    page.demand(!is_there(&open), "a settled one waits no more")?;
    let (page, settled) = all(&caller, true)?;
    page.demand(is_there(&settled), "`settled=true` lists it")?;
    let all_told = settled.iter().all(|it| it["settled"].is_string());
    page.demand(all_told, "with the commit that `settled` it")?;
    for wrong in ["limit=0", "settled=perhaps"] {
        let refused = caller.get(&format!("/v1/conflicts?{wrong}"))?;
        refused.refused(400, "malformed")?;
    }
    Ok(())
}

fn settled(run: &Run) -> Checked {
    let caller = run.user()?;
    for (decision, value) in [
        (json!({"take": "truth"}), json!({"a": 1, "b": 2})),
        (json!({"take": "device"}), json!({"a": 2, "b": 2})),
        (json!({"value": {"a": 9, "c": 2}}), json!({"a": 9, "c": 2})),
    ] {
        let mut contest = contest(&caller)?;
        let before = contest.two.last_sync.clone();
        let open = contest.two.start()?["conflicts"]["open"]
            .as_u64()
            .unwrap_or_default();
        let answer = settle(&caller, &contest.conflict, &decision)?.done()?;
        answer.is(
            "/id",
            &contest.conflict["id"],
            "the conflict that it is about",
        )?;
        let commit = answer.text("/settled")?;
        answer.demand(Some(commit) > before.as_str(), "`settled` is a new commit")?;
        answer.is("/record/value", &value, "the record as it is now")?;
        let conflicts = json!({"open": open.saturating_sub(1), "changed": commit});
        answer.is(
            "/conflicts",
            &conflicts,
            "one less is open, since that commit",
        )?;
        for device in [&mut contest.one, &mut contest.two] {
            let synced = device.sync(&[])?;
            let held = &device.held.at(&contest.record["key"])["value"];
            let why = format!("a device that synced holds {value}");
            synced.pull.demand(same(held, &value), &why)?;
        }
    }
    Ok(())
}

fn settled_twice(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut contest = contest(&caller)?;
    let first = settle(
        &caller,
        &contest.conflict,
        &json!({"value": {"b": 2, "a": 9.0}}),
    )?
    .done()?;
    let again = settle(
        &caller,
        &contest.conflict,
        &json!({"value": {"a": 9, "b": 2}}),
    )?
    .done()?;
    again.is(
        "/settled",
        &first["settled"],
        "the same decision is answered as before",
    )?;
    let other = settle(&caller, &contest.conflict, &json!({"take": "truth"}))?;
    other.refused(409, "settled")?;
    let opened = contest.two.start()?;
    opened.is(
        "/max_checkin",
        &first["settled"],
        "it was one commit, and no more",
    )
}

fn deletions(run: &Run) -> Checked {
    let caller = run.user()?;
    for (is_edit_first, take, lives) in [
        (true, "truth", true),
        (true, "device", false),
        (false, "truth", false),
        (false, "device", true),
    ] {
        let Shared {
            mut two, record, ..
        } = edited_and_deleted(&caller, is_edit_first)?;
        let conflict = found(&caller, &record["key"])?;
        let answer = settle(&caller, &conflict, &json!({"take": take}))?.done()?;
        let is_deleted = answer.at("/record/deleted") == true;
        answer.demand(
            is_deleted != lives,
            if lives {
                "the record lives"
            } else {
                "it is deleted"
            },
        )?;
        two.sync(&[])?;
        let held = two
            .held
            .0
            .contains_key(record["key"].as_str().unwrap_or_default());
        answer.demand(held == lives, "and a device that syncs holds it so")?;
    }
    Ok(())
}

fn unseen_decision(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut contest = contest(&caller)?;
    contest.one.sync(&[])?;
    let seen = contest.one.held.at(&contest.record["key"]).clone();
    settle(&caller, &contest.conflict, &json!({"take": "truth"}))?.done()?;
    let synced = contest.one.sync(&[edit(&seen, &json!({"a": 5}))])?;
    synced.push.is(
        "/conflicts",
        &json!(1),
        "the decision is another's change to `a`",
    )?;
    let told = synced.answer_to(&contest.record["key"])?;
    let holds = same(&told["value"], &json!({"a": 5, "b": 2}));
    synced
        .pull
        .demand(holds, "and the later push wins, by `merge`")
}

fn wrong_decisions(run: &Run) -> Checked {
    let caller = run.user()?;
    let contest = contest(&caller)?;
    for wrong in [
        json!({}),
        json!({"take": "both"}),
        json!({"take": "truth", "value": 1}),
    ] {
        settle(&caller, &contest.conflict, &wrong)?.refused(400, "malformed")?;
    }
    let odd = format!(
        "/v1/conflicts/{}",
        contest.conflict["id"].as_str().unwrap_or_default()
    );
    let surrogate = caller.send("POST", &odd, &[], br#"{"value":"\ud800"}"#)?;
    surrogate.refused(422, "bad_record")?;
    let unheard = json!({"id": name()});
    settle(&caller, &unheard, &json!({"take": "truth"}))?.refused(404, "not_found")?;
    let still = found(&caller, &contest.record["key"])?;
    let answer = settle(&caller, &still, &json!({"take": "truth"}))?;
    answer.done()?;
    Ok(())
}

fn anothers(run: &Run) -> Checked {
    let (caller, stranger) = (run.user()?, run.another()?);
    let contest = contest(&caller)?;
    let refused = settle(&stranger, &contest.conflict, &json!({"take": "truth"}))?;
    refused.refused(404, "not_found")?;
    found(&caller, &contest.record["key"])?;
    Ok(())
}
