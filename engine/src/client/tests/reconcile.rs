//! Reconciling against the model server: a truth with another past than the one that the device
//! knew. Each run is repeated by its seed.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;
use std::collections::BTreeMap;
use std::string::ToString;

use serde_json::json;
use tidemark_protocol::Mode;

use super::model::Model;
use super::world::{Tab, World, create, delete, put, update};
use crate::client::{Client, SyncOptions};
use crate::store::{Fault, MemoryPages};

/// Splitmix64, of a counter.
pub(super) fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |sides| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

/// A device in step with a truth of so many records.
async fn in_step(seed: u64, count: usize) -> (Tab, Client<Tab>, Rc<RefCell<Model>>) {
    let tab = World::on(MemoryPages::new(), seed);
    let model = Rc::new(RefCell::new(Model::new(3)));
    let server = Rc::clone(&model);
    tab.plays(move |path, body| Ok(server.borrow_mut().call(path, body)));
    let client = tab.open().await;
    for number in 0..count {
        let entity = ["note", "todo", "todo"][number % 3];
        client
            .does(create(entity, &format!(r#"[{{"n":{number}}}]"#)))
            .await;
    }
    assert!(client.syncs().await.unwrap().in_sync);
    (tab, client, model)
}

pub(super) async fn held(client: &Client<Tab>) -> BTreeMap<String, String> {
    let mut held = BTreeMap::new();
    for entity in ["note", "todo"] {
        let docs = client.find(entity, "").await.unwrap();
        held.extend(
            docs.into_iter()
                .map(|doc| (doc.key.clone(), doc.value.to_string())),
        );
    }
    held
}

/// Syncs until both hold the same, twice at most; a crash in the midst of it changes nothing. What
/// they hold then.
async fn rests(
    (tab, client): (&Tab, &Client<Tab>),
    model: &RefCell<Model>,
    roll: &mut impl FnMut(usize) -> usize,
    seed: u64,
) -> BTreeMap<String, String> {
    if roll(2) == 0 {
        tab.0.pages.fail_after(roll(6) as u64, Fault::After);
        drop(client.syncs().await);
    }
    let client = tab.open().await;
    let mut report = client.syncs().await.unwrap();
    if !report.in_sync {
        report = client.syncs().await.unwrap();
    }
    assert!(report.in_sync, "seed {seed}: {report:?}");
    assert_eq!(client.pending().await.unwrap(), [], "seed {seed}");
    let truth = model.borrow().truth();
    assert_eq!(held(&client).await, truth, "seed {seed}");
    truth
}

#[test]
fn rule_d45_what_differs_is_found_and_mended_and_nothing_is_lost() {
    for seed in 0..60 {
        pollster::block_on(differ_and_mend(seed));
    }
}

async fn differ_and_mend(seed: u64) {
    let mut roll = dice(seed);
    let count = [1, 5, 40, 150][roll(4)];
    let (tab, client, model) = in_step(seed, count).await;
    let keys: Vec<String> = held(&client).await.into_keys().collect();
    let mut given_back = Vec::new();
    for change in 0..=roll(4) {
        let key = &keys[roll(keys.len())];
        let mut model = model.borrow_mut();
        match roll(3) {
            0 if !given_back.contains(key) => model.rewrite(key, json!({"other": change})),
            1 => {
                model.unmake(key);
                given_back.push(key.clone());
            }
            _ => model.slip_in(&format!("slipped-{change}"), "note", json!({"s": change})),
        }
    }
    // The person goes on meanwhile, on what differs too.
    let mut edited = BTreeMap::new();
    for number in 0..roll(3) {
        let key = keys[roll(keys.len())].clone();
        let entity = entity_of(&client, &key).await;
        if client.get(entity, &key).await.is_some() {
            client
                .does(update(entity, &key, &format!(r#"{{"e":{number}}}"#)))
                .await;
            edited.insert(key, number);
        }
    }
    let truth = rests((&tab, &client), &model, &mut roll, seed).await;
    for key in given_back {
        assert!(truth.contains_key(&key), "seed {seed}: {key} was lost");
    }
    for (key, number) in edited {
        let edit = format!(r#""e":{number}"#);
        assert!(truth[&key].contains(&edit), "seed {seed}: an edit was lost");
    }
}

#[pollster::test]
async fn rule_d46_a_repair_that_is_asked_for_compares_even_what_is_equal() {
    let (tab, client, model) = in_step(7, 100).await;
    let key = held(&client).await.into_keys().next().unwrap();
    let repair = SyncOptions {
        mode: Mode::Repair,
        ..SyncOptions::default()
    };
    client.does(put("note", "new", r#"{"n":1}"#)).await;
    tab.0.calls.borrow_mut().clear();
    let report = client
        .sync(repair, &crate::client::Cancel::default())
        .await
        .unwrap();
    assert!(report.in_sync);
    assert_eq!(report.mode, "repair");
    let paths: Vec<String> = tab.bodies().into_iter().map(|(path, _)| path).collect();
    let reconcile = paths
        .iter()
        .filter(|path| path.ends_with("reconcile"))
        .count();
    assert!(reconcile >= 1, "{paths:?}");
    // A deletion that waits is not given back.
    model.borrow_mut().rewrite(&key, json!({"other": 1}));
    let entity = entity_of(&client, &key).await;
    client.does(delete(entity, &key)).await;
    drop(client.syncs().await);
    assert!(client.get(entity, &key).await.is_none());
}

#[test]
fn rule_d47_a_truth_restored_from_a_backup_gets_back_what_devices_hold() {
    for seed in 0..40 {
        pollster::block_on(restore_and_give_back(seed));
    }
}

async fn restore_and_give_back(seed: u64) {
    let mut roll = dice(seed);
    let (tab, client, model) = in_step(seed, 1 + roll(30)).await;
    // What came after the backup: changes, and records of their own.
    for number in 0..roll(6) {
        let keys: Vec<String> = held(&client).await.into_keys().collect();
        let key = &keys[roll(keys.len())];
        let entity = entity_of(&client, key).await;
        match roll(3) {
            0 => client.does(create("todo", r#"[{"late":1}]"#)).await,
            1 => {
                client
                    .does(put(entity, &format!("named-{number}"), r#"{"l":1}"#))
                    .await
            }
            _ => {
                client
                    .does(update(entity, key, &format!(r#"{{"late":{number}}}"#)))
                    .await
            }
        };
        assert!(client.syncs().await.unwrap().in_sync, "seed {seed}");
    }
    let before = held(&client).await;
    let commits = roll(usize::try_from(model.borrow().head()).unwrap()) as u64;
    model.borrow_mut().restore(commits);
    client.does(create("note", r#"[{"new":1}]"#)).await;
    let truth = rests((&tab, &client), &model, &mut roll, seed).await;
    for value in before.values().chain([&r#"{"new":1}"#.to_string()]) {
        let is_there = truth.values().any(|it| it == value);
        assert!(is_there, "seed {seed}: {value} was lost");
    }
    assert_eq!(truth.len(), before.len() + 1, "seed {seed}");
}

async fn entity_of(client: &Client<Tab>, key: &str) -> &'static str {
    match client.get("note", key).await {
        Some(_) => "note",
        None => "todo",
    }
}
