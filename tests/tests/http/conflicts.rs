//! Conflicts are listed with both sides, and settled by people while devices go on.
//! Rules P-25, P-56, P-57.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{changed, deleted, fingerprint, finish, open, pending, pull, shared, sync, uuid};

/// Devices 1 and 2 change `a` of one record; its key, and the checkin that both knew.
fn contested(client: &Client) -> (Value, Value) {
    let (key, base) = shared(client, &json!({"a": 0, "b": 0}));
    let mut first = changed(&key, &base, &json!({"a": 1}));
    first["updated"] = "2026-11-22T05:00:00Z".into();
    sync(client, 1, &base, json!([first]));
    let mut second = changed(&key, &base, &json!({"a": 2, "b": 2}));
    second["updated"] = "2026-11-22T06:00:00Z".into();
    let later = sync(client, 2, &base, json!([second]));
    assert_eq!(later["push"]["conflicts"], 1);
    (key, base)
}

fn listed(client: &Client) -> Vec<Value> {
    let page = client.get("/v1/conflicts").done();
    let conflicts = page["conflicts"].as_array().unwrap().clone();
    assert_eq!(page["open"], conflicts.len());
    conflicts
}

fn settle(client: &Client, id: &Value, decision: &Value) -> Value {
    client.done(&at(id), decision)
}

fn at(id: &Value) -> String {
    format!("/v1/conflicts/{}", id.as_str().unwrap())
}

fn head(client: &Client) -> Value {
    open(client, 90, json!({"pending": 1}))["max_checkin"].clone()
}

/// P-56: both sides whole, with their base, devices, times and fields.
#[test]
fn a_conflict_tells_both_sides() {
    let server = Server::start();
    let client = server.client("alice");
    assert_eq!(
        client.get("/v1/conflicts").done(),
        json!({"conflicts": [], "cursor": null, "remaining": 0, "open": 0, "changed": null})
    );
    let (key, base) = contested(&client);
    let conflicts = listed(&client);
    let conflict = &conflicts[0];
    let stored = head(&client);
    assert_eq!(
        *conflict,
        json!({"id": conflict["id"], "key": key, "entity": "record", "fields": ["a"], "base": base,
            "truth": {"a": 1, "b": 0}, "device": {"a": 2, "b": 2}, "checkin": stored,
            "truth_device": uuid(1), "truth_updated": "2026-11-22T05:00:00Z",
            "device_uuid": uuid(2), "device_updated": "2026-11-22T06:00:00Z"})
    );
    // The record names it to every device.
    assert_eq!(
        pull(&client, 3, &Value::Null)[0]["conflict"],
        conflict["id"]
    );
}

/// P-56: a side that deleted the record has no value, and is told apart from one that is `null`.
#[test]
fn a_deleted_side_is_no_null() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = shared(&client, &json!(1));
    let nothing = json!({"key": key, "base": base, "value": null});
    sync(&client, 1, &base, json!([nothing]));
    sync(&client, 2, &base, json!([deleted(&key, &base)]));
    sync(
        &client,
        3,
        &base,
        json!([{"key": key, "base": base, "value": 3}]),
    );
    let conflicts = listed(&client);
    let sides: Vec<_> = conflicts
        .iter()
        .map(|it| [&it["truth"], &it["device"], &it["deleted"]])
        .collect();
    let (null, device) = (json!(null), json!("device"));
    assert_eq!(sides, [[&null, &null, &device], [&null, &json!(3), &null]]);
}

/// P-56: pages in the order in which they were stored, settled ones apart.
#[test]
fn conflicts_come_in_pages() {
    let server = Server::start();
    let client = server.client("alice");
    let made: Value = (0..5).map(|n| pending(n, &json!({"a": 0}))).collect();
    let made = sync(&client, 1, &Value::Null, made);
    let base = &made["push"]["max_checkin"];
    for device in [2, 3] {
        let edits = made["pull"]["records"].as_array().unwrap().iter();
        let edits = edits.map(|it| changed(&it["key"], base, &json!({"a": device})));
        sync(&client, device, base, edits.collect());
    }
    let all = listed(&client);
    assert_eq!(all.len(), 5);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for remaining in [3, 1, 0] {
        let page = client.get(&format!("/v1/conflicts?limit=2{cursor}")).done();
        assert_eq!(
            (&page["remaining"], &page["open"]),
            (&json!(remaining), &json!(5))
        );
        paged.extend(page["conflicts"].as_array().unwrap().clone());
        cursor = format!("&cursor={}", page["cursor"].as_str().unwrap_or_default());
    }
    assert_eq!((paged, cursor.as_str()), (all.clone(), "&cursor="));
    let settled = settle(&client, &all[0]["id"], &json!({"take": "device"}));
    let page = client.get("/v1/conflicts?settled=true").done();
    assert_eq!(page["conflicts"][0]["id"], all[0]["id"]);
    assert_eq!(page["conflicts"][0]["settled"], settled["settled"]);
    assert_eq!(listed(&client), all[1..]);
    for wrong in ["limit=0", "cursor=AAAA", "cursor=1.x", "settled=perhaps"] {
        let answer = client.get(&format!("/v1/conflicts?{wrong}"));
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "malformed"),
            "{wrong}"
        );
    }
    let nobodys = client.get("/v1/conflicts?datastore=nobodys");
    assert_eq!(nobodys.code(), "not_found");
}

/// P-57: each answer makes the fields so, in one commit that every device pulls.
#[test]
fn settling_is_a_change_that_syncs() {
    let server = Server::start();
    for (user, decision, value) in [
        ("ann", json!({"take": "truth"}), json!({"a": 1, "b": 2})),
        ("bea", json!({"take": "device"}), json!({"a": 2, "b": 2})),
        (
            "cid",
            json!({"value": {"a": 9, "b": 2}}),
            json!({"a": 9, "b": 2}),
        ),
        ("dan", json!({"value": null}), json!(null)),
    ] {
        let client = server.client(user);
        contested(&client);
        let before = head(&client);
        let conflict = listed(&client).remove(0);
        let settled = settle(&client, &conflict["id"], &decision);
        assert!(settled["settled"].as_str() > before.as_str());
        assert_eq!(settled["settled"], head(&client));
        assert_eq!(
            settled["conflicts"],
            json!({"open": 0, "changed": settled["settled"]})
        );
        assert_eq!(client.records()[0]["value"], value, "{user}");
        assert_eq!(settled["record"]["value"], value, "{user}");
        assert_eq!(listed(&client), Vec::<Value>::new());
        // Every device hears of it: at open, at finish, and in its pull where the record changed.
        let opened = open(
            &client,
            3,
            json!({"last_sync": before, "pending": 1, "pull": {}}),
        );
        assert_eq!(opened["conflicts"], settled["conflicts"]);
        let pulled = opened["pull"]["records"].as_array().unwrap();
        let changes = usize::from(user != "bea");
        assert_eq!(pulled.len(), changes, "{user}");
        let held = client.records();
        let finished = finish(&client, &opened["sync_uuid"], &settled["settled"], &held);
        assert_eq!(finished["in_sync"], true);
        assert_eq!(finished["conflicts"], settled["conflicts"]);
        let again = open(
            &client,
            3,
            json!({"last_sync": settled["settled"], "fingerprint": fingerprint(&held)}),
        );
        assert_eq!(
            (&again["in_sync"], &again["conflicts"]),
            (&json!(true), &settled["conflicts"])
        );
    }
}

/// P-57: the same decision again is answered as before; another one is refused.
#[test]
fn settling_twice() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, _) = contested(&client);
    let id = listed(&client)[0]["id"].clone();
    let decision = json!({"value": {"b": 2, "a": 9.0}});
    let settled = settle(&client, &id, &decision);
    let seen = head(&client);
    // The answer was lost; a device has edited on; the same said in other words.
    sync(
        &client,
        1,
        &seen,
        json!([changed(&key, &seen, &json!({"a": 10}))]),
    );
    let edited = head(&client);
    let again = settle(&client, &id, &json!({"value": {"a": 9, "b": 2}}));
    assert_eq!(again["settled"], settled["settled"]);
    assert_eq!(again["conflicts"], settled["conflicts"]);
    assert_eq!(again["record"]["value"], json!({"a": 10, "b": 2}));
    assert_eq!(head(&client), edited);
    let other = client.post(&at(&id), &json!({"take": "truth"}));
    assert_eq!((other.status, &*other.code()), (409, "settled"));
    let detail = other.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains(settled["settled"].as_str().unwrap()),
        "{detail}"
    );
    assert_eq!(client.records()[0]["value"], json!({"a": 10, "b": 2}));
}

/// P-57: two people settle at once: one decision is made, and both are told which.
#[test]
fn two_people_settle_at_once() {
    let server = Server::start();
    let client = server.client("alice");
    contested(&client);
    let id = listed(&client)[0]["id"].clone();
    let statuses: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (client, id) = (client.clone(), &id);
                scope.spawn(move || {
                    let decision = json!({"value": {"a": number % 2, "b": 2}});
                    (client.post(&at(id), &decision).status, json!(number % 2))
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap());
        joined.collect()
    });
    let stands = client.records()[0]["value"]["a"].clone();
    for (status, said) in statuses {
        assert_eq!(status, if said == stands { 200 } else { 409 });
    }
    let versions = client
        .get(&format!("/v1/records/{}/history", listed_key(&client)))
        .done();
    assert!(versions["versions"].as_array().unwrap().len() <= 4);
    assert_eq!(
        open(&client, 9, json!({"pending": 1}))["conflicts"]["open"],
        0
    );
}

fn listed_key(client: &Client) -> String {
    client.records()[0]["key"].as_str().unwrap().to_owned()
}

/// P-57: what nobody may see is not found, and what is no decision is refused.
#[test]
fn wrong_decisions_are_refused() {
    let server = Server::start();
    let client = server.client("alice");
    contested(&client);
    let id = listed(&client)[0]["id"].clone();
    let before = head(&client);
    let take = json!({"take": "truth"});
    let bob = server.client("bob");
    shared(&bob, &json!(1));
    let carol = server.client("carol");
    for stranger in [&bob, &carol] {
        let answer = stranger.post(&at(&id), &take);
        assert_eq!((answer.status, &*answer.code()), (404, "not_found"));
        assert_eq!(listed(stranger), Vec::<Value>::new());
    }
    // Not by naming the datastore either.
    let datastore = open(&client, 9, json!({"pending": 1}))["datastore"].clone();
    let datastore = datastore.as_str().unwrap();
    let named = format!("{}?datastore={datastore}", at(&id));
    assert_eq!(bob.post(&named, &take).code(), "not_found");
    let list = format!("/v1/conflicts?datastore={datastore}");
    assert_eq!(bob.get(&list).code(), "not_found");
    for (path, status, code, decision) in [
        (at(&json!(uuid(1))), 404, "not_found", take.clone()),
        (at(&json!("nonsense")), 404, "not_found", take.clone()),
        (at(&id), 400, "malformed", json!({})),
        (at(&id), 400, "malformed", json!({"take": "both"})),
        (
            at(&id),
            400,
            "malformed",
            json!({"take": "truth", "value": 1}),
        ),
        (at(&id), 400, "malformed", json!([])),
    ] {
        let answer = client.post(&path, &decision);
        assert_eq!(
            (answer.status, &*answer.code()),
            (status, code),
            "{decision}"
        );
    }
    let headers = [("content-type", "application/json")];
    for value in [r#"{"a":1,"a":2}"#, r#""\ud800""#, "1e999"] {
        let body = format!(r#"{{"value":{value}}}"#);
        let answer = client
            .send("POST", &at(&id), &headers, body.as_bytes())
            .unwrap();
        assert_eq!(
            (answer.status, &*answer.code()),
            (422, "bad_record"),
            "{value}"
        );
    }
    assert_eq!((head(&client), listed(&client).len()), (before, 1));
    assert_eq!(client.post(&named, &take).status, 200);
}

/// P-57: a device that edits the field meanwhile, without having seen the decision, conflicts with it;
/// and a decision does not drop what a device edited since the conflict.
#[test]
fn another_device_edits_while_a_conflict_is_settled() {
    let server = Server::start();
    for (user, decision) in [
        ("ann", json!({"take": "truth"})),
        ("bea", json!({"take": "device"})),
        ("cid", json!({"value": {"a": 9, "b": 2}})),
    ] {
        // The device's push comes after the decision.
        let client = server.client(user);
        let (key, _) = contested(&client);
        let seen = head(&client);
        let id = listed(&client)[0]["id"].clone();
        settle(&client, &id, &decision);
        let late = sync(
            &client,
            3,
            &seen,
            json!([changed(&key, &seen, &json!({"a": 5}))]),
        );
        let changes = u64::from(user != "bea");
        assert_eq!(late["push"]["conflicts"], changes, "{user}");
        assert_eq!(
            client.records()[0]["value"],
            json!({"a": 5, "b": 2}),
            "{user}"
        );
        assert_eq!(listed(&client).len() as u64, changes, "{user}");
        // The device's push comes before it, and after the conflict.
        let client = server.client(&format!("{user}'s friend"));
        let (key, _) = contested(&client);
        let seen = head(&client);
        let id = listed(&client)[0]["id"].clone();
        sync(
            &client,
            3,
            &seen,
            json!([changed(&key, &seen, &json!({"a": 5, "b": 5}))]),
        );
        let settled = settle(&client, &id, &decision);
        let wanted = [("ann", 1), ("bea", 2), ("cid", 9)];
        let wanted = wanted.iter().find(|(name, _)| *name == user).unwrap().1;
        assert_eq!(
            client.records()[0]["value"],
            json!({"a": wanted, "b": 5}),
            "{user}"
        );
        assert_eq!(settled["conflicts"]["open"], 1, "{user}");
        let kept = listed(&client).remove(0);
        assert_eq!(
            (&kept["truth"], &kept["truth_device"]),
            (&json!({"a": 5, "b": 5}), &json!(uuid(3)))
        );
        let settled = settle(&client, &kept["id"], &json!({"take": "truth"}));
        assert_eq!(
            settled["record"]["value"],
            json!({"a": 5, "b": 5}),
            "{user}"
        );
        assert_eq!(settled["conflicts"]["open"], 0, "{user}");
    }
}

/// P-57: three devices; the count is right after each step.
#[test]
fn three_devices_conflict() {
    let server = Server::start();
    let client = server.client("alice");
    let (key, base) = contested(&client);
    sync(
        &client,
        3,
        &base,
        json!([changed(&key, &base, &json!({"a": 3}))]),
    );
    let conflicts = listed(&client);
    let sides: Vec<_> = conflicts
        .iter()
        .map(|it| (&it["truth"]["a"], &it["device"]["a"]))
        .collect();
    assert_eq!(sides, [(&json!(1), &json!(2)), (&json!(2), &json!(3))]);
    let settled = settle(&client, &conflicts[1]["id"], &json!({"take": "truth"}));
    assert_eq!(
        (
            &settled["conflicts"]["open"],
            &settled["record"]["value"]["a"]
        ),
        (&json!(1), &json!(2))
    );
    let settled = settle(&client, &conflicts[0]["id"], &json!({"take": "truth"}));
    assert_eq!(
        (
            &settled["conflicts"]["open"],
            &settled["record"]["value"]["a"]
        ),
        (&json!(0), &json!(1))
    );
}

/// P-57: delete against edit: it deletes, or brings back.
#[test]
fn deletions_are_settled_either_way() {
    let server = Server::start();
    for (number, is_edit_first, take, lives) in [
        (1, true, "truth", true),
        (2, true, "device", false),
        (3, false, "truth", false),
        (4, false, "device", true),
    ] {
        let client = server.client(&format!("user {number}"));
        let (key, base) = shared(&client, &json!({"a": 0}));
        let edit = json!([changed(&key, &base, &json!({"a": 1}))]);
        let deletion = json!([deleted(&key, &base)]);
        let (first, second) = if is_edit_first {
            (edit, deletion)
        } else {
            (deletion, edit)
        };
        sync(&client, 1, &base, first);
        sync(&client, 2, &base, second);
        let before = head(&client);
        let conflict = listed(&client).remove(0);
        assert_eq!(
            conflict["deleted"],
            if is_edit_first { "device" } else { "truth" }
        );
        let settled = settle(&client, &conflict["id"], &json!({"take": take}));
        assert_eq!(client.records().len(), usize::from(lives), "{number}");
        assert_eq!(
            settled["record"]["deleted"],
            if lives { Value::Null } else { json!(true) }
        );
        let pulled = pull(&client, 3, &before);
        assert_eq!(pulled.len(), usize::from(!lives), "{number}");
    }
}

/// P-57: a record that was deleted since the conflict.
#[test]
fn a_record_deleted_since_is_settled() {
    let server = Server::start();
    for (user, decision, value) in [
        ("ann", json!({"take": "device"}), None),
        (
            "bea",
            json!({"take": "truth"}),
            Some(json!({"a": 1, "b": 2})),
        ),
        (
            "cid",
            json!({"value": {"a": 2, "b": 2}}),
            Some(json!({"a": 2, "b": 2})),
        ),
    ] {
        let client = server.client(user);
        let (key, _) = contested(&client);
        let seen = head(&client);
        sync(&client, 1, &seen, json!([deleted(&key, &seen)]));
        let id = listed(&client)[0]["id"].clone();
        let settled = settle(&client, &id, &decision);
        assert_eq!(settled["record"].get("value").cloned(), value, "{user}");
        // What is brought back against a deletion that the decision did not know of is listed.
        assert_eq!(
            settled["conflicts"]["open"],
            u64::from(user == "bea"),
            "{user}"
        );
    }
}

/// P-56: what a policy has settled waits for nobody, is listed all the same, and a person may
/// settle it otherwise.
#[test]
fn what_a_policy_settled_is_kept() {
    let server = Server::with(&["--conflict-policy", "truth"]);
    let client = server.client("alice");
    let (key, base) = contested(&client);
    assert_eq!(client.records()[0]["value"], json!({"a": 1, "b": 2}));
    assert_eq!(listed(&client), Vec::<Value>::new());
    assert_eq!(
        open(&client, 9, json!({"pending": 1}))["conflicts"],
        json!({"open": 0, "changed": null})
    );
    let kept = client.get("/v1/conflicts?settled=true").done();
    let conflict = &kept["conflicts"][0];
    assert_eq!(
        (&conflict["device"], &conflict["settled"]),
        (&json!({"a": 2, "b": 2}), &conflict["checkin"])
    );
    // The device that lost hears which conflict keeps its word, once however often it repeats it.
    let push = json!([changed(&key, &base, &json!({"a": 2, "b": 2}))]);
    let again = sync(&client, 2, &base, push);
    assert_eq!(
        (&again["push"]["unchanged"], &again["push"]["conflicts"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(again["pull"]["records"][0]["conflict"], conflict["id"]);
    let settled = settle(&client, &conflict["id"], &json!({"take": "device"}));
    assert_eq!(settled["record"]["value"], json!({"a": 2, "b": 2}));
    assert_eq!(settled["conflicts"]["open"], 0);
}
