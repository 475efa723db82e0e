//! Phases that ride on a call, and the finish that rides on the next open. Rules P-19 to P-21.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::run::Run;
use crate::talk::{made, name};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-19"],
        "push and pull ride on an open; its answer carries theirs",
        on_open,
    ),
    Check::of(
        &["P-19"],
        "pull and finish ride on a push, finish rides on a pull",
        on_push,
    ),
    Check::of(
        &["P-20"],
        "a finish rides on the next open, and is worked off before it",
        previous,
    ),
    Check::of(
        &["P-20"],
        "a finish that rides late is told its problem, and never fails the open",
        late_previous,
    ),
    Check::of(
        &["P-21"],
        "a rider that fails leaves its problem and the later ones undone",
        failing,
    ),
    Check::of(
        &["P-21"],
        "nothing rides after `staged`, nor on an open that opens no session",
        nothing_rides,
    ),
];

fn on_open(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = made(&json!({"a": 1}));
    let body = json!({"pending": 1, "push": {"records": [record]}, "pull": {}});
    let opened = device.open(&body)?;
    opened.is("/push/created", &json!(1), "the push rides")?;
    let is_told = |it: &Value| it["local_id"] == record["key"];
    let told = opened.list("/pull/records")?.iter().any(is_told);
    let told = told || !opened["pull"]["cursor"].is_null();
    opened.demand(told, "the pull that rides sees what the push did")
}

fn on_push(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let riders = json!({"pull": {"limit": 1}, "finish": {"last_update": null}});
    let pushed = device.tries_to_push(&[made(&json!(1))], &riders)?.done()?;
    pushed.is("/created", &json!(1), "the push itself")?;
    pushed.list("/pull/records")?;
    let holds = pushed["finish"]["in_sync"].is_boolean();
    pushed.demand(holds, "the finish rides, too")?;
    device.start()?;
    let riders = json!({"finish": {"last_update": null}});
    let pulled = device.call("pull", &riders)?.done()?;
    let holds = pulled["finish"]["in_sync"].is_boolean();
    pulled.demand(holds, "a finish rides on a pull")
}

fn previous(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    device.push(&[made(&json!(1))])?;
    device.pull()?;
    let finish =
        json!({"last_update": device.max_checkin, "fingerprint": device.held.fingerprint()});
    device.last_sync = device.max_checkin.clone();
    let previous = json!({"sync_uuid": device.session, "finish": finish});
    let opened = device.open(&json!({"previous": previous}))?;
    opened.is(
        "/previous/in_sync",
        &json!(true),
        "the session before is finished",
    )?;
    opened.is(
        "/previous/last_sync",
        &device.last_sync,
        "as it would be by itself",
    )?;
    opened.is("/in_sync", &json!(true), "and then there is nothing to do")
}

fn late_previous(run: &Run) -> Checked {
    let caller = run.user()?;
    let gone = json!({"sync_uuid": name(), "finish": {"last_update": null}});
    let opened = Device::new(&caller).open(&json!({"pending": 1, "previous": gone}))?;
    opened.is(
        "/previous/code",
        &json!("session_gone"),
        "its problem comes under `previous`",
    )?;
    opened.text("/sync_uuid")?;
    Ok(())
}

fn failing(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let body = json!({"pending": 1, "push": {"records": [made(&json!(1))]},
        "pull": {"cursor": "never given out"}, "finish": {"last_update": null}});
    let opened = device.open(&body)?;
    opened.is("/push/created", &json!(1), "what rode before it is done")?;
    opened.is(
        "/pull/code",
        &json!("malformed"),
        "its problem comes under its name",
    )?;
    opened.is("/finish", &Value::Null, "the later ones are undone")?;
    device.call("pull", &json!({}))?.done()?;
    Ok(())
}

fn nothing_rides(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let body = json!({"pending": 1, "push": {"records": [made(&json!(1))], "more": true},
        "pull": {}});
    let opened = device.open(&body)?;
    opened.is(
        "/push",
        &json!({"staged": 1}),
        "a batch with `more` is staged",
    )?;
    opened.is("/pull", &Value::Null, "nothing rides after `staged`")?;
    device.sync(&[])?;
    let opened = device.open(&json!({"pull": {}}))?;
    opened.is("/sync_uuid", &Value::Null, "there is nothing to do")?;
    opened.is(
        "/pull",
        &Value::Null,
        "nothing rides where no session is opened",
    )
}
