//! `tidemark compact` and `tidemark verify` on the database of a server that runs, and compaction
//! that the server does by itself. Rules T-64, T-66, T-71.

use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::{Connection, sqlite::SqliteConnection};
use tidemark_tests::server::{Server, tidemark};

use super::talk::{changed, deleted, finish, opening, pending, settings, sync};

const NOTHING_KEPT: [&str; 4] = ["--keep-history", "0s", "--keep-tombstones", "0s"];

/// A verb on the server's database.
fn on(server: &Server, verb: &str, options: &[&str]) -> Output {
    let mut command = tidemark();
    command
        .current_dir(server.folder())
        .args([verb, "--database", "sqlite:truth.db"])
        .args(options);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Makes a record and edits it, sync after sync; the last checkin and the record as it is then.
fn edited(server: &Server, times: usize) -> (Value, Value) {
    let alice = server.client("alice");
    let made = sync(
        &alice,
        1,
        &Value::Null,
        json!([pending(1, &json!({"at": 0}))]),
    );
    let key = made["pull"]["records"][0]["key"].clone();
    let mut last = made;
    for at in 1..=times {
        let base = last["push"]["max_checkin"].clone();
        let edit = changed(&key, &base, &json!({"at": at}));
        last = sync(&alice, 1, &base, json!([edit]));
    }
    let checkin = last["push"]["max_checkin"].clone();
    let held = last["pull"]["records"].as_array().unwrap().clone();
    finish(&alice, &last["sync_uuid"], &checkin, &held);
    (checkin, held[0].clone())
}

/// Runs one statement in the database.
fn by_hand(server: &Server, statement: &'static str) {
    let url = format!("sqlite:{}", server.folder().join("truth.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let done = sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    });
}

/// T-71, T-66: what was dropped is told; a device that missed a forgotten deletion is repaired.
#[test]
fn compact_works_beside_the_server() {
    let server = Server::start();
    let alice = server.client("alice");
    let (checkin, record) = edited(&server, 5);
    let dropped = on(&server, "compact", &[]);
    assert!(dropped.status.success());
    assert!(
        said(&dropped).starts_with("dropped 0 values, 0 versions"),
        "{}",
        said(&dropped)
    );
    let dropped = on(&server, "compact", &NOTHING_KEPT);
    assert!(
        said(&dropped).starts_with("dropped 5 values, 5 versions"),
        "{}",
        said(&dropped)
    );

    let gone = deleted(&record["key"], &checkin);
    let last = sync(&alice, 2, &checkin, json!([gone]));
    finish(
        &alice,
        &last["sync_uuid"],
        &last["push"]["max_checkin"],
        &[],
    );
    let dropped = on(&server, "compact", &NOTHING_KEPT);
    assert!(
        said(&dropped).contains("1 tombstones"),
        "{}",
        said(&dropped)
    );
    let late = opening(1, json!({"last_sync": checkin, "pending": 1}));
    assert_eq!(alice.done("/v1/sync/open", &late)["mode"], "repair");
    assert_eq!(alice.records(), Vec::<Value>::new());
    assert!(on(&server, "verify", &[]).status.success());

    for (verb, options) in [
        ("compact", &["--database", "sqlite:missing.db"]),
        ("verify", &["--database", "sqlite:missing.db"]),
    ] {
        let mut command = tidemark();
        command.current_dir(server.folder()).arg(verb).args(options);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.contains("there is no database \"missing.db\""),
            "{error}"
        );
        assert!(!server.folder().join("missing.db").exists());
    }
}

/// T-71: a sound database is told so with exit code 0; one that was changed by hand is not.
#[test]
fn verify_works_beside_the_server() {
    let mut server = Server::start();
    edited(&server, 3);
    let sound = on(&server, "verify", &[]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    assert_eq!(
        said(&sound),
        "looked at 4 versions and 5 commits of 1 datastores\n"
    );
    server.kill();
    assert!(
        on(&server, "verify", &[]).status.success(),
        "after a kill, too"
    );
    by_hand(
        &server,
        "update version set value = '{\"at\":9}' where superseded is null",
    );
    let broken = on(&server, "verify", &[]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        said(&broken).contains("its value comes to the fingerprint"),
        "{}",
        said(&broken)
    );
    assert!(said(&broken).contains("to mend it: "), "{}", said(&broken));
    let error = String::from_utf8(broken.stderr).unwrap();
    assert_eq!(error, "tidemark: one thing is wrong\n");
}

/// T-71, T-70: what can be mended for certain is, while the server runs; what cannot is told still.
#[test]
fn verify_repairs_beside_the_server() {
    let server = Server::start();
    let (checkin, record) = edited(&server, 3);
    by_hand(&server, "update datastore set live = live + 7");
    assert_eq!(on(&server, "verify", &[]).status.code(), Some(1));
    let mended = on(&server, "verify", &["--repair"]);
    assert_eq!(mended.status.code(), Some(0), "{}", said(&mended));
    assert!(said(&mended).contains("(`tidemark verify --repair` does)"));
    assert!(said(&mended).contains("mended by 1 changes; looking again"));
    by_hand(
        &server,
        "update version set value = '{\"at\":9}' where superseded is null",
    );
    let broken = on(&server, "verify", &["--repair"]);
    assert_eq!(broken.status.code(), Some(1), "{}", said(&broken));
    // What the datastore's fingerprint speaks for is put back by hand, as told.
    by_hand(
        &server,
        "update version set value = '{\"at\":3}' where superseded is null",
    );
    let edit = changed(&record["key"], &checkin, &json!({"at": 4}));
    sync(&server.client("alice"), 1, &checkin, json!([edit]));
    assert!(on(&server, "verify", &[]).status.success());
}

/// T-64: while devices push and pull, the server compacts by itself, another process compacts and
/// one verifies; every call is answered, and all agree.
#[test]
fn a_server_compacts_while_it_serves() {
    let mut options = NOTHING_KEPT.to_vec();
    options[3] = "1h";
    options.extend(["--compact-every", "20ms"]);
    let server = Server::with(&options);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let upkeep = scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                assert!(on(&server, "compact", &NOTHING_KEPT[..2]).status.success());
                let verified = on(&server, "verify", &[]);
                assert!(verified.status.success(), "{}", said(&verified));
            }
        });
        let devices: Vec<_> = (1..4)
            .map(|device| {
                let alice = server.client("alice");
                scope.spawn(move || {
                    let mut known = Value::Null;
                    let mut key = Value::Null;
                    for round in 0..40_u64 {
                        let record = match round % 4 {
                            0 => pending(device * 1000 + round, &json!({"round": round})),
                            3 => deleted(&key, &known),
                            _ => changed(&key, &known, &json!({"round": round})),
                        };
                        let answer = sync(&alice, device, &known, json!([record]));
                        let told = &answer["pull"]["records"];
                        let own =
                            |record: &&Value| round % 4 == 0 && record["local_id"].is_string();
                        if let Some(own) = told.as_array().unwrap().iter().find(own) {
                            key = own["key"].clone();
                        }
                        known = answer["push"]["max_checkin"].clone();
                        let body = json!({"sync_uuid": answer["sync_uuid"], "last_update": known});
                        alice.done("/v1/sync/finish", &body);
                    }
                })
            })
            .collect();
        for device in devices {
            device.join().unwrap();
        }
        is_done.store(true, Ordering::SeqCst);
        upkeep.join().unwrap();
    });
    assert!(server.logged().contains("compacted"), "it did so by itself");
    assert_eq!(server.client("alice").records(), Vec::<Value>::new());
    assert!(on(&server, "verify", &[]).status.success());
}

/// P-59, T-60: a datastore keeps its history for as long as its owner has set, the others for as
/// long as the operator has.
#[test]
fn each_datastore_has_its_own_retention() {
    let server = Server::start();
    edited(&server, 3);
    let path = settings(&server.client("alice"));
    let kept = json!({"history": 2_592_000, "tombstones": 7_776_000});
    assert_eq!(server.client("alice").get(&path).done()["retention"], kept);
    let nothing = json!({"retention": {"history": 0, "tombstones": 0}});
    let set = server.client("alice").patch(&path, &nothing).done();
    assert_eq!(set["retention"], nothing["retention"]);
    let bob = server.client("bob");
    let made = sync(
        &bob,
        2,
        &Value::Null,
        json!([pending(1, &json!({"at": 0}))]),
    );
    let base = &made["push"]["max_checkin"];
    let key = &made["pull"]["records"][0]["key"];
    let edit = changed(key, base, &json!({"at": 1}));
    let last = sync(&bob, 2, base, json!([edit]));
    let checkin = &last["push"]["max_checkin"];
    finish(
        &bob,
        &last["sync_uuid"],
        checkin,
        last["pull"]["records"].as_array().unwrap(),
    );

    let dropped = said(&on(&server, "compact", &[]));
    assert!(
        dropped.starts_with("dropped 3 values, 3 versions"),
        "{dropped}"
    );
    let all = json!({"retention": null});
    assert_eq!(
        server.client("alice").patch(&path, &all).done()["retention"],
        kept
    );
}
