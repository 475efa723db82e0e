//! One side takes all from the other: `pull_truth` and `push_truth`, and what the truth remembers of
//! it. Rules P-65, P-66, P-67, P-41.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{
    EMPTY, changed, code, deleted, fingerprint, finish, made, open, opening, pending, pull, sync,
};

/// So many records that device 1 made: as they live in the truth, by key, and as of when.
fn peopled(client: &Client, count: u64) -> (Vec<Value>, Value) {
    let records = (0..count)
        .map(|number| pending(number, &json!({"number": number})))
        .collect();
    let answer = made(client, records);
    (client.records(), answer["push"]["max_checkin"].clone())
}

/// A record as a device gives it back whole.
fn whole(record: &Value) -> Value {
    json!({"key": record["key"], "entity": record["entity"], "value": record["value"],
        "base": record["checkin"]})
}

/// Opens to replace the truth and pushes; the status and the answer.
fn replace(client: &Client, device: u64, last_sync: &Value, push: Value) -> (u16, Value) {
    let more = json!({"mode": "push_truth", "last_sync": last_sync, "pending": 1});
    let opened = open(client, device, more);
    assert_eq!(opened["mode"], "push_truth", "{opened:#}");
    let mut push = push;
    push["sync_uuid"] = opened["sync_uuid"].clone();
    let answer = client.post("/v1/sync/push", &push);
    let mut told = answer.json();
    told["sync_uuid"] = opened["sync_uuid"].clone();
    (answer.status, told)
}

/// P-65: the window starts at the beginning, whatever the device claims; nothing is pushed; then
/// it holds what the truth holds, and what it acked before is forgotten.
#[test]
fn p65_a_device_that_pulls_the_truth_gets_all_of_it() {
    let server = Server::start();
    let client = server.client("alice");
    let (records, head) = peopled(&client, 5);
    // It stores everything in a form of its own.
    let first = open(&client, 2, json!({"fingerprint": EMPTY, "pull": {}}));
    let acks: Vec<Value> = records
        .iter()
        .map(|record| json!({"key": record["key"], "fingerprint": "0".repeat(32)}))
        .collect();
    let session = &first["sync_uuid"];
    client.done(
        "/v1/sync/pull",
        &json!({"sync_uuid": session, "acks": acks}),
    );
    client.done(
        "/v1/sync/finish",
        &json!({"sync_uuid": session, "last_update": head}),
    );

    let more = json!({"mode": "pull_truth", "last_sync": head, "pending": 3, "pull": {},
        "fingerprint": fingerprint(&records), "push": {"records": [pending(9, &json!(9))]}});
    let opened = open(&client, 2, more);
    assert_eq!(
        (&opened["mode"], &opened["last_sync"]),
        (&json!("pull_truth"), &Value::Null)
    );
    assert_eq!(opened["in_sync"], false);
    assert_eq!(
        (code(&opened["push"]), opened.get("pull")),
        ("forbidden", None)
    );
    let session = &opened["sync_uuid"];
    for more in [false, true] {
        let push = json!({"sync_uuid": session, "records": [whole(&records[0])], "more": more});
        let refused = client.post("/v1/sync/push", &push);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "forbidden")
        );
    }
    let page = client.done("/v1/sync/pull", &json!({"sync_uuid": session, "limit": 3}));
    let rest = json!({"sync_uuid": session, "cursor": page["cursor"]});
    let rest = client.done("/v1/sync/pull", &rest);
    let mut got = page["records"].as_array().unwrap().clone();
    got.extend(rest["records"].as_array().unwrap().clone());
    assert_eq!((got.len(), &rest["cursor"]), (5, &Value::Null));
    assert_eq!(finish(&client, session, &head, &got)["in_sync"], true);
    let again = json!({"last_sync": head, "fingerprint": fingerprint(&records)});
    assert_eq!(open(&client, 2, again)["in_sync"], true);
}

/// P-66: confirmed, the truth becomes just what was pushed, in one commit: what others changed is
/// as the device has it, without conflicts, what it does not name is gone, what was deleted lives.
#[test]
fn p66_the_truth_becomes_what_was_pushed() {
    let server = Server::start();
    let client = server.client("alice");
    let (records, base) = peopled(&client, 8);
    let keys: Vec<&Value> = records.iter().map(|record| &record["key"]).collect();
    let others = json!([
        changed(keys[0], &base, &json!({"number": "theirs"})),
        deleted(keys[1], &base),
        pending(50, &json!("unseen"))
    ]);
    let theirs = sync(&client, 2, &base, others);
    let before = theirs["push"]["max_checkin"].clone();

    // Of device 1's own: 0 to 3, one changed, one new, and one that cannot be read.
    let mut pushed: Vec<Value> = records[..4].iter().map(whole).collect();
    pushed[2]["value"] = json!({"number": "mine"});
    pushed.push(pending(60, &json!("new")));
    pushed.push(json!({"key": keys[5], "value": {"number": "x"}, "fingerprint": "0".repeat(32)}));
    let batch = |seq: u64, records: &[Value], more: bool, confirm: bool| json!({"seq": seq, "records": records, "more": more, "confirm": confirm});
    let (status, held) = replace(&client, 1, &base, batch(0, &pushed, false, false));
    assert_eq!((status, code(&held)), (423, "airbag"));
    // 4, 6, 7 and what device 2 made; 0, 1 and 2.
    assert_eq!(
        (&held["deletes"], &held["changes"], &held["live"]),
        (&json!(4), &json!(3), &json!(8))
    );
    assert_eq!(client.records().len(), 8);

    // What was staged counts, too.
    let session = &held["sync_uuid"];
    let mut first = batch(0, &pushed[..3], true, false);
    first["sync_uuid"] = session.clone();
    assert_eq!(client.done("/v1/sync/push", &first), json!({"staged": 3}));
    let mut last = batch(1, &pushed[3..], false, true);
    last["sync_uuid"] = session.clone();
    last["pull"] = json!({});
    let done = client.done("/v1/sync/push", &last);
    assert_eq!(
        (&done["received"], &done["created"], &done["updated"]),
        (&json!(6), &json!(1), &json!(3))
    );
    assert_eq!(
        (&done["unchanged"], &done["conflicts"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(done["rejected"][0]["problem"]["code"], "bad_record");

    let truth = client.records();
    let value = |key: &Value| {
        truth
            .iter()
            .find(|record| record["key"] == *key)
            .map(|it| it["value"].clone())
    };
    let was = |place: usize| Some(records[place]["value"].clone());
    for place in [0, 1, 3] {
        assert_eq!(value(keys[place]), was(place), "{place}");
    }
    assert_eq!(value(keys[2]), Some(json!({"number": "mine"})));
    assert_eq!(value(keys[5]), was(5), "what was rejected stays as it was");
    assert_eq!(truth.len(), 6);
    // One commit; what was is history.
    let then = client
        .get(&format!("/v1/records?at={}", before.as_str().unwrap()))
        .done();
    assert_eq!(then["records"].as_array().unwrap().len(), 8);
    assert_eq!(client.get("/v1/conflicts").done()["conflicts"], json!([]));
    let finished = finish(&client, session, &done["max_checkin"], &truth);
    assert_eq!(finished["in_sync"], true, "{done:#}");
}

/// P-66: what else the session pushes is a part of what it holds: it deletes nothing.
#[test]
fn p66_what_is_pushed_after_it_deletes_nothing() {
    let server = Server::start();
    let client = server.client("alice");
    let (records, base) = peopled(&client, 3);
    let pushed: Vec<Value> = records.iter().map(whole).collect();
    let push = json!({"records": pushed, "confirm": true});
    let (status, done) = replace(&client, 1, &base, push.clone());
    assert_eq!((status, &done["unchanged"]), (200, &json!(3)));
    let more = json!({"sync_uuid": done["sync_uuid"], "records": [pending(7, &json!(7))],
        "confirm": true});
    assert_eq!(client.done("/v1/sync/push", &more)["created"], 1);
    assert_eq!(client.records().len(), 4);
    // An emptied device that says so has its will.
    let none = json!({"records": [], "confirm": false});
    let (status, held) = replace(&client, 1, &base, none);
    assert_eq!((status, &held["deletes"]), (423, &json!(4)));
    let all = json!({"sync_uuid": held["sync_uuid"], "records": [], "confirm": true, "pull": {}});
    let gone = client.done("/v1/sync/push", &all);
    assert_eq!(client.records(), Vec::<Value>::new());
    // It is told what went, as of any deletion.
    let told = gone["pull"]["records"].as_array().unwrap();
    assert!(
        told.iter()
            .filter(|record| record["deleted"] == json!(true))
            .count()
            >= 4
    );
}

/// P-67: the sessions of all others are over, and they open again only to pull the truth; who is
/// new, or has pulled it, is not asked to, nor is the device that did it.
#[test]
fn p67_others_pull_the_truth_first() {
    let server = Server::start();
    let client = server.client("alice");
    let (records, base) = peopled(&client, 3);
    let mut holds = pull(&client, 2, &Value::Null);
    assert_eq!(holds.len(), 3);
    let edit = changed(
        &records[0]["key"],
        &base,
        &json!({"number": "edited offline"}),
    );
    let running = open(&client, 2, json!({"last_sync": base, "pending": 1}));
    let stranger = server.client("bob");
    let elsewhere = open(&stranger, 7, json!({"pending": 1}));

    let push = json!({"records": [whole(&records[0])], "confirm": true});
    let (status, done) = replace(&client, 1, &base, push);
    assert_eq!(status, 200);
    let late = json!({"sync_uuid": running["sync_uuid"], "records": [edit]});
    assert_eq!(client.post("/v1/sync/push", &late).code(), "session_gone");
    let pull_elsewhere = json!({"sync_uuid": elsewhere["sync_uuid"]});
    stranger.done("/v1/sync/pull", &pull_elsewhere);

    let refused = |device: u64, more: Value| {
        let answer = client.post("/v1/sync/open", &opening(device, more));
        (answer.status != 200).then(|| (answer.status, answer.code()))
    };
    let missed = Some((409, "truth_pushed".to_owned()));
    for mode in ["auto", "repair", "refresh", "push_truth"] {
        let claim = json!({"mode": mode, "last_sync": base, "fingerprint": fingerprint(&holds)});
        assert_eq!(refused(2, claim), missed);
        let none = json!({"mode": mode, "fingerprint": fingerprint(&holds)});
        assert_eq!(
            refused(3, none),
            missed,
            "it holds data of nobody knows when"
        );
    }
    let lost = json!({"last_sync": "2001-01-01T00:00:00.000000Z"});
    assert_eq!(refused(2, lost), missed, "never issued, and before it");
    assert_eq!(refused(2, json!({})), missed, "it was seen before");
    assert_eq!(refused(4, json!({"pending": 1})), None, "it is new");
    assert_eq!(
        refused(4, json!({"fingerprint": EMPTY, "pending": 1})),
        None
    );
    assert_eq!(
        refused(1, json!({"last_sync": base, "pending": 1})),
        None,
        "its own mark"
    );

    let pulls = open(
        &client,
        2,
        json!({"mode": "pull_truth", "last_sync": base, "pull": {}}),
    );
    holds = pulls["pull"]["records"].as_array().unwrap().clone();
    holds.retain(|record| record["deleted"] != json!(true));
    let finished = finish(&client, &pulls["sync_uuid"], &done["max_checkin"], &holds);
    assert_eq!(finished["in_sync"], true);
    let head = json!({"last_sync": done["max_checkin"], "pending": 1});
    assert_eq!(refused(2, head), None);
    // Who holds the very same is in sync, wherever from.
    let same = opening(
        5,
        json!({"last_sync": base, "fingerprint": fingerprint(&holds)}),
    );
    assert_eq!(client.done("/v1/sync/open", &same)["in_sync"], true);
}

/// P-41: a riding push is held as any other, and so is one that is staged; the open stands.
#[test]
fn p41_no_push_avoids_the_airbag() {
    let server = Server::start();
    let client = server.client("alice");
    let (records, base) = peopled(&client, 40);
    let gone: Vec<Value> = records
        .iter()
        .map(|it| deleted(&it["key"], &base))
        .collect();
    for mode in ["auto", "fast", "repair", "refresh", "push_truth"] {
        let more = json!({"mode": mode, "last_sync": base, "pending": 40,
            "push": {"records": gone}, "pull": {}});
        let opened = open(&client, 1, more);
        assert_eq!(code(&opened["push"]), "airbag", "{mode}");
        assert_eq!(
            (&opened["push"]["deletes"], opened.get("pull")),
            (&json!(40), None)
        );
        let batch = |seq: u64, records: &[Value], more: bool| {
            let push = json!({"sync_uuid": opened["sync_uuid"], "seq": seq, "records": records,
                "more": more});
            client.post("/v1/sync/push", &push)
        };
        batch(0, &gone[..20], true).done();
        assert_eq!(batch(1, &gone[20..], false).status, 423, "{mode}");
    }
    assert_eq!(client.records().len(), 40);
}
