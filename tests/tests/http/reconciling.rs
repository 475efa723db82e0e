//! Reconcile, and mode `repair`: a device that holds other than it should is brought in step, record
//! by record, and nothing that anybody wrote is lost. Rules P-27, P-60 to P-63, T-66, T-67.

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::client::Client;
use tidemark_tests::server::{Server, tidemark};

use super::held::{Held, peopled, print, reconcile};
use super::talk::{EMPTY, deleted, finish, open, opening, pending, pull, shared, sync, uuid};

/// A device opens as it is, is told to repair, and does; how many calls its reconciling took.
fn repair(client: &Client, device: u64, last_sync: &Value, held: &mut Held) -> usize {
    let more = json!({"last_sync": last_sync, "fingerprint": held.fingerprint()});
    let opened = open(client, device, more);
    assert_eq!(opened["mode"], "repair", "{opened:#}");
    let session = &opened["sync_uuid"];
    let found = held.reconcile(client, session);
    let end = held.mend(client, session, &found);
    let end = end.unwrap_or_else(|| opened["max_checkin"].clone());
    let finished = finish(client, session, &end, &held.records());
    assert_eq!(finished["in_sync"], true);
    found.calls
}

/// P-60: what is equal is not told; what differs comes back smaller, and below 32 as items.
#[test]
fn p60_a_range_that_differs_comes_back_smaller() {
    let server = Server::start();
    let client = server.client("alice");
    let (mut held, base) = peopled(&client, 300);
    let opened = open(&client, 2, json!({"last_sync": base, "pending": 1}));
    let session = &opened["sync_uuid"];
    let whole = |fingerprint: &str| json!([{"from": "", "to": null, "fingerprint": fingerprint}]);
    let nothing = json!({"ranges": [], "records": [], "drop": [], "send": []});
    let same = reconcile(&client, session, &whole(&held.fingerprint()));
    assert_eq!(same, nothing);

    let spoilt = json!(held.0.keys().nth(100).unwrap());
    held.spoil(&spoilt, json!("spoilt"));
    let differing = reconcile(&client, session, &whole(&held.fingerprint()));
    let ranges = differing["ranges"].as_array().unwrap();
    assert_eq!(ranges.len(), 300 / 16);
    assert_eq!(
        (&ranges[0]["from"], &ranges[17]["to"]),
        (&json!(""), &Value::Null)
    );
    let counts = ranges.iter().map(|range| range["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 300);
    let apart = ranges.iter().filter(|range| {
        let own = held.within(range["from"].as_str().unwrap(), &range["to"]);
        let own = own.iter().map(|(key, print)| (key.as_str(), &**print));
        range["fingerprint"] != json!(fingerprint::of_datastore(own))
    });
    let apart: Vec<&Value> = apart.collect();
    assert_eq!(apart.len(), 1);
    let mut narrow = apart[0].clone();
    narrow["fingerprint"] = json!(EMPTY);
    let items = reconcile(&client, session, &json!([narrow]));
    let count = &items["ranges"][0]["items"].as_array().unwrap().len();
    assert_eq!(json!(count), apart[0]["count"]);
    assert_eq!(held.reconcile(&client, session).send, [spoilt]);
    assert_eq!(client.records().len(), 300, "nobody's records changed");
}

/// P-61: record by record: what is lacking or stale is sent, what was deleted is dropped, what the
/// truth never held is asked for. P-27, P-48, P-63: then both hold the same.
#[test]
fn p61_p27_a_device_that_was_spoilt_is_mended() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, base) = peopled(&client, 100);
    let keys: Vec<Value> = held.0.keys().map(|key| json!(key)).collect();
    let edit = json!({"key": keys[10], "base": base, "value": {"number": "new"}});
    let gone = deleted(&keys[20], &base);
    let theirs = sync(&client, 1, &base, json!([edit, gone]));
    let newer = theirs["push"]["max_checkin"].clone();

    // It believes to be at the head, and is not.
    let mut device = held.clone();
    device.0.remove(keys[30].as_str().unwrap());
    device.spoil(&keys[40], json!({"number": "an edit without its mark"}));
    let more = json!({"last_sync": newer, "fingerprint": device.fingerprint()});
    let opened = open(&client, 2, more);
    assert_eq!(opened["mode"], "repair");
    let session = &opened["sync_uuid"];
    let found = device.reconcile(&client, session);
    let told: Vec<&Value> = found.records.iter().map(|record| &record["key"]).collect();
    assert_eq!(told, [&keys[10], &keys[30]]);
    assert_eq!(found.records[0]["value"]["number"], "new");
    assert!(found.records.iter().all(|it| it.get("changed").is_none()));
    assert_eq!(
        (&found.drop[..], &found.send[..]),
        (&keys[20..21], &keys[40..41])
    );
    assert!(found.calls <= 3);
    let end = device.mend(&client, session, &found).unwrap();
    let finished = finish(&client, session, &end, &device.records());
    assert_eq!(finished["in_sync"], true);
    let kept = client.records();
    let kept = kept.iter().find(|record| record["key"] == keys[40]);
    assert_eq!(kept.unwrap()["value"]["number"], "an edit without its mark");
    // And the others hear of it as of any change.
    let mut other = held;
    other.take(&pull(&client, 1, &base));
    assert_eq!(other.fingerprint(), device.fingerprint());
}

/// P-48: after a fast session that did not come out even, the same session reconciles.
#[test]
fn p48_a_session_that_stays_open_reconciles() {
    let server = Server::start();
    let client = server.client("alice");
    let (mut held, base) = peopled(&client, 40);
    let lost = held.0.keys().next().unwrap().clone();
    held.0.remove(&lost);
    let synced = open(
        &client,
        2,
        json!({"last_sync": base, "pending": 1, "pull": {}}),
    );
    let session = &synced["sync_uuid"];
    assert_eq!(synced["mode"], "fast", "it told no fingerprint");
    assert_eq!(
        finish(&client, session, &base, &held.records())["in_sync"],
        false
    );
    for _ in 0..2 {
        let found = held.reconcile(&client, session);
        assert_eq!(found.records[0]["key"], lost);
        // The answer was lost once, and asked for again.
    }
    let found = held.reconcile(&client, session);
    held.mend(&client, session, &found);
    assert_eq!(
        finish(&client, session, &base, &held.records())["in_sync"],
        true
    );
}

/// P-62: ranges that are none fail the call as a whole; so does whoever has no such session.
#[test]
fn p62_what_is_no_range_is_malformed() {
    let server = Server::with(&["--pull-records", "3"]);
    let client = server.client("alice");
    let (key, _) = shared(&client, &json!(1));
    let session = open(&client, 1, json!({"pending": 1}))["sync_uuid"].clone();
    let post = |body: Value| client.post("/v1/sync/reconcile", &body);
    let zeros = json!({"from": "", "to": null, "fingerprint": EMPTY});
    for ranges in [
        json!([{"from": "", "to": null}]),
        json!([{"from": "b", "to": "a", "fingerprint": EMPTY}]),
        json!([zeros, zeros]),
        json!([{"from": "", "to": null, "fingerprint": "zero"}]),
        json!([{"from": "", "to": "a", "items": [["b", "0".repeat(32)]]}]),
        json!([{"from": "", "to": null, "items": [["", "0".repeat(32)]]}]),
        json!([zeros, zeros, zeros, zeros]),
        json!({"from": ""}),
    ] {
        let refused = post(json!({"sync_uuid": session, "ranges": ranges}));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "malformed")
        );
    }
    assert_eq!(post(json!({"ranges": []})).code(), "malformed");
    let body = json!({"sync_uuid": session, "ranges": [zeros]});
    let bob = server.client("bob");
    assert_eq!(bob.post("/v1/sync/reconcile", &body).code(), "session_gone");
    let done = client.done("/v1/sync/reconcile", &body);
    assert_eq!(done["ranges"][0]["items"][0][0], key);
    client.done("/v1/sync/cancel", &json!({"sync_uuid": session}));
    assert_eq!(
        client.post("/v1/sync/reconcile", &body).code(),
        "session_gone"
    );
}

/// P-60: what does not fit one answer comes back as ranges, and all is found in the end.
#[test]
fn p60_an_answer_has_its_bounds() {
    let server = Server::with(&["--pull-records", "7"]);
    let client = server.client("alice");
    let mut records = Vec::new();
    for part in 0..6 {
        let part: Vec<Value> = (0..10)
            .map(|number| pending(part * 10 + number, &json!(number)))
            .collect();
        let last = Value::Null;
        let made = open(
            &client,
            1,
            json!({"last_sync": last, "pending": 10,
            "push": {"records": part}}),
        );
        records.push(made["push"]["max_checkin"].clone());
    }
    let session = open(&client, 3, json!({"mode": "repair"}))["sync_uuid"].clone();
    let mut held = Held::default();
    let found = held.reconcile(&client, &session);
    assert_eq!(found.records.len(), 60);
    assert!(found.calls >= 60 / 7);
    held.mend(&client, &session, &found);
    let finished = finish(&client, &session, &records[5], &held.records());
    assert_eq!(finished["in_sync"], true);
}

/// P-60, T-79: of a large truth the sums are kept, and come to what its records do, whatever was pushed
/// since and however it is compacted.
#[test]
fn p60_a_large_truth_is_summed_up() {
    let server = Server::start();
    let client = server.client("alice");
    let mut base = Value::Null;
    for part in 0..2 {
        let numbers = part * 3000..(part + 1) * 3000;
        let records: Vec<Value> = numbers.map(|it| pending(it, &json!(it))).collect();
        let more = json!({"last_sync": base, "pending": 1, "push": {"records": records}});
        base = open(&client, 1, more)["push"]["max_checkin"].clone();
    }
    let whole = |print: &str| json!([{"from": "", "to": null, "fingerprint": print}]);
    for round in 0..3 {
        let held = Held::of(&client.records());
        let session = open(&client, 2, json!({"mode": "repair"}))["sync_uuid"].clone();
        let same = reconcile(&client, &session, &whole(&held.fingerprint()));
        assert_eq!(same["ranges"], json!([]));
        let parts = reconcile(&client, &session, &whole(EMPTY))["ranges"].clone();
        let parts = parts.as_array().unwrap();
        assert!((5..=64).contains(&parts.len()));
        for part in parts {
            let own = held.within(part["from"].as_str().unwrap(), &part["to"]);
            assert_eq!(part["count"], own.len());
            let own = own.iter().map(|(key, print)| (key.as_str(), &**print));
            assert_eq!(part["fingerprint"], fingerprint::of_datastore(own));
        }
        let mut lacking = held.clone();
        let lost = lacking.0.pop_first().unwrap().0;
        let found = lacking.reconcile(&client, &session);
        assert_eq!(
            (found.records.len(), &found.records[0]["key"]),
            (1, &json!(lost))
        );

        let edits = held.0.iter().skip(round * 700).step_by(3);
        let edits = edits.enumerate().map(|(place, (key, _))| match place % 2 {
            0 => json!({"key": key, "base": base, "value": {"round": round}}),
            _ => json!({"key": key, "base": base, "deleted": true}),
        });
        let records: Vec<Value> = edits.take(40 + 300 * round).collect();
        let more = json!({"last_sync": base, "pending": 1, "push": {"records": records}});
        base = open(&client, 1, more)["push"]["max_checkin"].clone();
        for verb in [&["compact", "--keep-history", "0s"][..], &["verify"]] {
            let mut command = tidemark();
            command.current_dir(server.folder()).args(verb);
            let output = command.args(["--database", "sqlite:truth.db"]).output();
            let output = output.unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{said}");
        }
    }
}

/// P-63: where somebody else has changed the record since, the truth stays, and what the device had
/// is kept as a conflict.
#[test]
fn p63_what_was_asked_for_reverts_nobody() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, base) = peopled(&client, 5);
    let key = json!(held.0.keys().next().unwrap());
    let mut device = held;
    device.spoil(&key, json!({"number": "spoilt"}));
    let edit = json!({"key": key, "base": base, "value": {"number": 7}});
    let theirs = sync(&client, 1, &base, json!([edit]));
    assert_eq!(repair(&client, 2, &base, &mut device), 1);
    assert_eq!(device.0[key.as_str().unwrap()]["value"]["number"], 7);
    let conflicts = client.get("/v1/conflicts").done()["conflicts"].clone();
    assert_eq!(conflicts[0]["device"]["number"], "spoilt");
    assert_eq!(conflicts[0]["truth"]["number"], 7);
    assert_eq!(conflicts.as_array().unwrap().len(), 1);
    assert_eq!(theirs["push"]["updated"], 1);
}

/// P-60: a device that stores values in its own form reconciles to nothing.
#[test]
fn p60_what_was_acked_is_what_is_expected() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!({"text": "long"}));
    let mut held = Held::of(&pull(&client, 2, &Value::Null));
    held.spoil(&key, json!({"text": "lo"}));
    let opened = open(&client, 2, json!({"pull": {}}));
    let session = &opened["sync_uuid"];
    let acks = json!([{"key": key, "fingerprint": print(&held.records()[0])}]);
    let pulled = json!({"sync_uuid": session, "limit": 1, "acks": acks});
    client.done("/v1/sync/pull", &pulled);
    assert_eq!(
        finish(&client, session, &base, &held.records())["in_sync"],
        true
    );

    let opened = open(&client, 2, json!({"last_sync": base, "mode": "repair"}));
    let session = &opened["sync_uuid"];
    let found = held.reconcile(&client, session);
    assert_eq!((found.records.len(), found.send.len()), (0, 0));
    // One that holds the truth's own form now is believed: what it was told counts as acked.
    held.spoil(&key, json!({"text": "long"}));
    let found = held.reconcile(&client, session);
    assert_eq!(found.records[0]["value"]["text"], "long");
    assert_eq!(
        finish(&client, session, &base, &held.records())["in_sync"],
        true
    );
}

/// P-10, P-61: a device that tells of records which it made up, or somebody else has, is told of none
/// of them.
#[test]
fn p61_made_up_keys_tell_nothing() {
    let server = Server::start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let (held, _) = peopled(&alice, 3);
    sync(&bob, 1, &Value::Null, json!([pending(77, &json!("bob's"))]));
    let session = open(&bob, 2, json!({"mode": "repair"}))["sync_uuid"].clone();
    let found = held.reconcile(&bob, &session);
    assert_eq!(found.records.len(), 1);
    assert_eq!(found.records[0]["value"], "bob's");
    assert_eq!((found.send.len(), found.drop.len()), (3, 0));
    assert_eq!(bob.records().len(), 1, "until it pushes them, if it does");
    assert_eq!(alice.records().len(), 3);
}

/// P-23, P-27: a copy of a device, under its new name, is repaired like any other.
#[test]
fn p27_a_copy_is_repaired() {
    let server = Server::start();
    let client = server.client("alice");
    let (mut held, base) = peopled(&client, 10);
    let copied = opening(2, json!({"attempts": [uuid(900)], "pending": 1}));
    client.done("/v1/sync/open", &copied);
    assert_eq!(
        client.post("/v1/sync/open", &opening(2, json!({}))).code(),
        "stale_device"
    );
    let lost = held.0.keys().next().unwrap().clone();
    held.0.remove(&lost);
    assert_eq!(repair(&client, 4, &base, &mut held), 1);
    assert_eq!(held.0.len(), 10);
}

/// T-66, T-67, P-39: a device from before a deletion that was forgotten is repaired: it is asked for
/// the record, whose push is answered with its deletion.
#[test]
fn t66_t67_zombies_stay_dead() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, base) = peopled(&client, 3);
    let (dead, alive) = (held.records()[0].clone(), held.records()[1].clone());
    let finished = open(&client, 2, json!({"last_sync": base, "pending": 1}));
    finish(&client, &finished["sync_uuid"], &base, &held.records());
    let gone = sync(&client, 1, &base, json!([deleted(&dead["key"], &base)]));
    let newer = gone["push"]["max_checkin"].clone();
    finish(&client, &gone["sync_uuid"], &newer, &held.records()[1..]);
    let mut command = tidemark();
    command.current_dir(server.folder());
    command.args(["compact", "--database", "sqlite:truth.db"]);
    command.args(["--keep-history", "0s", "--keep-tombstones", "0s"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("1 tombstones"), "{said}");

    for (device, mut held) in [(2, held.clone()), (7, held.clone())] {
        let last_sync = if device == 2 { &base } else { &newer };
        assert_eq!(repair(&client, device, last_sync, &mut held), 1);
        assert_eq!(held.0.len(), 2);
        assert!(held.0.contains_key(alive["key"].as_str().unwrap()));
        assert_eq!(client.records().len(), 2);
    }
}
