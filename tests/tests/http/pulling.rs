//! Windows of the truth. Rules P-40 to P-46 and P-50.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::device::{Device, Synced};
use tidemark_tests::network::{Faults, Network};
use tidemark_tests::server::Server;

use super::talk::{EMPTY, changed, deleted, fingerprint, made, open, pending, pull, sync};

/// P-42: what lands while a device pulls is neither seen nor hidden.
#[test]
fn a_pull_is_the_truth_at_one_moment() {
    let server = Server::start();
    let client = server.client("alice");
    let made = made(
        &client,
        json!([pending(1, &json!(1)), pending(2, &json!(2))]),
    );
    let base = &made["push"]["max_checkin"];
    let key = &made["pull"]["records"][0]["key"];
    let opened = open(&client, 2, json!({}));
    let page = |cursor: &Value| {
        let pull = json!({"sync_uuid": opened["sync_uuid"], "cursor": cursor, "limit": 1});
        client.done("/v1/sync/pull", &pull)
    };
    let first = page(&Value::Null);
    assert_eq!(first["remaining"], 1);
    // Both records change before the second page.
    let other = &made["pull"]["records"][1]["key"];
    sync(
        &client,
        1,
        base,
        json!([
        {"key": key, "base": base, "value": "new"}, {"key": other, "base": base, "value": "new"}]),
    );
    let second = page(&first["cursor"]);
    assert_eq!(
        (&second["cursor"], &second["remaining"]),
        (&Value::Null, &json!(0))
    );
    let values: Vec<_> = [first, second]
        .iter()
        .map(|page| page["records"][0]["value"].clone())
        .collect();
    assert_eq!(values, [json!(1), json!(2)]);
    assert_eq!(pull(&client, 2, &opened["max_checkin"]).len(), 2);
}

/// T-104: the device finishes at the moment that the first answer told it.
#[test]
fn a_repeated_push_leaves_its_window_where_it_ended() {
    let server = Server::start();
    let client = server.client("alice");
    let opened = open(&client, 1, json!({"pending": 1}));
    let session = &opened["sync_uuid"];
    let push = |records: Value| {
        let body = json!({"sync_uuid": session, "records": records});
        client.done("/v1/sync/push", &body)["max_checkin"].clone()
    };
    let seen = || {
        let pulled = client.done("/v1/sync/pull", &json!({"sync_uuid": session}));
        pulled["records"].as_array().unwrap().len()
    };
    let one = json!([pending(1, &json!(1))]);
    let first = push(one.clone());
    let other = sync(&client, 2, &Value::Null, json!([pending(2, &json!(2))]));
    assert_eq!((push(one.clone()), seen()), (first, 1));
    // A push of its own moves it to the head, also where it says nothing, or nothing new (P-32).
    assert_eq!(push(json!([])), other["push"]["max_checkin"]);
    assert_eq!(
        (push(one), seen()),
        (other["push"]["max_checkin"].clone(), 2)
    );
    push(json!([pending(3, &json!(3))]));
    assert_eq!(seen(), 3);
    // So does another word about the same record.
    let before = push(json!([pending(3, &json!(3))]));
    assert_ne!(push(json!([pending(3, &json!("three"))])), before);
}

/// P-42, P-12: every pushed record is answered, whatever its checkin; a value that was said whole and
/// stands does not come back.
#[test]
fn every_push_is_answered() {
    let server = Server::start();
    let client = server.client("alice");
    let made = made(&client, json!([pending(1, &json!({"a": 1}))]));
    let record = &made["pull"]["records"][0];
    assert_eq!(record.get("value"), None);
    let base = &made["push"]["max_checkin"];
    // Nothing changes by this push, and the window is empty; it is answered all the same.
    let same = json!([{"key": record["key"], "base": base, "value": {"a": 1}}]);
    let again = sync(&client, 1, base, same);
    assert_eq!(again["pull"]["records"].as_array().unwrap().len(), 1);
    // Said in part, or merged with another's: the whole value comes back.
    sync(
        &client,
        2,
        base,
        json!([changed(&record["key"], base, &json!({"b": 2}))]),
    );
    let whole = json!([{"key": record["key"], "base": base, "value": {"a": 3}}]);
    let merged = sync(&client, 1, base, whole);
    assert_eq!(
        merged["pull"]["records"][0]["value"],
        json!({"a": 3, "b": 2})
    );
    let part = json!([changed(&record["key"], base, &json!({"a": 4}))]);
    let part = sync(&client, 1, base, part);
    assert_eq!(part["pull"]["records"][0]["value"], json!({"a": 4, "b": 2}));
}

/// P-43, P-45: pages in order, and a cursor that goes on in a later session.
#[test]
fn a_cursor_goes_on_in_a_later_session() {
    let server = Server::start();
    let client = server.client("alice");
    for commit in 0..4 {
        let records = (0..5)
            .map(|n| pending(commit * 5 + n, &json!(commit)))
            .collect();
        made(&client, records);
    }
    let first = open(&client, 2, json!({"pull": {"limit": 7}}));
    let mut seen = first["pull"]["records"].as_array().unwrap().clone();
    let cursor = &first["pull"]["cursor"];
    // The device crashes, comes back, has made a record of its own, and goes on.
    let next = open(
        &client,
        2,
        json!({"pending": 1, "push": {"records": [pending(99, &json!(99))]},
        "pull": {"cursor": cursor, "limit": 100}}),
    );
    let rest = next["pull"]["records"].as_array().unwrap();
    assert_eq!(rest.len(), 14);
    seen.extend(rest.clone());
    let places: Vec<_> = seen
        .iter()
        .map(|record| {
            (
                record["checkin"].as_str().unwrap(),
                record["key"].as_str().unwrap(),
            )
        })
        .collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(places, sorted, "every record once, by (checkin, key)");
    assert_eq!(seen.len(), 21);
    let foreign = json!({"sync_uuid": next["sync_uuid"], "cursor": "AAAA"});
    assert_eq!(client.post("/v1/sync/pull", &foreign).code(), "malformed");
}

/// P-44
#[test]
fn tombstones_are_left_out_only_for_an_empty_device() {
    let server = Server::start();
    let client = server.client("alice");
    let made = made(
        &client,
        json!([pending(1, &json!(1)), pending(2, &json!(2))]),
    );
    let base = &made["push"]["max_checkin"];
    sync(
        &client,
        1,
        base,
        json!([deleted(&made["pull"]["records"][0]["key"], base)]),
    );
    let count = |more: Value| {
        let opened = open(&client, 2, more);
        opened["pull"]["records"].as_array().unwrap().len()
    };
    assert_eq!(count(json!({"fingerprint": EMPTY, "pull": {}})), 1);
    assert_eq!(count(json!({"pull": {}})), 2);
    assert_eq!(count(json!({"last_sync": base, "pull": {}})), 1);
    let tombstone = pull(&client, 2, base);
    assert_eq!(tombstone[0]["deleted"], true);
    assert_eq!(tombstone[0].get("value"), None);
}

/// P-50
#[test]
fn records_are_a_snapshot_by_key() {
    let server = Server::start();
    let client = server.client("alice");
    let mut note = pending(1, &json!({"a": 1}));
    note["entity"] = "note".into();
    let made = made(
        &client,
        json!([note, pending(2, &json!(2)), pending(3, &json!(3))]),
    );
    let base = &made["push"]["max_checkin"];
    let page = client.get("/v1/records?limit=2").done();
    assert_eq!(page["remaining"], 1);
    let held = client.records();
    assert!(held.is_sorted_by_key(|record| record["key"].as_str().unwrap().to_owned()));
    for record in &held {
        let entity = record["entity"].as_str().unwrap();
        assert_eq!(
            record["fingerprint"],
            fingerprint::of_record(entity, &record["value"])
        );
    }
    let gone = deleted(&held[0]["key"], base);
    sync(&client, 1, base, json!([gone]));
    assert_eq!(client.records().len(), 2);
    let then = client
        .get(&format!("/v1/records?at={}", base.as_str().unwrap()))
        .done();
    assert_eq!(then["records"].as_array().unwrap().len(), 3);
    // The pages of one walk show one moment.
    let cursor = page["cursor"].as_str().unwrap();
    let rest = client
        .get(&format!("/v1/records?limit=2&cursor={cursor}"))
        .done();
    assert_eq!(rest["records"][0], held[2]);
    let notes = client.get("/v1/records?entity=note").done();
    assert!(
        notes["records"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["entity"] == "note")
    );
    assert_eq!(client.get("/v1/records?cursor=AAAA").code(), "malformed");
    assert_eq!(client.get("/v1/records?limit=0").code(), "malformed");
    assert_eq!(
        client.get("/v1/records?datastore=nobodys").code(),
        "not_found"
    );
}

/// P-42: eight devices push at once while another pulls. Each of its finishes proves that it holds the
/// truth at that moment: a hole in any window would be a wrong fingerprint ever after.
#[test]
fn no_window_has_a_hole() {
    const PUSHES: usize = 12;
    let server = Server::start();
    let client = server.client("alice");
    let running = AtomicUsize::new(8);
    let mut puller = Device::new(client.clone(), 100);
    let mut net = Network::new(server.address(), Faults::default(), 0);
    let mut syncs = 0;
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (client, server, running) = (client.clone(), &server, &running);
            scope.spawn(move || {
                let mut net = Network::new(server.address(), Faults::default(), seed);
                let mut device = Device::new(client, seed);
                for push in 0..PUSHES {
                    device.create("note", json!({"device": seed, "push": push}));
                    assert_eq!(device.sync(&mut net, &mut |_| {}), Synced::InSync);
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while running.load(Ordering::SeqCst) > 0 {
            assert_eq!(puller.sync(&mut net, &mut |_| {}), Synced::InSync);
            syncs += 1;
        }
    });
    assert!(syncs > 3, "{syncs} pulls are too few to tell");
    assert_eq!(puller.sync(&mut net, &mut |_| {}), Synced::InSync);
    assert_eq!(puller.confirmed().len(), 8 * PUSHES);
    assert_eq!(puller.fingerprint(), fingerprint(&client.records()));
}
