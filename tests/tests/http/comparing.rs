//! What a device holds decides: mirrors of both directions, and the mode `slow`, in which all that it
//! holds is compared with what it held. Rules P-69, P-70, P-71, P-41.

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::{Server, tidemark};

use super::held::{Held, peopled, reconcile};
use super::talk::{changed, code, deleted, finish, open, pending, pull, settings, sync};

/// Opens in a mode, or one way; the answer.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a `json!` is written where it is used"
)]
fn opened(client: &Client, last_sync: &Value, held: &Held, more: Value) -> Value {
    let mut claim = json!({"last_sync": last_sync, "fingerprint": held.fingerprint()});
    claim
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    open(client, 2, claim)
}

/// All that the session is sent.
fn pulled(client: &Client, session: &Value) -> Vec<Value> {
    let pull = json!({"sync_uuid": session, "limit": 4000});
    let page = client.done("/v1/sync/pull", &pull);
    assert_eq!(page["cursor"], Value::Null);
    page["records"].as_array().unwrap().clone()
}

/// Everything it holds that is asked for, as of a base.
fn asked(held: &Held, keys: &[Value], base: &Value) -> Vec<Value> {
    let whole = |key: &Value| {
        let record = &held.0[key.as_str().unwrap()];
        json!({"key": key, "entity": record["entity"], "value": record["value"], "base": base})
    };
    keys.iter().map(whole).collect()
}

fn keys_of(held: &Held) -> Vec<Value> {
    held.0.keys().map(|key| json!(key)).collect()
}

/// A server, and so many records that devices 1 and 2 know: what 2 holds, as of when, their keys.
fn scene(count: u64) -> (Server, Client, Held, Value, Vec<Value>) {
    let server = Server::start();
    let client = server.client("alice");
    let (held, base) = peopled(&client, count);
    let keys = keys_of(&held);
    (server, client, held, base, keys)
}

fn unsettled(client: &Client) -> Value {
    client.get("/v1/conflicts").done()["open"].clone()
}

/// What others did to the first records, and the device without a mark.
fn both_sides_change(client: &Client, held: &mut Held, base: &Value, keys: &[Value]) {
    let theirs = json!([
        changed(&keys[0], base, &json!({"number": "theirs"})),
        changed(&keys[1], base, &json!({"number": "theirs"})),
        changed(&keys[2], base, &json!({"other": "theirs"})),
        deleted(&keys[3], base),
        deleted(&keys[4], base),
        pending(90, &json!("theirs"))
    ]);
    sync(client, 1, base, theirs);

    // 1 and 5 it deleted, 2, 4 and 6 it changed.
    held.0.remove(keys[1].as_str().unwrap());
    held.0.remove(keys[5].as_str().unwrap());
    for place in [2, 4, 6] {
        held.spoil(&keys[place], json!({"number": "mine"}));
    }
}

/// P-70: what it changed, made and deleted without a mark is worked out from what it held; what
/// others changed meanwhile is sent, an edit survives, and nothing that it knew of is a conflict.
#[test]
fn p70_a_device_that_keeps_no_marks_is_compared() {
    let (_server, client, mut held, base, keys) = scene(60);
    both_sides_change(&client, &mut held, &base, &keys);
    let answer = opened(&client, &base, &held, json!({"mode": "slow"}));
    assert_eq!(
        (&answer["mode"], &answer["last_sync"]),
        (&json!("slow"), &base)
    );
    let session = &answer["sync_uuid"];
    let found = held.compare(&client, session, false).unwrap();
    let mut sent = found.send.clone();
    sent.sort_by_key(Value::to_string);
    assert_eq!(sent, [&keys[2], &keys[4], &keys[6]].map(Clone::clone));
    assert_eq!(found.drop, [keys[3].clone()]);
    assert_eq!(found.deleted, [keys[5].clone()]);
    assert_eq!(
        found.records.len(),
        3,
        "0, what they made, and 1: {:#?}",
        found.records
    );
    assert_ne!(found.max_checkin, None);
    // The deletion of 1 is kept beside the edit.
    assert_eq!(unsettled(&client), 1);

    held.take(&found.records);
    held.0.remove(keys[3].as_str().unwrap());
    let push = json!({"sync_uuid": session, "records": asked(&held, &sent, &base)});
    let pushed = client.done("/v1/sync/push", &push);
    assert_eq!(
        (&pushed["updated"], &pushed["merged"]),
        (&json!(1), &json!(2)),
        "{pushed:#}"
    );
    held.take_beside(&pulled(&client, session));
    let finished = finish(&client, session, &pushed["max_checkin"], &held.records());
    assert_eq!(finished["in_sync"], true);
    let value = |place: usize| {
        held.0
            .get(keys[place].as_str().unwrap())
            .map(|it| it["value"].clone())
    };
    assert_eq!(
        value(1),
        Some(json!({"number": "theirs"})),
        "the edit survives"
    );
    assert_eq!(value(2), Some(json!({"number": "mine", "other": "theirs"})));
    assert_eq!(
        value(4),
        Some(json!({"number": "mine"})),
        "an edit survives a deletion"
    );
    let fresh = Held::of(&pull(&client, 3, &Value::Null));
    assert_eq!(fresh.fingerprint(), held.fingerprint());
    // Once more there is nothing to find.
    let answer = opened(
        &client,
        &pushed["max_checkin"],
        &held,
        json!({"mode": "slow"}),
    );
    let again = held.compare(&client, &answer["sync_uuid"], false).unwrap();
    assert_eq!(
        (again.calls, again.records.len(), again.max_checkin),
        (1, 0, None)
    );
}

/// P-70: going back to an old value is a change; what it never held is sent, never deleted.
#[test]
fn p70_it_is_compared_with_what_it_held_not_with_all_that_was() {
    let (_server, client, mut held, base, keys) = scene(3);
    let was = held.0[keys[0].as_str().unwrap()]["value"].clone();
    let edit = sync(
        &client,
        1,
        &base,
        json!([changed(&keys[0], &base, &json!({"number": "new"}))]),
    );
    let newer = edit["push"]["max_checkin"].clone();
    held.take(&pull(&client, 2, &base));
    held.spoil(&keys[0], was.clone());
    let answer = opened(&client, &newer, &held, json!({"mode": "slow"}));
    let found = held.reconcile(&client, &answer["sync_uuid"]);
    assert_eq!((found.send.len(), found.records.len()), (1, 0));
    let push =
        json!({"sync_uuid": answer["sync_uuid"], "records": asked(&held, &found.send, &newer)});
    assert_eq!(client.done("/v1/sync/push", &push)["updated"], 1);
    let now = client
        .records()
        .into_iter()
        .find(|record| record["key"] == keys[0]);
    assert_eq!(now.unwrap()["value"], was);

    // One that claims nothing has deleted nothing.
    let nothing = Held::default();
    let answer = opened(&client, &Value::Null, &nothing, json!({"mode": "slow"}));
    let found = nothing.reconcile(&client, &answer["sync_uuid"]);
    assert_eq!((found.records.len(), found.deleted.len()), (3, 0));
    assert_eq!(client.records().len(), 3);
}

/// P-71, P-41: what is missing is gathered over all calls, and deleted at once when no range is
/// left, behind the airbag; the same call passes when it is confirmed.
#[test]
fn p70_an_emptied_device_is_held() {
    let server = Server::start();
    let client = server.client("alice");
    let (mut held, base) = peopled(&client, 90);
    for key in &keys_of(&held)[..45] {
        held.0.remove(key.as_str().unwrap());
    }
    let answer = opened(&client, &base, &held, json!({"mode": "slow"}));
    let session = &answer["sync_uuid"];
    let problem = held.compare(&client, session, false).err().unwrap();
    assert_eq!(
        (code(&problem), &problem["status"]),
        ("airbag", &json!(423))
    );
    assert_eq!(
        (&problem["deletes"], &problem["live"]),
        (&json!(45), &json!(90))
    );
    assert_eq!(client.records().len(), 90);
    let found = held.compare(&client, session, true).unwrap();
    assert_eq!(found.deleted.len(), 45);
    assert_eq!(client.records().len(), 45);
    // The device has heard of it: nothing more is to be done.
    let end = found.max_checkin.unwrap();
    assert_eq!(
        finish(&client, session, &end, &held.records())["in_sync"],
        true
    );
    let heads = json!({"last_sync": end, "fingerprint": held.fingerprint()});
    assert_eq!(open(&client, 2, heads)["in_sync"], true);
}

/// P-71, P-41: spread over several calls that each leave no range, it is counted together.
#[test]
fn p41_the_airbag_counts_over_calls() {
    let (_server, client, held, base, keys) = scene(60);
    let answer = opened(&client, &base, &held, json!({"mode": "slow"}));
    let session = &answer["sync_uuid"];
    let edge = |place: usize| keys.get(place).cloned().unwrap_or(Value::Null);
    let ask = |from: usize, confirm: bool| {
        let range = json!({"from": edge(from), "to": edge(from + 15), "items": []});
        let body = json!({"sync_uuid": session, "ranges": [range], "confirm": confirm});
        client.post("/v1/sync/reconcile", &body)
    };
    assert_eq!(
        ask(0, false).done()["deleted"].as_array().unwrap().len(),
        15
    );
    let problem = ask(15, false);
    assert_eq!((problem.status, problem.code().as_str()), (423, "airbag"));
    assert_eq!(problem.json()["deletes"], 30);
    assert_eq!(problem.json()["live"], 60);
    assert_eq!(client.records().len(), 45);
    assert_eq!(
        ask(15, true).done()["deleted"].as_array().unwrap().len(),
        15
    );
    assert_eq!(client.records().len(), 30);
    // An operator's or owner's thresholds hold here, too.
    let path = settings(&client);
    let set = json!({"airbag": {"deletes": 1, "percent": 0}});
    assert_eq!(client.patch(&path, &set).status, 200);
    let answer = opened(&client, &base, &held, json!({"mode": "slow"}));
    let range = json!([{"from": edge(30), "to": edge(31), "items": []}]);
    let body = json!({"sync_uuid": answer["sync_uuid"], "ranges": range});
    assert_eq!(client.post("/v1/sync/reconcile", &body).status, 423);
}

/// P-70: what a device was sent in this session and failed to keep is not taken for deleted.
#[test]
fn p70_what_it_was_just_sent_it_did_not_delete() {
    let (_server, client, mut held, base, keys) = scene(5);
    let theirs = json!([
        changed(&keys[0], &base, &json!({"number": "theirs"})),
        pending(90, &json!("theirs"))
    ]);
    sync(&client, 1, &base, theirs);
    let answer = opened(&client, &base, &held, json!({"mode": "slow"}));
    let session = &answer["sync_uuid"];
    held.reconcile(&client, session);
    let came = pulled(&client, session);
    assert_eq!(came.len(), 2);
    // It loses both, and a third that it had.
    held.0.remove(keys[0].as_str().unwrap());
    held.0.remove(keys[1].as_str().unwrap());
    let end = &answer["max_checkin"];
    assert_eq!(
        finish(&client, session, end, &held.records())["in_sync"],
        false
    );
    let found = held.reconcile(&client, session);
    let told: Vec<&Value> = found.records.iter().map(|record| &record["key"]).collect();
    assert_eq!(
        (told.len(), told.contains(&&keys[0])),
        (2, true),
        "others\' edit survives"
    );
    assert_eq!(
        found.deleted,
        [keys[1].clone()],
        "what it had it has deleted"
    );
    held.take(&found.records);
    let end = &found.max_checkin.unwrap();
    let finished = finish(&client, session, end, &held.records());
    assert_eq!(finished["in_sync"], true);
    assert_eq!(client.records().len(), 5);
}

/// P-70: one way, it sends down only, or takes up only.
#[test]
fn p70_one_way() {
    let (_server, client, held, base, keys) = scene(5);
    sync(
        &client,
        1,
        &base,
        json!([changed(&keys[0], &base, &json!({"number": "theirs"}))]),
    );
    let mut holds = held.clone();
    holds.0.remove(keys[1].as_str().unwrap());
    holds.spoil(&keys[2], json!("mine"));
    let ask = |direction: &str, confirm: bool| {
        let more = json!({"mode": "slow", "direction": direction});
        let answer = opened(&client, &base, &holds, more);
        let found = holds
            .compare(&client, &answer["sync_uuid"], confirm)
            .unwrap();
        (answer["sync_uuid"].clone(), found)
    };
    let (_, down) = ask("pull", true);
    assert_eq!(
        (down.records.len(), down.send.len(), down.deleted.len()),
        (1, 0, 0)
    );
    let (session, up) = ask("push", false);
    assert_eq!((up.records.len(), up.deleted.len()), (0, 1));
    assert_eq!(up.send, [keys[2].clone()]);
    let push = json!({"sync_uuid": session, "records": asked(&holds, &up.send, &base)});
    let pushed = client.done("/v1/sync/push", &push);
    holds.take_beside(&pulled(&client, &session));
    let finished = finish(&client, &session, &pushed["max_checkin"], &holds.records());
    assert_eq!(
        (&finished["in_sync"], &finished["last_sync"]),
        (&json!(true), &base)
    );
    let more = json!({"last_sync": base, "fingerprint": holds.fingerprint(), "pending": 1});
    assert_eq!(
        open(&client, 2, more)["mode"],
        "fast",
        "it holds what is expected of it"
    );
}

/// P-69: a device that mirrors the truth is made equal to it, whatever it holds.
#[test]
fn p69_a_device_mirrors_the_truth() {
    let (_server, client, mut held, base, keys) = scene(40);
    let gone = deleted(&keys[0], &base);
    let theirs = sync(&client, 1, &base, json!([gone]));
    held.spoil(&keys[0], json!("mine"));
    held.spoil(&keys[1], json!("mine"));
    held.0.remove(keys[2].as_str().unwrap());
    let more = json!({"mode": "fast", "direction": "pull", "mirror": true, "pull": {}});
    let answer = opened(&client, &base, &held, more);
    assert_eq!(
        (&answer["mode"], &answer["mirror"]),
        (&json!("repair"), &json!(true))
    );
    let session = &answer["sync_uuid"];
    let found = held.compare(&client, session, true).unwrap();
    assert_eq!((found.send.len(), found.deleted.len()), (0, 0));
    assert_eq!((found.records.len(), &found.drop[..]), (2, &keys[..1]));
    held.mend(&client, session, &found);
    let end = &theirs["push"]["max_checkin"];
    assert_eq!(
        finish(&client, session, end, &held.records())["in_sync"],
        true
    );
    assert_eq!(client.records().len(), 39, "nothing was taken up");
}

/// P-69: a truth that mirrors a device is made equal to it: old values, deleted records and what is
/// missing too; what others lose by it is kept, settled; what the session just pushed stays.
#[test]
fn p69_the_truth_mirrors_a_device() {
    let (_server, client, mut held, base, keys) = scene(50);
    let theirs = json!([
        changed(&keys[0], &base, &json!({"number": "theirs"})),
        deleted(&keys[1], &base),
        changed(&keys[2], &base, &json!({"number": "theirs"})),
        pending(90, &json!("theirs"))
    ]);
    sync(&client, 1, &base, theirs);
    held.0.remove(keys[2].as_str().unwrap());
    held.0.remove(keys[3].as_str().unwrap());
    let more = json!({"direction": "push", "mirror": true, "pending": 2, "push": {"records": [
        pending(91, &json!("mine")), changed(&keys[4], &base, &json!({"number": "mine"}))]}});
    let answer = opened(&client, &base, &held, more);
    assert_eq!(
        (&answer["mode"], &answer["direction"]),
        (&json!("repair"), &json!("push"))
    );
    let session = &answer["sync_uuid"];
    let found = held.compare(&client, session, false).unwrap();
    assert_eq!((found.records.len(), found.drop.len()), (0, 0));
    assert_eq!(found.send, keys[..2]);
    assert_eq!(found.deleted.len(), 3, "2, 3 and what they made");
    let push = json!({"sync_uuid": session, "records": asked(&held, &found.send, &base)});
    let pushed = client.done("/v1/sync/push", &push);
    assert_eq!(
        (&pushed["updated"], &pushed["rejected"]),
        (&json!(2), &json!([])),
        "{pushed:#}"
    );
    let mut came = pulled(&client, session);
    assert_eq!(came.len(), 4, "just what it pushed");
    for record in &mut came {
        if record["local_id"].is_string() {
            record["value"] = json!("mine");
        }
    }
    held.take_beside(&came);
    let finished = finish(&client, session, &pushed["max_checkin"], &held.records());
    assert_eq!(
        (&finished["in_sync"], &finished["last_sync"]),
        (&json!(true), &base)
    );
    let truth = Held::of(&client.records());
    assert_eq!(truth.fingerprint(), held.fingerprint());
    assert_eq!(unsettled(&client), 0);
    let settled = client.get("/v1/conflicts?settled=true").done();
    assert_eq!(
        settled["conflicts"].as_array().unwrap().len(),
        4,
        "0, 1, 2 and what they made"
    );
    // And again: nothing.
    let more = json!({"direction": "push", "mirror": true});
    let answer = opened(&client, &base, &held, more);
    let again = held.compare(&client, &answer["sync_uuid"], false).unwrap();
    assert_eq!((again.send.len(), again.max_checkin), (0, None));
}

/// P-69, P-41: the airbag counts changes and deletions where the truth mirrors a device.
#[test]
fn p69_a_mirror_that_changes_too_much_is_held() {
    let server = Server::start();
    let client = server.client("alice");
    let (held, base) = peopled(&client, 60);
    let mut empty = Held::default();
    let mirror = json!({"direction": "push", "mirror": true});
    let answer = opened(&client, &base, &empty, mirror.clone());
    let problem = empty
        .compare(&client, &answer["sync_uuid"], false)
        .err()
        .unwrap();
    assert_eq!(
        (code(&problem), &problem["deletes"]),
        ("airbag", &json!(60))
    );
    assert_eq!(client.records().len(), 60);
    empty.take(&held.records());
    let keys = keys_of(&held);
    for key in &keys[..30] {
        empty.spoil(key, json!("mine"));
    }
    let answer = opened(&client, &base, &empty, mirror);
    let session = &answer["sync_uuid"];
    let found = empty.reconcile(&client, session);
    assert_eq!(found.send.len(), 30);
    let push = |confirm: bool| {
        let records = asked(&empty, &found.send, &base);
        client.post(
            "/v1/sync/push",
            &json!({"sync_uuid": session, "records": records, "confirm": confirm}),
        )
    };
    let problem = push(false);
    assert_eq!(problem.status, 423);
    assert_eq!(problem.json()["changes"], 30);
    assert_eq!(push(true).done()["updated"], 30);
}

/// P-69, P-68: what an open of one way leaves alone in a repair, and `confirm` does not change that.
#[test]
fn p68_a_one_way_repair_leaves_the_other_way_alone() {
    let (_server, client, mut held, base, keys) = scene(40);
    held.spoil(&keys[0], json!("mine"));
    held.0.remove(keys[1].as_str().unwrap());
    for (direction, sends, takes) in [("pull", 0, 1), ("push", 1, 0), ("both", 1, 1)] {
        let more = json!({"mode": "repair", "direction": direction});
        let answer = opened(&client, &base, &held, more);
        let found = held.compare(&client, &answer["sync_uuid"], true).unwrap();
        assert_eq!(
            (found.send.len(), found.records.len()),
            (sends, takes),
            "{direction}"
        );
        assert_eq!(found.deleted.len(), 0);
    }
    assert_eq!(client.records().len(), 40);
}

/// P-70: what was compared leaves a sound database; where history does not reach back, nothing is
/// taken for deleted.
#[test]
fn p70_where_the_history_does_not_tell_nothing_is_deleted() {
    let mut server = Server::with(&["--keep-history", "0s", "--keep-tombstones", "0s"]);
    let client = server.client("alice");
    let (held, base) = peopled(&client, 5);
    let keys = keys_of(&held);
    sync(
        &client,
        1,
        &base,
        json!([changed(&keys[0], &base, &json!({"number": "theirs"}))]),
    );
    for device in [1, 2] {
        let over = open(&client, device, json!({"last_sync": base, "pending": 1}));
        client.done("/v1/sync/cancel", &json!({"sync_uuid": over["sync_uuid"]}));
    }
    server.stop();
    let file = format!("sqlite:{}", server.folder().join("truth.db").display());
    for verb in ["compact", "verify"] {
        let mut command = tidemark();
        command.args([verb, "--database", &file]);
        if verb == "compact" {
            command.args(["--keep-history", "0s", "--keep-tombstones", "0s"]);
        }
        assert!(command.output().unwrap().status.success(), "{verb}");
    }
    server.start_again();
    let client = server.client("alice");
    let empty = Held::default();
    let answer = opened(&client, &base, &empty, json!({"mode": "slow"}));
    let all = json!([{"from": "", "to": null, "items": []}]);
    let found = reconcile(&client, &answer["sync_uuid"], &all);
    assert_eq!(found["records"].as_array().unwrap().len(), 5);
    assert_eq!(client.records().len(), 5);
}
