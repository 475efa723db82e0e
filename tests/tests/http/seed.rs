//! The exchange that the project grew from, step by step: a record made on a device under a UUID of
//! its own gets its real key from the server, and another device gets the record.
//! Rules P-4, P-5, P-11, P-12, P-13, P-14, P-15, P-22, P-33.

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

#[test]
fn a_pending_record_gets_its_real_key() {
    let server = Server::start();
    let client = server.client("alice");
    let device = "5e9a3d52-7f0c-4b1e-9a86-0c2d4f6e8a10";
    let local_id = "2b7c1f88-3d4e-4f5a-8b6c-7d8e9f0a1b2c";

    // "Client requests sync session with server, gets data for min/max records to sync."
    let opened = client.done("/v1/sync/open", &json!({"device_uuid": device}));
    let session = &opened["sync_uuid"];
    assert!(session.is_string());
    assert_eq!(opened["last_sync"], Value::Null);
    assert_eq!(opened["mode"], "fast");
    assert_eq!(opened["in_sync"], false);

    // "Client pushes record to server, is_pending to denote that the server is receiving a note
    // with an unrecognizable key."
    let record = json!({"key": local_id, "value": "some-value", "updated": "2008-10-27 04:41:01",
        "created": "2008-10-27 04:41:01", "is_pending": true});
    let pushed = client.done(
        "/v1/sync/push",
        &json!({"sync_uuid": session, "records": [record]}),
    );
    assert_eq!(
        (&pushed["received"], &pushed["created"]),
        (&json!(1), &json!(1))
    );
    assert!(pushed["max_checkin"].as_str() > opened["max_checkin"].as_str());

    // "Server processes record, changes the key to a valid server key, stores the original as an
    // attribute on the record." "Client requests updates from the server."
    let pulled = client.done(
        "/v1/sync/pull",
        &json!({"sync_uuid": session, "cursor": null}),
    );
    let key = fingerprint::derived_key(local_id, 1_225_082_461_000);
    let fingerprint = fingerprint::of_record("record", &json!("some-value"));
    // The value was pushed whole and is the same: it does not come back.
    let expected = json!([{"key": key, "local_id": local_id, "entity": "record",
        "created": "2008-10-27T04:41:01Z", "updated": "2008-10-27T04:41:01Z",
        "is_pending": false, "checkin": pushed["max_checkin"], "fingerprint": fingerprint}]);
    assert_eq!(
        pulled,
        json!({"records": expected, "cursor": null, "remaining": 0})
    );

    // "Client tells server sync session is complete, using the newest record received."
    let held = fingerprint::of_datastore([(key.as_str(), fingerprint.as_str())]);
    let finish = json!({"sync_uuid": session, "last_update": pushed["max_checkin"],
        "fingerprint": held, "count": 1});
    let finished = client.done("/v1/sync/finish", &finish);
    assert_eq!(finished["in_sync"], true);
    // "Server stores: stores last_update as last_sync."
    assert_eq!(finished["last_sync"], pushed["max_checkin"]);

    another_device_gets_it(&client, &expected[0]);

    // And the first one is in sync: one round trip, no session.
    let again = json!({"device_uuid": device, "last_sync": finished["last_sync"],
        "fingerprint": held});
    let again = client.done("/v1/sync/open", &again);
    assert_eq!(
        (&again["in_sync"], &again["sync_uuid"]),
        (&json!(true), &Value::Null)
    );
    its_name_is_stripped(&client, device, &key, &finished["last_sync"]);
}

/// Another device is not told what the first one called the record.
fn another_device_gets_it(client: &Client, record: &Value) {
    let other = "9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b6a";
    let opened = client.done("/v1/sync/open", &json!({"device_uuid": other, "pull": {}}));
    let mut record = record.clone();
    record.as_object_mut().unwrap().remove("local_id");
    record["value"] = "some-value".into();
    assert_eq!(opened["pull"]["records"], json!([record]));
}

/// "When is an appropriate time to strip `local_id`?" When the device has confirmed the mapping.
fn its_name_is_stripped(client: &Client, device: &str, key: &str, last_sync: &Value) {
    let edit = json!({"key": key, "base": last_sync, "value": "another",
        "created": "2020-01-01T00:00:00Z"});
    let edited = client.done(
        "/v1/sync/open",
        &json!({"device_uuid": device, "pending": 1,
        "last_sync": last_sync, "push": {"records": [edit]}, "pull": {}}),
    );
    let record = &edited["pull"]["records"][0];
    assert_eq!(
        (&record["key"], record.get("local_id")),
        (&json!(key), None)
    );
    // A record keeps its `created` for life.
    assert_eq!(record["created"], "2008-10-27T04:41:01Z");
}

#[test]
fn every_checkin_is_later_than_the_one_before() {
    let server = Server::start();
    let client = server.client("alice");
    let mut last = String::new();
    for number in 0..20 {
        let records = json!([super::talk::pending(number, &json!({"n": number}))]);
        let synced = super::talk::sync(&client, 100, &Value::Null, records);
        let checkin = synced["push"]["max_checkin"].as_str().unwrap().to_owned();
        assert_eq!(checkin.len(), "2026-11-22T04:41:01.000123Z".len());
        assert!(checkin > last);
        last = checkin;
    }
}
