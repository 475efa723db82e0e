//! The history of a record, and the truth as it was. Rules P-50, P-58.

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::server::Server;

use super::talk::{changed, deleted, pending, shared, sync, uuid};

/// P-58: every kept version, oldest first: who made it, when, and what it changed.
#[test]
fn a_record_has_a_history() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!({"a": 0, "b": 0}));
    let path = format!("/v1/records/{}/history", key.as_str().unwrap());
    let edited = sync(
        &client,
        2,
        &base,
        json!([changed(&key, &base, &json!({"a": 1}))]),
    );
    let second = &edited["push"]["max_checkin"];
    let conflicting = sync(
        &client,
        3,
        &base,
        json!([changed(&key, &base, &json!({"a": 2}))]),
    );
    let third = &conflicting["push"]["max_checkin"];
    let gone = sync(&client, 1, third, json!([deleted(&key, third)]));
    let fourth = &gone["push"]["max_checkin"];
    let id = client.get("/v1/conflicts").done()["conflicts"][0]["id"].clone();
    let settled = client.done(
        &format!("/v1/conflicts/{}", id.as_str().unwrap()),
        &json!({"value": "back"}),
    );
    let history = client.get(&path).done();
    assert_eq!(history["cursor"], Value::Null);
    assert_eq!(history["remaining"], 0);
    let versions = history["versions"].as_array().unwrap();
    let told = |member: &str| {
        let told = versions.iter().map(|it| it.get(member).cloned());
        told.map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    let checkins = [&base, second, third, fourth, &settled["settled"]];
    assert_eq!(told("checkin"), checkins.map(Value::clone));
    assert_eq!(told("superseded")[..4], told("checkin")[1..]);
    assert_eq!(told("superseded")[4], Value::Null);
    let nil = "00000000-0000-0000-0000-000000000000";
    let devices = [&*uuid(1), &uuid(2), &uuid(3), &uuid(1), nil];
    let created = ["2026-11-22T04:41:01Z"; 5];
    for (member, expected) in [
        ("device_uuid", json!(devices)),
        (
            "value",
            json!([{"a": 0, "b": 0}, {"a": 1, "b": 0}, {"a": 2, "b": 0}, null, "back"]),
        ),
        ("changed", json!([null, ["a"], ["a"], null, null])),
        ("deleted", json!([null, null, null, true, null])),
        ("conflict", json!([null, null, id, null, null])),
        ("created", json!(created)),
    ] {
        assert_eq!(json!(told(member)), expected, "{member}");
    }
    for version in versions.iter().filter(|it| it.get("value").is_some()) {
        let fingerprint = fingerprint::of_record("record", &version["value"]);
        assert_eq!(version["fingerprint"], fingerprint);
    }
}

/// P-58: page by page the same; an earlier version is brought back by an edit like any other.
#[test]
fn a_history_comes_in_pages() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!({"a": 0}));
    let path = format!("/v1/records/{}/history", key.as_str().unwrap());
    let mut head = base;
    for value in 1..5 {
        let edit = json!([changed(&key, &head, &json!({"a": value}))]);
        head = sync(&client, 2, &head, edit)["push"]["max_checkin"].clone();
    }
    let versions = client.get(&path).done()["versions"].clone();
    let first = client.get(&format!("{path}?limit=3")).done();
    assert_eq!(first["remaining"], 2);
    let cursor = first["cursor"].as_str().unwrap();
    let rest = client
        .get(&format!("{path}?limit=3&cursor={cursor}"))
        .done();
    assert_eq!(
        (&rest["cursor"], &rest["remaining"]),
        (&Value::Null, &json!(0))
    );
    let mut paged = first["versions"].as_array().unwrap().clone();
    paged.extend(rest["versions"].as_array().unwrap().clone());
    assert_eq!(json!(paged), versions);
    let back = json!({"key": key, "base": head, "value": versions[1]["value"]});
    sync(&client, 2, &head, json!([back]));
    assert_eq!(client.records()[0]["value"], json!({"a": 1}));
}

/// P-58: keys of any form are found by their escaped name; others, and others' are not.
#[test]
fn only_ones_own_records_have_a_history() {
    let server = Server::start();
    let client = server.client("alice");
    let odd = "a/b?c#d %2F é";
    sync(
        &client,
        1,
        &Value::Null,
        json!([{"key": odd, "value": 1}, pending(1, &json!(1))]),
    );
    let escaped = "a%2Fb%3Fc%23d%20%252F%20%C3%A9";
    let path = format!("/v1/records/{escaped}/history");
    let history = client.get(&path).done();
    assert_eq!(history["versions"][0]["value"], 1);
    assert_eq!(server.client("bob").get(&path).code(), "not_found");
    assert_eq!(
        client.get(&format!("{path}?datastore=nobodys")).code(),
        "not_found"
    );
    assert_eq!(client.get("/v1/records/none/history").code(), "not_found");
    assert_eq!(
        client
            .get(&format!("/v1/records/{}/history", "k".repeat(256)))
            .code(),
        "not_found"
    );
    for wrong in ["limit=0", "cursor=x", "limit=x"] {
        assert_eq!(
            client.get(&format!("{path}?{wrong}")).code(),
            "malformed",
            "{wrong}"
        );
    }
    assert_eq!(client.get("/v1/records/%FF/history").code(), "malformed");
}

/// P-50: the truth at any commit, page by page, whatever came after.
#[test]
fn the_truth_as_it_was() {
    let server = Server::start();
    let client = server.client("alice");
    let all = |at: &Value| {
        let mut records: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/records?limit=2&at={}{cursor}", at.as_str().unwrap());
            let page = client.get(&path).done();
            records.extend(page["records"].as_array().unwrap().clone());
            match page["cursor"].as_str() {
                None => return records,
                Some(next) => cursor = format!("&cursor={next}"),
            }
        }
    };
    let made: Value = (0..5)
        .map(|n| pending(n, &json!({"n": n, "round": 0})))
        .collect();
    let made = sync(&client, 1, &Value::Null, made);
    let mut moments = vec![(made["push"]["max_checkin"].clone(), client.records())];
    for round in 1..6 {
        let (at, held) = &moments[round - 1];
        let edit = changed(
            &held[round % held.len()]["key"],
            at,
            &json!({"round": round}),
        );
        let gone = deleted(&held[(round + 1) % held.len()]["key"], at);
        let more = pending(10 + round as u64, &json!({"round": round}));
        let records = if round % 2 == 0 {
            json!([edit, gone])
        } else {
            json!([edit, more])
        };
        let synced = sync(&client, 1, at, records);
        moments.push((synced["push"]["max_checkin"].clone(), client.records()));
    }
    for (at, held) in &moments {
        assert_eq!(all(at), *held, "{at}");
    }
    // Before the datastore there was nothing; after its head nothing is yet.
    assert_eq!(
        all(&json!("2000-01-01T00:00:00.000000Z")),
        Vec::<Value>::new()
    );
    assert_eq!(all(&json!("2200-01-01T00:00:00.000000Z")), client.records());
    for wrong in ["yesterday", "2026-11-22T04:41:01Z"] {
        assert_eq!(
            client.get(&format!("/v1/records?at={wrong}")).code(),
            "malformed"
        );
    }
}
