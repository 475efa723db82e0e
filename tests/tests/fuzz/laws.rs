//! The laws of the merge, over HTTP: said twice is said once, the order of pushes that do not
//! conflict is irrelevant, and no field is lost.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{
    collection::{btree_map, vec},
    prelude::{Strategy, any},
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use tidemark_tests::{client::Client, server::Server};

const DEVICES: u64 = 3;

/// The fields of a record, and what each device does to its own: `None` removes.
type Fields = BTreeMap<String, i32>;
type Edits = Vec<BTreeMap<String, Option<i32>>>;

fn any_fields() -> impl Strategy<Value = Fields> {
    btree_map("[a-i]", any::<i32>(), 1..9)
}

/// Each field is one device's: the first takes a to c, the second d to f, the third g to i.
fn any_edits() -> impl Strategy<Value = Edits> {
    let edit = |names: &'static str| btree_map(names, any::<Option<i32>>(), 0..3);
    (edit("[a-c]"), edit("[d-f]"), edit("[g-i]"))
        .prop_map(|(one, two, three)| vec![one, two, three])
}

fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn push(client: &Client, device: u64, records: &Value) -> Value {
    let body = json!({"device_uuid": uuid(device), "pending": 1, "push": {"records": records},
        "pull": {}});
    client.done("/v1/sync/open", &body)
}

/// Makes the record as device 9; its key, and the checkin at which all know it.
fn make(client: &Client, fields: &Fields) -> (Value, Value) {
    let record = json!([{"key": uuid(77), "is_pending": true, "value": fields,
        "created": "2026-11-22T04:41:01Z"}]);
    let made = push(client, 9, &record);
    let key = made["pull"]["records"][0]["key"].clone();
    (key, made["push"]["max_checkin"].clone())
}

fn edited(key: &Value, base: &Value, edit: &BTreeMap<String, Option<i32>>) -> Value {
    let names: Vec<_> = edit.keys().collect();
    let value: Map<String, Value> = edit
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), json!((*value)?))))
        .collect();
    json!([{"key": key, "base": base, "value": value, "changed": names}])
}

/// Tries a law on a server, each time as another user.
fn holds<S: Strategy>(cases: S, law: impl Fn(&Client, S::Value)) {
    let server = Server::start();
    let users = Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&cases, |case| {
        users.set(users.get() + 1);
        law(&server.client(&format!("user {}", users.get())), case);
        Ok(())
    });
    outcome.expect("the laws hold");
}

#[test]
fn what_does_not_conflict_merges_in_any_order_and_only_once() {
    let order = vec(0..DEVICES, 0..6);
    holds(
        (any_fields(), any_edits(), order),
        |client, (fields, edits, order)| {
            let (key, base) = make(client, &fields);
            // In any order, some of them several times, and each of them at least once.
            for device in order.iter().copied().chain(0..DEVICES) {
                let edit = &edits[usize::try_from(device).expect("few")];
                if edit.is_empty() {
                    continue;
                }
                let answer = push(client, device, &edited(&key, &base, edit));
                assert_eq!(answer["push"]["conflicts"], 0, "{answer:#}");
            }
            let mut expected = fields.clone();
            for (name, value) in edits.iter().flatten() {
                match value {
                    Some(value) => expected.insert(name.clone(), *value),
                    None => expected.remove(name),
                };
            }
            let records = client.records();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0]["value"], json!(expected));
        },
    );
}

#[test]
fn what_conflicts_is_kept_on_one_side_or_the_other() {
    let edit = || btree_map("[a-d]", 0..1_000_i32, 1..4);
    holds(
        (any_fields(), edit(), edit()),
        |client, (fields, one, other)| {
            let (key, base) = make(client, &fields);
            let both = [(1, &one, 10_000), (2, &other, 20_000)].map(|(device, edit, mark)| {
                let edit: BTreeMap<_, _> = edit
                    .iter()
                    .map(|(name, value)| (name.clone(), Some(value + mark)))
                    .collect();
                push(client, device, &edited(&key, &base, &edit));
                edit
            });
            let conflicts = client.get("/v1/conflicts").done();
            let said = format!("{}{}", json!(client.records()), conflicts["conflicts"]);
            for value in both.iter().flat_map(|edit| edit.values().flatten()) {
                assert!(said.contains(&value.to_string()), "{value} is lost: {said}");
            }
            let names = |edit: &BTreeMap<String, _>| edit.keys().cloned().collect::<BTreeSet<_>>();
            let is_contested = !names(&both[0]).is_disjoint(&names(&both[1]));
            assert_eq!(
                conflicts["conflicts"] != json!([]),
                is_contested,
                "{conflicts}"
            );
        },
    );
}
