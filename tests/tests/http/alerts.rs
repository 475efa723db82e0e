//! Alerts: who listens hears of each commit by another device, misses none, and no longer than its
//! token is good. Rules P-77, P-78, P-79.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::{Server, now, signed};

use super::talk::{made, open, pending, settings, sync, uuid};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Where a device listens, by number.
fn place(device: u64) -> String {
    format!("/v1/alerts?device_uuid={}", uuid(device))
}

/// A device makes one record; the checkin of its push.
fn makes(client: &Client, device: u64, number: u64) -> Value {
    let records = json!([pending(number, &json!({"n": number}))]);
    sync(client, device, &Value::Null, records)["push"]["max_checkin"].clone()
}

#[test]
fn p77_each_commit_by_another_device_is_told_once() {
    let server = Server::start();
    let alice = server.client("alice");
    // Her datastore is not there yet: she hears of its first commit all the same.
    let events = alice.events(&place(2), &[]);
    let header = |name: &str| events.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("x-accel-buffering"), "no");
    assert!(header("cache-control").starts_with("no-"));
    assert!(events.headers.get("content-encoding").is_none());
    let first = makes(&alice, 1, 1);
    let second = makes(&alice, 1, 2);
    for checkin in [&first, &second] {
        let event = events.next();
        assert_eq!(event.name, "checkin");
        assert_eq!(event.id, checkin.as_str().unwrap());
        assert_eq!(event.data["max_checkin"], *checkin);
        assert_eq!(event.data["device_uuid"], uuid(1));
    }
    // Her own pushes, and opens that push nothing, are told to others only.
    let everybody = alice.events("/v1/alerts", &[]);
    let own = makes(&alice, 2, 3);
    open(&alice, 1, json!({"pending": 1}));
    assert_eq!(everybody.next().data["max_checkin"], own);
    events.assert_quiet();
    everybody.assert_quiet();
}

#[test]
fn p77_a_decision_is_told_to_every_device() {
    let server = Server::start();
    let alice = server.client("alice");
    let answer = made(&alice, json!([pending(1, &json!({"a": 0}))]));
    let (key, base) = (
        answer["pull"]["records"][0]["key"].clone(),
        answer["push"]["max_checkin"].clone(),
    );
    for (device, value) in [(1, 1), (2, 2)] {
        let change = json!([{"key": key, "base": base, "value": {"a": value}, "changed": ["a"]}]);
        sync(&alice, device, &base, change);
    }
    let conflicts = alice.get("/v1/conflicts").done();
    let id = conflicts["conflicts"][0]["id"].as_str().unwrap();
    let events = [alice.events(&place(1), &[]), alice.events(&place(2), &[])];
    let settled = alice.done(&format!("/v1/conflicts/{id}"), &json!({"take": "device"}));
    for events in events {
        let alert = events.next().data;
        assert_eq!(alert["max_checkin"], settled["settled"]);
        assert_eq!(alert["device_uuid"], NOBODY);
    }
}

#[test]
fn p78_who_says_what_it_heard_last_is_told_what_it_missed() {
    let server = Server::start();
    let alice = server.client("alice");
    let first = makes(&alice, 1, 1);
    let second = makes(&alice, 1, 2);
    let own = makes(&alice, 2, 3);
    let heard = |last: &Value| [("last-event-id", last.as_str().unwrap().to_owned())];
    let listen = |device: u64, last: &Value| {
        let headers = heard(last);
        let headers = headers.each_ref().map(|(name, last)| (*name, &**last));
        alice.events(&place(device), &headers)
    };
    // The newest only, and none of its own.
    let missed = listen(2, &first);
    let event = missed.next();
    assert_eq!(event.id, second.as_str().unwrap());
    assert_eq!(event.data["device_uuid"], uuid(1));
    missed.assert_quiet();
    listen(2, &second).assert_quiet();
    assert_eq!(listen(1, &second).next().data["max_checkin"], own);
    // What this truth never issued: it is another one than the device knows.
    for never in [json!("2036-11-22T04:41:01.000123Z"), json!("no checkin")] {
        let alert = listen(2, &never).next().data;
        assert_eq!(alert["max_checkin"], own);
        assert_eq!(alert["device_uuid"], NOBODY);
    }
    // And then what comes.
    let third = makes(&alice, 1, 4);
    assert_eq!(missed.next().data["max_checkin"], third);
}

#[test]
fn p79_who_may_listen_is_who_may_sync() {
    let server = Server::start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let hers = settings(&alice).rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(server.stranger().get("/v1/alerts").status, 401);
    let named = format!("/v1/alerts?datastore={hers}");
    assert_eq!(bob.get(&named).code(), "not_found");
    assert_eq!(bob.get("/v1/alerts?device_uuid=x").code(), "malformed");
    let events = [alice.events(&named, &[]), bob.events("/v1/alerts", &[])];
    let checkin = makes(&alice, 1, 1);
    let alert = events[0].next().data;
    assert_eq!(alert["datastore"], hers);
    assert_eq!(alert["max_checkin"], checkin);
    events[1].assert_quiet();
}

#[test]
fn p79_a_stream_ends_when_its_token_is_no_longer_taken() {
    let server = Server::start();
    // Within the leeway of five seconds it is taken for a little longer.
    let soon = signed(&json!({"sub": "alice", "exp": now() - 4}));
    let began = Instant::now();
    let events = server.client_with(&soon).events("/v1/alerts", &[]);
    let lasting = server.client("alice").events("/v1/alerts", &[]);
    events.assert_ends();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(server.client_with(&soon).get("/v1/alerts").status, 401);
    makes(&server.client("alice"), 1, 1);
    lasting.next();
}

#[test]
fn p77_a_comment_every_15_seconds_tells_that_the_stream_lives() {
    let server = Server::start();
    let events = server.client("alice").events("/v1/alerts", &[]);
    let waits = [events.comment(), events.comment()];
    for wait in waits {
        assert!((12..18).contains(&wait.as_secs()), "{waits:?}");
    }
}

#[test]
fn p55_a_server_that_stops_ends_its_streams() {
    let mut server = Server::start();
    let events = server.client("alice").events("/v1/alerts", &[]);
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it waited for who listens"
    );
    events.assert_ends();
    assert!(!server.logged().contains("still running"));
}
