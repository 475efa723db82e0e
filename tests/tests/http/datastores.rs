//! What is set for a datastore: by the operator, and by its owner. Rules P-36, P-41, P-59.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{EMPTY, deleted, fingerprint, open, pending, settings, sync, uuid};

/// Two devices change a record of an entity; its value then.
fn race(client: &Client, entity: &str, number: u64, times: [&str; 2]) -> Value {
    let mut record = pending(number, &json!("before"));
    record["entity"] = entity.into();
    let made = sync(client, 1, &Value::Null, json!([record]));
    let base = &made["push"]["max_checkin"];
    let key = &made["push"]["max_checkin"].clone();
    let records = made["pull"]["records"].as_array().unwrap();
    let record = records.iter().find(|it| it["checkin"] == *key).unwrap();
    for (device, updated) in [(2, times[0]), (3, times[1])] {
        let edit = json!({"key": record["key"], "entity": entity, "base": base,
            "value": device, "updated": updated});
        sync(client, device, base, json!([edit]));
    }
    let mut all = client.records();
    all.retain(|it| it["key"] == record["key"]);
    all[0]["value"].clone()
}

const IN_ORDER: [&str; 2] = ["2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"];
const REVERSED: [&str; 2] = ["2026-11-22T06:00:00Z", "2026-11-22T05:00:00Z"];

/// P-59, P-36: the operator's word holds until an owner's does, by entity.
#[test]
fn policies_are_set_by_operator_and_owner() {
    let server = Server::with(&["--conflict-policy", "truth,note=newest"]);
    let client = server.client("alice");
    let path = settings(&client);
    let is_set = |policy: &str, policies: Value| {
        let datastore = client.get(&path).done();
        assert_eq!(
            (&datastore["policy"], &datastore["policies"]),
            (&json!(policy), &policies)
        );
    };
    is_set("truth", json!({"note": "newest"}));
    assert_eq!(race(&client, "task", 1, IN_ORDER), 2);
    assert_eq!(race(&client, "note", 2, IN_ORDER), 3);
    assert_eq!(race(&client, "note", 3, REVERSED), 2);

    let favoured = format!("device:{}", uuid(2));
    let changed = client.patch(
        &path,
        &json!({"policies": {"task": "device", "note": favoured}}),
    );
    assert_eq!(changed.done()["policies"]["note"], favoured);
    is_set("truth", json!({"note": favoured, "task": "device"}));
    assert_eq!(race(&client, "task", 4, REVERSED), 3);
    assert_eq!(race(&client, "note", 5, IN_ORDER), 2);
    assert_eq!(race(&client, "else", 6, IN_ORDER), 2);

    // The owner's word on all goes before the operator's on single entities.
    client
        .patch(
            &path,
            &json!({"policy": "merge", "policies": {"note": null}}),
        )
        .done();
    is_set("merge", json!({"task": "device"}));
    assert_eq!(race(&client, "note", 7, REVERSED), 3);
    client
        .patch(&path, &json!({"policy": null, "policies": {"task": null}}))
        .done();
    is_set("truth", json!({"note": "newest"}));
    // Another datastore is not touched.
    assert_eq!(race(&server.client("bob"), "task", 1, IN_ORDER), 2);
}

/// P-59, P-15: what the truth hashes to, for whoever wants to hold it beside what a device says.
#[test]
fn the_truths_fingerprint_is_told() {
    let server = Server::start();
    let client = server.client("alice");
    let path = settings(&client);
    assert_eq!(client.get(&path).done()["fingerprint"], EMPTY);
    let records = json!([pending(1, &json!("one")), pending(2, &json!("two"))]);
    sync(&client, 1, &Value::Null, records);
    let told = client.get(&path).done();
    assert_eq!(told["fingerprint"], fingerprint(&client.records()));
    assert_eq!(told["live"], 2);
}

/// P-59: what was set stays, whatever happens to the server.
#[test]
fn what_is_set_survives_a_kill() {
    let mut server = Server::start();
    let path = settings(&server.client("alice"));
    let set = json!({
        "policy": "store", "airbag": {"deletes": 2, "percent": 10},
        "retention": {"history": 60, "tombstones": 3600},
    });
    let before = server.client("alice").patch(&path, &set).done();
    server.kill();
    server.start_again();
    assert_eq!(server.client("alice").get(&path).done(), before);
}

/// P-59: what names no policy is refused, and nothing of it is set.
#[test]
fn wrong_settings_are_refused() {
    let server = Server::start();
    let client = server.client("alice");
    let path = settings(&client);
    let before = client.get(&path).done();
    let many: serde_json::Map<_, _> = (0..300).map(|n| (n.to_string(), json!("merge"))).collect();
    for wrong in [
        json!({"policy": "latest"}),
        json!({"policy": "device:me"}),
        json!({"policy": 1}),
        json!({"policies": {"note": "merge", "task": "Merge"}}),
        json!({"policies": ["merge"]}),
        json!({"policies": many}),
        json!({"policy": "truth", "airbag": {"deletes": 1}}),
        json!({"policy": "truth", "airbag": {"deletes": 1, "percent": 101}}),
        json!({"policy": "truth", "airbag": {"deletes": -1, "percent": 1}}),
        json!({"policy": "truth", "retention": {"history": 1}}),
        json!({"policy": "truth", "retention": {"history": 2, "tombstones": 1}}),
        json!({"policy": "truth", "retention": {"history": 1, "tombstones": u64::MAX}}),
    ] {
        let answer = client.patch(&path, &wrong);
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "malformed"),
            "{wrong}"
        );
    }
    let told = client.patch(&path, &json!({"policy": "latest"})).json();
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains("\"latest\" is no conflict policy: use merge, newest"),
        "{detail}"
    );
    assert_eq!(client.get(&path).done(), before);
    for stranger in [server.client("bob"), server.client("carol")] {
        assert_eq!(stranger.get(&path).code(), "not_found");
        assert_eq!(
            stranger.patch(&path, &json!({"policy": "truth"})).code(),
            "not_found"
        );
    }
    assert_eq!(client.get("/v1/datastores/nobodys").code(), "not_found");
}

/// P-41: what an operator has set holds where a datastore has no word of its own.
#[test]
fn the_airbag_is_set_by_the_operator() {
    let server = Server::with(&["--airbag-deletes", "2", "--airbag-percent", "10"]);
    let client = server.client("alice");
    let path = settings(&client);
    let told = client.get(&path).done()["airbag"].clone();
    assert_eq!(told, json!({"deletes": 2, "percent": 10}));
    let records = (0..10).map(|n| pending(n, &json!(n))).collect();
    let made = sync(&client, 1, &Value::Null, records);
    let base = &made["push"]["max_checkin"];
    let gone = made["pull"]["records"].as_array().unwrap()[..2].iter();
    let gone: Vec<_> = gone.map(|it| deleted(&it["key"], base)).collect();
    let more = json!({"last_sync": base, "pending": 2, "push": {"records": gone}});
    assert_eq!(open(&client, 1, more)["push"]["code"], "airbag");
}

/// P-41: the airbag's thresholds are a datastore's own.
#[test]
fn the_airbag_is_set_by_datastore() {
    let server = Server::start();
    let client = server.client("alice");
    let path = settings(&client);
    assert_eq!(
        client.get(&path).done()["airbag"],
        json!({"deletes": 20, "percent": 20})
    );
    client
        .patch(&path, &json!({"airbag": {"deletes": 2, "percent": 10}}))
        .done();
    let made = sync(
        &client,
        1,
        &Value::Null,
        (0..10).map(|n| pending(n, &json!(n))).collect(),
    );
    let base = &made["push"]["max_checkin"];
    let records = made["pull"]["records"].as_array().unwrap();
    let gone: Vec<_> = records[..2]
        .iter()
        .map(|it| deleted(&it["key"], base))
        .collect();
    let opened = open(&client, 1, json!({"last_sync": base, "pending": 2}));
    let push = json!({"sync_uuid": opened["sync_uuid"], "records": gone});
    assert_eq!(client.post("/v1/sync/push", &push).code(), "airbag");
    client.patch(&path, &json!({"airbag": null})).done();
    assert_eq!(client.done("/v1/sync/push", &push)["updated"], 2);
}
