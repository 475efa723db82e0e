//! A disk that is damaged by hand: any page, in any way, and the root record. Whatever is left is
//! used, nothing that can be read is lost, and the next sync brings back the rest. Each run is
//! repeated by its seed.

use alloc::{borrow::ToOwned, format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;
use std::collections::BTreeSet;
use std::string::ToString;

use tidemark_protocol::{Direction, Mode};

use super::model::Model;
use super::reconcile::{dice, held};
use super::world::{Tab, World, create, delete, update};
use crate::client::{
    Cancel, Client, DeclaredIndex, Doc, ErrorCode, Event, Options, State, SyncOptions,
};
use crate::store::{MemoryPages, PageId, Pages, Store, Tree, seal};

/// A device with so many records in step with the truth.
pub(super) struct Damaged {
    pub(super) tab: Tab,
    pub(super) client: Client<Tab>,
    pub(super) model: Rc<RefCell<Model>>,
    /// The first names of all records.
    local_ids: Vec<String>,
}

pub(super) fn options() -> Options {
    let index = DeclaredIndex {
        entity: "note".into(),
        fields: ["n".to_owned()].into(),
    };
    Options {
        indexes: [index].into(),
        ..Options::default()
    }
}

fn value(number: usize, bytes: usize) -> String {
    format!(r#"{{"n":{number},"text":"{}"}}"#, "x".repeat(bytes))
}

impl Damaged {
    pub(super) async fn in_step(seed: u64, count: usize) -> Self {
        let tab = World::on(MemoryPages::new(), seed);
        let model = Rc::new(RefCell::new(Model::new(60)));
        let server = Rc::clone(&model);
        tab.plays(move |path, body| Ok(server.borrow_mut().call(path, body)));
        let client = Client::open(tab.clone(), options()).await.unwrap();
        let mut local_ids = Vec::new();
        for number in 0..count {
            // Some have a page of their own.
            let bytes = if number % 23 == 7 { 5_000 } else { 500 };
            let values = format!("[{}]", value(number, bytes));
            let made = client.does(create("note", &values)).await;
            local_ids.push(made[0].key.clone());
        }
        assert!(client.syncs().await.unwrap().in_sync);
        tab.0.calls.borrow_mut().clear();
        Self {
            tab,
            client,
            model,
            local_ids,
        }
    }

    /// The person works without a network.
    pub(super) async fn edits(&self, count: usize, roll: &mut impl FnMut(usize) -> usize) {
        let keys: Vec<String> = held(&self.client).await.into_keys().collect();
        for number in 0..count {
            let key = &keys[roll(keys.len())];
            let operation = match roll(4) {
                0 => create("note", &format!("[{}]", value(10_000 + number, 600))),
                1 => delete("note", key),
                _ => update("note", key, &format!(r#"{{"e":{number}}}"#)),
            };
            drop(self.client.write([operation].into()).await);
        }
    }

    /// The pages of a tree.
    fn pages_of(&self, tree: &Tree) -> Vec<PageId> {
        let store = Store::new(self.tab.0.pages.clone(), 0);
        pollster::block_on(store.read(|pages| tree.page_ids(pages))).unwrap()
    }

    /// The pages in use.
    pub(super) fn pages(&self) -> Vec<PageId> {
        let current = self.client.shared().current();
        let trees = current.root.trees().into_iter();
        trees.flat_map(|tree| self.pages_of(tree)).collect()
    }

    async fn reopen(&mut self) {
        self.client = Client::open(self.tab.clone(), options()).await.unwrap();
    }

    /// Keys that any push named.
    fn pushed(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for (_, body) in self.tab.bodies() {
            for records in [&body["records"], &body["push"]["records"]] {
                let records = records.as_array().into_iter().flatten();
                keys.extend(records.map(|record| record["key"].as_str().unwrap().to_owned()));
            }
        }
        keys
    }

    /// The app reads on, as it would offline, and finds so many records at most; what is pending.
    async fn reads_on(&self, most: usize, seed: u64) -> Vec<Doc> {
        let found = self.client.find("note", "").await.unwrap();
        assert!(found.len() <= most, "seed {seed}");
        let by_index = r#"{"where":{"n":{"gte":0}},"orderBy":["n"]}"#;
        let indexed = self.client.find("note", by_index).await.unwrap();
        assert_eq!(indexed.len(), found.len(), "seed {seed}");
        self.client.pending().await.unwrap()
    }

    /// What is pending, read from a copy: this device comes upon nothing by it.
    async fn pending_unread(&self, seed: u64) -> Vec<Doc> {
        let snapshot = World::on(self.tab.0.pages.snapshot(), seed);
        let other = Client::open(snapshot, options()).await.unwrap();
        other.pending().await.unwrap()
    }

    /// One sync is enough.
    async fn mends(&self, seed: u64) {
        let report = self.client.syncs().await;
        let report = report.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        assert!(
            report.in_sync && !self.client.is_damaged(),
            "seed {seed}: {report:?}"
        );
    }

    /// The truth has just these values, in order, and this device what the truth has.
    async fn agrees(&self, expected: &[String], seed: u64) {
        let truth = self.model.borrow().truth();
        let mut values: Vec<String> = truth.values().cloned().collect();
        values.sort();
        assert_eq!(values, expected, "seed {seed}");
        assert_eq!(held(&self.client).await, truth, "seed {seed}");
        for query in ["", r#"{"where":{"n":{"gte":0}}}"#] {
            let count = self.client.count("note", query).await.unwrap();
            assert_eq!(count, truth.len() as u64, "seed {seed}: {query}");
        }
    }

    /// What is whole again is read without a word.
    async fn is_whole(&mut self, seed: u64) {
        self.reopen().await;
        let report = self.client.syncs().await.unwrap();
        assert_eq!(report.round_trips, 1, "seed {seed}");
        assert_eq!(lost(&self.client), None, "seed {seed}");
    }
}

fn damage(pages: &MemoryPages, ids: &[PageId], roll: &mut impl FnMut(usize) -> usize) -> PageId {
    let id = ids[roll(ids.len())];
    let other = pollster::block_on(Pages::read(pages, &[ids[roll(ids.len())]]));
    let other = other.unwrap()[0].clone();
    let (kind, place, byte) = (roll(6), roll(1 << 20), roll(255) + 1);
    pages.damage(&id, |bytes| {
        let mut bytes = bytes.to_vec();
        let place = place % bytes.len();
        match kind {
            0 => return None,
            1 => bytes.truncate(place),
            2 => bytes.push(0),
            3 => {
                return other
                    .map(|other| other.to_vec())
                    .filter(|other| *other != bytes);
            }
            _ => bytes[place] ^= u8::try_from(byte).unwrap(),
        }
        Some(bytes)
    });
    id
}

/// What was told of damage: how many edits were lost.
fn lost(client: &Client<Tab>) -> Option<u64> {
    let mut lost = None;
    for event in client.take_events() {
        if let Event::Damaged { lost: more } = event {
            lost = Some(lost.unwrap_or(0) + more);
        }
    }
    lost
}

/// The values of the truth after these edits, in order.
fn with_edits(truth: impl IntoIterator<Item = (String, String)>, edits: &[Doc]) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for (key, value) in truth {
        match edits.iter().find(|doc| doc.key == key) {
            Some(doc) if doc.state == State::Deleted => {}
            Some(doc) => values.push(doc.value.to_string()),
            None => values.push(value),
        }
    }
    let made = edits.iter().filter(|doc| doc.is_pending);
    values.extend(made.map(|doc| doc.value.to_string()));
    values.sort();
    values
}

async fn damage_and_mend(seed: u64) {
    let mut roll = dice(seed);
    let count = 20 + roll(180);
    let mut world = Damaged::in_step(seed, count).await;
    world.edits([0, 5, 60][roll(3)], &mut roll).await;
    let before = world.client.pending().await.unwrap();
    let overlay = world.client.shared().current().root.overlay.clone();
    let overlay = BTreeSet::from_iter(world.pages_of(&overlay));
    let ids = world.pages();
    let mut hit = BTreeSet::new();
    for _ in 0..=roll(3) {
        hit.insert(damage(&world.tab.0.pages, &ids, &mut roll));
    }
    world.reopen().await;
    let truth = world.model.borrow().truth();
    let kept = if roll(2) == 0 {
        world.reads_on(count + before.len(), seed).await
    } else {
        world.pending_unread(seed).await
    };
    for doc in &kept {
        assert!(before.contains(doc), "seed {seed}: {doc:?}");
    }
    if hit.is_disjoint(&overlay) {
        assert_eq!(kept, before, "seed {seed}: only what was damaged is lost");
    }
    world.mends(seed).await;
    let told = lost(&world.client).unwrap_or(0);
    assert_eq!(kept.len() as u64 + told, before.len() as u64, "seed {seed}");
    let names: BTreeSet<String> = kept.iter().map(|doc| doc.key.clone()).collect();
    assert!(world.pushed().is_subset(&names), "seed {seed}");
    world.agrees(&with_edits(truth, &kept), seed).await;
    if hit.len() == 1 {
        let docs = world
            .client
            .get_many("note", &world.local_ids)
            .await
            .unwrap();
        let live = docs.iter().flatten().count();
        assert!(live + kept.len() >= count, "seed {seed}: {live} of {count}");
    }
    world.is_whole(seed).await;
}

#[test]
fn rule_d60_whatever_pages_are_damaged_what_can_be_read_is_kept_and_a_sync_brings_back_the_rest() {
    let runs = std::env::var("TIDEMARK_RUNS").ok();
    for seed in 0..runs.and_then(|runs| runs.parse().ok()).unwrap_or(30) {
        pollster::block_on(damage_and_mend(seed));
    }
}

/// In step, with a few edits in the newest root records.
async fn with_roots() -> Damaged {
    let world = Damaged::in_step(7, 60).await;
    for number in 0..2 {
        let values = format!("[{}]", value(100 + number, 10));
        world.client.does(create("note", &values)).await;
    }
    world
}

#[pollster::test]
async fn rule_d61_a_damaged_root_gives_way_to_the_one_before_it() {
    for kind in 0..3 {
        let mut world = with_roots().await;
        world.tab.0.pages.damage_roots(1, |bytes| match kind {
            0 => None,
            1 => Some(Vec::new()),
            _ => Some([bytes, b"?"].concat()),
        });
        world.reopen().await;
        assert_eq!(lost(&world.client), (kind > 0).then_some(1), "{kind}");
        assert_eq!(world.client.is_damaged(), kind > 0);
        // The newest edit is gone with its root, and nothing else.
        assert_eq!(world.client.pending().await.unwrap().len(), 1);
        assert_eq!(world.client.count("note", "").await.unwrap(), 61);
        assert!(world.client.syncs().await.unwrap().in_sync);
        assert!(!world.client.is_damaged());
        let truth = world.model.borrow().truth();
        assert_eq!((truth.len(), held(&world.client).await), (61, truth));
    }
}

#[pollster::test]
async fn rule_d61_without_any_root_all_begins_anew() {
    for kind in 0..2 {
        let mut world = with_roots().await;
        let before = world.client.info();
        world
            .tab
            .0
            .pages
            .damage_roots(2, |bytes| (kind > 0).then(|| bytes[1..].to_vec()));
        world.reopen().await;
        assert_eq!(lost(&world.client), (kind > 0).then_some(1));
        assert!(world.client.syncs().await.unwrap().in_sync);
        let truth = world.model.borrow().truth();
        assert_eq!((truth.len(), held(&world.client).await), (60, truth));
        let now = world.client.info();
        assert_eq!(now.fingerprint, before.fingerprint);
        assert_ne!(now.device_uuid, before.device_uuid);
    }
}

#[pollster::test]
async fn rule_d61_a_tab_writes_the_root_that_it_knows_where_it_was_deleted() {
    for count in [1, 2] {
        let mut world = with_roots().await;
        world.tab.0.pages.damage_roots(count, |_| None);
        world
            .client
            .does(create("note", &format!("[{}]", value(102, 10))))
            .await;
        world.reopen().await;
        assert_eq!(world.client.pending().await.unwrap().len(), 3);
        assert!(world.client.syncs().await.unwrap().in_sync);
        assert_eq!(world.model.borrow().truth().len(), 63);
    }
}

#[pollster::test]
async fn rule_d62_what_damage_took_is_never_a_deletion() {
    let mut world = Damaged::in_step(9, 60).await;
    let confirmed = world.client.shared().current().root.confirmed.clone();
    let leaf = world.pages_of(&confirmed)[1];
    world.tab.0.pages.damage(&leaf, |_| None);
    world.reopen().await;
    assert!(world.client.find("note", "").await.unwrap().len() < 60);
    assert!(world.client.is_damaged());
    let options = |mode, mirror| SyncOptions {
        mode,
        mirror,
        direction: if mirror {
            Direction::Push
        } else {
            Direction::Both
        },
        confirm: true,
    };
    for options in [
        options(Mode::Slow, false),
        options(Mode::PushTruth, false),
        options(Mode::Auto, true),
    ] {
        let refused = world.client.sync(options, &Cancel::default()).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::Damaged);
        assert_eq!(world.tab.bodies(), [], "not a call was made");
    }
    assert!(world.client.syncs().await.unwrap().in_sync);
    assert_eq!(world.model.borrow().truth().len(), 60);
    assert_eq!(world.pushed(), BTreeSet::new());
}

#[pollster::test]
async fn rule_d63_a_repair_holds_each_record_against_its_fingerprint() {
    let mut world = Damaged::in_step(11, 60).await;
    // As only somebody does who knows the checksum, or memory that fails.
    for id in world.pages() {
        world.tab.0.pages.damage(&id, |bytes| {
            let mut bytes = bytes.to_vec();
            let digit = bytes.windows(5).position(|text| text == br#""n":3"#);
            if let Some(place) = digit {
                bytes[place + 4] = b'4';
                seal(&id, &mut bytes);
            }
            Some(bytes)
        });
    }
    world.reopen().await;
    assert_ne!(held(&world.client).await, world.model.borrow().truth());
    assert!(
        world.client.syncs().await.unwrap().in_sync,
        "it cannot be seen"
    );
    let options = SyncOptions {
        mode: Mode::Repair,
        ..SyncOptions::default()
    };
    let report = world
        .client
        .sync(options, &Cancel::default())
        .await
        .unwrap();
    assert!(report.in_sync);
    assert_eq!(lost(&world.client), Some(0));
    assert_eq!(held(&world.client).await, world.model.borrow().truth());
    assert_eq!(world.pushed(), BTreeSet::new());
}

#[pollster::test]
async fn rule_d64_a_damaged_index_is_made_anew_without_a_sync() {
    let mut world = Damaged::in_step(13, 900).await;
    for place in [0, 1, 2] {
        let index = world.client.shared().current().root.confirmed_index.clone();
        let page = world.pages_of(&index)[place];
        world
            .tab
            .0
            .pages
            .damage(&page, |bytes| Some(bytes[1..].to_vec()));
        world.reopen().await;
        let query = r#"{"where":{"n":{"gte":0}}}"#;
        assert_eq!(world.client.find("note", query).await.unwrap().len(), 900);
        assert_eq!(lost(&world.client), None);
        assert!(!world.client.is_damaged());
    }
    assert_eq!(world.tab.bodies(), []);
}

/// Where a tree's count lies within its bytes in a root record.
fn count_of(tree: &[u8]) -> core::ops::Range<usize> {
    let height = match tree[0] {
        1 => {
            let length = usize::from(tree[1] & 127) | usize::from(tree[2]) << 7;
            assert!(tree[1] > 127 && tree[2] < 128, "a length of two bytes");
            3 + length
        }
        _ => 1 + 16,
    };
    height + 1..height + 9
}

#[pollster::test]
async fn rule_d60_a_count_that_is_too_small_ends_nothing() {
    let mut world = Damaged::in_step(3, 20).await;
    for number in 0..150 {
        let values = format!("[{}]", value(100 + number, 600));
        world.client.does(create("note", &values)).await;
    }
    let overlay = world.client.shared().current().root.overlay.clone();
    let mut tree = Vec::new();
    overlay.encode(&mut tree);
    let pages = &world.tab.0.pages;
    pages.damage_roots(1, |root| {
        let mut root = root.to_vec();
        let at = root.windows(tree.len()).position(|bytes| bytes == tree);
        let count = count_of(&tree);
        root[at.unwrap()..][count].fill(0);
        seal(&PageId([0; 16]), &mut root);
        Some(root)
    });
    pages.damage(&world.pages_of(&overlay)[0], |_| None);
    world.reopen().await;
    assert!(
        world.client.info().pending < 150,
        "{}",
        world.client.info().pending
    );
    let read = world.client.pending().await.unwrap();
    assert!((1..150).contains(&read.len()), "{} are left", read.len());
    assert!(world.client.is_damaged());
    world.mends(3).await;
    assert_eq!(world.model.borrow().truth().len(), 20 + read.len());
}
