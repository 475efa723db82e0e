//! Open: who is let in, in which mode, and what is told. Rules P-17, P-22 to P-29.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::fingerprint::EMPTY;
use crate::http::Answer;
use crate::run::Run;
use crate::talk::{UNISSUED, made, name, shared, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-17"],
        "a new session of a device ends its old one, and nobody else's",
        one_session,
    ),
    Check::of(
        &["P-22"],
        "`datastore` is the caller's own by default; the same one is told each time",
        own_datastore,
    ),
    Check::of(
        &["P-22"],
        "only `device_uuid` is required of a device that never pushes",
        least_open,
    ),
    Check::of(
        &["P-23", "T-23"],
        "an open that the network repeats gets 410 `session_gone`",
        repeated_open,
    ),
    Check::of(
        &["P-23", "T-23"],
        "a late open, and one by a copy from before, get 409 `stale_device`",
        stale_open,
    ),
    Check::of(
        &["P-23"],
        "a copy goes on under a new `device_uuid`, with the `last_sync` it has",
        renamed_copy,
    ),
    Check::of(
        &["P-24", "T-24"],
        "nothing pending and the fingerprint of the head: in sync, with no session",
        in_sync,
    ),
    Check::of(
        &["P-25"],
        "open and finish tell how many conflicts are unsettled, and since when",
        conflicts_told,
    ),
    Check::of(
        &["P-26", "T-26"],
        "a `last_sync` that this truth never issued means `refresh`, before attempts are looked at",
        unissued,
    ),
    Check::of(
        &["P-27", "T-25"],
        "`auto` becomes `fast`, or `repair` where the fingerprint is not the expected one",
        auto_mode,
    ),
    Check::of(
        &["P-27", "T-25"],
        "who asks for `repair` or `fast` gets it",
        asked_mode,
    ),
    Check::of(
        &["P-28", "T-27"],
        "another protocol version gets 426 before anything else is looked at",
        other_protocol,
    ),
    Check::of(
        &["P-29"],
        "more records than `push_records` in a batch are `too_large`",
        too_many_records,
    ),
    Check::of(
        &["P-29"],
        "a body of more than `body_bytes` is `too_large`",
        too_many_bytes,
    ),
    Check::of(
        &["P-29", "P-43"],
        "a pull's `limit` above `pull_records` is cut",
        cut_limit,
    ),
    Check::of(
        &["P-30", "T-82"],
        "a mode is served as asked or refused with 501, never done differently",
        modes_as_asked,
    ),
    Check::of(
        &["P-30", "T-27"],
        "what contradicts itself is malformed: a mirror both ways, `push_truth` with `pull`",
        contradictions,
    ),
];

fn one_session(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, mut other) = (Device::new(&caller), Device::new(&caller));
    device.start()?;
    other.start()?;
    let old = device.session.clone();
    device.start()?;
    for (phase, more) in [
        ("push", json!({"records": []})),
        ("pull", json!({})),
        ("finish", json!({"last_update": null})),
    ] {
        let body = with(json!({"sync_uuid": old}), &more);
        caller.call(phase, &body)?.refused(410, "session_gone")?;
    }
    other.push(&[])?;
    device.push(&[])?;
    let unheard = json!({"sync_uuid": name(), "records": []});
    caller.call("push", &unheard)?.refused(410, "session_gone")
}

fn own_datastore(run: &Run) -> Checked {
    let caller = run.user()?;
    let first = Device::new(&caller).start()?;
    let datastore = first.text("/datastore")?;
    let why = "the caller's own datastore is always the same";
    Device::new(&caller)
        .start()?
        .is("/datastore", &json!(datastore), why)?;
    let named = Device::new(&caller).open(&json!({"pending": 1, "datastore": datastore}))?;
    named.is("/datastore", &json!(datastore), "it may be named, too")?;
    let unheard = json!({"pending": 1, "datastore": format!("no-{}", name())});
    Device::new(&caller)
        .tries_to_open(&unheard)?
        .refused(404, "not_found")
}

fn least_open(run: &Run) -> Checked {
    let caller = run.user()?;
    let opened = caller
        .call("open", &json!({"device_uuid": name()}))?
        .done()?;
    for member in ["datastore", "max_checkin", "mode"] {
        opened.text(&format!("/{member}"))?;
    }
    for member in ["sync_uuid", "last_sync", "in_sync", "conflicts", "limits"] {
        let holds = opened.json.get(member).is_some();
        opened.demand(holds, &format!("the answer has `{member}`"))?;
    }
    Ok(())
}

/// Opens with these attempts.
fn attempt(device: &Device, attempts: &[&str]) -> Checked<Answer> {
    let body = json!({"device_uuid": device.uuid, "attempts": attempts, "pending": 1});
    device.caller.call("open", &body)
}

fn repeated_open(run: &Run) -> Checked {
    let caller = run.user()?;
    let device = Device::new(&caller);
    let (first, second) = (name(), name());
    attempt(&device, &[&first])?.done()?;
    attempt(&device, &[&first])?.refused(410, "session_gone")?;
    attempt(&device, &[&first, &second])?.done()?;
    attempt(&device, &[&first, &second])?.refused(410, "session_gone")
}

fn stale_open(run: &Run) -> Checked {
    let caller = run.user()?;
    let device = Device::new(&caller);
    let names: Vec<String> = (0..6).map(|_| name()).collect();
    let opens = |places: &[usize]| {
        let attempts: Vec<&str> = places.iter().map(|it| names[*it].as_str()).collect();
        attempt(&device, &attempts)
    };
    opens(&[0])?.done()?;
    // 1 is lost on its way, 2 arrives, and then 1 after all.
    opens(&[0, 1, 2])?.done()?;
    opens(&[0, 1])?.refused(409, "stale_device")?;
    // A copy from before 2.
    opens(&[0, 3])?.refused(409, "stale_device")?;
    opens(&[4])?.refused(409, "stale_device")?;
    // The device itself never notices.
    opens(&[2, 5])?.done()?;
    Ok(())
}

fn renamed_copy(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&[made(&json!(1))])?;
    let mut copy = Device::new(&caller);
    copy.last_sync = device.last_sync.clone();
    copy.held = device.held.clone();
    let opened = copy.open(&json!({"pending": 1}))?;
    let why = "what it holds is what is expected at its `last_sync`";
    opened.is("/mode", &json!("fast"), why)?;
    opened.is("/last_sync", &copy.last_sync, "and the pull starts there")
}

fn in_sync(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&[made(&json!(1)), made(&json!(2))])?;
    for last_sync in [device.last_sync.clone(), Value::Null] {
        let opened = device.open(&json!({"last_sync": last_sync}))?;
        opened.is(
            "/in_sync",
            &json!(true),
            "nothing is pending, and the fingerprint is the head's",
        )?;
        opened.is("/sync_uuid", &Value::Null, "no session is needed")?;
        opened.is("/last_sync", &opened["max_checkin"], "both are the head")?;
        let holds = ["datastore", "mode", "conflicts", "limits"];
        let holds = holds.iter().all(|member| !opened[member].is_null());
        opened.demand(holds, "all other members are there, too")?;
        let bytes = opened.sent.len() + opened.body.len();
        opened.demand(bytes < 1000, "all of it is less than 1 kB")?;
    }
    let opened = device.open(&json!({"pending": 1}))?;
    opened.is("/in_sync", &json!(false), "something is pending")?;
    opened.text("/sync_uuid")?;
    Ok(())
}

fn conflicts_told(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    let before = one.start()?["conflicts"].clone();
    one.sync(&[crate::talk::edit(&pair.record, &json!({"a": 1}))])?;
    let later = two.sync(&[crate::talk::edit(&pair.record, &json!({"a": 2}))])?;
    later.push.is("/conflicts", &json!(1), "both changed `a`")?;
    let open = before["open"].as_u64().unwrap_or_default() + 1;
    let told = json!({"open": open, "changed": later.push["max_checkin"]});
    let why = "one more is unsettled, since that commit";
    later.finish.is("/conflicts", &told, why)?;
    one.start()?.is("/conflicts", &told, why)
}

fn unissued(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&[made(&json!(1))])?;
    for claim in UNISSUED {
        let body = json!({"device_uuid": device.uuid, "attempts": [name()], "last_sync": claim,
            "pending": 1});
        let opened = caller.call("open", &body)?.done()?;
        opened.is(
            "/mode",
            &json!("refresh"),
            "the truth was restored from an older backup",
        )?;
        opened.is(
            "/last_sync",
            &Value::Null,
            "the pull starts at the beginning",
        )?;
    }
    Ok(())
}

fn auto_mode(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&[made(&json!(1))])?;
    device.start()?.is(
        "/mode",
        &json!("fast"),
        "the fingerprint is the expected one",
    )?;
    let wrong = json!({"fingerprint": EMPTY, "mode": "auto"});
    let opened = device.open(&wrong)?;
    opened.is(
        "/mode",
        &json!("repair"),
        "the fingerprint is not the expected one",
    )?;
    opened.is("/in_sync", &json!(false), "and nobody is in sync")?;
    let untold = json!({"fingerprint": null, "pending": 1});
    device
        .open(&untold)?
        .is("/mode", &json!("fast"), "no fingerprint was told")
}

fn asked_mode(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&[made(&json!(1))])?;
    let fast = json!({"mode": "fast", "fingerprint": EMPTY, "pending": 1});
    let opened = device.open(&fast)?;
    opened.is("/mode", &json!("fast"), "who asks for `fast` gets it")?;
    let opened = device.open(&json!({"mode": "repair"}))?;
    opened.is("/mode", &json!("repair"), "who asks for `repair` gets it")?;
    opened.text("/sync_uuid")?;
    Ok(())
}

fn other_protocol(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    for more in [
        json!({"protocol": 2}),
        json!({"protocol": 0, "mode": "slow", "datastore": "none"}),
    ] {
        device.tries_to_open(&more)?.refused(426, "protocol")?;
    }
    device.start()?;
    Ok(())
}

fn told_limit(opened: &Answer, name: &str) -> Checked<usize> {
    let limit = opened["limits"][name]
        .as_u64()
        .and_then(|it| usize::try_from(it).ok());
    let limit = limit.filter(|limit| *limit > 0);
    limit.ok_or_else(|| opened.miss(&format!("`limits` tells `{name}`")))
}

fn too_many_records(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let limit = told_limit(&device.start()?, "push_records")?;
    let bytes = limit.saturating_mul(60);
    if bytes > 50_000_000 {
        let why = format!("a batch of {limit} records is more than this kit sends");
        return Err(crate::check::Miss::NotChecked(why));
    }
    let record = json!({"key": "k", "deleted": true});
    let answer = device.tries_to_push(&vec![record; limit + 1], &json!({}))?;
    answer.refused(413, "too_large")?;
    let pushed = device.push(&[made(&json!(1))])?;
    pushed.is("/created", &json!(1), "the session lives")
}

fn too_many_bytes(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let limit = told_limit(&device.start()?, "body_bytes")?;
    if limit > 50_000_000 {
        let why = format!("a body of {limit} bytes is more than this kit sends");
        return Err(crate::check::Miss::NotChecked(why));
    }
    let body = vec![b' '; limit + 1];
    caller
        .send("POST", "/v1/sync/push", &[], &body)?
        .refused(413, "too_large")?;
    let pushed = device.push(&[made(&json!(1))])?;
    pushed.is("/created", &json!(1), "the session lives")
}

fn cut_limit(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let limit = told_limit(&device.start()?, "pull_records")?;
    device.push(&[made(&json!(1)), made(&json!(2))])?;
    let page = device.call("pull", &json!({"limit": limit + 1}))?.done()?;
    let count = page.list("/records")?.len();
    page.demand(count <= limit, &format!("a page holds at most {limit}"))?;
    device
        .call("pull", &json!({"limit": 0}))?
        .refused(400, "malformed")
}

fn modes_as_asked(run: &Run) -> Checked {
    let caller = run.user()?;
    for mode in [
        "fast",
        "repair",
        "slow",
        "refresh",
        "pull_truth",
        "push_truth",
    ] {
        let answer = Device::new(&caller).tries_to_open(&json!({"mode": mode, "pending": 1}))?;
        if answer.status == 501 {
            answer.refused(501, "not_supported")?;
        } else {
            answer
                .done()?
                .is("/mode", &json!(mode), "it was asked for")?;
        }
    }
    Ok(())
}

fn contradictions(run: &Run) -> Checked {
    let caller = run.user()?;
    for more in [
        json!({"mirror": true}),
        json!({"mirror": true, "direction": "both"}),
        json!({"mode": "push_truth", "direction": "pull"}),
        json!({"mode": "pull_truth", "direction": "push"}),
    ] {
        let answer = Device::new(&caller).tries_to_open(&more)?;
        if answer.status != 501 {
            answer.refused(400, "malformed")?;
        }
    }
    Ok(())
}
