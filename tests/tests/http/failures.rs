//! The table of failures, row by row: requests and answers lost, the server killed. Nothing is lost,
//! nothing doubled. Rules P-10, P-16, P-17, P-23, P-33, P-45, P-47, P-55.

use std::time::Duration;

use serde_json::{Value, json};
use tidemark_tests::device::{Device, Synced};
use tidemark_tests::network::{Faults, Network};
use tidemark_tests::server::Server;

use super::talk::{changed, fingerprint, finish, made, open, pending, pull, sync, uuid};

/// Killed between any two calls; what was answered before is there after.
#[test]
fn a_kill_between_calls_loses_nothing_that_was_answered() {
    let mut server = Server::start();
    let client = server.client("alice");
    let opened = open(&client, 1, json!({"pending": 2}));
    let again = |server: &mut Server| {
        server.kill();
        server.start_again();
        server.client("alice")
    };
    // After open: the session is still there.
    let client = again(&mut server);
    let staged = json!({"sync_uuid": opened["sync_uuid"], "records": [pending(1, &json!(1))],
        "more": true});
    client.done("/v1/sync/push", &staged);
    // After a staged batch: so is the batch.
    let client = again(&mut server);
    let last =
        json!({"sync_uuid": opened["sync_uuid"], "seq": 1, "records": [pending(2, &json!(2))]});
    let pushed = client.done("/v1/sync/push", &last);
    assert_eq!(pushed["created"], 2);
    // After the mingle: the records, under their keys; the pull goes on from its cursor.
    let client = again(&mut server);
    let page = |client: &tidemark_tests::client::Client, cursor: &Value| {
        let pull = json!({"sync_uuid": opened["sync_uuid"], "cursor": cursor, "limit": 1});
        client.done("/v1/sync/pull", &pull)
    };
    let first = page(&client, &Value::Null);
    let client = again(&mut server);
    let second = page(&client, &first["cursor"]);
    assert_eq!(second["records"].as_array().unwrap().len(), 1);
    // After the pull, and after the finish.
    let client = again(&mut server);
    let holding = client.records();
    let head = &pushed["max_checkin"];
    let finished = finish(&client, &opened["sync_uuid"], head, &holding);
    assert_eq!(finished["in_sync"], true);
    let client = again(&mut server);
    let next = open(
        &client,
        1,
        json!({"last_sync": head, "fingerprint": fingerprint(&holding)}),
    );
    assert_eq!((&next["in_sync"], &next["last_sync"]), (&json!(true), head));
    // The mapping was confirmed by the finish: the key alone is told from now on.
    let synced = made(&client, json!([]));
    assert!(
        synced["pull"]["records"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it.get("local_id").is_none())
    );
}

/// Killed at any instant of a sync, ten times over, with the device editing on.
#[test]
fn a_kill_at_any_instant_loses_nothing_and_doubles_nothing() {
    let mut server = Server::start();
    let mut net = Network::new(server.address(), Faults::default(), 1);
    let mut device = Device::new(server.client("alice"), 7);
    let mut made = 0;
    for round in 0..10_u64 {
        for _ in 0..40 {
            made += 1;
            device.create("note", json!({"number": made, "text": "x".repeat(300)}));
        }
        let killed = server.kill_after(Duration::from_millis(3 + round * 7));
        for _ in 0..3 {
            device.sync(&mut net, &mut |_| {});
        }
        killed.join().unwrap();
        server.wait();
        server.start_again();
        net.moved(server.address());
    }
    while device.sync(&mut net, &mut |_| {}) != Synced::InSync {}
    assert_eq!(device.sync(&mut net, &mut |_| {}), Synced::InSync);
    assert_eq!(device.pending(), Vec::<String>::new());
    let holding = server.client("alice").records();
    assert_eq!(holding.len(), made);
    assert_eq!(device.fingerprint(), fingerprint(&holding));
    let mut numbers: Vec<_> = holding
        .iter()
        .map(|it| it["value"]["number"].as_u64())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), made);
}

/// The answer of a push is lost, and the person edits on before the retry.
#[test]
fn an_edit_between_failure_and_retry_is_applied() {
    let server = Server::start();
    let client = server.client("alice");
    // Made, pushed, the answer lost; edited; pushed again under the same local id.
    made(&client, json!([pending(1, &json!({"a": 1, "b": 1}))]));
    let retry = made(&client, json!([pending(1, &json!({"a": 2, "b": 1}))]));
    assert_eq!(
        (&retry["push"]["updated"], &retry["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    let (key, base) = (
        &retry["pull"]["records"][0]["key"],
        &retry["push"]["max_checkin"],
    );
    // Edited, pushed, the answer lost; edited again on the old base.
    sync(
        &client,
        1,
        base,
        json!([changed(key, base, &json!({"a": 3}))]),
    );
    let retry = sync(
        &client,
        1,
        base,
        json!([changed(key, base, &json!({"a": 4}))]),
    );
    assert_eq!(
        (&retry["push"]["updated"], &retry["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    // And back to the old value: it is pushed, and stands.
    let retry = sync(
        &client,
        1,
        base,
        json!([changed(key, base, &json!({"a": 2}))]),
    );
    assert_eq!(retry["push"]["conflicts"], 0);
    assert_eq!(
        client.records()[0]["value"],
        json!({"a": 2, "b": 1}),
        "{retry:#}"
    );
    assert_eq!(client.records().len(), 1);
}

/// A push arrives late, after its session was superseded.
#[test]
fn a_late_push_is_refused() {
    let server = Server::start();
    let client = server.client("alice");
    let old = open(&client, 1, json!({"pending": 1}));
    let late = json!({"sync_uuid": old["sync_uuid"], "records": [pending(1, &json!("old"))]});
    made(&client, json!([pending(1, &json!("new"))]));
    assert_eq!(client.post("/v1/sync/push", &late).code(), "session_gone");
    assert_eq!(client.records()[0]["value"], "new");
}

/// The device applied everything and its finish never arrived: its own claim counts.
#[test]
fn a_lost_finish_costs_nothing() {
    let server = Server::start();
    let client = server.client("alice");
    let made = made(&client, json!([pending(1, &json!({"a": 1}))]));
    let head = &made["push"]["max_checkin"];
    let holding = client.records();
    let next = open(
        &client,
        1,
        json!({"last_sync": head, "fingerprint": fingerprint(&holding)}),
    );
    assert_eq!(next["in_sync"], true);
    // The claim has confirmed the mapping, once a session is opened with it.
    let edit = json!([changed(&holding[0]["key"], head, &json!({"a": 2}))]);
    let edited = sync(&client, 1, head, edit);
    assert_eq!(edited["last_sync"], *head);
    assert_eq!(edited["pull"]["records"][0].get("local_id"), None);
    let other = pull(&client, 2, &Value::Null);
    assert_eq!((other.len(), other[0].get("local_id")), (1, None));
}

/// A profile is copied while edits are pending, and both go on.
#[test]
fn a_copied_device_takes_a_new_name_and_loses_nothing() {
    let server = Server::start();
    let client = server.client("alice");
    let mut net = Network::new(server.address(), Faults::default(), 3);
    let mut one = Device::new(client.clone(), 1);
    one.create("note", json!({"text": "synced"}));
    assert_eq!(one.sync(&mut net, &mut |_| {}), Synced::InSync);
    let shared = one.create("note", json!({"text": "pending in both"}));
    let mut copy = one.copied(2);
    let name = copy.uuid.clone();
    one.update(&shared, "text", json!("edited in the first"));
    let mine = copy.create("note", json!({"text": "only in the copy"}));
    assert_eq!(one.sync(&mut net, &mut |_| {}), Synced::InSync);
    assert_eq!(copy.sync(&mut net, &mut |_| {}), Synced::Renamed);
    assert_ne!(copy.uuid, name);
    assert_eq!(one.uuid, name);
    assert_eq!(copy.sync(&mut net, &mut |_| {}), Synced::InSync);
    assert_eq!(one.sync(&mut net, &mut |_| {}), Synced::InSync);
    assert_eq!(copy.sync(&mut net, &mut |_| {}), Synced::InSync);
    assert_eq!(one.confirmed(), copy.confirmed());
    assert_eq!(one.confirmed().len(), 3);
    assert!(one.confirmed().contains_key(copy.key_of(&mine).unwrap()));
}

/// A device was erased: it pulls everything and deletes nothing.
#[test]
fn an_erased_device_gets_everything_back() {
    let server = Server::start();
    let client = server.client("alice");
    let many: Value = (0..30)
        .map(|number| pending(number, &json!(number)))
        .collect();
    made(&client, many);
    assert_eq!(pull(&client, 50, &Value::Null).len(), 30);
    // Also under its old name, with nothing left to say.
    assert_eq!(pull(&client, 1, &Value::Null).len(), 30);
    assert_eq!(client.records().len(), 30);
    assert_ne!(uuid(1), uuid(50));
}
