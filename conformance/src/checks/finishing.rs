//! The end of a session, and its cancelling. Rules P-47 to P-49.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::fingerprint::EMPTY;
use crate::run::Run;
use crate::talk::{UNISSUED, edit, made, many, shared};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-47", "T-28"],
        "`last_update` is a checkin that was issued, and at most `max_checkin`",
        last_update,
    ),
    Check::of(
        &["P-47"],
        "`last_update` is stored as the device's `last_sync`; `null` leaves it",
        stored,
    ),
    Check::of(
        &["P-47", "T-28"],
        "a finish without a fingerprint is taken at its word",
        untold,
    ),
    Check::of(
        &["P-48"],
        "`in_sync: true` ends the session: later calls in it get 410",
        ends,
    ),
    Check::of(
        &["P-48"],
        "`in_sync: false` leaves the session open; a later pull in it starts at `last_update`",
        stays_open,
    ),
    Check::of(
        &["P-49"],
        "cancel forgets the session and what it staged",
        cancelled,
    ),
];

fn last_update(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two) = (Device::new(&caller), Device::new(&caller));
    one.start()?;
    let later = two.sync(&[made(&json!(1))])?.push["max_checkin"].clone();
    for wrong in UNISSUED.map(Value::from).iter().chain([&later]) {
        let answer = one.call("finish", &json!({"last_update": wrong}))?;
        answer.refused(400, "malformed")?;
    }
    one.pull()?;
    one.finish_in_sync()?;
    Ok(())
}

fn stored(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!(0))?;
    let (mut one, mut two) = (pair.one, pair.two);
    let before = two.last_sync.clone();
    one.sync(&[made(&json!(1))])?;
    two.start()?;
    two.pull()?;
    let finished = two.call("finish", &json!({"last_update": null}))?.done()?;
    finished.is("/last_sync", &before, "`null` leaves it")?;
    two.start()?;
    let finished = two.finish()?;
    finished.is("/last_sync", &two.max_checkin, "it is what the device told")
}

fn untold(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    device.push(&many(2))?;
    let told = json!({"last_update": device.max_checkin});
    let finished = device.call("finish", &told)?.done()?;
    finished.is(
        "/in_sync",
        &json!(true),
        "no fingerprint is told, so none is compared",
    )?;
    let conflicts = &finished["conflicts"];
    let holds = conflicts["open"].is_number() && conflicts.get("changed").is_some();
    finished.demand(holds, "`conflicts` tells `open` and `changed` (P-25)")
}

fn ends(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    device.push(&many(1))?;
    device.pull()?;
    device.finish_in_sync()?;
    let finish = json!({"last_update": device.max_checkin});
    for (phase, more) in [
        ("push", json!({"records": []})),
        ("pull", json!({})),
        ("finish", finish),
        ("cancel", json!({})),
    ] {
        device.call(phase, &more)?.refused(410, "session_gone")?;
    }
    Ok(())
}

fn stays_open(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    let newer = one.sync(&[edit(&pair.record, &json!({"a": 1}))])?.push["max_checkin"].clone();
    two.start()?;
    let wrong = json!({"last_update": two.max_checkin, "fingerprint": EMPTY});
    let finished = two.call("finish", &wrong)?.done()?;
    finished.is("/in_sync", &json!(false), "it holds more than nothing")?;
    finished.is("/last_sync", &newer, "`last_update` is stored all the same")?;
    let page = two.call("pull", &json!({"cursor": null}))?.done()?;
    page.is(
        "/records",
        &json!([]),
        "the pull starts at `last_update`, and nothing is later",
    )
}

fn cancelled(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let records = many(2);
    device
        .tries_to_push(&records, &json!({"more": true}))?
        .done()?;
    let answer = device.call("cancel", &json!({}))?.done()?;
    answer.is("", &json!({"cancelled": true}), "the session is over")?;
    for (phase, more) in [
        ("push", json!({"records": []})),
        ("pull", json!({})),
        ("cancel", json!({})),
    ] {
        device.call(phase, &more)?.refused(410, "session_gone")?;
    }
    device.start()?;
    let pushed = device.push(&records)?;
    pushed.is(
        "/created",
        &json!(2),
        "what was staged never came into the truth",
    )
}
