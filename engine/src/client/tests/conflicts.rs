//! Conflicts on the device: the list it keeps, and decisions on their way to the server.

use alloc::{borrow::ToOwned, format, rc::Rc, string::String, vec, vec::Vec};
use core::cell::{Cell, RefCell};

use serde_json::{Value, json};
use tidemark_protocol::Mode;

use super::answers::{checkin, finished, opened, page, record, synced};
use super::world::{Tab, World, json as parse, problem, reply};
use crate::client::{Cancel, Choice, Client, ErrorCode, Event, Reply, SyncOptions, TransportError};

/// A server with a list of conflicts that a test may change.
#[derive(Clone)]
struct Server(Rc<RefCell<List>>);

struct List {
    ids: Vec<&'static str>,
    changed: u32,
    /// What a decision is answered; `None`: it is heeded.
    refusal: Option<Result<Reply, TransportError>>,
    is_listed: bool,
}

fn conflict(id: &str) -> Value {
    json!({
        "id": id, "key": "k1", "entity": "todo", "fields": ["a"], "base": checkin(2),
        "checkin": checkin(3), "truth": {"a": 2}, "device": {"a": 3},
        "truth_device": "one", "device_uuid": "other",
    })
}

impl Server {
    fn of(tab: &Tab, ids: &[&'static str]) -> Self {
        let list = List {
            ids: ids.to_vec(),
            changed: 3,
            refusal: None,
            is_listed: true,
        };
        let server = Self(Rc::new(RefCell::new(list)));
        let playing = server.clone();
        tab.plays(move |path, body| playing.answer(path, body));
        server
    }

    fn answer(&self, path: &str, body: &str) -> Result<Reply, TransportError> {
        let mut list = self.0.borrow_mut();
        let summary = json!({"open": list.ids.len(), "changed": checkin(list.changed)});
        if path == "/v1/sync/open" {
            let mut answer = opened(list.changed);
            answer["last_sync"] = json!(checkin(2));
            answer["conflicts"] = summary;
            answer["pull"] = page(&[record("k1", &json!({"a": list.changed}), list.changed)]);
            return reply(200, &answer);
        }
        if path == "/v1/sync/finish" {
            let mut answer = finished();
            answer["conflicts"] = summary;
            return reply(200, &answer);
        }
        if let Some(id) = path.strip_prefix("/v1/conflicts/") {
            if let Some(refusal) = &list.refusal {
                return refusal.clone();
            }
            let id = id.strip_suffix("?datastore=ours").unwrap();
            list.ids.retain(|open| *open != id);
            list.changed += 1;
            let changed = checkin(list.changed);
            let summary = json!({"open": list.ids.len(), "changed": changed});
            return reply(
                200,
                &json!({"id": id, "settled": changed, "conflicts": summary}),
            );
        }
        assert_eq!(body, "", "the list is asked for by GET");
        if !list.is_listed {
            return problem(503, "busy");
        }
        // One a page.
        let at = match path.split_once("&cursor=") {
            None => 0,
            Some((_, cursor)) => cursor.strip_prefix("%2F").unwrap().parse().unwrap(),
        };
        let next = (at + 1 < list.ids.len()).then(|| format!("/{}", at + 1));
        let here: Vec<_> = list
            .ids
            .iter()
            .skip(at)
            .take(1)
            .copied()
            .map(conflict)
            .collect();
        reply(
            200,
            &json!({"conflicts": here, "cursor": next, "remaining": 0, "open": 0,
                "changed": checkin(list.changed)}),
        )
    }
}

impl Client<Tab> {
    async fn conflict_ids(&self) -> Vec<String> {
        let texts = self.conflicts().await.unwrap();
        let id = |text: &String| parse(text)["id"].as_str().unwrap().to_owned();
        texts.iter().map(id).collect()
    }

    fn told_conflicts(&self) -> Vec<String> {
        let told = |event| match event {
            Event::Conflict(ids) => ids,
            _ => Vec::new(),
        };
        self.take_events().into_iter().flat_map(told).collect()
    }
}

fn asked(tab: &Tab, part: &str) -> usize {
    let calls = tab.0.calls.take();
    calls
        .iter()
        .filter(|(path, _)| path.starts_with(part))
        .count()
}

#[pollster::test]
async fn rule_d40_the_list_of_conflicts_is_kept_and_fetched_when_it_changed() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let server = Server::of(&tab, &["c1", "c2"]);
    client.take_events();
    client.syncs().await.unwrap();
    assert_eq!(asked(&tab, "/v1/conflicts"), 2);
    assert_eq!(client.conflict_ids().await, ["c1", "c2"]);
    assert_eq!(client.told_conflicts(), ["c1", "c2"]);
    let texts = client.conflicts().await.unwrap();
    assert_eq!(parse(&texts[0]), conflict("c1"));

    client.syncs().await.unwrap();
    assert_eq!(asked(&tab, "/v1/conflicts"), 0);
    assert_eq!(client.told_conflicts(), [""; 0]);

    // Another tab sees them, as does the next start; and of a new list only what is new is told.
    tab.plays(|_, _| Err(TransportError::Timeout));
    let later = World::on(tab.0.pages.clone(), 9).open().await;
    assert_eq!(later.conflict_ids().await, ["c1", "c2"]);
    let server_again = server.clone();
    tab.plays(move |path, body| server_again.answer(path, body));
    server.0.borrow_mut().ids = vec!["c2", "c3"];
    server.0.borrow_mut().changed = 5;
    client.syncs().await.unwrap();
    assert_eq!(client.conflict_ids().await, ["c2", "c3"]);
    let events = client.take_events();
    assert!(events.contains(&Event::Conflict(vec!["c3".to_owned()])));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Change { .. }))
    );
    assert!(later.refresh().await.unwrap());
    assert_eq!(later.conflict_ids().await, ["c2", "c3"]);
}

#[pollster::test]
async fn rule_d41_a_list_that_cannot_be_fetched_fails_no_sync() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let server = Server::of(&tab, &["c1"]);
    server.0.borrow_mut().is_listed = false;
    assert!(client.syncs().await.unwrap().in_sync);
    assert_eq!(client.conflict_ids().await, [""; 0]);
    server.0.borrow_mut().is_listed = true;
    client.syncs().await.unwrap();
    assert_eq!(client.conflict_ids().await, ["c1"]);
}

#[pollster::test]
async fn rule_d42_a_decision_is_kept_offline_and_its_change_comes_with_the_sync_that_sends_it() {
    let tab = Tab::new();
    let (client, key) = synced(&tab).await;
    let server = Server::of(&tab, &["c1", "c2"]);
    client.syncs().await.unwrap();
    tab.plays(|_, _| Err(TransportError::Timeout));
    client.resolve("c1", &Choice::Device).await.unwrap();
    assert_eq!(client.conflict_ids().await, ["c2"]);
    assert_eq!(client.info().decisions, 1);
    assert!(client.syncs().await.is_err());
    let later = World::on(tab.0.pages.clone(), 9).open().await;
    assert_eq!(later.conflict_ids().await, ["c2"]);

    // Decided anew before it was sent.
    let value = Choice::Value(r#"{ "a": 4.0 }"#.to_owned());
    client.resolve("c1", &value).await.unwrap();
    tab.0.calls.take();
    tab.plays(move |path, body| server.answer(path, body));
    client.syncs().await.unwrap();
    let sent = tab.bodies();
    let paths: Vec<_> = sent.iter().map(|(path, _)| path.as_str()).collect();
    let decision = "/v1/conflicts/c1?datastore=ours";
    let list = "/v1/conflicts?datastore=ours";
    let (open, finish) = ("/v1/sync/open", "/v1/sync/finish");
    assert_eq!(paths, [open, finish, decision, list, open, finish]);
    assert_eq!(sent[2].1, json!({"value": {"a": 4}}));
    assert_eq!(
        client.get("todo", &key).await.unwrap().value.as_str(),
        r#"{"a":4}"#
    );
    assert_eq!(client.conflict_ids().await, ["c2"]);
    assert_eq!(client.info().decisions, 0);
}

#[pollster::test]
async fn rule_d42_a_decision_goes_with_the_sync_that_takes_a_pushed_truth() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let server = Server::of(&tab, &["c1"]);
    client.syncs().await.unwrap();
    client.resolve("c1", &Choice::Device).await.unwrap();
    let is_told = Cell::new(false);
    tab.plays(move |path, body| match path {
        "/v1/sync/open" if body.contains("pull_truth") => {
            let mut answer = opened(9);
            answer["mode"] = json!("pull_truth");
            answer["pull"] = page(&[record("k1", &json!({"a": 9}), 9)]);
            reply(200, &answer)
        }
        "/v1/sync/open" if !is_told.replace(true) => problem(409, "truth_pushed"),
        _ => server.answer(path, body),
    });
    let by_hand = SyncOptions {
        mode: Mode::PullTruth,
        ..SyncOptions::default()
    };
    client.sync(by_hand, &Cancel::default()).await.unwrap();
    assert_eq!(client.info().decisions, 1, "it was not asked to send any");
    client.syncs().await.unwrap();
    assert_eq!(client.info().decisions, 0);
}

#[pollster::test]
async fn rule_d43_a_decision_goes_when_it_is_answered_and_only_then() {
    for (refusal, is_kept, is_open) in [
        (problem(404, "not_found"), false, false),
        (problem(409, "settled"), false, false),
        (problem(422, "bad_record"), false, true),
        (problem(403, "forbidden"), false, true),
        (problem(401, "unauthenticated"), true, false),
        (problem(503, "busy"), true, false),
        (reply(404, &json!("a proxy's page")), true, false),
        (Err(TransportError::Timeout), true, false),
    ] {
        let tab = Tab::new();
        let (client, _) = synced(&tab).await;
        let server = Server::of(&tab, &["c1"]);
        client.syncs().await.unwrap();
        client.resolve("c1", &Choice::Truth).await.unwrap();
        client.take_events();
        server.0.borrow_mut().refusal = Some(refusal.clone());
        assert_eq!(client.syncs().await.is_err(), is_kept, "{refusal:?}");
        assert_eq!(client.info().decisions, u64::from(is_kept), "{refusal:?}");
        assert_eq!(
            client.conflict_ids().await.len(),
            usize::from(is_open),
            "{refusal:?}"
        );
        assert_eq!(
            client.told_conflicts().len(),
            usize::from(is_open),
            "{refusal:?}"
        );
    }
}

#[pollster::test]
async fn what_cannot_be_settled_is_said() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    Server::of(&tab, &["c1"]);
    client.syncs().await.unwrap();
    let error = client.resolve("c9", &Choice::Truth).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    let no_json = Choice::Value("{".to_owned());
    let error = client.resolve("c1", &no_json).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    assert_eq!(client.conflict_ids().await, ["c1"]);
}

#[pollster::test]
async fn a_token_that_is_renewed_serves_the_list_too() {
    let tab = Tab::new();
    let (client, _) = synced(&tab).await;
    let server = Server::of(&tab, &["c1"]);
    tab.0.tokens.set(1);
    let playing = server.clone();
    let is_first = RefCell::new(true);
    tab.plays(move |path, body| {
        if path.starts_with("/v1/conflicts") && is_first.replace(false) {
            return problem(401, "unauthenticated");
        }
        playing.answer(path, body)
    });
    client.syncs().await.unwrap();
    assert_eq!(client.conflict_ids().await, ["c1"]);
}
