//! Two devices changed the same record. Rules P-25, P-34, P-36, P-37.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{changed, deleted, open, pull, shared, sync};

fn conflicts(client: &Client) -> u64 {
    let opened = open(client, 9, json!({"pending": 1}));
    opened["conflicts"]["open"].as_u64().unwrap()
}

/// P-34
#[test]
fn changes_to_different_fields_are_both_kept() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!({"a": 0, "b": 0, "c": 0, "d": 0}));
    let one = sync(
        &client,
        1,
        &base,
        json!([changed(&key, &base, &json!({"a": 1}))]),
    );
    assert_eq!(one["push"]["updated"], 1);
    // A whole value says what changed by what differs from its base; a field listed but absent is
    // removed.
    let whole = json!({"key": key, "base": base, "value": {"a": 0, "b": 2, "c": 0, "d": 0}});
    let two = sync(&client, 2, &base, json!([whole]));
    assert_eq!(
        (&two["push"]["merged"], &two["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    let removed = json!({"key": key, "base": base, "changed": ["c", "e"], "value": {"e": 3}});
    let three = sync(&client, 3, &base, json!([removed]));
    assert_eq!(
        (&three["push"]["merged"], &three["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    let merged = json!({"a": 1, "b": 2, "d": 0, "e": 3});
    assert_eq!(client.records()[0]["value"], merged);
    // What changed since the window's start is told.
    let pulled = pull(&client, 1, &one["push"]["max_checkin"]);
    assert_eq!(pulled[0]["value"], merged);
    assert_eq!(pulled[0]["changed"], json!(["b", "c", "e"]));
}

/// P-36, P-25: the later push wins the field, the earlier word is kept.
#[test]
fn changes_to_the_same_field_conflict() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!({"a": 0, "b": 0}));
    assert_eq!(conflicts(&client), 0);
    sync(
        &client,
        1,
        &base,
        json!([changed(&key, &base, &json!({"a": 1, "b": 1}))]),
    );
    let push = json!([changed(&key, &base, &json!({"a": 2}))]);
    let later = sync(&client, 2, &base, push.clone());
    assert_eq!(
        (&later["push"]["merged"], &later["push"]["conflicts"]),
        (&json!(1), &json!(1))
    );
    let pulled = &later["pull"]["records"][0];
    assert_eq!(pulled["value"], json!({"a": 2, "b": 1}));
    assert!(pulled["conflict"].is_string(), "{pulled:#}");
    assert_eq!(pull(&client, 1, &base)[0]["conflict"], pulled["conflict"]);
    let opened = open(&client, 1, json!({"pending": 1}));
    assert_eq!(
        opened["conflicts"],
        json!({"open": 1, "changed": later["push"]["max_checkin"]})
    );
    // Once, however often it is repeated.
    let again = sync(&client, 2, &base, push);
    assert_eq!(
        (&again["push"]["unchanged"], &again["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(conflicts(&client), 1);
    // The same value is no conflict.
    let same = sync(
        &client,
        3,
        &base,
        json!([changed(&key, &base, &json!({"a": 2}))]),
    );
    assert_eq!(
        (&same["push"]["unchanged"], &same["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    // A device never conflicts with its own earlier word.
    let own = sync(
        &client,
        2,
        &base,
        json!([changed(&key, &base, &json!({"a": 3}))]),
    );
    assert_eq!(
        (&own["push"]["merged"], &own["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    // Nor with what it had seen.
    let seen = &own["push"]["max_checkin"];
    let aware = sync(
        &client,
        1,
        seen,
        json!([changed(&key, seen, &json!({"a": 4}))]),
    );
    assert_eq!(
        (&aware["push"]["updated"], &aware["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(conflicts(&client), 1);
}

/// P-34: a value that is no object is one field.
#[test]
fn values_that_are_no_objects_conflict_whole() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!([1, 2]));
    let whole = |value: Value| json!([{"key": key, "base": base, "value": value}]);
    sync(&client, 1, &base, whole(json!([1])));
    let later = sync(&client, 2, &base, whole(json!("two")));
    assert_eq!(later["push"]["conflicts"], 1);
    assert_eq!(client.records()[0]["value"], "two");
}

/// P-37: in either order the edit survives.
#[test]
fn an_edit_survives_a_deletion() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!({"a": 0}));
    sync(
        &client,
        1,
        &base,
        json!([changed(&key, &base, &json!({"a": 1}))]),
    );
    let late = sync(&client, 2, &base, json!([deleted(&key, &base)]));
    assert_eq!(late["push"]["conflicts"], 1);
    assert_eq!(client.records()[0]["value"], json!({"a": 1}));
    assert_eq!(late["pull"]["records"][0]["value"], json!({"a": 1}));

    let client = server.client("bob");
    let (key, base) = shared(&client, &json!({"a": 0, "b": 0}));
    let gone = sync(&client, 1, &base, json!([deleted(&key, &base)]));
    assert_eq!(
        (&gone["push"]["updated"], client.records().len()),
        (&json!(1), 0)
    );
    let late = sync(
        &client,
        2,
        &base,
        json!([changed(&key, &base, &json!({"a": 1}))]),
    );
    assert_eq!(late["push"]["conflicts"], 1);
    assert_eq!(client.records()[0]["value"], json!({"a": 1, "b": 0}));
    // The device that deleted it gets it back.
    let back = pull(&client, 1, &gone["push"]["max_checkin"]);
    assert_eq!(back[0]["value"], json!({"a": 1, "b": 0}));
}
