//! Open, finish, cancel, and phases that ride. Rules P-16 to P-30, P-47 to P-49.

use std::time::Duration;

use serde_json::{Value, json};
use tidemark_tests::server::Server;

use super::talk::{EMPTY, code, fingerprint, finish, open, opening, pending, sync, uuid};

/// P-17
#[test]
fn a_new_session_of_the_device_ends_the_old_one() {
    let server = Server::start();
    let client = server.client("alice");
    let old = open(&client, 1, json!({"pending": 1}));
    let other = open(&client, 2, json!({"pending": 1}));
    let new = open(&client, 1, json!({"pending": 1}));
    let push = |session: &Value| {
        client.post(
            "/v1/sync/push",
            &json!({"sync_uuid": session, "records": []}),
        )
    };
    let gone = push(&old["sync_uuid"]);
    assert_eq!((gone.status, gone.code().as_str()), (410, "session_gone"));
    assert_eq!(push(&new["sync_uuid"]).status, 200);
    assert_eq!(push(&other["sync_uuid"]).status, 200);
    assert_eq!(push(&json!(uuid(99))).code(), "session_gone");
}

/// P-22: by the nil UUID nobody is meant: it makes what settles conflicts.
#[test]
fn the_nil_uuid_is_no_device() {
    let server = Server::start();
    let nil = json!({"device_uuid": "00000000-0000-0000-0000-000000000000"});
    let answer = server.client("alice").post("/v1/sync/open", &nil);
    assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"));
}

/// P-18
#[test]
fn a_session_expires_after_its_last_call() {
    let server = Server::with(&["--session-expiry", "2s"]);
    let client = server.client("alice");
    let opened = open(&client, 1, json!({"pending": 1}));
    let pull = json!({"sync_uuid": opened["sync_uuid"], "cursor": null});
    for _ in 0..3 {
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(client.post("/v1/sync/pull", &pull).status, 200);
    }
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(client.post("/v1/sync/pull", &pull).code(), "session_gone");
}

/// P-19, P-20: a whole sync in one call, its finish on the next open.
#[test]
fn phases_ride_together() {
    let server = Server::start();
    let client = server.client("alice");
    let first = sync(
        &client,
        1,
        &Value::Null,
        json!([pending(7, &json!({"a": 1}))]),
    );
    assert_eq!(first["push"]["created"], 1);
    let mut holding = first["pull"]["records"].as_array().unwrap().clone();
    holding[0]["value"] = json!({"a": 1});
    let head = &first["push"]["max_checkin"];
    let done = json!({"last_update": head, "fingerprint": fingerprint(&holding), "count": 1});
    let previous = json!({"sync_uuid": first["sync_uuid"], "finish": done});
    let next = open(
        &client,
        1,
        json!({"last_sync": head, "fingerprint": fingerprint(&holding),
        "previous": previous}),
    );
    assert_eq!(next["previous"]["in_sync"], true);
    assert_eq!(next["previous"]["last_sync"], *head);
    assert_eq!(
        (&next["in_sync"], &next["sync_uuid"]),
        (&json!(true), &Value::Null)
    );

    // A push carries pull and finish, a pull carries finish.
    let opened = open(&client, 2, json!({"pending": 1}));
    let session = &opened["sync_uuid"];
    let push = json!({"sync_uuid": session, "records": [pending(8, &json!(8))], "pull": {},
        "finish": {"last_update": null}});
    let pushed = client.done("/v1/sync/push", &push);
    assert_eq!(pushed["pull"]["records"].as_array().unwrap().len(), 2);
    assert!(pushed["finish"]["in_sync"].is_boolean());
    let opened = open(&client, 3, json!({"pending": 0}));
    let holding = client.records();
    let pull = json!({"sync_uuid": opened["sync_uuid"], "finish": {
        "last_update": opened["max_checkin"], "fingerprint": fingerprint(&holding)}});
    assert_eq!(
        client.done("/v1/sync/pull", &pull)["finish"]["in_sync"],
        true
    );
}

/// P-21
#[test]
fn a_rider_that_fails_leaves_its_problem_and_the_later_ones_undone() {
    let server = Server::start();
    let client = server.client("alice");
    let answer = open(
        &client,
        1,
        json!({"pending": 1, "push": {"records": [pending(1, &json!(1))]},
        "pull": {"cursor": "never given out"}, "finish": {"last_update": null}}),
    );
    assert_eq!(answer["push"]["created"], 1);
    assert_eq!(code(&answer["pull"]), "malformed");
    assert_eq!(answer.get("finish"), None);
    // The session stands.
    let pull = json!({"sync_uuid": answer["sync_uuid"]});
    assert_eq!(
        client.done("/v1/sync/pull", &pull)["records"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // Nothing rides after a staged answer.
    let answer = open(
        &client,
        1,
        json!({"pending": 2, "pull": {},
        "push": {"records": [pending(2, &json!(2))], "more": true}}),
    );
    assert_eq!(answer["push"], json!({"staged": 1}));
    assert_eq!(answer.get("pull"), None);

    // Nor on an open that opens no session.
    let holding = client.records();
    let answer = open(
        &client,
        1,
        json!({"fingerprint": fingerprint(&holding), "pull": {}}),
    );
    assert_eq!(answer["in_sync"], true);
    assert_eq!(answer.get("pull"), None);
}

/// P-20
#[test]
fn a_finish_that_rides_late_never_fails_the_open() {
    let server = Server::start();
    let client = server.client("alice");
    let gone = json!({"sync_uuid": uuid(99), "finish": {"last_update": null}});
    let answer = open(&client, 1, json!({"pending": 1, "previous": gone}));
    assert_eq!(code(&answer["previous"]), "session_gone");
    assert!(answer["sync_uuid"].is_string());
}

/// P-23
#[test]
fn a_late_open_and_a_copy_are_found_out() {
    let server = Server::start();
    let client = server.client("alice");
    let with = |device: u64, attempts: &[u64]| {
        let attempts: Vec<_> = attempts.iter().map(|attempt| uuid(*attempt)).collect();
        let body = opening(device, json!({"pending": 1, "attempts": attempts}));
        let answer = client.post("/v1/sync/open", &body);
        if answer.status == 200 {
            String::new()
        } else {
            answer.code()
        }
    };
    assert_eq!(with(1, &[11]), "");
    assert_eq!(with(1, &[11]), "session_gone", "a repeated call");
    assert_eq!(with(1, &[11, 12]), "");
    // 13 was lost on its way, 14 arrives, then 13 arrives after all.
    assert_eq!(with(1, &[12, 13, 14]), "");
    assert_eq!(with(1, &[12, 13]), "stale_device");
    // A copy from before knows an attempt that is not the last one kept.
    assert_eq!(with(1, &[12, 21]), "stale_device");
    assert_eq!(with(1, &[]), "stale_device");
    // It takes a new name and goes on; the original never notices.
    assert_eq!(with(2, &[22]), "");
    assert_eq!(with(1, &[14, 15]), "");
}

/// P-26
#[test]
fn a_last_sync_that_was_never_issued_means_a_restored_truth() {
    let server = Server::start();
    let client = server.client("alice");
    let synced = sync(&client, 1, &Value::Null, json!([pending(1, &json!(1))]));
    let head = synced["push"]["max_checkin"].as_str().unwrap();
    for claim in ["2199-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z"] {
        assert_ne!(head, claim);
        let body = opening(1, json!({"last_sync": claim, "pending": 1}));
        let opened = client.done("/v1/sync/open", &body);
        assert_eq!(
            (&opened["mode"], &opened["last_sync"]),
            (&json!("refresh"), &Value::Null)
        );
    }
}

/// P-27, P-48
#[test]
fn a_device_that_is_not_what_it_should_be_is_told() {
    let server = Server::start();
    let client = server.client("alice");
    let synced = sync(&client, 1, &Value::Null, json!([pending(1, &json!(1))]));
    let head = &synced["push"]["max_checkin"];
    let finished = finish(&client, &synced["sync_uuid"], head, &[]);
    assert_eq!(
        (&finished["in_sync"], &finished["last_sync"]),
        (&json!(false), head)
    );
    // The session stays open, and a later pull in it starts at `last_update`.
    let pull = json!({"sync_uuid": synced["sync_uuid"], "cursor": null});
    assert_eq!(client.post("/v1/sync/pull", &pull).status, 200);
    let wrong = json!({"last_sync": head, "fingerprint": EMPTY, "pull": {}});
    let opened = open(&client, 1, wrong);
    assert_eq!(
        (&opened["mode"], &opened["in_sync"]),
        (&json!("repair"), &json!(false))
    );
}

/// P-22, P-25, P-29
#[test]
fn an_open_tells_datastore_limits_and_conflicts() {
    let server = Server::with(&["--push-records", "3", "--pull-records", "2"]);
    let client = server.client("alice");
    let opened = open(&client, 1, json!({"pending": 1}));
    assert_eq!(opened["conflicts"], json!({"open": 0, "changed": null}));
    assert_eq!(opened["limits"]["push_records"], 3);
    let session = &opened["sync_uuid"];
    let records = |count: u64| -> Value {
        (0..count)
            .map(|number| pending(number, &json!(number)))
            .collect()
    };
    let too_many = json!({"sync_uuid": session, "records": records(4)});
    let refused = client.post("/v1/sync/push", &too_many);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "too_large")
    );
    client.done(
        "/v1/sync/push",
        &json!({"sync_uuid": session, "records": records(3)}),
    );
    for (limit, got) in [(1, 1), (2, 2), (500, 2)] {
        let pull = json!({"sync_uuid": session, "cursor": null, "limit": limit});
        let page = client.done("/v1/sync/pull", &pull);
        assert_eq!(page["records"].as_array().unwrap().len(), got);
        assert_eq!(page["remaining"], 3 - got);
    }
    let none = json!({"sync_uuid": session, "cursor": null, "limit": 0});
    assert_eq!(client.post("/v1/sync/pull", &none).code(), "malformed");
    // The own datastore may be named, and is the one that was made at first.
    let named = open(
        &client,
        1,
        json!({"pending": 1, "datastore": opened["datastore"]}),
    );
    assert_eq!(named["datastore"], opened["datastore"]);
}

/// P-47
#[test]
fn a_finish_takes_only_checkins_that_the_session_was_sent() {
    let server = Server::start();
    let client = server.client("alice");
    let first = sync(&client, 1, &Value::Null, json!([pending(1, &json!(1))]));
    let second = sync(&client, 2, &Value::Null, json!([pending(2, &json!(2))]));
    for last_update in ["2199-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z"] {
        let body = json!({"sync_uuid": first["sync_uuid"], "last_update": last_update});
        assert_eq!(client.post("/v1/sync/finish", &body).code(), "malformed");
    }
    // The truth has moved on beyond what this session was sent.
    let later = json!({"sync_uuid": first["sync_uuid"],
        "last_update": second["push"]["max_checkin"]});
    assert_eq!(client.post("/v1/sync/finish", &later).code(), "malformed");
    let holding =
        json!({"key": first["pull"]["records"][0]["key"], "entity": "record", "value": 1});
    let head = &first["push"]["max_checkin"];
    let finished = finish(&client, &first["sync_uuid"], head, &[holding]);
    assert_eq!(
        (&finished["in_sync"], &finished["last_sync"]),
        (&json!(true), head)
    );
    // And then it is over.
    let again = json!({"sync_uuid": first["sync_uuid"], "last_update": head});
    assert_eq!(
        client.post("/v1/sync/finish", &again).code(),
        "session_gone"
    );
}

/// P-49
#[test]
fn a_cancelled_session_leaves_nothing() {
    let server = Server::start();
    let client = server.client("alice");
    let staged = open(
        &client,
        1,
        json!({"pending": 1,
        "push": {"records": [pending(1, &json!(1))], "more": true}}),
    );
    let session = json!({"sync_uuid": staged["sync_uuid"]});
    assert_eq!(
        client.done("/v1/sync/cancel", &session),
        json!({"cancelled": true})
    );
    assert_eq!(
        client.post("/v1/sync/cancel", &session).code(),
        "session_gone"
    );
    let push = json!({"sync_uuid": staged["sync_uuid"], "seq": 1, "records": []});
    assert_eq!(client.post("/v1/sync/push", &push).code(), "session_gone");
    assert_eq!(client.records(), Vec::<Value>::new());
}
