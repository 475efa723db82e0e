//! The truth taken and pushed, call by call, against a server that the test plays.

use alloc::{borrow::ToOwned, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;

use serde_json::{Value, json};
use tidemark_protocol::{Direction, Mode};

use super::answers::{checkin, finished, mingled, opened, page, record, synced};
use super::world::{Tab, create, delete, problem, put, reply, undo, update};
use crate::client::{
    Cancel, Client, Error, ErrorCode, Event, Reply, State, SyncOptions, SyncReport, TransportError,
};
use crate::store::Fault;

type Played = Result<Reply, TransportError>;

impl Client<Tab> {
    pub(super) async fn syncs_as(&self, options: SyncOptions) -> Result<SyncReport, Error> {
        self.sync(options, &Cancel::default()).await
    }

    /// What waits: value, state and the problem's code.
    pub(super) async fn waiting(&self) -> Vec<(String, State, Option<String>)> {
        let pending = self.pending().await.unwrap();
        let waits = pending.into_iter().map(|doc| {
            let code = doc.problem.map(|(code, _)| code);
            (doc.value.as_str().to_owned(), doc.state, code)
        });
        waits.collect()
    }
}

pub(super) fn mode(mode: Mode) -> SyncOptions {
    SyncOptions {
        mode,
        ..SyncOptions::default()
    }
}

pub(super) fn opened_as(mode: &str, last_sync: Value) -> Value {
    let mut answer = opened(8);
    answer["mode"] = json!(mode);
    answer["last_sync"] = last_sync;
    answer
}

/// The whole truth: `k1` is another, `k2` is new.
fn truth(path: &str) -> Played {
    match path {
        "/v1/sync/open" => reply(200, &opened_as("pull_truth", Value::Null)),
        "/v1/sync/pull" => reply(
            200,
            &page(&[
                record("k1", &json!({"a": 9, "b": 1}), 7),
                record("k2", &json!({"n": 2}), 8),
            ]),
        ),
        _ => reply(200, &finished()),
    }
}

/// Holds `k1` and `k3` of an earlier sync, and has edited both; and made two records.
pub(super) async fn edited(tab: &Tab) -> Client<Tab> {
    let (client, _) = synced(tab).await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(4);
            answer["last_sync"] = json!(checkin(2));
            answer["pull"] = page(&[record("k3", &json!({"n": 3}), 4)]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    client.does(update("todo", "k1", r#"{"a":2}"#)).await;
    client.does(update("todo", "k3", r#"{"n":4}"#)).await;
    client
        .does(create("todo", r#"[{"new":1},{"new":2}]"#))
        .await;
    tab.0.calls.borrow_mut().clear();
    client
}

#[pollster::test]
async fn rule_d49_the_truth_is_taken_in_one_commit_and_what_waited_is_set_aside() {
    for (fault, skipped) in [Fault::Before, Fault::After]
        .into_iter()
        .flat_map(|fault| (0..4).map(move |skipped| (fault, skipped)))
    {
        let tab = Tab::new();
        let client = edited(&tab).await;
        let before = client.waiting().await;
        tab.plays(|path, _| truth(path));
        tab.0.pages.fail_after(skipped, fault);
        drop(client.syncs_as(mode(Mode::PullTruth)).await);
        // The tab dies; what is on the disk is all of it or nothing.
        let tab = super::world::World::on(tab.0.pages.snapshot(), 5);
        let client = tab.open().await;
        if client.info().rejected == 0 {
            assert_eq!(client.waiting().await, before);
            assert_eq!(client.get("todo", "k2").await, None);
            tab.plays(|path, _| truth(path));
            client.syncs_as(mode(Mode::PullTruth)).await.unwrap();
        }
        let info = client.info();
        assert_eq!((info.confirmed, info.pending, info.rejected), (2, 4, 4));
        assert_eq!(info.last_sync, Some(checkin(8)));
        for (_, state, code) in client.waiting().await {
            assert_eq!(
                (state, code.as_deref()),
                (State::Rejected, Some("pull_truth"))
            );
        }
    }
}

#[pollster::test]
async fn rule_d49_what_was_set_aside_is_sent_when_edited_again_and_gone_when_undone() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    let keys: Vec<_> = client.pending().await.unwrap();
    let keys: Vec<_> = keys.into_iter().map(|doc| doc.key).collect();
    tab.plays(|path, body| {
        assert!(!body.contains(r#""push""#), "{body}");
        truth(path)
    });
    client.take_events();
    let report = client.syncs_as(mode(Mode::PullTruth)).await.unwrap();
    assert_eq!((report.pushed, report.rejected), (0, 4));
    assert_eq!(report.mode, "pull_truth");
    assert!(
        client
            .take_events()
            .contains(&Event::Rejected(keys.clone()))
    );

    client.does(update("todo", "k1", r#"{"a":3}"#)).await;
    for key in keys.iter().filter(|key| *key != "k1") {
        client.does(undo("todo", key)).await;
    }
    assert_eq!(client.info().rejected, 0);
    tab.0.calls.borrow_mut().clear();
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.syncs().await.unwrap_err();
    let (_, open) = &tab.bodies()[0];
    assert_eq!(open["last_sync"], checkin(8).as_str());
    let pushed = open["push"]["records"].as_array().unwrap();
    assert_eq!(pushed.len(), 1, "what never left is gone: {pushed:?}");
    assert_eq!(pushed[0]["value"], json!({"a": 3}));
    assert_eq!(client.get("todo", "k3").await, None);
}

#[pollster::test]
async fn rule_d49_what_is_edited_meanwhile_stays_to_be_sent() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    client.does(put("todo", "moot", r#"{"n":2}"#)).await;
    let editor = client.clone();
    tab.plays(move |path, _| {
        if path == "/v1/sync/open" {
            pollster::block_on(async {
                editor.does(update("todo", "k1", r#"{"b":5}"#)).await;
                editor.does(create("todo", r#"[{"new":1}]"#)).await;
            });
        }
        match path {
            "/v1/sync/pull" => reply(
                200,
                &page(&[
                    record("k1", &json!({"a": 9, "b": 1}), 7),
                    record("moot", &json!({"n": 2}), 8),
                ]),
            ),
            _ => truth(path),
        }
    });
    client.syncs_as(mode(Mode::PullTruth)).await.unwrap();
    let waiting = client.waiting().await;
    let expected = [
        (r#"{"new":1}"#.to_owned(), State::Created, None),
        (r#"{"a":9,"b":5}"#.to_owned(), State::Updated, None),
    ];
    assert_eq!(
        waiting, expected,
        "what the truth says too is not set aside"
    );
    // The next truth has no `k1`: what is edited of it meanwhile has nowhere to go.
    let editor = client.clone();
    tab.plays(move |path, _| match path {
        "/v1/sync/open" => {
            pollster::block_on(editor.does(delete("todo", "moot")));
            truth(path)
        }
        "/v1/sync/pull" => reply(200, &page(&[])),
        _ => truth(path),
    });
    client.syncs_as(mode(Mode::PullTruth)).await.unwrap();
    let states: Vec<_> = client.waiting().await;
    let codes: Vec<_> = states.iter().map(|(_, _, code)| code.as_deref()).collect();
    assert_eq!(
        codes,
        [Some("pull_truth"), Some("pull_truth")],
        "{states:?}"
    );
    assert_eq!(client.info().confirmed, 0);
}

#[pollster::test]
async fn rule_d49_a_truth_in_pages_is_none_to_go_on_with() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, body| match path {
        "/v1/sync/pull" if body.contains(r#""cursor":null"#) => {
            let mut first = page(&[record("k1", &json!({"a": 9}), 7)]);
            first["cursor"] = json!("at 7");
            reply(200, &first)
        }
        "/v1/sync/pull" => Err(TransportError::Timeout),
        _ => truth(path),
    });
    client.syncs_as(mode(Mode::PullTruth)).await.unwrap_err();
    assert_eq!(client.info().rejected, 0);
    tab.0.calls.borrow_mut().clear();
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.syncs().await.unwrap_err();
    let (_, open) = &tab.bodies()[0];
    assert_eq!(open["push"]["records"].as_array().unwrap().len(), 4);
    client.does(undo("todo", "k1")).await;
    tab.0.calls.borrow_mut().clear();
    client
        .syncs_as(SyncOptions {
            direction: Direction::Pull,
            ..SyncOptions::default()
        })
        .await
        .unwrap_err();
    assert_eq!(tab.bodies()[0].1["pull"]["cursor"], Value::Null);
}

#[pollster::test]
async fn rule_d50_a_truth_that_was_pushed_is_taken_by_itself() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    tab.plays(|path, body| match path {
        "/v1/sync/open" if !body.contains("pull_truth") => problem(409, "truth_pushed"),
        _ => truth(path),
    });
    // Who asks for something else is told.
    let error = client.syncs_as(mode(Mode::Repair)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TruthPushed);
    assert_eq!(client.info().rejected, 0);
    let report = client.syncs().await.unwrap();
    assert_eq!((report.rejected, report.mode.as_str()), (4, "pull_truth"));
    for (_, _, code) in client.waiting().await {
        assert_eq!(code.as_deref(), Some("truth_pushed"));
    }
    assert_eq!(client.info().confirmed, 2);
}

/// Plays a server to which the truth is pushed; notes the pushes.
fn takes_truth(tab: &Tab) -> Rc<RefCell<Vec<Value>>> {
    let pushes = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&pushes);
    tab.plays(move |path, body| match path {
        "/v1/sync/open" => reply(200, &opened_as("push_truth", json!(checkin(4)))),
        "/v1/sync/push" => {
            let body: Value = serde_json::from_str(body).unwrap();
            seen.borrow_mut().push(body.clone());
            if body["confirm"] != json!(true) {
                let held =
                    json!({"code": "airbag", "status": 423, "deletes": 3, "changes": 2, "live": 9});
                return reply(423, &held);
            }
            let mut answer = mingled(body["records"].as_array().unwrap().len(), 9);
            answer["pull"] = page(&[]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    pushes
}

#[pollster::test]
async fn rule_d51_the_truth_is_pushed_whole_and_only_when_confirmed() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    let pushes = takes_truth(&tab);
    client.take_events();
    let error = client.syncs_as(mode(Mode::PushTruth)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Airbag);
    let airbag = Event::Airbag {
        mode: Mode::PushTruth,
        deletes: 3,
        changes: 2,
        live: 9,
    };
    assert!(client.take_events().contains(&airbag));
    assert!(client.is_held());
    assert_eq!(client.waiting().await.len(), 4);

    let confirmed = SyncOptions {
        confirm: true,
        ..mode(Mode::PushTruth)
    };
    let report = client.syncs_as(confirmed).await.unwrap();
    assert_eq!((report.pushed, report.mode.as_str()), (4, "push_truth"));
    assert!(!client.is_held());
    for (_, open) in tab
        .bodies()
        .iter()
        .filter(|(path, _)| path == "/v1/sync/open")
    {
        assert_eq!((&open["push"], &open["pull"]), (&Value::Null, &Value::Null));
    }
    let pushes = pushes.borrow();
    assert_eq!(pushes.len(), 2);
    for record in pushes[1]["records"].as_array().unwrap() {
        assert_eq!(record["changed"], Value::Null, "{record}");
        assert_ne!(record["value"], Value::Null, "{record}");
    }
}

#[pollster::test]
async fn rule_d51_nothing_is_a_truth_too_and_none_is_pushed_twice() {
    let tab = Tab::new();
    let client = tab.open().await;
    let pushes = takes_truth(&tab);
    let confirmed = SyncOptions {
        confirm: true,
        ..mode(Mode::PushTruth)
    };
    client.syncs_as(confirmed).await.unwrap();
    assert_eq!(pushes.borrow().len(), 1);
    assert_eq!(pushes.borrow()[0]["records"], json!([]));

    // The session ends after the truth was pushed: what others do since is not overridden.
    let client = edited(&tab).await;
    let modes = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&modes);
    tab.plays(move |path, body| {
        let body: Value = serde_json::from_str(body).unwrap();
        match path {
            "/v1/sync/open" => {
                seen.borrow_mut().push(body["mode"].clone());
                let mode = body["mode"].as_str().unwrap();
                if mode == "auto" {
                    return problem(503, "busy");
                }
                reply(200, &opened_as(mode, json!(checkin(4))))
            }
            "/v1/sync/push" => {
                let mut answer = mingled(4, 9);
                answer["pull"] = page(&[]);
                reply(200, &answer)
            }
            _ => problem(410, "session_gone"),
        }
    });
    client.syncs_as(confirmed).await.unwrap_err();
    assert_eq!(*modes.borrow(), [json!("push_truth"), json!("auto")]);
}

#[pollster::test]
async fn rule_d51_a_server_that_decides_otherwise_gets_and_gives_nothing() {
    let tab = Tab::new();
    let client = edited(&tab).await;
    let before = client.info();
    for (asked, decided) in [
        (Mode::PullTruth, "fast"),
        (Mode::PushTruth, "fast"),
        (Mode::Auto, "pull_truth"),
        (Mode::Auto, "slow"),
        (Mode::Auto, "push_truth"),
    ] {
        tab.0.calls.borrow_mut().clear();
        tab.plays(move |path, _| {
            assert_eq!(path, "/v1/sync/open");
            reply(200, &opened_as(decided, json!(checkin(4))))
        });
        let error = client.syncs_as(mode(asked)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotSupported);
        let info = client.info();
        assert_eq!(
            (info.fingerprint, info.rejected, info.pending),
            (before.fingerprint.clone(), 0, before.pending)
        );
    }
}
