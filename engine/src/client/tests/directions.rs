//! One way, slowly, and what the airbag holds, call by call, against a server that the test plays.

use alloc::{rc::Rc, string::ToString, vec::Vec};
use core::cell::Cell;

use serde_json::{Value, json};
use tidemark_protocol::{Direction, Mode, Timestamp};

use super::answers::{checkin, finished, mingled, page, record, synced};
use super::modes::{edited, mode, opened_as};
use super::world::{Tab, delete, reply, undo};
use crate::client::{ErrorCode, Event, Phase, SyncOptions, TransportError};
use crate::key::derived_key;

fn one_way(direction: Direction, mirror: bool) -> SyncOptions {
    SyncOptions {
        direction,
        mirror,
        ..SyncOptions::default()
    }
}

/// An opening whose push is done, with a first page of the pull after it.
fn pushed_alone() -> Value {
    let mut answer = opened_as("fast", json!(checkin(4)));
    answer["push"] = mingled(4, 9);
    let mut first = page(&[record("k1", &json!({"a": 2, "b": 1}), 9)]);
    first["cursor"] = json!("own 9");
    answer["pull"] = first;
    answer
}

/// An opening of one that only pulls, and all that it is sent.
fn pulled_alone(records: &[Value]) -> Value {
    let mut answer = opened_as("fast", json!(checkin(4)));
    answer["direction"] = json!("pull");
    answer["pull"] = page(records);
    answer
}

#[pollster::test]
async fn rule_d52_a_push_alone_leaves_where_the_device_stands() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, body| match path {
        "/v1/sync/open" => {
            let mut answer = pushed_alone();
            answer["direction"] = json!("push");
            reply(200, &answer)
        }
        "/v1/sync/pull" => {
            assert!(body.contains("own 9"), "{body}");
            reply(200, &page(&[record("k3", &json!({"n": 4}), 9)]))
        }
        _ => reply(200, &finished()),
    });
    client
        .syncs_as(one_way(Direction::Push, false))
        .await
        .unwrap();
    assert_eq!(client.info().last_sync, Some(checkin(4)));
    assert_eq!(client.info().pending, 2);
    let calls = tab.bodies();
    let (path, finish) = calls.last().unwrap();
    assert_eq!(path, "/v1/sync/finish");
    assert_eq!(finish["last_update"], Value::Null);
}

#[pollster::test]
async fn rule_d52_nobody_goes_on_with_the_pull_of_a_push_alone() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    let last = Rc::new(Cell::new(false));
    let is_last = Rc::clone(&last);
    tab.plays(move |path, body| match path {
        "/v1/sync/open" if is_last.get() => {
            assert!(!body.contains("own 9"), "{body}");
            Err(TransportError::Timeout)
        }
        "/v1/sync/open" => reply(200, &pushed_alone()),
        _ => Err(TransportError::Timeout),
    });
    client
        .syncs_as(one_way(Direction::Push, false))
        .await
        .unwrap_err();
    last.set(true);
    client.syncs().await.unwrap_err();
}

#[pollster::test]
async fn rule_d53_a_pull_alone_sends_nothing_and_edits_stay_over_what_comes() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => reply(
            200,
            &pulled_alone(&[record("k1", &json!({"a": 1, "b": 8}), 8)]),
        ),
        _ => reply(200, &finished()),
    });
    let report = client
        .syncs_as(one_way(Direction::Pull, false))
        .await
        .unwrap();
    assert_eq!((report.pushed, report.rejected), (0, 0));
    let open = &tab.bodies()[0].1;
    assert_eq!((&open["pending"], &open["push"]), (&json!(0), &Value::Null));
    assert_eq!(client.waiting().await.len(), 4);
    let doc = client.get("todo", "k1").await.unwrap();
    assert_eq!(doc.value.as_str(), r#"{"a":2,"b":8}"#);
    // A record that never left is still none that the server could know.
    let made = client.find("todo", r#"{"where":{"new":1}}"#).await.unwrap();
    client.does(delete("todo", &made[0].key)).await;
    assert_eq!(client.waiting().await.len(), 3);
}

#[pollster::test]
async fn rule_d53_a_server_that_knows_this_device_only_to_pull_stops_no_sync() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened_as("fast", json!(checkin(4)));
            answer["direction"] = json!("pull");
            answer["push"] = json!({"code": "forbidden", "status": 403});
            reply(200, &answer)
        }
        "/v1/sync/pull" => reply(200, &page(&[record("k5", &json!(5), 8)])),
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    assert_eq!((client.info().confirmed, client.info().pending), (3, 4));
}

#[pollster::test]
async fn rule_d53_a_mirror_of_the_truth_sets_aside_what_waited() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => reply(200, &opened_as("repair", json!(checkin(4)))),
        "/v1/sync/reconcile" => reply(
            200,
            &json!({"ranges": [], "drop": ["k3"], "records": [record("k1", &json!({"a": 7}), 8)]}),
        ),
        _ => reply(200, &finished()),
    });
    let report = client
        .syncs_as(one_way(Direction::Pull, true))
        .await
        .unwrap();
    assert_eq!((report.pushed, report.rejected), (0, 4));
    assert_eq!(client.info().confirmed, 1);
    let paths: Vec<_> = tab.bodies().into_iter().map(|(path, _)| path).collect();
    let expected = ["/v1/sync/open", "/v1/sync/reconcile", "/v1/sync/finish"];
    assert_eq!(paths, expected);
}

#[pollster::test]
async fn rule_d71_what_a_copy_pushed_and_a_pull_alone_brings_is_one_record() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    let made = client.find("todo", r#"{"where":{"new":1}}"#).await.unwrap();
    let (local_id, created) = (made[0].key.clone(), made[0].created.clone());
    let millis = Timestamp::millis_of(&created).unwrap();
    let key = derived_key(local_id.parse().unwrap(), millis).to_string();
    let copied = record(&key, &json!({"new": 1, "by": "the copy"}), 8);
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => reply(200, &pulled_alone(std::slice::from_ref(&copied))),
        _ => reply(200, &finished()),
    });
    client
        .syncs_as(one_way(Direction::Pull, false))
        .await
        .unwrap();
    let found = client.find("todo", r#"{"where":{"new":1}}"#).await.unwrap();
    let keys: Vec<_> = found.iter().map(|doc| doc.key.as_str()).collect();
    assert_eq!(keys, [key.as_str()]);
    assert_eq!(client.waiting().await.len(), 4);
    // Its first id leads to it, and it is pushed once more by that.
    let doc = client.get("todo", &local_id).await.unwrap();
    assert_eq!(doc.key, key);
    tab.0.calls.borrow_mut().clear();
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.syncs().await.unwrap_err();
    let pushed = tab.bodies()[0].1["push"]["records"].to_string();
    assert!(pushed.contains(&local_id), "{pushed}");
    assert!(!pushed.contains(&key), "{pushed}");
}

#[pollster::test]
async fn rule_d72_a_pull_alone_takes_nothing_that_a_restored_truth_has_lost() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened_as("refresh", Value::Null);
            answer["direction"] = json!("pull");
            // What it was before the time that the truth has lost.
            answer["pull"] = page(&[record("k3", &json!({"n": 1}), 1)]);
            reply(200, &answer)
        }
        // `k1` the truth never heard of, and asks nobody for it who only pulls.
        "/v1/sync/reconcile" => reply(
            200,
            &json!({"ranges": [], "drop": [], "send": [], "records": [record("k5", &json!(5), 8)]}),
        ),
        _ => {
            let mut answer = finished();
            answer["in_sync"] = json!(false);
            reply(200, &answer)
        }
    });
    let report = client
        .syncs_as(one_way(Direction::Pull, false))
        .await
        .unwrap();
    assert!(!report.in_sync);
    let paths: Vec<_> = tab.bodies().into_iter().map(|(path, _)| path).collect();
    let expected = ["/v1/sync/open", "/v1/sync/reconcile", "/v1/sync/finish"];
    assert_eq!(paths, expected);
    assert_eq!(client.info().confirmed, 3);
    let doc = client.get("todo", "k3").await.unwrap();
    assert_eq!(doc.value.as_str(), r#"{"n":4}"#);
    client.does(undo("todo", "k3")).await;
    let doc = client.get("todo", "k3").await.unwrap();
    assert_eq!(doc.value.as_str(), r#"{"n":3}"#);
}

#[pollster::test]
async fn rule_d54_a_slow_sync_confirms_what_it_deletes_and_pulls_what_came_before() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    tab.plays(|path, body| match path {
        "/v1/sync/open" => reply(200, &opened_as("slow", json!(checkin(2)))),
        "/v1/sync/reconcile" if !body.contains(r#""confirm":true"#) => {
            let held = json!({"code": "airbag", "status": 423, "deletes": 1, "live": 2});
            reply(423, &held)
        }
        "/v1/sync/reconcile" => reply(
            200,
            &json!({"ranges": [], "deleted": ["k0"], "max_checkin": checkin(12)}),
        ),
        // Between the open and the deletion somebody else has written.
        "/v1/sync/pull" => reply(200, &page(&[record("k2", &json!(2), 11)])),
        _ => reply(200, &finished()),
    });
    let error = client.syncs_as(mode(Mode::Slow)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Airbag);
    let slow = SyncOptions {
        confirm: true,
        ..mode(Mode::Slow)
    };
    client.syncs_as(slow).await.unwrap();
    assert_eq!(client.info().confirmed, 2);
    assert_eq!(client.info().last_sync, Some(checkin(12)));
}

#[pollster::test]
async fn rule_d55_what_the_airbag_holds_waits_for_the_person_or_for_other_edits() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    client.does(delete("todo", &key)).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened_as("fast", json!(checkin(2)));
            answer["push"] =
                json!({"code": "airbag", "status": 423, "deletes": 1, "changes": 0, "live": 1});
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    assert!(!client.is_held());
    client.take_events();
    let error = client.syncs().await.unwrap_err();
    assert_eq!((error.code, error.is_passing()), (ErrorCode::Airbag, false));
    let airbags = client.take_events().into_iter();
    let airbags = airbags.filter(|event| matches!(event, Event::Airbag { .. }));
    assert_eq!(airbags.count(), 1);
    let status = client.status();
    assert_eq!((status.phase, status.retry_at), (Phase::Waiting, None));
    assert_eq!(status.error.unwrap().code, ErrorCode::Airbag);
    assert!(client.is_held());
    // A failing network answers nothing for the person.
    let other = tab.open().await;
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.syncs().await.unwrap_err();
    assert!(client.is_held());
    // Another tab hears of it.
    other.hold(true);
    assert!(other.is_held());
    other.does(undo("todo", &key)).await;
    assert!(!other.is_held());
    client.refresh().await.unwrap();
    assert!(!client.is_held());
    other.hold(true);
    other.hold(false);
    assert!(!other.is_held());
}

#[pollster::test]
async fn rule_d56_options_that_contradict_each_other_call_nobody() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    for options in [
        one_way(Direction::Both, true),
        SyncOptions {
            direction: Direction::Pull,
            ..mode(Mode::PushTruth)
        },
        SyncOptions {
            direction: Direction::Push,
            ..mode(Mode::PullTruth)
        },
    ] {
        let error = client.syncs_as(options).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
    }
    assert_eq!(tab.bodies(), []);
    assert_eq!(client.status().error, None);
}
