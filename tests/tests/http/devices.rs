//! The devices of a datastore, what their people set for them, over HTTP and by `tidemark devices`.
//! Rules P-75, P-76, T-90, T-91.

use std::process::Output;

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::{Server, tidemark};

use super::talk::{fingerprint, finish, made, open, opening, pending, sync, uuid};

fn listed(client: &Client) -> Vec<Value> {
    let list = client.get("/v1/devices").done();
    list["devices"].as_array().unwrap().clone()
}

fn device(client: &Client, number: u64) -> Value {
    let devices = listed(client).into_iter();
    let mut found = devices.filter(|it| it["device_uuid"] == json!(uuid(number)));
    found.next().unwrap_or_default()
}

fn at(number: u64) -> String {
    format!("/v1/devices/{}", uuid(number))
}

/// Device 1 has made two records and finished; what it holds, and as of when.
fn settled(client: &Client) -> (Vec<Value>, Value) {
    let made = made(
        client,
        json!([pending(1, &json!(1)), pending(2, &json!(2))]),
    );
    let held = client.records();
    let end = made["push"]["max_checkin"].clone();
    let finished = finish(client, &made["sync_uuid"], &end, &held);
    assert_eq!(finished["in_sync"], true);
    (held, end)
}

/// `tidemark devices` on the server's database.
fn devices(server: &Server, words: &[&str]) -> Output {
    let mut command = tidemark();
    command.current_dir(server.folder());
    command.args(["devices", "--database", "sqlite:truth.db"]);
    command.args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// P-75: what is known of each device of the caller's own datastore, and of no other.
#[test]
fn the_devices_of_a_datastore_are_listed() {
    let server = Server::start();
    let client = server.client("alice");
    assert_eq!(listed(&client), Vec::<Value>::new());
    let (held, end) = settled(&client);
    open(
        &client,
        2,
        json!({"pending": 1, "device": {"name": "Phone"}}),
    );
    let names: Vec<_> = listed(&client)
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(
        names,
        [json!("Phone"), Value::Null],
        "those seen last come first"
    );
    let first = device(&client, 1);
    assert_eq!(first["last_sync"], end);
    assert_eq!(first["fingerprint"], fingerprint(&held));
    assert_eq!(
        (&first["direction"], &first["mirror"], &first["reset"]),
        (&json!("both"), &json!(false), &Value::Null)
    );
    assert!(first["seen"].as_str().unwrap() > end.as_str().unwrap());

    let bob = server.client("bob");
    assert_eq!(listed(&bob), Vec::<Value>::new());
    let path = format!("/v1/devices?datastore={}", json_text(&client));
    assert_eq!(
        client.get(&path).done()["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(bob.get(&path).code(), "not_found");
    for path in [at(1), format!("{}?datastore={}", at(1), json_text(&client))] {
        let wrong = bob.patch(&path, &json!({"name": "bob's"}));
        assert_eq!((wrong.status, &*wrong.code()), (404, "not_found"));
        let wrong = bob.send("DELETE", &path, &[], &[]).unwrap();
        assert_eq!((wrong.status, &*wrong.code()), (404, "not_found"));
    }
    assert_eq!(device(&client, 1)["name"], Value::Null);
}

/// The name of the client's datastore.
fn json_text(client: &Client) -> String {
    let opened = open(client, 90, json!({"pending": 1}));
    client.done(
        "/v1/sync/cancel",
        &json!({"sync_uuid": opened["sync_uuid"]}),
    );
    client.send("DELETE", &at(90), &[], &[]).unwrap().done();
    opened["datastore"].as_str().unwrap().to_owned()
}

/// P-75: a device is renamed; what is no device, or cannot be set, is refused, and nothing of it is set.
#[test]
fn a_device_is_changed_as_a_whole_or_not() {
    let server = Server::start();
    let client = server.client("alice");
    settled(&client);
    let renamed = client.patch(&at(1), &json!({"name": "Desk"})).done();
    assert_eq!(
        (&renamed["name"], &renamed),
        (&json!("Desk"), &device(&client, 1))
    );
    for wrong in [
        json!({"name": "x", "reset": "push_truth"}),
        json!({"name": "x", "reset": "auto"}),
        json!({"name": "x", "reset": "everything"}),
        json!({"name": "x", "direction": "sideways"}),
        json!({"name": "x", "mirror": true}),
        json!({"name": "x", "direction": "both", "mirror": true}),
        json!({"name": "x", "direction": "push", "reset": "pull_truth"}),
        json!({"name": 1}),
    ] {
        let refused = client.patch(&at(1), &wrong);
        assert_eq!(
            (refused.status, &*refused.code()),
            (400, "malformed"),
            "{wrong}"
        );
    }
    assert_eq!(device(&client, 1), renamed);
    for unknown in [at(77), "/v1/devices/me".to_owned()] {
        assert_eq!(client.patch(&unknown, &json!({})).code(), "not_found");
    }
    let nameless = client.patch(&at(1), &json!({"name": null})).done();
    assert_eq!(nameless["name"], Value::Null);
}

/// T-91, P-76: a reset device gets that mode whatever it asks, until it is in sync in it, though the
/// answers to its opens be lost.
#[test]
fn a_reset_stands_until_it_is_done() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, end) = settled(&client);
    let told = json!({"last_sync": end, "fingerprint": fingerprint(&held)});
    assert_eq!(open(&client, 1, told.clone())["in_sync"], true);
    for (mode, start) in [("repair", &end), ("refresh", &Value::Null)] {
        let set = client.patch(&at(1), &json!({"reset": mode})).done();
        assert_eq!(set["reset"], mode);
        let mut opened = Value::Null;
        for _ in 0..2 {
            opened = open(&client, 1, told.clone());
            assert_eq!(
                (&opened["mode"], &opened["last_sync"]),
                (&json!(mode), start)
            );
        }
        let session = &opened["sync_uuid"];
        client.done("/v1/sync/pull", &json!({"sync_uuid": session}));
        assert_eq!(device(&client, 1)["reset"], mode);
        assert_eq!(finish(&client, session, &end, &held[1..])["in_sync"], false);
        assert_eq!(device(&client, 1)["reset"], mode, "not in sync yet");
        assert_eq!(finish(&client, session, &end, &held)["in_sync"], true);
        assert_eq!(device(&client, 1)["reset"], Value::Null);
        assert_eq!(open(&client, 1, told.clone())["in_sync"], true, "once");
    }
    client.patch(&at(1), &json!({"reset": "repair"})).done();
    client.patch(&at(1), &json!({"reset": null})).done();
    assert_eq!(open(&client, 1, told)["in_sync"], true);
}

/// T-91, P-76: a device that is to start again from the truth is told so, as where the truth was
/// replaced; it opens with `pull_truth`, and what it had pending is its person's.
#[test]
fn a_device_starts_again_from_the_truth() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, end) = settled(&client);
    client.patch(&at(1), &json!({"reset": "pull_truth"})).done();
    let told = json!({"last_sync": end, "fingerprint": fingerprint(&held), "pending": 1,
        "push": {"records": [pending(7, &json!(7))]}});
    for mode in ["auto", "fast", "repair", "refresh"] {
        let mut body = opening(1, told.clone());
        body["mode"] = json!(mode);
        let refused = client.post("/v1/sync/open", &body);
        assert_eq!((refused.status, &*refused.code()), (409, "truth_pushed"));
    }
    assert_eq!(client.records().len(), 2, "nothing of it was pushed");
    let opened = open(
        &client,
        1,
        json!({"mode": "pull_truth", "last_sync": end, "pull": {}}),
    );
    assert_eq!(
        (&opened["mode"], &opened["last_sync"]),
        (&json!("pull_truth"), &Value::Null)
    );
    let pulled = opened["pull"]["records"].as_array().unwrap();
    assert_eq!(pulled.len(), 2);
    let finished = finish(&client, &opened["sync_uuid"], &end, pulled);
    assert_eq!(finished["in_sync"], true);
    assert_eq!(device(&client, 1)["reset"], Value::Null);
    sync(&client, 1, &end, json!([pending(7, &json!(7))]));
    assert_eq!(client.records().len(), 3);
}

/// T-90, P-76: a direction that is fixed, by the device's own description or by its people, holds for
/// every open; the opposite is refused.
#[test]
fn a_fixed_direction_holds_for_good() {
    let server = Server::start();
    let client = server.client("alice");
    let (_, end) = settled(&client);
    let display = json!({"last_sync": null, "device": {"name": "Display", "direction": "pull"}});
    assert_eq!(open(&client, 2, display)["direction"], "pull");
    assert_eq!(device(&client, 2)["direction"], "pull");
    // It need not say so again.
    let push = json!({"records": [pending(9, &json!(9))]});
    let opened = open(
        &client,
        2,
        json!({"pending": 1, "push": push, "direction": "both"}),
    );
    assert_eq!(opened["direction"], "pull");
    assert_eq!(opened["push"]["code"], "forbidden");
    for wrong in [
        json!({"direction": "push"}),
        json!({"mode": "push_truth"}),
        json!({"device": {"direction": "push"}}),
    ] {
        let refused = client.post("/v1/sync/open", &opening(2, wrong));
        assert_eq!((refused.status, &*refused.code()), (403, "forbidden"));
    }
    assert_eq!(client.records().len(), 2);
    // A device does not lift what was fixed; its people do.
    let lifts = json!({"device": {"direction": "both"}, "pending": 1});
    assert_eq!(open(&client, 2, lifts)["direction"], "pull");
    let free = client.patch(&at(2), &json!({"direction": "both"})).done();
    assert_eq!(free["direction"], "both");
    sync(&client, 2, &end, json!([pending(9, &json!(9))]));
    assert_eq!(client.records().len(), 3);

    let mirror = json!({"direction": "push", "mirror": true});
    let fixed = client.patch(&at(2), &mirror).done();
    assert_eq!(
        (&fixed["direction"], &fixed["mirror"]),
        (&json!("push"), &json!(true))
    );
    let opened = open(&client, 2, json!({"last_sync": end, "pending": 1}));
    assert_eq!(
        (&opened["direction"], &opened["mirror"], &opened["mode"]),
        (&json!("push"), &json!(true), &json!("repair"))
    );
    let alone = json!({"device": {"mirror": true}});
    let refused = client.post("/v1/sync/open", &opening(3, alone));
    assert_eq!((refused.status, &*refused.code()), (400, "malformed"));
}

/// P-75: a device that is forgotten loses its session and what was set for it, and comes again as a new
/// one, without loss and without a second record for what it made.
#[test]
fn a_forgotten_device_comes_again_as_a_new_one() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, end) = settled(&client);
    client
        .patch(&at(1), &json!({"direction": "pull", "name": "Desk"}))
        .done();
    let opened = open(&client, 1, json!({"attempts": [uuid(500)], "pending": 1}));
    let path = at(1);
    let forgotten = client.send("DELETE", &path, &[], &[]).unwrap().done();
    assert_eq!(forgotten, json!({"forgotten": true}));
    assert_eq!(
        client.send("DELETE", &path, &[], &[]).unwrap().code(),
        "not_found"
    );
    assert_eq!(listed(&client), Vec::<Value>::new());
    let pull = json!({"sync_uuid": opened["sync_uuid"]});
    assert_eq!(client.post("/v1/sync/pull", &pull).code(), "session_gone");
    assert_eq!(client.records(), held);

    // It knows attempts that nobody keeps any more, and pushes what it had pushed before.
    let again = json!({"attempts": [uuid(500), uuid(501)], "last_sync": end, "pending": 1,
        "push": {"records": [pending(1, &json!(1))]}, "pull": {}});
    let answer = open(&client, 1, again);
    assert_eq!(answer["push"]["unchanged"], 1, "{answer:#}");
    assert_eq!(client.records(), held);
    let finished = finish(&client, &answer["sync_uuid"], &end, &held);
    assert_eq!(finished["in_sync"], true);
    let known = device(&client, 1);
    assert_eq!(
        (&known["name"], &known["direction"]),
        (&Value::Null, &json!("both"))
    );
}

/// P-76: the same by the operator, beside the server that runs on the file.
#[test]
fn an_operator_sees_and_sets_devices() {
    let server = Server::start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let (held, end) = settled(&alice);
    open(
        &alice,
        2,
        json!({"pending": 1, "device": {"name": "Two\nlines"}}),
    );
    open(&bob, 3, json!({"pending": 1}));
    open(&bob, 2, json!({"pending": 1}));
    let all = said(&devices(&server, &["list"]));
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 5, "{all}");
    assert!(
        lines[0].starts_with("datastore") && all.contains("Two\\nlines"),
        "{all}"
    );
    let own = alice.get("/v1/datastores/x").status;
    assert_eq!(own, 404);

    let one = uuid(1);
    let reset = said(&devices(&server, &["reset", &one, "--mode", "repair"]));
    assert!(reset.contains("repair"), "{reset}");
    assert_eq!(device(&alice, 1)["reset"], "repair");
    let told = json!({"last_sync": end, "fingerprint": fingerprint(&held)});
    assert_eq!(open(&alice, 1, told.clone())["mode"], "repair");
    said(&devices(&server, &["reset", &one, "--mode", "none"]));
    assert_eq!(open(&alice, 1, told)["in_sync"], true);
    said(&devices(&server, &["rename", &one, "--name", "Desk"]));
    said(&devices(
        &server,
        &["fix", &one, "--direction", "pull", "--mirror"],
    ));
    let fixed = device(&alice, 1);
    assert_eq!(
        (&fixed["name"], &fixed["direction"]),
        (&json!("Desk"), &json!("pull"))
    );
    assert_eq!(fixed["mirror"], true);
    said(&devices(&server, &["fix", &one, "--direction", "both"]));
    assert_eq!(said(&devices(&server, &["forget", &one])), "forgotten\n");
    assert_eq!(device(&alice, 1), Value::Null);

    let two = uuid(2);
    for (words, wrong) in [
        (&["forget", &one][..], "no datastore knows a device"),
        (&["forget", &two], "name one with --datastore"),
        (
            &["fix", &uuid(3), "--direction", "both", "--mirror"],
            "`mirror` goes with one",
        ),
    ] {
        let output = devices(&server, words);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(wrong), "{error}");
    }
    let datastore = lines[1].split_whitespace().next().unwrap();
    let listed = said(&devices(&server, &["list", "--datastore", datastore]));
    assert!(listed.lines().count() < lines.len());
    said(&devices(
        &server,
        &["forget", &two, "--datastore", datastore],
    ));
    let left = said(&devices(&server, &["list"]));
    assert_eq!(left.lines().count(), 3, "{left}");
}
