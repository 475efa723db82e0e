//! Records on the wire, both ways, and the keys they get. Rules P-11 to P-13.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::fingerprint::{derived_key, of_record};
use crate::http::same;
use crate::run::Run;
use crate::talk::{CREATED, edit, made, name, shared, whole, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-11"],
        "without an entity a record is a `record`; without times it was made at its commit",
        defaults,
    ),
    Check::of(
        &["P-11"],
        "a `fingerprint` that is told with a value must be the value's",
        told_fingerprints,
    ),
    Check::of(
        &["P-12"],
        "a record comes with key, entity, value, times, checkin and its own fingerprint",
        members,
    ),
    Check::of(
        &["P-12"],
        "`local_id` is told until the mapping is confirmed, and never to another device",
        local_ids,
    ),
    Check::of(
        &["P-12", "T-34"],
        "a value is left out only where the device's last push was whole and equal",
        left_out,
    ),
    Check::of(
        &["P-12", "T-34"],
        "`changed` tells the fields since the window's start, beside the whole value",
        changed_fields,
    ),
    Check::of(
        &["P-13", "T-3"],
        "the real key is derived from `created` and `local_id`",
        derived,
    ),
    Check::of(
        &["P-13", "T-3"],
        "a truth that lost the mapping knows the record by its derived key",
        lost_mapping,
    ),
];

fn defaults(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = json!({"key": name(), "is_pending": true, "value": 1});
    let synced = device.sync_one(&record)?;
    let told = synced.answer_to(&record["key"])?;
    let demand = |holds: bool, words: &str| synced.pull.demand(holds, words);
    demand(told["entity"] == "record", "the default entity is `record`")?;
    let second = |time: &Value| time.as_str().and_then(|it| it.get(..19)).map(str::to_owned);
    let holds = second(&told["created"]) == second(&told["checkin"]);
    demand(holds, "without `created` it was made at the commit's time")?;
    demand(
        told["updated"] == told["created"],
        "a new record's `updated` is its `created`",
    )
}

fn told_fingerprints(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let value = json!({"b": [1, 2], "a": "é"});
    let good = json!({"fingerprint": of_record("record", &value)});
    let bad = json!({"fingerprint": of_record("record", &json!(0))});
    let answer = device.push(&[with(made(&value), &good), with(made(&value), &bad)])?;
    answer.is(
        "/created",
        &json!(1),
        "the one with its own fingerprint is taken",
    )?;
    answer.is("/rejected/0/index", &json!(1), "the other is not")?;
    answer.is(
        "/rejected/0/problem/code",
        &json!("bad_record"),
        "it is not the value's",
    )
}

fn members(run: &Run) -> Checked {
    let caller = run.user()?;
    let value = json!({"title": "milk", "done": false});
    let record = with(made(&value), &json!({"entity": "todo"}));
    let synced = Device::new(&caller).sync_one(&record)?;
    let key = synced.answer_to(&record["key"])?["key"].clone();
    let pulled = Device::new(&caller).sync(&[])?;
    let told = pulled.answer_to(&key)?;
    let print = of_record("todo", &value);
    let head = &synced.push["max_checkin"];
    for (member, wanted) in [
        ("entity", &json!("todo")),
        ("value", &value),
        ("created", &json!(CREATED.0)),
        ("updated", &json!(CREATED.0)),
        ("is_pending", &json!(false)),
        ("checkin", head),
        ("fingerprint", &json!(print)),
    ] {
        let holds = same(&told[member], wanted);
        pulled
            .pull
            .demand(holds, &format!("the record's `{member}` is {wanted}"))?;
    }
    let lives = told["deleted"].is_null() || told["deleted"] == false;
    pulled
        .pull
        .demand(lives, "`deleted` is told of deleted ones only")
}

fn local_ids(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = made(&json!(1));
    let local_id = record["key"].clone();
    device.start()?;
    device.push(&[record])?;
    // The answer is lost: no finish.
    let mut again = device.open(&json!({"pending": 1, "pull": {}}))?;
    let told = |answer: &crate::http::Answer| -> Checked<Option<Value>> {
        let mut records = answer.list("/pull/records")?.iter();
        Ok(records.find(|it| it["local_id"] == local_id).cloned())
    };
    let first = told(&again)?;
    let why = "a later session of the device is told `local_id` until it has confirmed the mapping";
    again.demand(first.is_some(), why)?;
    let mut other = Device::new(&caller);
    let foreign = other.open(&json!({"pending": 1, "pull": {}}))?;
    foreign.demand(
        told(&foreign)?.is_none(),
        "`local_id` is never told to another device",
    )?;
    device.pull()?;
    device.finish()?;
    // Confirmed now; another's change brings the record once more.
    let key = &first.unwrap_or_default()["key"];
    other.pull()?;
    let base = other.held.at(key).clone();
    other.push(&[whole(&base, &json!(2))])?;
    again = device.open(&json!({"pending": 1, "pull": {}}))?;
    let brought = again
        .list("/pull/records")?
        .iter()
        .any(|it| it["key"] == *key);
    again.demand(brought, "another's change is pulled")?;
    again.demand(
        told(&again)?.is_none(),
        "a confirmed mapping is not told again",
    )
}

fn left_out(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0, "b": 0}))?;
    let (mut one, mut two, key) = (pair.one, pair.two, pair.record["key"].clone());
    two.sync(&[edit(&pair.record, &json!({"b": 2}))])?;
    one.start()?;
    one.push(&[whole(&pair.record, &json!({"a": 1, "b": 0}))])?;
    let page = one.call("pull", &json!({"cursor": null}))?.done()?;
    let told = page.list("/records")?.iter().find(|it| it["key"] == key);
    let value = told.map(|it| it["value"].clone()).unwrap_or_default();
    let merged = json!({"a": 1, "b": 2});
    page.demand(
        same(&value, &merged),
        "merged with another's change, it comes whole",
    )?;
    two.start()?;
    let page = two.call("pull", &json!({"cursor": null}))?.done()?;
    let told = page.list("/records")?.iter().find(|it| it["key"] == key);
    let value = told.map(|it| it["value"].clone()).unwrap_or_default();
    page.demand(
        same(&value, &merged),
        "to a device that did not push it, it comes whole",
    )
}

fn changed_fields(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0, "b": 0, "c": 0, "d": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    let first = two.sync(&[edit(&pair.record, &json!({"a": 1}))])?;
    let record = first.answer_to(&pair.record["key"])?.clone();
    let mut gone = edit(&record, &json!({"c": 1}));
    gone["changed"] = json!(["b", "c"]);
    two.sync(&[gone])?;
    let pulled = one.sync(&[])?;
    let told = pulled.answer_to(&pair.record["key"])?;
    let mut fields: Vec<&str> = told["changed"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    fields.sort_unstable();
    let holds = fields == ["a", "b", "c"];
    pulled.pull.demand(
        holds,
        "`changed` is a, b and c: all that changed since `last_sync`",
    )?;
    let holds = same(&told["value"], &json!({"a": 1, "c": 1, "d": 0}));
    pulled
        .pull
        .demand(holds, "and `value` is whole all the same")
}

fn derived(run: &Run) -> Checked {
    let caller = run.user()?;
    let times = [
        (CREATED.0, CREATED.1),
        ("2026-11-22T04:41:01.789Z", CREATED.1 + 789),
        ("2026-11-22T05:41:01.789999+01:00", CREATED.1 + 789),
        ("2026-11-22 04:41:01", CREATED.1),
    ];
    let record = |created: &str| with(made(&json!(created)), &json!({"created": created}));
    let records: Vec<Value> = times.iter().map(|(created, _)| record(created)).collect();
    let synced = Device::new(&caller).sync(&records)?;
    for (record, (created, millis)) in records.iter().zip(times) {
        let told = synced.answer_to(&record["key"])?;
        let key = derived_key(record["key"].as_str().unwrap_or_default(), millis);
        let why = format!("the key of {} made at {created} is {key}", record["key"]);
        synced.pull.demand(told["key"] == key.as_str(), &why)?;
    }
    Ok(())
}

fn lost_mapping(run: &Run) -> Checked {
    let caller = run.user()?;
    let record = made(&json!({"a": 1}));
    let key = derived_key(record["key"].as_str().unwrap_or_default(), CREATED.1);
    let restored = json!({"key": key, "value": {"a": 1}, "created": CREATED.0});
    let synced = Device::new(&caller).sync(&[restored])?;
    synced
        .push
        .is("/created", &json!(1), "it is a key like any other")?;
    let synced = Device::new(&caller).sync_one(&record)?;
    synced.push.is(
        "/created",
        &json!(0),
        "its own derived key is there already",
    )?;
    let told = synced.answer_to(&record["key"])?;
    let holds = told["key"] == key.as_str() && told["local_id"] == record["key"];
    synced
        .pull
        .demand(holds, "it is answered as that record, with its `local_id`")
}
