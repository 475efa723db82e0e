//! The session, call by call, against a server that the test plays.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};
use std::string::ToString;

use serde_json::{Value, json};

use super::answers::{checkin, finished, mingled, opened, page, record, synced};
use super::world::{Tab, create, problem, reply, update};
use crate::client::{
    Client, DeclaredIndex, ErrorCode, Event, Options, Phase, State, TransportError,
};
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::json::Canonical;

/// A device with one record, under its first name: a server gives it the key `k1`, and sends its value
/// back or does not.
async fn one_made(tab: &Tab, is_sent_back: bool) -> (Client<Tab>, String) {
    let client = tab.open().await;
    let local_id = client.does(create("todo", r#"[{"a":1}]"#)).await[0]
        .key
        .clone();
    let local = local_id.clone();
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => reply(200, &opened(1)),
        "/v1/sync/push" => {
            let mut made = record("k1", &json!({"a": 1}), 2);
            made["local_id"] = json!(local);
            if !is_sent_back {
                made.as_object_mut().unwrap().remove("value");
            }
            let mut answer = mingled(1, 2);
            answer["pull"] = page(&[made]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    (client, local_id)
}

#[pollster::test]
async fn rule_d10_an_unbound_device_sends_no_record_before_it_knows_whose_it_is() {
    let tab = Tab::new();
    let (client, local_id) = one_made(&tab, false).await;
    let report = client.syncs().await.unwrap();
    assert_eq!(
        (report.pushed, report.pulled, report.round_trips),
        (1, 0, 3)
    );
    assert!(report.in_sync);

    let calls = tab.bodies();
    let paths: Vec<_> = calls.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/v1/sync/open", "/v1/sync/push", "/v1/sync/finish"]);
    assert_eq!(calls[0].1["push"], Value::Null);
    assert_eq!(calls[0].1["pending"], 1);
    assert_eq!(calls[1].1["records"][0]["key"], local_id.as_str());
    assert_eq!(calls[2].1["last_update"], checkin(2).as_str());
    let canonical = Canonical::parse(r#"{"a":1}"#).unwrap();
    let fingerprint = RecordFingerprint::of("todo", canonical.borrow());
    let expected = DatastoreFingerprint::of_record("k1", &fingerprint);
    assert_eq!(calls[2].1["fingerprint"], expected.to_string());
    assert_eq!(calls[2].1["count"], 1);
}

#[pollster::test]
async fn rule_d11_a_key_arrives_with_its_aliases() {
    let tab = Tab::new();
    let (client, local_id) = one_made(&tab, true).await;
    client.syncs().await.unwrap();
    let (by_key, by_local_id) = (
        client.get("todo", "k1").await.unwrap(),
        client.get("todo", &local_id).await.unwrap(),
    );
    assert_eq!(by_key, by_local_id);
    assert_eq!(
        (by_key.key.as_str(), by_key.handle()),
        ("k1", local_id.clone())
    );
    assert_eq!((by_key.state, by_key.is_pending), (State::Synced, false));
    let remap = client
        .take_events()
        .into_iter()
        .find_map(|event| match event {
            Event::Remap(remapped) => Some(remapped),
            _ => None,
        });
    let remap = remap.unwrap();
    assert_eq!(
        (remap[0].local_id.as_str(), remap[0].key.as_str()),
        (local_id.as_str(), "k1")
    );

    let edited = client.does(update("todo", &local_id, r#"{"b":2}"#)).await;
    assert_eq!(
        (edited[0].key.as_str(), edited[0].state),
        ("k1", State::Updated)
    );
    assert_eq!(edited[0].handle(), local_id);
}

#[pollster::test]
async fn rule_d12_an_empty_sync_is_one_call() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    tab.plays(|_, _| {
        let mut answer = opened(2);
        answer["sync_uuid"] = Value::Null;
        answer["in_sync"] = json!(true);
        reply(200, &answer)
    });
    let report = client.syncs().await.unwrap();
    assert!(report.in_sync);
    assert_eq!((report.round_trips, report.last_sync), (1, checkin(2)));
    client.syncs().await.unwrap();
    let calls = tab.bodies();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].1["datastore"], "ours");
    assert_eq!(calls[1].1["last_sync"], checkin(2).as_str());
    // The attempt that made a session, and this one: that in between made none.
    assert_eq!(calls[1].1["attempts"].as_array().unwrap().len(), 2);
    assert_ne!(calls[0].1["attempts"][1], calls[1].1["attempts"][1]);
}

#[pollster::test]
async fn rule_d13_a_small_sync_is_two_calls() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            answer["push"] = mingled(1, 4);
            answer["pull"] = page(&[record("k1", &json!({"a": 2, "b": 7}), 4)]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    let report = client.syncs().await.unwrap();
    assert_eq!(report.round_trips, 2);
    let (_, open) = &tab.bodies()[0];
    let pushed = &open["push"]["records"][0];
    assert_eq!(
        (&pushed["changed"], &pushed["value"]),
        (&json!(["a"]), &json!({"a": 2}))
    );
    assert_eq!(pushed["base"], checkin(2).as_str());
    let doc = client.get("todo", &key).await.unwrap();
    assert_eq!(
        (doc.state, doc.value.as_str()),
        (State::Synced, r#"{"a":2,"b":7}"#)
    );
    assert_eq!(client.status().pending, 0);
}

#[pollster::test]
async fn rule_d14_an_edit_made_during_a_sync_stays_and_is_rebased() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    let (editor, k) = (client.clone(), key.clone());
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => {
            // The person goes on while the call is under way.
            pollster::block_on(editor.does(update("todo", &k, r#"{"c":3}"#)));
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            answer["push"] = mingled(1, 4);
            answer["pull"] = page(&[record("k1", &json!({"a": 2, "b": 7}), 4)]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    let doc = client.get("todo", &key).await.unwrap();
    assert_eq!(
        (doc.state, doc.value.as_str()),
        (State::Updated, r#"{"a":2,"b":7,"c":3}"#)
    );
    tab.0.calls.borrow_mut().clear();
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.syncs().await.unwrap_err();
    let (_, open) = &tab.bodies()[0];
    let pushed = &open["push"]["records"][0];
    // The base stays that of the oldest edit made without knowing the answer.
    assert_eq!(
        (&pushed["changed"], &pushed["base"]),
        (&json!(["c"]), &json!(checkin(2)))
    );
}

#[pollster::test]
async fn rule_d15_a_pull_goes_on_from_its_cursor_and_shows_nothing_before_its_end() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    tab.plays(|path, body| match path {
        "/v1/sync/open" => {
            let mut answer = opened(8);
            answer["last_sync"] = json!(checkin(2));
            assert!(body.contains(r#""pull":{"cursor":null}"#));
            answer["pull"] = json!({
                "records": [record("k2", &json!({"n": 2}), 3), record("k1", &json!({"a": 9}), 4)],
                "cursor": "at 4", "remaining": 1,
            });
            reply(200, &answer)
        }
        _ => Err(TransportError::Timeout),
    });
    let error = client.syncs().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Offline);
    assert_eq!(client.status().phase, Phase::Waiting);
    assert!(client.status().retry_at.is_some());
    assert_eq!(client.count("todo", "").await.unwrap(), 1);

    // The next start goes on from there.
    let client = tab.open().await;
    tab.plays(|path, body| match path {
        "/v1/sync/open" => {
            assert!(body.contains(r#""pull":{"cursor":"at 4"}"#), "{body}");
            let mut answer = opened(8);
            answer["last_sync"] = json!(checkin(2));
            answer["pull"] = page(&[record("k3", &json!({"n": 3}), 5)]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    let docs = client.find("todo", "").await.unwrap();
    let values: Vec<_> = docs.iter().map(|doc| doc.value.as_str()).collect();
    assert_eq!(values, [r#"{"a":9}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
    assert_eq!(client.info().last_sync, Some(checkin(8)));
}

#[pollster::test]
async fn rule_d16_somebody_else_signing_in_pushes_nothing() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    tab.plays(|_, body| {
        assert!(body.contains(r#""datastore":"ours""#));
        problem(404, "not_found")
    });
    assert_eq!(client.syncs().await.unwrap_err().code, ErrorCode::WrongUser);
    tab.plays(|_, _| {
        let mut answer = opened(2);
        answer["datastore"] = json!("theirs");
        reply(200, &answer)
    });
    assert_eq!(client.syncs().await.unwrap_err().code, ErrorCode::WrongUser);
    assert_eq!(client.info().datastore.as_deref(), Some("ours"));
    assert_eq!(client.status().pending, 1);
}

#[pollster::test]
async fn rule_d17_a_copied_device_takes_a_new_name_and_goes_on() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let before = client.info().device_uuid;
    client.does(create("todo", "[5]")).await;
    let opens = Rc::new(Cell::new(0));
    let count = Rc::clone(&opens);
    tab.plays(move |path, _| {
        count.set(count.get() + 1);
        if count.get() == 1 {
            return problem(409, "stale_device");
        }
        match path {
            "/v1/sync/open" => problem(503, "busy"),
            _ => reply(200, &finished()),
        }
    });
    assert_eq!(client.syncs().await.unwrap_err().code, ErrorCode::Busy);
    assert_ne!(client.info().device_uuid, before);
    let calls = tab.bodies();
    assert_eq!(calls[0].1["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(calls[1].1["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(calls[1].1["last_sync"], checkin(2).as_str());
    assert_eq!(calls[1].1["push"]["records"].as_array().unwrap().len(), 1);
}

/// A device with an index on `n` of `todo`.
async fn indexed(tab: &Tab) -> Client<Tab> {
    let n = DeclaredIndex {
        entity: "todo".into(),
        fields: ["n".into()].into(),
    };
    let options = Options {
        indexes: [n].into(),
        ..Options::default()
    };
    Client::open(tab.clone(), options).await.unwrap()
}

/// The page of up to 2,000 that answers what was pushed under these ids, from this one on.
fn answers(local_ids: &[String], from: usize) -> Value {
    let to = (from + 2000).min(local_ids.len());
    let answer = |n: usize| {
        let mut made = record(&format!("r{n:05}"), &json!({"n": n}), 4);
        made["local_id"] = json!(local_ids[n]);
        made.as_object_mut().unwrap().remove("value");
        made
    };
    let records: Vec<_> = (from..to).map(answer).collect();
    let remaining = local_ids.len() - to;
    let cursor = (remaining > 0).then(|| to.to_string());
    json!({"records": records, "cursor": cursor, "remaining": remaining})
}

#[pollster::test]
async fn large_pushes_go_in_batches_and_the_last_carries_the_pull() {
    let tab = Tab::new();
    let client = indexed(&tab).await;
    let values: Vec<_> = (0..5000).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let made = client
        .does(create("todo", &format!("[{}]", values.join(","))))
        .await;
    let keys: Vec<_> = made.into_iter().map(|doc| doc.key).collect();
    let seqs = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&seqs);
    tab.plays(move |path, body| {
        let body: Value = serde_json::from_str(body).unwrap();
        match path {
            "/v1/sync/open" => reply(200, &opened(2)),
            "/v1/sync/push" => {
                let count = body["records"].as_array().unwrap().len();
                seen.borrow_mut()
                    .push((body["seq"].clone(), count, body["more"].clone()));
                if body["more"] == json!(true) {
                    return reply(200, &json!({"staged": count}));
                }
                let mut answer = mingled(5000, 4);
                answer["pull"] = answers(&keys, 0);
                reply(200, &answer)
            }
            "/v1/sync/pull" => {
                let from: usize = body["cursor"].as_str().unwrap().parse().unwrap();
                reply(200, &answers(&keys, from))
            }
            _ => reply(200, &finished()),
        }
    });
    let report = client.syncs().await.unwrap();
    assert_eq!(
        (report.pushed, report.pulled, report.round_trips),
        (5000, 0, 7)
    );
    let expected = [(0, 2000, true), (1, 2000, true), (2, 1000, false)];
    let expected = expected.map(|(seq, count, more)| (json!(seq), count, json!(more)));
    assert_eq!(*seqs.borrow(), expected);
    assert_eq!((client.info().confirmed, client.info().pending), (5000, 0));
    let found = client
        .find("todo", r#"{"where":{"n":{"lt":3}}}"#)
        .await
        .unwrap();
    assert_eq!(
        found.iter().map(|doc| doc.key.as_str()).collect::<Vec<_>>(),
        ["r00000", "r00001", "r00002"]
    );
}
