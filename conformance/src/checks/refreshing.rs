//! A device that has seen what this truth lost. Rules P-26 and P-64.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::run::Run;
use crate::talk::{CREATED, UNISSUED, deletion, name, shared};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-26", "P-64"],
        "in `refresh` the pull starts at the beginning, and tells tombstones too",
        from_the_beginning,
    ),
    Check::of(
        &["P-64"],
        "what the truth has lost comes back under its own key, and nothing is deleted",
        given_back,
    ),
    Check::of(
        &["P-64"],
        "a record under an unknown key is one of the truth's own that is equal, one to one",
        matched,
    ),
];

/// Opens with a `last_sync` that nobody issued.
fn refresh(device: &mut Device) -> Checked {
    device.last_sync = json!(UNISSUED[0]);
    let opened = device.start()?;
    opened.is(
        "/mode",
        &json!("refresh"),
        "this truth never issued its `last_sync` (P-26)",
    )?;
    opened.is(
        "/last_sync",
        &Value::Null,
        "the pull starts at the beginning",
    )
}

fn from_the_beginning(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!(1))?;
    let (mut one, mut two) = (pair.one, pair.two);
    one.sync(&[deletion(&pair.record), crate::talk::made(&json!("lives"))])?;
    two.sync(&[])?;
    two.held.take(std::slice::from_ref(&pair.record));
    refresh(&mut two)?;
    let (page, records) = two.pull()?;
    let is_dead = |it: &Value| it["key"] == pair.record["key"] && it["deleted"] == true;
    page.demand(records.iter().any(is_dead), "tombstones are told")?;
    let lives = records.iter().any(|it| it["value"] == "lives");
    page.demand(lives, "what the device was told before comes again")?;
    two.finish_in_sync()?;
    Ok(())
}

/// A record under a real key, as a device held it that got it from a truth of before.
fn held(key: &str, value: &Value) -> Value {
    json!({"key": key, "entity": "record", "value": value, "created": CREATED.0,
        "updated": CREATED.0, "base": "2198-12-31T00:00:00.000000Z"})
}

fn given_back(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!("here"))?;
    let (mut one, mut two) = (pair.one, pair.two);
    refresh(&mut two)?;
    // The device does not name what the truth has, and that is no deletion.
    let key = name();
    let value = json!({"only": key});
    let pushed = two.push(&[held(&key, &value)])?;
    pushed.is(
        "/rejected",
        &json!([]),
        "its base was never issued here, and that is no fault",
    )?;
    let (page, records) = two.pull()?;
    let told = records.iter().find(|it| it["key"] == key.as_str());
    let holds = told.is_some_and(|it| it["value"] == value);
    page.demand(holds, "it lives again, under its own key")?;
    let kept = records
        .iter()
        .any(|it| it["key"] == pair.record["key"] && it["deleted"] != true);
    page.demand(
        kept,
        "what the device did not name stays, and is sent to it",
    )?;
    two.finish_in_sync()?;
    let synced = one.sync(&[])?;
    let holds = one.held.at(&json!(key))["value"] == value;
    synced
        .pull
        .demand(holds, "and the others are told of what came back")
}

fn matched(run: &Run) -> Checked {
    let caller = run.user()?;
    let value = json!({"same": name()});
    let pair = shared(&caller, &value)?;
    let mut device = Device::new(&caller);
    refresh(&mut device)?;
    let names = [name(), name()];
    let pushed = device.push(&[held(&names[0], &value), held(&names[1], &value)])?;
    pushed.is(
        "/created",
        &json!(1),
        "one of the two is the truth's own, the other is new",
    )?;
    let (page, records) = device.pull()?;
    let ours: Vec<&Value> = records.iter().filter(|it| it["value"] == value).collect();
    page.demand(ours.len() == 2, "two equal records, as there were")?;
    let found = ours.iter().find(|it| it["key"] == pair.record["key"]);
    let local_id = found.map(|it| it["local_id"].clone()).unwrap_or_default();
    let holds = names.iter().any(|name| local_id == name.as_str());
    page.demand(
        holds,
        "the truth's own is answered with the name it was pushed under",
    )?;
    device.finish_in_sync()?;
    Ok(())
}
