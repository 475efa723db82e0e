//! What both sides compute of what they hold. Rules P-14 to P-16.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::fingerprint::{EMPTY, of_datastore, of_record};
use crate::run::Run;
use crate::talk::{edit, made, many, shared, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-14"],
        "a record's fingerprint is of its RFC 8785 text: numbers, escapes, order of members",
        canonical,
    ),
    Check::of(&["P-14"], "the entity is in the fingerprint", entities),
    Check::of(
        &["P-15", "P-48"],
        "a finish with the sum of all records is in sync, with any other sum it is not",
        sums,
    ),
    Check::of(
        &["P-16", "T-30"],
        "expected of a device is what it was told, not what others did since",
        expected,
    ),
];

fn samples() -> Vec<Value> {
    let numbers = [
        "0",
        "-0.0",
        "5e-324",
        "-5e-324",
        "1.7976931348623157e308",
        "9007199254740992",
        "295147905179352830000",
        "9.999999999999997e22",
        "1e23",
        "1e21",
        "9.999999999999997e-7",
        "0.000001",
        "333333333.33333325",
        "-0.0000033333333333333333",
        "1424953923781206.2",
        "4.50",
    ];
    let parsed = numbers
        .iter()
        .map(|it| serde_json::from_str(it).unwrap_or_default());
    let texts = [
        json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7}),
        json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/"),
        json!({"literals": [null, true, false], "": {"b": 1, "a": {"d": 1, "c": 2}}}),
        json!("\u{0}\u{8}\t\u{b}\u{c}\u{1f}\u{7f}\u{2028}"),
    ];
    parsed.chain(texts).collect()
}

fn canonical(run: &Run) -> Checked {
    let caller = run.user()?;
    let records: Vec<Value> = samples().iter().map(made).collect();
    let synced = Device::new(&caller).sync(&records)?;
    for record in &records {
        let told = synced.answer_to(&record["key"])?;
        let print = of_record("record", &record["value"]);
        let why = format!("the fingerprint of {} is {print}", record["value"]);
        synced
            .pull
            .demand(told["fingerprint"] == print.as_str(), &why)?;
    }
    Ok(())
}

fn entities(run: &Run) -> Checked {
    let caller = run.user()?;
    let entities = ["note", "Заметка", "a\"b", "record"];
    let record = |entity: &str| with(made(&json!(1)), &json!({"entity": entity}));
    let records: Vec<Value> = entities.iter().map(|it| record(it)).collect();
    let synced = Device::new(&caller).sync(&records)?;
    for record in &records {
        let told = synced.answer_to(&record["key"])?;
        let entity = record["entity"].as_str().unwrap_or_default();
        let print = of_record(entity, &json!(1));
        let why = format!("the fingerprint of 1 as a {entity} is {print}");
        synced
            .pull
            .demand(told["fingerprint"] == print.as_str(), &why)?;
    }
    Ok(())
}

fn sums(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    device.push(&many(5))?;
    device.pull()?;
    let right = device.held.fingerprint();
    let mut lacking = device.held.clone();
    lacking.0.pop_first();
    let one = device.held.items("", &Value::Null);
    let product = of_datastore([("", one[0].1.as_str())]);
    for wrong in [EMPTY, &lacking.fingerprint(), &product] {
        let told = json!({"last_update": device.max_checkin, "fingerprint": wrong});
        let finished = device.call("finish", &told)?.done()?;
        finished.is(
            "/in_sync",
            &json!(false),
            &format!("the sum of what is there is {right}"),
        )?;
    }
    device.finish_in_sync()?;
    Ok(())
}

fn expected(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    one.start()?;
    two.start()?;
    two.push(&[edit(&pair.record, &json!({"a": 1})), made(&json!("new"))])?;
    one.pull()?;
    one.finish_in_sync()?;
    let (_, records) = {
        one.start()?;
        one.pull()?
    };
    let is_new = records.iter().any(|it| it["value"] == json!({"a": 1}));
    let finished = one.finish_in_sync()?;
    finished.demand(is_new, "what came during a session is told in the next one")
}
