//! Reading and writing without any server.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};
use std::string::ToString;

use super::world::{Tab, World, create, delete, json, put, together, undo, update};
use crate::client::{Client, DeclaredIndex, ErrorCode, Event, Options, State};
use crate::store::{Commit, Committed, Fault, Pages};

async fn titles(client: &Client<Tab>, query: &str) -> Vec<String> {
    let docs = client.find("todo", query).await.unwrap();
    let title = |doc: &crate::client::Doc| json(doc.value.as_str())["title"].to_string();
    docs.iter().map(title).collect()
}

#[pollster::test]
async fn a_created_record_is_pending_under_its_own_uuid() {
    let client = Tab::new().open().await;
    let made = client
        .does(create("todo", r#"[{"title":"Milk"},{"title":"Bread"}]"#))
        .await;
    assert_eq!(made.len(), 2);
    assert!(made[0].key < made[1].key, "ids grow");
    let doc = client.get("todo", &made[0].key).await.unwrap();
    assert_eq!(doc, made[0]);
    assert_eq!((doc.state, doc.is_pending), (State::Created, true));
    assert_eq!(doc.handle(), doc.key);
    let mut text = String::new();
    doc.write_json(&mut text);
    assert_eq!(
        json(&text),
        serde_json::json!({
            "key": doc.key, "entity": "todo", "value": {"title": "Milk"},
            "created": "2026-09-21T14:13:20.000Z", "updated": "2026-09-21T14:13:20.000Z",
            "handle": doc.key, "is_pending": true, "state": "created", "local_id": doc.key,
        })
    );
    assert_eq!(client.get("note", &doc.key).await, None);
    assert_eq!(client.count("todo", "").await.unwrap(), 2);
}

#[pollster::test]
async fn update_changes_only_the_fields_named() {
    let tab = Tab::new();
    let client = tab.open().await;
    let key = client
        .does(create("todo", r#"[{"a":1,"b":2,"c":3}]"#))
        .await[0]
        .key
        .clone();
    tab.0.now.set(1_790_000_001_000);
    let operation = crate::client::Operation::Update {
        entity: "todo".into(),
        key: key.clone(),
        fields: r#"{"b":5}"#.into(),
        removed: ["c".to_owned()].into(),
    };
    let doc = client.does(operation).await.pop().unwrap();
    assert_eq!(doc.value.as_str(), r#"{"a":1,"b":5}"#);
    assert_eq!(&*doc.updated, "2026-09-21T14:13:21.000Z");
    assert_eq!(&*doc.created, "2026-09-21T14:13:20.000Z");
    assert_eq!(client.get("todo", &key).await, Some(doc));
}

#[pollster::test]
async fn what_is_not_there_is_not_found() {
    let client = Tab::new().open().await;
    let missing = client
        .write([update("todo", "nobody", "{}")].into())
        .await
        .unwrap_err();
    assert_eq!(missing.code, ErrorCode::NotFound);
    client.does(delete("todo", "nobody")).await;
    assert_eq!(client.get("todo", "nobody").await, None);
    for wrong in [
        create("todo", "{}"),
        create("", "[1]"),
        create("todo", r#"[{"a":1,"a":2}]"#),
    ] {
        let error = client.write([wrong].into()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
    }
    assert_eq!(client.count("todo", "").await.unwrap(), 0);
}

#[pollster::test]
async fn a_write_is_all_or_nothing() {
    let client = Tab::new().open().await;
    let both = [
        create("todo", "[1]"),
        update("todo", "nobody", r#"{"a":1}"#),
    ];
    assert!(client.write(both.into()).await.is_err());
    assert_eq!(client.count("todo", "").await.unwrap(), 0);
}

#[pollster::test]
async fn put_makes_or_replaces_and_delete_of_what_never_left_leaves_nothing() {
    let client = Tab::new().open().await;
    let made = client.does(put("todo", "mine", r#"{"a":1}"#)).await;
    assert_eq!((made[0].state, made[0].is_pending), (State::Created, false));
    let again = client.does(put("todo", "mine", r#"{"b":1}"#)).await;
    assert_eq!(again[0].value.as_str(), r#"{"b":1}"#);
    client.does(delete("todo", "mine")).await;
    assert_eq!(client.get("todo", "mine").await, None);
    assert_eq!(client.pending().await.unwrap(), []);
    let other = client.does(create("todo", "[7]")).await;
    assert_eq!(client.does(undo("todo", &other[0].key)).await, []);
    assert_eq!(client.count("todo", "").await.unwrap(), 0);
}

#[pollster::test]
async fn queries_go_by_declared_indexes_that_follow_every_write() {
    let tab = Tab::new();
    let before = tab.open().await;
    before
        .does(create(
            "todo",
            r#"[{"title":"c","n":1},{"title":"a","n":2}]"#,
        ))
        .await;
    let index = |field: &str| DeclaredIndex {
        entity: "todo".into(),
        fields: [field.to_owned()].into(),
    };
    for fields in [["title", "n"].as_slice(), &["n"], &[]] {
        let indexes = fields.iter().map(|field| index(field)).collect();
        let options = Options {
            indexes,
            ..Options::default()
        };
        let client = Client::open(tab.clone(), options).await.unwrap();
        let key = client
            .does(create("todo", r#"[{"title":"b","n":3}]"#))
            .await[0]
            .key
            .clone();
        assert_eq!(
            titles(&client, r#"{"orderBy":["title"]}"#).await,
            [r#""a""#, r#""b""#, r#""c""#]
        );
        client.does(update("todo", &key, r#"{"title":"z"}"#)).await;
        assert_eq!(
            titles(&client, r#"{"where":{"title":"z"}}"#).await,
            [r#""z""#]
        );
        assert_eq!(titles(&client, r#"{"where":{"title":"b"}}"#).await, [""; 0]);
        assert_eq!(
            client
                .count("todo", r#"{"where":{"n":{"gte":2}}}"#)
                .await
                .unwrap(),
            2
        );
        client.does(delete("todo", &key)).await;
        assert_eq!(
            titles(&client, r#"{"orderBy":["-n"]}"#).await,
            [r#""a""#, r#""c""#]
        );
    }
}

#[pollster::test]
async fn a_query_goes_on_after_a_row_that_is_gone() {
    let client = Tab::new().open().await;
    let values: Vec<_> = (0..6).map(|n| format!(r#"{{"title":"{n}"}}"#)).collect();
    client
        .does(create("todo", &format!("[{}]", values.join(","))))
        .await;
    let first = client
        .find("todo", r#"{"orderBy":["-title"],"limit":2}"#)
        .await
        .unwrap();
    let last = &first[1].key;
    client.does(delete("todo", last)).await;
    let query = format!(r#"{{"orderBy":["-title"],"limit":2,"after":"{last}"}}"#);
    assert_eq!(titles(&client, &query).await, [r#""3""#, r#""2""#]);
}

#[pollster::test]
async fn a_batch_sees_its_own_writes_and_nobody_else_does() {
    let tab = Tab::new();
    let client = tab.open().await;
    let mut batch = client.begin().await.unwrap();
    let made = batch
        .apply([create("todo", r#"[{"title":"a"}]"#)].into())
        .await
        .unwrap();
    let key = made[0][0].key.clone();
    batch
        .apply([update("todo", &key, r#"{"n":1}"#)].into())
        .await
        .unwrap();
    assert!(
        batch
            .apply([update("todo", "nobody", "{}")].into())
            .await
            .is_err()
    );
    let seen = batch
        .get_many("todo", core::slice::from_ref(&key))
        .await
        .unwrap();
    assert_eq!(
        seen[0].as_ref().unwrap().value.as_str(),
        r#"{"n":1,"title":"a"}"#
    );
    assert_eq!(
        batch
            .find("todo", r#"{"where":{"n":1}}"#)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(batch.count("todo", "").await.unwrap(), 1);
    assert_eq!(client.count("todo", "").await.unwrap(), 0);
    assert_eq!(batch.commit().await, Ok(Committed::Done));
    assert_eq!(client.get("todo", &key).await, seen[0]);
}

#[pollster::test]
async fn rule_d1_two_tabs_committing_at_once_lose_nothing() {
    let tab = Tab::new();
    let (one, other) = (tab.open().await, tab.open().await);
    let batch = one.begin().await.unwrap();
    for round in 0..20 {
        let values = format!("[{round}]");
        let writes = [&one, &other, &one]
            .map(|tab| Box::pin(tab.write([create("todo", &values)].into())) as _);
        let written = together(writes).await;
        assert!(written.iter().all(Result::is_ok), "{written:?}");
    }
    one.refresh().await.unwrap();
    other.refresh().await.unwrap();
    for client in [&one, &other] {
        assert_eq!(client.count("todo", "").await.unwrap(), 60);
    }
    let mut batch = batch;
    batch.apply([create("todo", "[1]")].into()).await.unwrap();
    assert_eq!(batch.commit().await, Ok(Committed::Stale));
}

#[pollster::test]
async fn rule_d1_writes_that_wait_go_together_and_fail_alone() {
    let client = Tab::new().open().await;
    let before = client.revision();
    let operations = [
        create("todo", "[1]"),
        create("todo", "[2]"),
        update("todo", "nobody", "{}"),
        create("todo", "[3]"),
    ];
    let written = together(operations.map(|one| Box::pin(client.write([one].into())) as _)).await;
    let went_well: Vec<_> = written.iter().map(Result::is_ok).collect();
    assert_eq!(went_well, [true, true, false, true]);
    assert_eq!(client.count("todo", "").await.unwrap(), 3);
    assert!(client.revision() <= before + 2);
}

#[pollster::test]
async fn rule_d2_a_failed_commit_leaves_nothing_and_a_lost_answer_everything() {
    for (fault, left) in [(Fault::Quota, 0), (Fault::Before, 0), (Fault::After, 1)] {
        let tab = Tab::new();
        let client = tab.open().await;
        tab.0.pages.fail_after(0, fault);
        let written = client.write([create("todo", "[1]")].into()).await;
        assert_eq!(written.is_ok(), left == 1, "{fault:?}");
        assert_eq!(client.count("todo", "").await.unwrap(), left);
        client.does(create("todo", "[2]")).await;
        let again = World::on(tab.0.pages.snapshot(), 8).open().await;
        assert_eq!(again.count("todo", "").await.unwrap(), left + 1);
        assert_eq!(again.info().device_uuid, client.info().device_uuid);
    }
}

#[pollster::test]
async fn rule_d3_a_frozen_tab_goes_on_at_the_newest_root() {
    let tab = Tab::new();
    let busy = tab.open().await;
    busy.does(create("todo", &format!("[{}1]", "1,".repeat(999))))
        .await;
    // It knows a root, and has read none of its pages.
    let frozen = World::on(tab.0.pages.clone(), 8).open().await;
    for round in 0..300 {
        tab.0.now.set(tab.0.now.get() + 1_000);
        busy.does(create(
            "todo",
            &format!("[\"{}\"]", "x".repeat(500 + round)),
        ))
        .await;
    }
    assert_eq!(frozen.find("todo", "").await.unwrap().len(), 1_300);
    frozen.does(create("todo", "[1]")).await;
    assert_eq!(frozen.count("todo", "").await.unwrap(), 1_301);
    let written = tab.0.pages.page_bytes();
    assert!(written < 2_000_000, "freed pages go: {written}");
}

#[pollster::test]
async fn events_tell_of_changes() {
    let client = Tab::new().open().await;
    client.take_events();
    client.does(create("todo", "[1]")).await;
    let revision = client.revision();
    assert_eq!(
        client.take_events(),
        [Event::Change { revision }, Event::Status]
    );
    assert_eq!(client.status().pending, 1);
    assert_eq!(client.take_events(), []);
}

#[pollster::test]
async fn odd_values_and_large_ones_come_back_equal() {
    let client = Tab::new().open().await;
    let long = "\u{1F600}x".repeat(60_000);
    let values = serde_json::json!([
        {"": {"": null}, "__proto__": 1, "é\u{0000}": [1e21, 0.1, -0.0]}, long, [[]], null, true,
    ]);
    let made = client
        .does(create("odd \u{0000} name", &values.to_string()))
        .await;
    let keys: Vec<_> = made.iter().map(|doc| doc.key.clone()).collect();
    let found = client.get_many("odd \u{0000} name", &keys).await.unwrap();
    for (doc, value) in found.iter().zip(values.as_array().unwrap()) {
        let text = doc.as_ref().unwrap().value.as_str();
        let expected = crate::json::Canonical::parse(&value.to_string()).unwrap();
        assert_eq!(text, expected.as_str());
    }
}

#[pollster::test]
async fn rule_d5_a_small_write_is_the_root_record_alone_and_every_look_sees_it() {
    let tab = Tab::new();
    let indexes = [("todo", "title")].map(|(entity, field)| DeclaredIndex {
        entity: entity.to_owned(),
        fields: [field.to_owned()].into(),
    });
    let options = Options {
        indexes: indexes.into(),
        ..Options::default()
    };
    let client = Client::open(tab.clone(), options.clone()).await.unwrap();
    let bulk: Vec<String> = (0..300).map(|n| format!(r#"{{"title":{n}}}"#)).collect();
    let values = format!("[{}]", bulk.join(","));
    let made = client.does(create("todo", &values)).await;
    let pages = tab.0.pages.page_ids();
    assert!(!pages.is_empty());

    let new = client.does(create("todo", r#"[{"title":"new"}]"#)).await;
    let edited = client
        .does(update("todo", &made[7].key, r#"{"title":"edited"}"#))
        .await;
    client.does(delete("todo", &made[8].key)).await;
    assert_eq!(
        tab.0.pages.page_ids(),
        pages,
        "no page was written or freed"
    );

    let elsewhere = Client::open(tab.clone(), options).await.unwrap();
    for client in [&client, &elsewhere] {
        assert_eq!(client.get("todo", &new[0].key).await.as_ref(), new.first());
        assert_eq!(
            client.get("todo", &made[7].key).await.as_ref(),
            edited.first()
        );
        assert_eq!(client.get("todo", &made[8].key).await, None);
        for (query, found) in [
            (r#"{"where":{"title":"new"}}"#, 1),
            (r#"{"where":{"title":"edited"}}"#, 1),
            (r#"{"where":{"title":7}}"#, 0),
            (r#"{"where":{"title":8}}"#, 0),
            ("", 300),
        ] {
            assert_eq!(client.count("todo", query).await.unwrap(), found, "{query}");
            assert_eq!(
                client.find("todo", query).await.unwrap().len() as u64,
                found
            );
        }
        assert_eq!(client.pending().await.unwrap().len(), 300);
    }
}

#[pollster::test]
async fn a_change_that_others_overtake_without_end_is_given_up() {
    let tab = Tab::new();
    let client = tab.open().await;
    client.does(create("todo", r#"[{"n":1}]"#)).await;
    let pages = tab.0.pages.clone();
    let mut turns = 0;
    let outcome = client
        .shared()
        .change(|database| {
            turns += 1;
            database.root.edit += 1;
            // Another tab is first, each time.
            let now = pollster::block_on(pages.root()).unwrap().unwrap();
            let commit = Commit {
                expected: Some(now.revision),
                revision: now.revision.next(),
                root: now.bytes,
                pages: vec![],
                freed: vec![],
            };
            assert_eq!(
                pollster::block_on(pages.commit(&commit)),
                Ok(Committed::Done)
            );
            Ok(())
        })
        .await;
    assert_eq!(outcome.unwrap_err().code, ErrorCode::Busy);
    assert!((100..10_000).contains(&turns), "after {turns} turns");
    client.does(create("todo", r#"[{"n":2}]"#)).await;
    assert_eq!(client.count("todo", "").await.unwrap(), 2);
}
