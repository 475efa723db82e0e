//! Reconcile by ranges of keys. Rules P-60 to P-63.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::{Device, of_items};
use crate::fingerprint::EMPTY;
use crate::http::{Answer, same};
use crate::ranges::{reconcile, reconciled, repair, tell_all};
use crate::run::Run;
use crate::talk::{all_shared, deletion, edit, many, name, whole};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-60"],
        "of a range that is equal the answer says nothing",
        equal,
    ),
    Check::of(
        &["P-60", "T-73"],
        "a range that differs comes back as smaller ones that cover it, each with its sum",
        smaller,
    ),
    Check::of(
        &["P-60", "T-73"],
        "below 32 records the server tells its items",
        items,
    ),
    Check::of(
        &["P-61", "T-74"],
        "what the device lacks, or holds an old version of, is sent whole",
        sent,
    ),
    Check::of(
        &["P-61", "T-74"],
        "the key of what was deleted is dropped",
        dropped,
    ),
    Check::of(
        &["P-61", "T-74"],
        "the key of a value that the truth never held is asked for",
        asked_for,
    ),
    Check::of(
        &["P-62", "T-72"],
        "ranges out of order, reaching into one another, or telling nothing are malformed",
        malformed,
    ),
    Check::of(
        &["P-63", "T-76"],
        "what was asked for is kept as a change, where nobody else has changed the record",
        kept,
    ),
    Check::of(
        &["P-63", "T-76"],
        "where somebody else has, the truth stays, and it is the loser of a conflict",
        loser,
    ),
    Check::of(
        &["P-60", "P-48", "T-77"],
        "a device and a truth that differ come together within the session",
        together,
    ),
];

fn equal(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, mut device, _) = all_shared(&caller, &[json!(1), json!(2)])?;
    repair(&mut device)?;
    let nothing = json!({"ranges": [], "records": [], "drop": [], "send": []});
    let whole = json!([{"from": "", "to": null, "fingerprint": device.held.fingerprint()}]);
    for ranges in [whole, tell_all(&device)] {
        let answer = reconcile(&device, &ranges)?;
        answer.is("", &nothing, "both sides hold the same there")?;
    }
    Ok(())
}

fn smaller(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&many(200))?;
    repair(&mut device)?;
    let whole = json!([{"from": "", "to": null, "fingerprint": EMPTY, "count": 0}]);
    let answer = reconcile(&device, &whole)?;
    let ranges = answer.list("/ranges")?;
    answer.demand(
        ranges.len() > 1,
        "200 records that differ are cut into parts",
    )?;
    let mut from = json!("");
    for range in ranges {
        answer.demand(
            range["from"] == from,
            "the parts follow one another from `\"\"`",
        )?;
        let own = device
            .held
            .items(range["from"].as_str().unwrap_or_default(), &range["to"]);
        let print = range.get("fingerprint").cloned().unwrap_or_else(|| {
            let items: Vec<(String, String)> =
                serde_json::from_value(range["items"].clone()).unwrap_or_default();
            json!(of_items(&items))
        });
        let why = format!(
            "the part from {from} to {} is {}",
            range["to"],
            of_items(&own)
        );
        answer.demand(print == of_items(&own).as_str(), &why)?;
        let holds = range["count"].is_null() || range["count"] == own.len();
        answer.demand(holds, &format!("and counts {}", own.len()))?;
        from = range["to"].clone();
    }
    answer.demand(from.is_null(), "the last part ends where the range did")
}

fn items(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let records = many(10);
    device.sync(&records)?;
    repair(&mut device)?;
    // A range of a few keys, whatever else is there.
    let keys: Vec<&String> = device.held.0.keys().collect();
    let (from, to) = (keys[0], json!(keys.get(8)));
    let range = json!([{"from": from, "to": to, "fingerprint": EMPTY, "count": 0}]);
    let answer = reconcile(&device, &range)?;
    let own = json!(device.held.items(from, &to));
    let told: Vec<&Value> = answer
        .list("/ranges")?
        .iter()
        .filter_map(|it| it["items"].as_array())
        .flatten()
        .collect();
    let holds = told.len() == 8 && json!(told) == own;
    answer.demand(holds, &format!("the eight items there are told: {own}"))
}

fn sent(run: &Run) -> Checked {
    let caller = run.user()?;
    let values = [json!({"a": 0}), json!({"b": 0}), json!({"c": 0})];
    let (mut one, mut two, records) = all_shared(&caller, &values)?;
    one.sync(&[edit(&records[0], &json!({"a": 1}))])?;
    two.held
        .0
        .remove(records[1]["key"].as_str().unwrap_or_default());
    repair(&mut two)?;
    let answer = reconcile(&two, &tell_all(&two))?;
    let told = answer.list("/records")?;
    answer.demand(told.len() == 2, "one is old, one is lacking")?;
    for (place, value) in [(0, json!({"a": 1})), (1, json!({"b": 0}))] {
        let record = told.iter().find(|it| it["key"] == records[place]["key"]);
        let holds =
            record.is_some_and(|it| same(&it["value"], &value) && it.get("changed").is_none());
        answer.demand(holds, &format!("{value} comes whole, without `changed`"))?;
    }
    answer.is("/send", &json!([]), "nothing is asked for")
}

fn dropped(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!(1), json!(2)])?;
    one.sync(&[deletion(&records[0])])?;
    repair(&mut two)?;
    let answer = reconcile(&two, &tell_all(&two))?;
    answer.is(
        "/drop",
        &json!([records[0]["key"]]),
        "what was deleted there",
    )?;
    answer.is("/records", &json!([]), "the other is the same")
}

fn asked_for(run: &Run) -> Checked {
    let caller = run.user()?;
    let (_, mut device, records) = all_shared(&caller, &[json!(1), json!(2)])?;
    device
        .held
        .spoil(&records[0]["key"], &json!("an edit whose mark was lost"));
    repair(&mut device)?;
    let answer = reconcile(&device, &tell_all(&device))?;
    answer.is(
        "/send",
        &json!([records[0]["key"]]),
        "the truth never held such a value",
    )?;
    answer.is("/records", &json!([]), "it is not overwritten")
}

fn malformed(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let range = |from: &str, to: Value| json!({"from": from, "to": to, "fingerprint": EMPTY});
    let print = "0".repeat(32);
    for ranges in [
        json!([{"from": "", "to": null}]),
        json!([range("b", json!("a"))]),
        json!([range("", Value::Null), range("", Value::Null)]),
        json!([range("c", json!("d")), range("a", json!("b"))]),
        json!([range("a", json!("c")), range("b", json!("d"))]),
        json!([{"from": "", "to": null, "fingerprint": "zero"}]),
        json!([{"from": "", "to": "a", "items": [["b", print]]}]),
        json!([{"from": "", "to": null, "items": [["b", print], ["a", print]]}]),
        json!([{"from": "", "to": null, "items": [["a", print], ["a", print]]}]),
        json!({"from": ""}),
    ] {
        let answer = device.call("reconcile", &json!({"ranges": ranges}))?;
        answer.refused(400, "malformed")?;
    }
    let same = reconcile(
        &device,
        &json!([range("", json!("a")), range("a", json!("b"))]),
    )?;
    same.list("/ranges")?;
    Ok(())
}

/// A device whose record got another value by nobody's word; it pushes what is asked for.
fn pushed(device: &mut Device, record: &Value) -> Checked<Answer> {
    device
        .held
        .spoil(&record["key"], &json!({"a": "lost mark"}));
    repair(device)?;
    let answer = reconcile(device, &tell_all(device))?;
    answer.is(
        "/send",
        &json!([record["key"]]),
        "the truth never held such a value",
    )?;
    device.push(&[whole(record, &json!({"a": "lost mark"}))])
}

fn kept(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!({"a": 0})])?;
    let answer = pushed(&mut two, &records[0])?;
    answer.is("/conflicts", &json!(0), "nobody else has changed it")?;
    two.pull()?;
    two.finish_in_sync()?;
    let synced = one.sync(&[])?;
    let told = &one.held.at(&records[0]["key"])["value"];
    synced.pull.demand(
        told["a"] == "lost mark",
        "it is a change that the others pull",
    )
}

fn loser(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!({"a": 0})])?;
    one.sync(&[edit(&records[0], &json!({"a": 1}))])?;
    let answer = pushed(&mut two, &records[0])?;
    answer.is(
        "/conflicts",
        &json!(1),
        "somebody else has changed it since the base",
    )?;
    two.pull()?;
    let told = &two.held.at(&records[0]["key"])["value"];
    answer.demand(told["a"] == 1, "the truth stays")?;
    two.finish_in_sync()?;
    Ok(())
}

fn together(run: &Run) -> Checked {
    let caller = run.user()?;
    let values: Vec<Value> = (0..120).map(|number| json!({"n": number})).collect();
    let (mut one, mut two, records) = all_shared(&caller, &values)?;
    one.sync(&[
        edit(&records[0], &json!({"n": "new"})),
        deletion(&records[1]),
    ])?;
    one.sync(&many(1))?;
    two.last_sync = one.last_sync.clone();
    two.held
        .0
        .remove(records[2]["key"].as_str().unwrap_or_default());
    two.held.spoil(&records[3]["key"], &json!({"n": "spoilt"}));
    let lost = json!({"key": name(), "entity": "record", "value": "nobody knows it"});
    two.held.take(std::slice::from_ref(&lost));
    let opened = two.open(&json!({}))?;
    opened.is(
        "/mode",
        &json!("repair"),
        "it does not hold what is expected there",
    )?;
    let found = reconciled(&mut two, false)?;
    let calls = found.calls;
    let why = format!("{calls} rounds for 120 records: few are needed");
    opened.demand(calls <= 6, &why)?;
    found.apply(&mut two);
    let send = found.asked(&two, None);
    opened.demand(
        send.len() == 2,
        "the spoilt one and the unknown one are asked for",
    )?;
    two.push(&send)?;
    two.pull()?;
    two.finish_in_sync()?;
    one.sync(&[])?;
    let holds = one.held.fingerprint() == two.held.fingerprint();
    opened.demand(holds, "then every device holds the same")?;
    let holds = one.held.at(&lost["key"])["value"] == lost["value"];
    opened.demand(holds, "and what only one side had is kept")
}
