//! What a device holds decides: the mode `slow`, and mirrors of both directions. Rules P-69 to P-71.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::http::{Answer, same};
use crate::ranges::{reconciled, tell_all};
use crate::run::Run;
use crate::talk::{all_shared, deletion, edit, made, name};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-70", "T-88"],
        "in `slow` what a device changed and deleted is worked out from what it held",
        slow,
    ),
    Check::of(
        &["P-70", "T-88"],
        "in `slow` going back to an old value is a change",
        old_value,
    ),
    Check::of(
        &["P-70"],
        "an edit survives a deletion that `slow` has found, as a conflict",
        edit_survives,
    ),
    Check::of(
        &["P-70"],
        "who claims no `last_sync` has deleted nothing",
        nothing_deleted,
    ),
    Check::of(
        &["P-71", "P-41"],
        "what reconciling deletes is held by the airbag, and passes when it is confirmed",
        held_back,
    ),
    Check::of(
        &["P-71", "P-41"],
        "the airbag counts what is deleted over all calls of the session",
        counted_together,
    ),
    Check::of(
        &["P-69", "T-89"],
        "a device that mirrors the truth is made equal to it",
        mirrors_truth,
    ),
    Check::of(
        &["P-69", "T-86", "T-89"],
        "a truth that mirrors a device is made equal to it",
        mirrors_device,
    ),
    Check::of(
        &["P-69", "T-82"],
        "with `mirror` the mode is never `fast`, and nobody is in sync unasked",
        never_windowed,
    ),
];

/// Opens in a mode, or one way, if the server serves it.
fn opens(device: &mut Device, more: &Value) -> Checked<Answer> {
    let opened = device.tries_to_open(more)?.served()?;
    opened.text("/sync_uuid")?;
    Ok(opened)
}

/// A list of keys, whatever their order.
fn sorted(keys: &[Value]) -> Vec<String> {
    let mut keys: Vec<String> = keys.iter().map(Value::to_string).collect();
    keys.sort_unstable();
    keys
}

/// The keys of records, whatever their order.
fn keys_of(records: &[Value]) -> Vec<String> {
    let keys: Vec<Value> = records.iter().map(|it| it["key"].clone()).collect();
    sorted(&keys)
}

fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({"n": number})).collect()
}

fn forget(device: &mut Device, record: &Value) {
    let key = record["key"].as_str().unwrap_or_default();
    device.held.0.remove(key);
}

fn slow(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &numbered(4))?;
    let theirs = json!({"n": "theirs"});
    let change = edit(&records[0], &theirs);
    one.sync(&[change, deletion(&records[3]), made(&json!("new"))])?;
    forget(&mut two, &records[1]);
    two.held.spoil(&records[2]["key"], &json!({"n": "mine"}));
    let base = two.last_sync.clone();
    let opened = opens(&mut two, &json!({"mode": "slow"}))?;
    opened.is("/mode", &json!("slow"), "it was asked for")?;
    opened.is("/last_sync", &base, "it is compared with what it held then")?;
    let found = reconciled(&mut two, false)?;
    let demand = |holds: bool, why: &str| found.last.demand(holds, why);
    let is_theirs = |it: &Value| it["key"] == records[0]["key"] && same(&it["value"], &theirs);
    let holds = found.records.iter().any(is_theirs);
    demand(holds, "what another changed and this one did not is sent")?;
    let is_new = found.records.iter().any(|it| it["value"] == "new");
    let holds = is_new && found.records.len() == 2;
    demand(holds, "so is what it never held, and no more")?;
    let is_just = |list: &[Value], place: usize| list == [records[place]["key"].clone()];
    demand(is_just(&found.drop, 3), "what another deleted is dropped")?;
    demand(is_just(&found.send, 2), "what it changed is asked for")?;
    demand(is_just(&found.deleted, 1), "what it lacks it has deleted")?;
    found.apply(&mut two);
    let push = found.asked(&two, Some(&base));
    let pushed = two.push(&push)?;
    pushed.is("/conflicts", &json!(0), "nobody else has changed it")?;
    two.pull()?;
    two.finish_in_sync()?;
    one.sync(&[])?;
    let holds = one.held.fingerprint() == two.held.fingerprint();
    pushed.demand(holds, "then both devices hold the same")?;
    let gone = one.held.at(&records[1]["key"]).is_null();
    pushed.demand(gone, "and what was deleted is deleted for all")
}

fn old_value(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &numbered(1))?;
    one.sync(&[edit(&records[0], &json!({"n": "newer"}))])?;
    two.sync(&[])?;
    two.held.spoil(&records[0]["key"], &json!({"n": 0}));
    opens(&mut two, &json!({"mode": "slow"}))?;
    let found = reconciled(&mut two, false)?;
    let holds = found.send == [records[0]["key"].clone()] && found.records.is_empty();
    let why = "it held the newer one, so this is its own change";
    found.last.demand(holds, why)
}

fn edit_survives(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &numbered(2))?;
    one.sync(&[edit(&records[0], &json!({"n": "theirs"}))])?;
    forget(&mut two, &records[0]);
    let opened = opens(&mut two, &json!({"mode": "slow"}))?;
    let found = reconciled(&mut two, false)?;
    let none = !found.deleted.contains(&records[0]["key"]);
    let why = "somebody has changed it since: it is not deleted";
    found.last.demand(none, why)?;
    found.apply(&mut two);
    let (page, _) = two.pull()?;
    let holds = two.held.at(&records[0]["key"])["value"]["n"] == "theirs";
    page.demand(holds, "the record comes with the pull")?;
    let finished = two.finish_in_sync()?;
    let before = opened.at("/conflicts/open").as_u64();
    let open = json!(before.unwrap_or_default() + 1);
    finished.is(
        "/conflicts/open",
        &open,
        "the deletion is kept as a conflict",
    )
}

fn nothing_deleted(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, two, records) = all_shared(&caller, &numbered(3))?;
    let mut device = Device::new(&caller);
    opens(&mut device, &json!({"mode": "slow", "pending": 1}))?;
    let found = reconciled(&mut device, true)?;
    let demand = |holds: bool, why: &str| found.last.demand(holds, why);
    let none = found.deleted.is_empty();
    demand(none, "it held nothing that it could have deleted")?;
    let told = keys_of(&found.records);
    let holds = keys_of(&records).iter().all(|key| told.contains(key));
    demand(holds, "what it never held is sent")?;
    found.apply(&mut device);
    device.pull()?;
    device.finish_in_sync()?;
    let holds = device.held.fingerprint() == two.held.fingerprint();
    demand(holds, "and it holds what the others hold")
}

fn held_back(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, records, live) = super::pushing::deletable(&caller)?;
    for record in &records {
        forget(&mut device, record);
    }
    opens(&mut device, &json!({"mode": "slow"}))?;
    let ask = |confirm: bool| json!({"ranges": tell_all(&device), "confirm": confirm});
    let held = device.call("reconcile", &ask(false))?;
    held.refused(423, "airbag")?;
    let why = "what the device does not hold any more";
    held.is("/deletes", &json!(records.len()), why)?;
    held.is("/live", &json!(live), "the live records before")?;
    let mut witness = Device::new(&caller);
    let pulled = witness.sync(&[])?;
    let holds = witness.held.0.len() == live;
    pulled.pull.demand(holds, "nothing was done")?;
    let passed = device.call("reconcile", &ask(true))?.done()?;
    let holds = sorted(passed.list("/deleted")?) == keys_of(&records);
    let why = "the same call passes when it is confirmed, and tells the keys";
    passed.demand(holds, why)?;
    device.max_checkin = json!(passed.text("/max_checkin")?);
    device.finish_in_sync()?;
    Ok(())
}

fn counted_together(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, records, _) = super::pushing::deletable(&caller)?;
    let mut keys: Vec<Value> = records.iter().map(|it| it["key"].clone()).collect();
    keys.sort_by_key(Value::to_string);
    for record in &records {
        forget(&mut device, record);
    }
    opens(&mut device, &json!({"mode": "slow"}))?;
    let middle = keys[10].as_str().unwrap_or_default();
    let few = device.held.items("", &json!(middle));
    let rest = device.held.items(middle, &Value::Null);
    let few = json!({"ranges": [{"from": "", "to": middle, "items": few}]});
    let rest = json!({"ranges": [{"from": middle, "to": null, "items": rest}]});
    let first = device.call("reconcile", &few)?.done()?;
    let count = first.list("/deleted")?.len();
    first.demand(count == 10, "ten are not too many")?;
    let held = device.call("reconcile", &rest)?;
    held.refused(423, "airbag")?;
    let why = "in this call and in the one before";
    held.is("/deletes", &json!(keys.len()), why)?;
    let told = crate::talk::with(rest, &json!({"confirm": true}));
    let passed = device.call("reconcile", &told)?.done()?;
    device.max_checkin = json!(passed.text("/max_checkin")?);
    device.finish_in_sync()?;
    Ok(())
}

fn mirrors_truth(run: &Run) -> Checked {
    let caller = run.user()?;
    let (one, mut two, records) = all_shared(&caller, &numbered(3))?;
    // Only this device holds it, and nobody knows how.
    let stray = json!({"key": name(), "entity": "record", "value": "a stray"});
    two.held.spoil(&records[0]["key"], &json!({"n": "mine"}));
    forget(&mut two, &records[1]);
    two.held.take(std::slice::from_ref(&stray));
    let opened = opens(&mut two, &json!({"direction": "pull", "mirror": true}))?;
    opened.is("/mirror", &json!(true), "it is told where it is true")?;
    let found = reconciled(&mut two, false)?;
    let demand = |holds: bool, why: &str| found.last.demand(holds, why);
    let holds = keys_of(&found.records) == keys_of(&records[..2]);
    demand(holds, "what it holds otherwise, or lacks, is sent")?;
    let holds = found.drop == [stray["key"].clone()];
    demand(holds, "what it holds besides is dropped")?;
    demand(found.send.is_empty(), "nothing is asked for")?;
    found.apply(&mut two);
    two.pull()?;
    two.finish_in_sync()?;
    let holds = one.held.fingerprint() == two.held.fingerprint();
    demand(
        holds,
        "it holds what the truth holds, and the truth is as it was",
    )
}

fn mirrors_device(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &numbered(3))?;
    let change = edit(&records[0], &json!({"n": "theirs"}));
    let others = [change, deletion(&records[1]), made(&json!("new"))];
    let theirs = one.sync(&others)?;
    let new = theirs.answer_to(&others[2]["key"])?["key"].clone();
    forget(&mut two, &records[2]);
    let base = two.last_sync.clone();
    let opened = opens(&mut two, &json!({"direction": "push", "mirror": true}))?;
    let found = reconciled(&mut two, false)?;
    let demand = |holds: bool, why: &str| found.last.demand(holds, why);
    let holds = sorted(&found.send) == keys_of(&records[..2]);
    demand(
        holds,
        "an old value, and one that was deleted, are asked for",
    )?;
    let holds = sorted(&found.deleted) == sorted(&[records[2]["key"].clone(), new]);
    demand(holds, "what it does not hold is deleted")?;
    let none = found.records.is_empty() && found.drop.is_empty();
    demand(none, "nothing comes down")?;
    let push = found.asked(&two, None);
    two.push(&push)?;
    two.pull()?;
    let finished = two.finish_in_sync()?;
    let why = "one way up leaves `last_sync` where it was (P-68)";
    finished.is("/last_sync", &base, why)?;
    let before = opened.at("/conflicts/open");
    let why = "what others lose by it waits for nobody";
    finished.is("/conflicts/open", before, why)?;
    one.sync(&[])?;
    let holds = one.held.fingerprint() == two.held.fingerprint();
    finished.demand(holds, "the truth is what this device holds")
}

fn never_windowed(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, mut two, _) = all_shared(&caller, &numbered(1))?;
    for direction in ["pull", "push"] {
        for mode in ["auto", "fast"] {
            let ask = json!({"mode": mode, "direction": direction, "mirror": true});
            let opened = opens(&mut two, &ask)?;
            let why = "the device reconciles, be its fingerprint the expected one";
            opened.is("/mode", &json!("repair"), why)?;
        }
    }
    Ok(())
}
