//! One-way syncs of the first kind: nothing flows the other way this time. Rule P-68.

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{
    changed, code, deleted, fingerprint, finish, made, open, opening, pending, pull, sync,
};

fn list(answer: &Value) -> Vec<Value> {
    answer["pull"]["records"].as_array().unwrap().clone()
}

/// Puts what came into what is held; a value that was left out is that which was pushed.
fn take(held: &mut Vec<Value>, came: &[Value], pushed: &[Value]) {
    for record in came {
        let names = [&record["key"], &record["local_id"]];
        let mut record = record.clone();
        if record.get("value").is_none() {
            let mine = pushed.iter().find(|mine| names.contains(&&mine["key"]));
            record["value"] = mine.map_or(Value::Null, |mine| mine["value"].clone());
        }
        held.retain(|one| one["key"] != record["key"]);
        if record["deleted"] != json!(true) {
            held.push(record);
        }
    }
}

/// Opens to push only, and does; the answer, with its pull.
fn push_only(client: &Client, last_sync: &Value, held: &[Value], records: &[Value]) -> Value {
    let more = json!({"direction": "push", "last_sync": last_sync, "pending": records.len(),
        "fingerprint": fingerprint(held), "push": {"records": records}, "pull": {}});
    let answer = open(client, 2, more);
    assert_eq!(answer["direction"], "push", "{answer:#}");
    answer
}

/// P-68: in a session that only pulls nothing is pushed; a riding push fails alone.
#[test]
fn p68_a_session_that_pulls_only_takes_no_push() {
    let server = Server::start();
    let client = server.client("alice");
    let first = made(&client, json!([pending(1, &json!({"a": 1}))]));
    let push = json!({"records": [pending(2, &json!(2))]});
    let more = json!({"direction": "pull", "pending": 1, "push": push, "pull": {}});
    let opened = open(&client, 2, more);
    assert_eq!(
        (&opened["mode"], &opened["direction"]),
        (&json!("fast"), &json!("pull"))
    );
    assert_eq!(
        (code(&opened["push"]), opened.get("pull")),
        ("forbidden", None)
    );
    let session = &opened["sync_uuid"];
    for more in [false, true] {
        let push = json!({"sync_uuid": session, "records": [], "more": more});
        assert_eq!(client.post("/v1/sync/push", &push).status, 403);
    }
    let pulled = client.done("/v1/sync/pull", &json!({"sync_uuid": session}));
    let held = pulled["records"].as_array().unwrap();
    let newest = &first["push"]["max_checkin"];
    assert_eq!(finish(&client, session, newest, held)["in_sync"], true);
    assert_eq!(client.records().len(), 1);
    // The next one goes both ways, unless it says so again.
    let both = open(&client, 2, json!({"last_sync": newest, "pending": 1}));
    assert_eq!(both.get("direction"), None);
    let same = json!({"direction": "push", "fingerprint": fingerprint(held)});
    assert_eq!(open(&client, 2, same)["in_sync"], true);
}

/// P-68: a session that only pushes pulls what it pushed, be it unchanged, and nothing else; its
/// finish acks that and leaves `last_sync` where it was, so that a later sync brings the rest.
#[test]
fn p68_a_session_that_pushes_only_is_sent_its_own() {
    let server = Server::start();
    let client = server.client("alice");
    let records = (0..6)
        .map(|n| pending(n, &json!({"n": n, "m": n})))
        .collect();
    let base = made(&client, records)["push"]["max_checkin"].clone();
    let mut held = pull(&client, 2, &Value::Null);
    let first = open(&client, 2, json!({"pull": {}}));
    finish(&client, &first["sync_uuid"], &base, &held);
    let keys: Vec<Value> = held.iter().map(|record| record["key"].clone()).collect();
    let theirs = json!([
        changed(&keys[0], &base, &json!({"n": "theirs"})),
        changed(&keys[1], &base, &json!({"n": "theirs"})),
        pending(50, &json!("theirs"))
    ]);
    sync(&client, 1, &base, theirs);

    // Two rounds: what was pushed in the first is known in the second, the rest is not.
    let same = held.iter().find(|record| record["key"] == keys[4]).unwrap();
    let same = json!({"key": keys[4], "base": base, "value": same["value"]});
    let rounds = [
        vec![
            pending(60, &json!("mine")),
            changed(&keys[1], &base, &json!({"m": "mine"})),
            deleted(&keys[2], &base),
            same,
        ],
        vec![
            pending(61, &json!("mine, too")),
            changed(&keys[3], &base, &json!({"m": "mine"})),
        ],
    ];
    for (round, pushed) in rounds.iter().enumerate() {
        let answer = push_only(&client, &base, &held, pushed);
        assert_eq!(
            answer["mode"], "fast",
            "what it holds is expected: {answer:#}"
        );
        assert_eq!(answer["last_sync"], base);
        let came = list(&answer);
        assert_eq!(came.len(), pushed.len(), "{came:#?}");
        take(&mut held, &came, pushed);
        let newest = &answer["push"]["max_checkin"];
        let finished = finish(&client, &answer["sync_uuid"], newest, &held);
        assert_eq!(
            (&finished["in_sync"], &finished["last_sync"]),
            (&json!(true), &base),
            "{round}"
        );
    }
    // 1 is merged with what was theirs, and so it came; 0 and 50 did not.
    let one = held.iter().find(|record| record["key"] == keys[1]).unwrap();
    assert_eq!(one["value"], json!({"n": "theirs", "m": "mine"}));
    let claim = json!({"last_sync": base, "fingerprint": fingerprint(&held), "pull": {}});
    let opened = open(&client, 2, claim);
    assert_eq!(
        (&opened["mode"], &opened["in_sync"]),
        (&json!("fast"), &json!(false))
    );
    take(&mut held, &list(&opened), &[]);
    let finished = finish(&client, &opened["sync_uuid"], &opened["max_checkin"], &held);
    assert_eq!(finished["in_sync"], true);
    assert_eq!(fingerprint(&held), fingerprint(&client.records()));
}

/// P-68: page by page, and with forms of its own; what it was owed before it is not sent now.
#[test]
fn p68_its_own_pages_and_acks() {
    let server = Server::start();
    let client = server.client("alice");
    let base = made(
        &client,
        json!([pending(1, &json!("long")), pending(2, &json!("refused"))]),
    );
    let base = base["push"]["max_checkin"].clone();
    let first = open(&client, 2, json!({"pull": {}}));
    let session = &first["sync_uuid"];
    let held = list(&first);
    let acks = json!([{"key": held[0]["key"], "fingerprint": held[0]["fingerprint"]},
        {"key": held[1]["key"], "rejected": "no room"}]);
    client.done(
        "/v1/sync/pull",
        &json!({"sync_uuid": session, "acks": acks}),
    );
    let holds = &held[..1];
    assert_eq!(finish(&client, session, &base, holds)["in_sync"], true);

    let pushed: Vec<Value> = (10..17).map(|n| pending(n, &json!({"n": n}))).collect();
    let more = json!({"direction": "push", "last_sync": base, "pending": 7,
        "fingerprint": fingerprint(holds), "push": {"records": pushed}});
    let opened = open(&client, 2, more);
    assert_eq!(opened["mode"], "fast");
    let session = &opened["sync_uuid"];
    let mut came = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let pull = json!({"sync_uuid": session, "cursor": cursor, "limit": 3});
        let page = client.done("/v1/sync/pull", &pull);
        came.extend(page["records"].as_array().unwrap().clone());
        assert_eq!(page["remaining"], 7 - came.len());
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(came.len(), 7);
    // It keeps the first in a shorter form.
    let short = fingerprint::of_record("record", &json!({}));
    let mut acks: Vec<Value> = came
        .iter()
        .map(|record| json!({"key": record["key"], "fingerprint": record["fingerprint"]}))
        .collect();
    acks[0]["fingerprint"] = json!(short);
    let ack = json!({"sync_uuid": session, "limit": 1, "acks": acks});
    client.done("/v1/sync/pull", &ack);
    let mut holds = holds.to_vec();
    take(&mut holds, &came, &pushed);
    let shortened = holds
        .iter_mut()
        .find(|record| record["key"] == came[0]["key"]);
    shortened.unwrap()["value"] = json!({});
    let finished = finish(&client, session, &opened["push"]["max_checkin"], &holds);
    assert_eq!(
        (&finished["in_sync"], &finished["last_sync"]),
        (&json!(true), &base)
    );
    // What it refused is offered as soon as something flows down.
    let next =
        json!({"last_sync": base, "pending": 1, "fingerprint": fingerprint(&holds), "pull": {}});
    let next = open(&client, 2, next);
    assert!(
        list(&next)
            .iter()
            .any(|record| record["key"] == held[1]["key"])
    );
}

/// P-68: a finish that does not come out even leaves the session open, and its own is sent again.
#[test]
fn p68_a_session_that_stays_open() {
    let server = Server::start();
    let client = server.client("alice");
    let pushed = [pending(1, &json!(1))];
    let body = json!({"direction": "push", "pending": 1, "push": {"records": pushed}});
    let opened = client.done("/v1/sync/open", &opening(2, body));
    let session = &opened["sync_uuid"];
    let newest = &opened["push"]["max_checkin"];
    assert_eq!(
        finish(&client, session, newest, &[])["in_sync"],
        true,
        "it holds nothing yet"
    );

    let body = json!({"direction": "push", "pending": 1, "push": {"records": pushed}});
    let opened = client.done("/v1/sync/open", &opening(2, body));
    let session = &opened["sync_uuid"];
    let mut held = vec![json!({"key": "x", "entity": "record", "value": 1})];
    assert_eq!(finish(&client, session, newest, &held)["in_sync"], false);
    held.clear();
    let pulled = client.done("/v1/sync/pull", &json!({"sync_uuid": session}));
    take(&mut held, pulled["records"].as_array().unwrap(), &pushed);
    assert_eq!(held.len(), 1);
    assert_eq!(finish(&client, session, newest, &held)["in_sync"], true);
}
