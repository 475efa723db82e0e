//! A truth that is restored from an older backup: devices give back what it lost, under the keys
//! that it had. Rules P-26, P-64, T-26.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{finish, open, opening, pending, pull, sync, uuid};

const FILES: [&str; 3] = ["truth.db", "truth.db-wal", "truth.db-shm"];

/// Keeps the database as it is now.
fn back_up(server: &mut Server) {
    server.stop();
    let folder = server.folder();
    std::fs::copy(folder.join("truth.db"), folder.join("backup.db")).unwrap();
    server.start_again();
}

/// Brings it back, and all that came since is lost.
fn restore(server: &mut Server) {
    server.kill();
    let folder = server.folder();
    for file in FILES {
        // The log is not always there.
        drop(std::fs::remove_file(folder.join(file)));
    }
    std::fs::copy(folder.join("backup.db"), folder.join("truth.db")).unwrap();
    server.start_again();
}

/// A device's records whole, as a refresh wants them.
fn whole(held: &[Value]) -> Vec<Value> {
    let record = |record: &Value| {
        json!({"key": record["key"], "entity": record["entity"], "value": record["value"],
            "created": record["created"], "updated": record["updated"],
            "base": record["checkin"]})
    };
    held.iter().map(record).collect()
}

/// Refreshes to the end; what the device holds then, by key.
fn refresh(client: &Client, device: u64, last_sync: &Value, records: &[Value]) -> Vec<Value> {
    let opened = open(
        client,
        device,
        json!({"last_sync": last_sync, "pending": 1}),
    );
    assert_eq!(opened["mode"], "refresh", "{opened:#}");
    assert_eq!(opened["last_sync"], Value::Null);
    let push = json!({"sync_uuid": opened["sync_uuid"], "records": records, "pull": {}});
    let pushed = client.done("/v1/sync/push", &push);
    assert_eq!(pushed["rejected"], json!([]), "{pushed:#}");
    let mut held = pushed["pull"]["records"].as_array().unwrap().clone();
    for pulled in &mut held {
        // Left out where it is what was pushed.
        if pulled["value"].is_null() {
            let key = [&pulled["local_id"], &pulled["key"]];
            let mine = records.iter().find(|mine| key.contains(&&mine["key"]));
            pulled["value"] = mine.unwrap()["value"].clone();
        }
    }
    held.retain(|record| record["deleted"] != json!(true));
    held.sort_by_key(|record| record["key"].to_string());
    let finished = finish(client, &opened["sync_uuid"], &pushed["max_checkin"], &held);
    assert_eq!(finished["in_sync"], true, "{finished:#}");
    held
}

/// P-26, P-64: what came after the backup comes back from the devices that hold it, once, under
/// its keys; what they lack is sent to them, and nothing is deleted.
#[test]
fn devices_give_back_what_a_restored_truth_has_lost() {
    let mut server = Server::start();
    let alice = server.client("alice");
    let first = sync(
        &alice,
        1,
        &Value::Null,
        json!([pending(1, &json!({"a": 1}))]),
    );
    let mut made = first["pull"]["records"].as_array().unwrap().clone();
    made[0]["value"] = json!({"a": 1});
    let max_checkin = &first["push"]["max_checkin"];
    finish(&alice, &first["sync_uuid"], max_checkin, &made);
    let kept = sync(
        &alice,
        3,
        &Value::Null,
        json!([pending(3, &json!({"c": 1}))]),
    );
    assert!(kept["push"]["max_checkin"].is_string());
    back_up(&mut server);

    let alice = server.client("alice");
    let base = &first["push"]["max_checkin"];
    let record = &first["pull"]["records"][0];
    let edit = json!({"key": record["key"], "base": base, "changed": ["a"], "value": {"a": 2}});
    let lost = sync(&alice, 1, base, json!([edit, pending(2, &json!({"b": 1}))]));
    let last_sync = &lost["push"]["max_checkin"];
    let mut held = pull(&alice, 2, &Value::Null);
    held.sort_by_key(|record| record["key"].to_string());
    assert_eq!(held.len(), 3);
    restore(&mut server);

    let alice = server.client("alice");
    assert_eq!(alice.records().len(), 2);
    // Device 1 has never seen the record of device 3.
    let is_own = |record: &&Value| record["value"] != json!({"c": 1});
    let own: Vec<Value> = held.iter().filter(is_own).cloned().collect();
    let back = refresh(&alice, 1, last_sync, &whole(&own));
    let keys = |records: &[Value]| -> Vec<Value> {
        records.iter().map(|record| record["key"].clone()).collect()
    };
    assert_eq!(keys(&back), keys(&held));
    assert_eq!(
        back.iter().map(|it| &it["value"]).collect::<Vec<_>>(),
        held.iter().map(|it| &it["value"]).collect::<Vec<_>>()
    );
    // The second device changes nothing by giving back the same.
    let again = refresh(&alice, 2, last_sync, &whole(&held));
    assert_eq!(keys(&again), keys(&held));
    assert_eq!(alice.records().len(), 3);
    assert_eq!(alice.get("/v1/conflicts").done()["conflicts"], json!([]));
}

/// P-64: a record under a key that the truth has never seen is one of its own that is equal to it
/// and that the push does not name, one to one.
#[test]
fn equal_records_are_matched_one_to_one() {
    let server = Server::start();
    let alice = server.client("alice");
    let twice = [pending(1, &json!("same")), pending(2, &json!("same"))];
    sync(&alice, 1, &Value::Null, json!(twice));
    let own = |number: u64| {
        json!({"key": uuid(number), "entity": "record", "value": "same",
            "created": "2026-11-22T04:41:01Z", "updated": "2026-11-22T04:41:01Z"})
    };
    let unissued = json!("2199-01-01T00:00:00.000000Z");
    let held = refresh(&alice, 2, &unissued, &[own(71), own(72), own(73)]);
    assert_eq!(held.len(), 3);
    assert_eq!(alice.records().len(), 3);
    let names: Vec<&Value> = held.iter().map(|record| &record["local_id"]).collect();
    assert_eq!(names.iter().filter(|name| !name.is_null()).count(), 2);
}

/// P-22, P-64: a truth from before a datastore was made makes it again for its devices.
#[test]
fn a_datastore_made_after_the_backup_comes_back() {
    let mut server = Server::start();
    sync(&server.client("bob"), 9, &Value::Null, json!([]));
    back_up(&mut server);
    let alice = server.client("alice");
    let made = sync(&alice, 1, &Value::Null, json!([pending(1, &json!(1))]));
    restore(&mut server);
    let alice = server.client("alice");
    let mut body = opening(
        1,
        json!({"last_sync": made["push"]["max_checkin"], "pending": 1}),
    );
    body["datastore"] = made["datastore"].clone();
    let opened = alice.done("/v1/sync/open", &body);
    assert_eq!(opened["mode"], "refresh");
    assert_eq!(opened["datastore"], made["datastore"]);
    let stranger = server.client("bob").post("/v1/sync/open", &body);
    assert_eq!(stranger.code(), "not_found");
    let held = made["pull"]["records"].as_array().unwrap().clone();
    let back = refresh(&alice, 1, &made["push"]["max_checkin"], &whole(&held));
    assert_eq!(back[0]["key"], held[0]["key"]);
}
