//! Short ways to say what most of the tests say.

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::client::Client;

/// What an empty device holds.
pub(crate) use tidemark_conformance::fingerprint::EMPTY;

/// A UUID by number.
pub(crate) fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A record that its device made, by number.
pub(crate) fn pending(number: u64, value: &Value) -> Value {
    json!({"key": uuid(number), "is_pending": true, "value": value,
        "created": "2026-11-22T04:41:01Z", "updated": "2026-11-22T04:41:01Z"})
}

/// A device's changes to the fields of a record.
pub(crate) fn changed(key: &Value, base: &Value, fields: &Value) -> Value {
    let names: Vec<_> = fields.as_object().unwrap().keys().collect();
    json!({"key": key, "base": base, "value": fields, "changed": names})
}

/// A device's deletion of a record.
pub(crate) fn deleted(key: &Value, base: &Value) -> Value {
    json!({"key": key, "base": base, "deleted": true})
}

/// An open of a device by number, with more members.
pub(crate) fn open(client: &Client, device: u64, more: Value) -> Value {
    client.done("/v1/sync/open", &opening(device, more))
}

/// The body of an open.
pub(crate) fn opening(device: u64, more: Value) -> Value {
    let mut body = json!({"device_uuid": uuid(device)});
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

/// Open, push and pull all in one call; each must succeed.
#[expect(
    clippy::needless_pass_by_value,
    reason = "so that callers write the records in place"
)]
pub(crate) fn sync(client: &Client, device: u64, last_sync: &Value, records: Value) -> Value {
    let pending = records.as_array().unwrap().len();
    let more = json!({"last_sync": last_sync, "pending": pending,
        "push": {"records": records}, "pull": {}});
    let answer = open(client, device, more);
    assert!(answer["push"]["max_checkin"].is_string(), "{answer:#}");
    assert_eq!(answer["pull"]["cursor"], Value::Null, "{answer:#}");
    answer
}

/// What device 1 makes first of all; the answer of its sync.
pub(crate) fn made(client: &Client, records: Value) -> Value {
    sync(client, 1, &Value::Null, records)
}

/// Open and pull in one call; the pulled records.
pub(crate) fn pull(client: &Client, device: u64, last_sync: &Value) -> Vec<Value> {
    let answer = open(client, device, json!({"last_sync": last_sync, "pull": {}}));
    answer["pull"]["records"].as_array().unwrap().clone()
}

/// Says that everything up to there was applied, and what the device holds then; the answer.
pub(crate) fn finish(
    client: &Client,
    session: &Value,
    last_update: &Value,
    held: &[Value],
) -> Value {
    let body = json!({"sync_uuid": session, "last_update": last_update,
        "fingerprint": fingerprint(held), "count": held.len()});
    client.done("/v1/sync/finish", &body)
}

/// The fingerprint of a device that holds just these pulled records, worked out from their values.
pub(crate) fn fingerprint(held: &[Value]) -> String {
    let records: Vec<_> = held
        .iter()
        .map(|record| {
            let entity = record["entity"].as_str().unwrap();
            (
                record["key"].as_str().unwrap(),
                fingerprint::of_record(entity, &record["value"]),
            )
        })
        .collect();
    fingerprint::of_datastore(records.iter().map(|(key, print)| (*key, print.as_str())))
}

/// A record that devices 1 and 2 both know: its key, and the checkin at which they do.
pub(crate) fn shared(client: &Client, value: &Value) -> (Value, Value) {
    let made = made(client, json!([pending(1, value)]));
    let base = made["push"]["max_checkin"].clone();
    (made["pull"]["records"][0]["key"].clone(), base)
}

/// The code of a problem in a body.
pub(crate) fn code(problem: &Value) -> &str {
    problem["code"].as_str().unwrap_or_default()
}

/// Where what is set for the client's datastore is told and changed.
pub(crate) fn settings(client: &Client) -> String {
    let opened = open(client, 90, json!({"pending": 1}));
    let cancel = json!({"sync_uuid": opened["sync_uuid"]});
    client.done("/v1/sync/cancel", &cancel);
    format!("/v1/datastores/{}", opened["datastore"].as_str().unwrap())
}
