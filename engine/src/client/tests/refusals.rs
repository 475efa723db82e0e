//! What a device does when it is refused, against a server that the test plays.

use alloc::{borrow::ToOwned, format, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};

use serde_json::{Value, json};

use super::answers::{checkin, finished, mingled, opened, page, record, synced};
use super::world::{Tab, create, delete, problem, reply, undo, update};
use crate::client::{Cancel, ErrorCode, Event, Phase, State, SyncOptions, TransportError};

#[pollster::test]
async fn rule_d18_a_rejected_record_is_set_aside_and_mended() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let made = client
        .does(create("todo", r#"[{"bad":1},{"good":1}]"#))
        .await;
    let (bad, good) = (made[0].key.clone(), made[1].key.clone());
    let local = good.clone();
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            let mut summary = mingled(2, 4);
            summary["rejected"] = json!([{"key": null, "index": 0,
                "problem": {"code": "bad_record", "detail": "it is bad"}}]);
            answer["push"] = summary;
            let mut kept = record("k2", &json!({"good": 1}), 4);
            kept["local_id"] = json!(local);
            answer["pull"] = page(&[kept]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    let report = client.syncs().await.unwrap();
    assert_eq!((report.pushed, report.rejected), (1, 1));
    let doc = client.get("todo", &bad).await.unwrap();
    assert_eq!(doc.state, State::Rejected);
    assert_eq!(
        doc.problem,
        Some(("bad_record".to_owned(), "it is bad".to_owned()))
    );
    assert_eq!(client.info().rejected, 1);
    assert!(
        client
            .take_events()
            .contains(&Event::Rejected([bad.clone()].into()))
    );

    // Nothing to push now; mended, it goes again.
    tab.plays(|_, _| Err(TransportError::Timeout));
    tab.0.calls.borrow_mut().clear();
    client.syncs().await.unwrap_err();
    assert_eq!(tab.bodies()[0].1["pending"], 0);
    client.does(update("todo", &bad, r#"{"bad":2}"#)).await;
    assert_eq!(client.info().rejected, 0);
    tab.0.calls.borrow_mut().clear();
    client.syncs().await.unwrap_err();
    assert_eq!(
        tab.bodies()[0].1["push"]["records"][0]["value"],
        json!({"bad": 2})
    );
}

#[pollster::test]
async fn rule_d19_a_record_asked_for_whole_is_sent_whole_at_once() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    let round = Rc::new(Cell::new(0));
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => {
            round.set(round.get() + 1);
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            if round.get() == 1 {
                let mut summary = mingled(1, 4);
                summary["rejected"] =
                    json!([{"key": "k1", "index": 0, "problem": {"code": "need_whole"}}]);
                answer["push"] = summary;
                answer["pull"] = page(&[]);
            } else {
                answer["push"] = mingled(1, 5);
                answer["pull"] = page(&[record("k1", &json!({"a": 2, "b": 1}), 5)]);
            }
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    let opens: Vec<Value> = tab
        .bodies()
        .into_iter()
        .filter(|(path, _)| path == "/v1/sync/open")
        .map(|(_, body)| body["push"]["records"][0].clone())
        .collect();
    assert_eq!(opens.len(), 2);
    assert_eq!(opens[1]["value"], json!({"a": 2, "b": 1}));
    assert_eq!(opens[1]["changed"], Value::Null);
    assert_eq!(client.status().pending, 0);
}

#[pollster::test]
async fn rule_d20_the_three_classes_of_failure_are_told_apart() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    for (status, code, expected) in [
        (503, "busy", ErrorCode::Busy),
        (500, "internal", ErrorCode::Busy),
        (401, "unauthenticated", ErrorCode::Unauthenticated),
        (403, "forbidden", ErrorCode::Forbidden),
        (423, "airbag", ErrorCode::Airbag),
        (426, "protocol", ErrorCode::Protocol),
        (409, "truth_pushed", ErrorCode::TruthPushed),
        (501, "not_supported", ErrorCode::NotSupported),
    ] {
        tab.plays(move |_, _| problem(status, code));
        let error = client.syncs().await.unwrap_err();
        assert_eq!(
            (error.code, error.is_passing()),
            (expected, expected == ErrorCode::Busy)
        );
        assert_eq!(client.status().retry_at.is_some(), error.is_passing());
        assert_eq!(client.status().pending, 1);
    }
    tab.plays(|_, _| {
        Ok(crate::client::Reply {
            status: 502,
            body: "<html>".into(),
            ..Default::default()
        })
    });
    assert_eq!(client.syncs().await.unwrap_err().code, ErrorCode::Busy);
}

#[pollster::test]
async fn rule_d21_a_refused_token_is_renewed_once() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    tab.0.tokens.set(1);
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    tab.plays(move |_, _| {
        count.set(count.get() + 1);
        problem(401, "unauthenticated")
    });
    assert_eq!(
        client.syncs().await.unwrap_err().code,
        ErrorCode::Unauthenticated
    );
    assert_eq!((asked.get(), client.status().phase), (2, Phase::Waiting));
    let attempts: Vec<_> = tab
        .bodies()
        .iter()
        .map(|(_, body)| body["attempts"].clone())
        .collect();
    assert_eq!(
        attempts[0], attempts[1],
        "the same call again, not another attempt"
    );
}

#[pollster::test]
async fn rule_d22_what_never_left_is_dropped_and_what_may_have_left_is_deleted_by_name() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let sent = client.does(create("todo", "[1]")).await[0].key.clone();
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.syncs().await.unwrap_err();
    let kept = client.does(create("todo", "[2]")).await[0].key.clone();
    client.does(delete("todo", &kept)).await;
    client.does(delete("todo", &sent)).await;
    assert_eq!(client.status().pending, 1);
    assert_eq!(client.get("todo", &sent).await, None);
    let dead = sent.clone();
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            answer["push"] = mingled(1, 4);
            answer["pull"] = page(&[json!({
                "key": dead, "local_id": dead, "deleted": true, "checkin": checkin(4),
            })]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    let pushed = &tab.bodies()[1].1["push"]["records"][0];
    assert_eq!(
        (&pushed["key"], &pushed["deleted"]),
        (&json!(sent), &json!(true))
    );
    assert_eq!(
        (&pushed["is_pending"], &pushed["value"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(client.status().pending, 0);
    assert_eq!(client.count("todo", "").await.unwrap(), 1);
}

#[pollster::test]
async fn rule_d23_a_record_too_large_is_set_aside_and_the_rest_flows() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let small = Rc::new(RefCell::new(String::new()));
    let name = Rc::clone(&small);
    tab.plays(move |path, body| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            answer["limits"]["body_bytes"] = json!(10_000);
            if body.len() > 10_000 {
                return problem(413, "too_large");
            }
            reply(200, &answer)
        }
        "/v1/sync/push" => {
            let mut kept = record("k2", &json!("small"), 4);
            kept["local_id"] = json!(*name.borrow());
            let mut answer = mingled(1, 4);
            answer["pull"] = page(&[kept]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    let values = format!(r#"["small","{}"]"#, "x".repeat(20_000));
    let made = client.does(create("todo", &values)).await;
    small.replace(made[0].key.clone());
    let report = client.syncs().await.unwrap();
    assert_eq!((report.pushed, report.rejected), (1, 1));
    let doc = client.get("todo", &made[1].key).await.unwrap();
    assert_eq!(doc.problem.unwrap().0, "too_large");
    assert_eq!(
        client.get("todo", &made[0].key).await.unwrap().state,
        State::Synced
    );
}

#[pollster::test]
async fn rule_d24_fingerprints_that_differ_are_shown_and_not_looped_on() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["mode"] = json!("repair");
            answer["last_sync"] = json!(checkin(2));
            answer["push"] = mingled(1, 4);
            answer["pull"] = page(&[record("k1", &json!({"a": 2, "b": 1}), 4)]);
            reply(200, &answer)
        }
        "/v1/sync/reconcile" => reply(200, &json!({"ranges": []})),
        "/v1/sync/pull" => reply(200, &page(&[record("k1", &json!({"a": 2, "b": 1}), 4)])),
        _ => reply(200, &json!({"in_sync": false, "last_sync": checkin(4)})),
    });
    let report = client.syncs().await.unwrap();
    assert!(!report.in_sync);
    assert_eq!(report.round_trips, 4);
    let status = client.status();
    assert_eq!(
        (status.in_sync, status.phase),
        (Some(false), Phase::Waiting)
    );
    assert!(status.retry_at.is_some());
}

#[pollster::test]
async fn a_cancelled_sync_makes_no_further_call() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let cancel = Cancel::default();
    let flag = cancel.clone();
    tab.plays(move |_, _| {
        flag.cancel();
        reply(200, &opened(2))
    });
    let error = client
        .sync(SyncOptions::default(), &cancel)
        .await
        .unwrap_err();
    assert_eq!((error.code, tab.bodies().len()), (ErrorCode::Cancelled, 1));
    assert_eq!(client.status().phase, Phase::Idle);
}

#[pollster::test]
async fn rule_d44_undo_leaves_a_record_as_the_server_confirmed_it() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    let before = client.get("todo", &key).await.unwrap();

    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    assert_eq!(
        client.does(undo("todo", &key)).await,
        core::slice::from_ref(&before)
    );
    client.does(delete("todo", &key)).await;
    assert_eq!(
        client.does(undo("todo", &key)).await,
        core::slice::from_ref(&before)
    );
    assert_eq!(
        client.does(undo("todo", &key)).await,
        core::slice::from_ref(&before)
    );
    let made = client.does(create("todo", "[1]")).await;
    assert_eq!(client.does(undo("todo", &made[0].key)).await, []);
    assert_eq!(client.pending().await.unwrap(), []);

    // Refused: a change, and a record that the server never took.
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    let made = client.does(create("todo", r#"[{"bad":1}]"#)).await[0]
        .key
        .clone();
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            let refused = |index: u32| {
                json!({"key": null, "index": index, "problem": {"code": "bad_record", "detail": ""}})
            };
            let mut summary = mingled(0, 2);
            summary["rejected"] = json!([refused(0), refused(1)]);
            answer["push"] = summary;
            answer["pull"] = page(&[]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    assert_eq!(client.info().rejected, 2);
    assert_eq!(client.does(undo("todo", &key)).await, [before]);
    assert_eq!(client.does(undo("todo", &made)).await, []);
    assert_eq!(client.get("todo", &made).await, None);
    // It may have left after all, so it is taken back by name.
    let pending = client.pending().await.unwrap();
    let states: Vec<_> = pending
        .iter()
        .map(|doc| (doc.key.clone(), doc.state))
        .collect();
    assert_eq!(states, [(made, State::Deleted)]);
}

#[pollster::test]
async fn what_the_truth_keeps_nothing_of_is_answered_whatever_its_entity() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(update("todo", &key, r#"{"a":2}"#)).await;
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["last_sync"] = json!(checkin(2));
            answer["push"] = mingled(1, 4);
            // No entity: the server does not know it any more.
            answer["pull"] = page(&[json!({
                "key": "k1", "entity": "record", "is_pending": false, "deleted": true,
                "checkin": checkin(4),
            })]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    let pending = client.pending().await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].state, State::Rejected);
    assert_eq!(client.info().confirmed, 0);
}

#[pollster::test]
async fn a_sync_ends_where_the_newest_of_what_came_lies() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(4);
            answer["last_sync"] = json!(checkin(2));
            // The push was repeated on its way, and the second moved the session's end.
            answer["pull"] = page(&[record("k2", &json!({"a": 1}), 5)]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    assert_eq!(client.info().last_sync, Some(checkin(5)));
    assert_eq!(tab.bodies()[1].1["last_update"], json!(checkin(5)));
}
