//! What becomes of pushed records. Rules P-9, P-31, P-32, P-33, P-35, P-38, P-39, P-40, P-41.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{changed, deleted, open, pending, sync, uuid};

fn live(client: &Client) -> usize {
    client.records().len()
}

/// Records that are wrong, each with the code of its rejection.
fn wrong_records(known: &Value) -> Vec<(String, &'static str)> {
    let deep = format!(r#""value":{}{}"#, "[".repeat(200), "]".repeat(200));
    let long = format!(r#"{{"key":"{}","value":1}}"#, "k".repeat(256));
    let no_keys = [
        r#"{"value":1}"#,
        r#"{"key":"","value":1}"#,
        r#"{"key":7,"value":1}"#,
        r#"{"key":"mine","is_pending":true,"value":1}"#,
        &long,
    ];
    let no_records = [
        r#""is_pending":true"#,
        r#""is_pending":"yes","value":1"#,
        r#""is_pending":true,"value":{"a":1,"a":2}"#,
        r#""is_pending":true,"value":"\ud800""#,
        r#""is_pending":true,"value":1e999"#,
        &format!(r#""is_pending":true,{deep}"#),
        r#""is_pending":true,"value":1,"created":"now""#,
        r#""is_pending":true,"value":1,"base":"then""#,
        r#""is_pending":true,"value":1,"fingerprint":"00""#,
    ];
    let no_keys = no_keys.map(|record| (record.to_owned(), "bad_key"));
    let no_records = (20..).zip(no_records).map(|(number, rest)| {
        let record = format!(r#"{{"key":"{}",{rest}}}"#, uuid(number));
        (record, "bad_record")
    });
    let unknown = uuid(77);
    let others = [
        (
            format!(r#"{{"key":"{unknown}","value":{{"a":1}},"changed":["a"]}}"#),
            "need_whole",
        ),
        (
            format!(r#"{{"key":{known},"entity":"other","value":1}}"#),
            "entity",
        ),
    ];
    no_keys
        .into_iter()
        .chain(no_records)
        .chain(others)
        .collect()
}

/// P-9: each wrong record is rejected with its place and its problem, and the good ones go in.
#[test]
fn a_record_that_is_wrong_is_rejected_alone() {
    let server = Server::start();
    let client = server.client("alice");
    let first = sync(
        &client,
        1,
        &Value::Null,
        json!([pending(1, &json!({"a": 1}))]),
    );
    let known = &first["pull"]["records"][0];
    let wrong = wrong_records(&known["key"]);
    let good = |number| pending(number, &json!(number)).to_string();
    let mut records = vec![good(50)];
    records.extend(wrong.iter().map(|(record, _)| record.clone()));
    records.push(good(51));
    let session = open(&client, 1, json!({"pending": 2}))["sync_uuid"].clone();
    let body = format!(
        r#"{{"sync_uuid":{session},"records":[{}]}}"#,
        records.join(",")
    );
    let answer = client
        .send("POST", "/v1/sync/push", &[], body.as_bytes())
        .unwrap()
        .done();
    let rejected = answer["rejected"].as_array().unwrap();
    let told: Vec<_> = rejected
        .iter()
        .map(|it| {
            (
                it["index"].as_u64().unwrap(),
                it["problem"]["code"].as_str().unwrap(),
            )
        })
        .collect();
    let expected: Vec<_> = (1..).zip(wrong.iter().map(|(_, code)| *code)).collect();
    assert_eq!(told, expected, "{answer:#}");
    assert_eq!(answer["created"], 2);
    assert_eq!(rejected[5]["key"], uuid(20));
    assert_eq!(live(&client), 3);
}

/// P-31: staged batches are mingled together when the push closes, or not at all.
#[test]
fn a_push_in_batches_is_one_commit() {
    let server = Server::start();
    let client = server.client("alice");
    let session = open(&client, 1, json!({"pending": 3}))["sync_uuid"].clone();
    let batch = |seq: u64, numbers: &[u64], more: bool| {
        let records: Vec<_> = numbers
            .iter()
            .map(|n| pending(*n, &json!({"seq": seq})))
            .collect();
        let body = json!({"sync_uuid": session, "seq": seq, "records": records, "more": more});
        client.done("/v1/sync/push", &body)
    };
    assert_eq!(batch(0, &[1, 2], true), json!({"staged": 2}));
    assert_eq!(batch(1, &[3], true), json!({"staged": 3}));
    // Sent again, a batch replaces itself.
    assert_eq!(batch(0, &[1, 4], true), json!({"staged": 3}));
    assert_eq!(live(&client), 0);
    let answer = batch(2, &[5], false);
    assert_eq!(
        (&answer["received"], &answer["created"]),
        (&json!(4), &json!(4))
    );
    let records = client.records();
    let checkins: Vec<_> = records.iter().map(|record| &record["checkin"]).collect();
    assert_eq!(checkins, vec![&answer["max_checkin"]; 4]);

    // What a session staged is forgotten with it.
    let session = open(&client, 1, json!({"pending": 1}))["sync_uuid"].clone();
    let staged = json!({"sync_uuid": session, "records": [pending(9, &json!(9))], "more": true});
    client.done("/v1/sync/push", &staged);
    let session = open(&client, 1, json!({"pending": 1}))["sync_uuid"].clone();
    client.done(
        "/v1/sync/push",
        &json!({"sync_uuid": session, "records": []}),
    );
    assert_eq!(live(&client), 4);
}

/// P-32: every record is counted once, and the session's end moves to the head.
#[test]
fn a_push_counts_each_record_once() {
    let server = Server::start();
    let client = server.client("alice");
    let one = json!({"a": 1, "b": 1});
    let first = sync(
        &client,
        1,
        &Value::Null,
        json!([
            pending(1, &one),
            pending(2, &one),
            pending(3, &one),
            pending(4, &one)
        ]),
    );
    let at = |place: usize| &first["pull"]["records"][place]["key"];
    let base = &first["push"]["max_checkin"];
    sync(
        &client,
        2,
        base,
        json!([changed(at(1), base, &json!({"b": 2}))]),
    );
    let second = sync(
        &client,
        1,
        base,
        json!([
            changed(at(0), base, &json!({"a": 2})),
            changed(at(1), base, &json!({"a": 2})),
            changed(at(2), base, &json!({"a": 1})),
            deleted(at(3), base),
            pending(5, &one),
            {"key": uuid(6), "is_pending": true},
        ]),
    );
    let counts = |name: &str| second["push"][name].as_u64().unwrap();
    assert_eq!(counts("received"), 6);
    assert_eq!(counts("created"), 1);
    assert_eq!(counts("updated"), 2);
    assert_eq!(counts("merged"), 1);
    assert_eq!(counts("unchanged"), 1);
    assert_eq!(second["push"]["rejected"].as_array().unwrap().len(), 1);
    // A push that changes nothing commits nothing, and still moves the session's end.
    let third = sync(&client, 3, base, json!([]));
    assert_eq!(third["push"]["max_checkin"], second["push"]["max_checkin"]);
    assert_eq!(third["pull"]["records"].as_array().unwrap().len(), 4);
}

/// P-33, P-35: whatever was lost, the same push again makes no second record and reverts nothing.
#[test]
fn a_repeated_push_changes_nothing() {
    let server = Server::start();
    let client = server.client("alice");
    let records = json!([pending(1, &json!({"a": 1, "b": 1}))]);
    let first = sync(&client, 1, &Value::Null, records.clone());
    let (key, base) = (
        &first["pull"]["records"][0]["key"],
        &first["push"]["max_checkin"],
    );
    // The answer was lost; meanwhile another device has changed the record.
    let other = sync(
        &client,
        2,
        base,
        json!([changed(key, base, &json!({"a": 2}))]),
    );
    let again = sync(&client, 1, &Value::Null, records);
    assert_eq!(
        (&again["push"]["unchanged"], &again["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    let pulled = &again["pull"]["records"][0];
    assert_eq!(
        (&pulled["key"], &pulled["local_id"]),
        (key, &json!(uuid(1)))
    );
    assert_eq!(pulled["value"], json!({"a": 2, "b": 1}));
    assert_eq!(pulled["checkin"], other["push"]["max_checkin"]);

    // A keyed edit, pushed twice, with another's edit in between.
    let edit = json!([changed(key, base, &json!({"b": 3}))]);
    sync(&client, 1, base, edit.clone());
    let head = sync(&client, 2, base, json!([]))["push"]["max_checkin"].clone();
    sync(
        &client,
        2,
        &head,
        json!([changed(key, &head, &json!({"b": 4}))]),
    );
    let again = sync(&client, 1, base, edit);
    assert_eq!(
        (&again["push"]["unchanged"], &again["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(client.records()[0]["value"], json!({"a": 2, "b": 4}));
    // And a deletion: repeating it neither fails nor counts as a change.
    let head = &again["push"]["max_checkin"];
    let gone = json!([deleted(key, head)]);
    assert_eq!(sync(&client, 2, head, gone.clone())["push"]["updated"], 1);
    let again = sync(&client, 2, head, gone);
    assert_eq!(again["push"]["unchanged"], 1);
    assert_eq!(again["pull"]["records"][0]["deleted"], true);
    // A value that the tombstone replaced does not come back by being repeated.
    let stale = sync(
        &client,
        1,
        &Value::Null,
        json!([pending(1, &json!({"a": 1, "b": 1}))]),
    );
    assert_eq!(stale["pull"]["records"][0]["deleted"], true);
    assert_eq!(live(&client), 0);
}

/// P-38
#[test]
fn a_pending_record_that_was_deleted_is_dead() {
    let server = Server::start();
    let client = server.client("alice");
    let dead = json!({"key": uuid(1), "is_pending": true, "deleted": true});
    let answer = sync(&client, 1, &Value::Null, json!([dead]));
    assert_eq!(answer["push"]["created"], 0);
    let told = &answer["pull"]["records"][0];
    assert_eq!(
        (&told["key"], &told["local_id"]),
        (&json!(uuid(1)), &json!(uuid(1)))
    );
    assert_eq!(
        (&told["deleted"], &told["checkin"]),
        (&json!(true), &answer["push"]["max_checkin"])
    );
    // The first push may arrive late: it brings nothing back.
    let late = sync(&client, 1, &Value::Null, json!([pending(1, &json!(1))]));
    assert_eq!(late["pull"]["records"][0]["deleted"], true, "{late:#}");
    assert_eq!(live(&client), 0);
    // Where the truth knows the id, the record is deleted there.
    sync(&client, 1, &Value::Null, json!([pending(2, &json!(2))]));
    let dead = json!({"key": uuid(2), "is_pending": true, "deleted": true});
    assert_eq!(
        sync(&client, 1, &Value::Null, json!([dead]))["push"]["updated"],
        1
    );
    assert_eq!(live(&client), 0);
}

/// P-39
#[test]
fn a_key_that_the_truth_lost_is_made_again_from_a_whole_value() {
    let server = Server::start();
    let client = server.client("alice");
    let key = json!("a key of any form, ключ");
    let opened = open(
        &client,
        1,
        json!({"pending": 1, "push": {"records": [
        changed(&key, &json!("2026-11-22T04:41:01.000123Z"), &json!({"a": 1}))]}}),
    );
    assert_eq!(
        opened["push"]["rejected"][0]["problem"]["code"],
        "need_whole"
    );
    let whole = json!([{"key": key, "value": {"a": 1, "b": 2}}]);
    let made = sync(&client, 1, &Value::Null, whole);
    assert_eq!(made["push"]["created"], 1);
    assert_eq!(client.records()[0]["key"], key);
}

/// P-40
#[test]
fn several_records_for_one_key_are_one_version() {
    let server = Server::start();
    let client = server.client("alice");
    let first = sync(
        &client,
        1,
        &Value::Null,
        json!([pending(1, &json!({"a": 1}))]),
    );
    let (key, base) = (
        &first["pull"]["records"][0]["key"],
        &first["push"]["max_checkin"],
    );
    let second = sync(
        &client,
        1,
        base,
        json!([
            changed(key, base, &json!({"a": 2})),
            changed(key, base, &json!({"a": 3})),
            changed(key, base, &json!({"b": 3})),
        ]),
    );
    assert_eq!(
        (&second["push"]["received"], &second["push"]["updated"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(client.records()[0]["value"], json!({"a": 3, "b": 3}));
    // By its key and by its local id; the earlier of two whole values is kept as a conflict.
    let third = sync(
        &client,
        1,
        base,
        json!([
            {"key": key, "base": second["push"]["max_checkin"], "value": {"a": 4}},
            pending(1, &json!({"a": 5})),
        ]),
    );
    assert_eq!(
        (&third["push"]["received"], &third["push"]["conflicts"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(live(&client), 1);
}

/// P-41
#[test]
fn the_airbag_holds_a_push_that_deletes_too_much() {
    let server = Server::start();
    let client = server.client("alice");
    let many = (0..60)
        .map(|number| pending(number, &json!(number)))
        .collect();
    let first = sync(&client, 1, &Value::Null, many);
    let base = &first["push"]["max_checkin"];
    let records = first["pull"]["records"].as_array().unwrap();
    let gone: Vec<_> = records[..30]
        .iter()
        .map(|record| deleted(&record["key"], base))
        .collect();
    let session = open(&client, 1, json!({"pending": 30, "last_sync": base}))["sync_uuid"].clone();
    let push = |seq: u64, records: &[Value], more: bool, confirm: bool| {
        client.post(
            "/v1/sync/push",
            &json!({"sync_uuid": session, "seq": seq, "records": records,
            "more": more, "confirm": confirm}),
        )
    };
    // Staged batches count together.
    push(0, &gone[..15], true, false).done();
    let holding = push(1, &gone[15..], false, false);
    assert_eq!((holding.status, holding.code().as_str()), (423, "airbag"));
    let problem = holding.json();
    assert_eq!(
        (&problem["deletes"], &problem["live"]),
        (&json!(30), &json!(60))
    );
    assert_eq!(live(&client), 60);
    assert_eq!(push(1, &gone[15..], false, true).done()["updated"], 30);
    assert_eq!(live(&client), 30);
    // A few, or a small part, are let through.
    let head = &open(&client, 1, json!({"pending": 1}))["max_checkin"];
    let few: Value = records[30..49]
        .iter()
        .map(|record| deleted(&record["key"], head))
        .collect();
    assert_eq!(sync(&client, 1, head, few)["push"]["updated"], 19);
}
