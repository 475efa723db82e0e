//! Somebody at a native device, and the model of what must have become of what they wrote.
//!
//! Each writes only fields of their own, with numbers that grow, so that nothing conflicts: the
//! newest number that somebody was told is saved is the one that all must hold in the end. A
//! record that anybody deleted may stay, as an edit survives a deletion that did not know of it: with
//! what its editor knew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use serde_json::{Value, json};
use tidemark_engine::{
    client::{Cancel, Client, Doc, Operation, SyncOptions},
    store::MemoryPages,
};

use crate::native::{self, Line, Surroundings};

const ENTITY: &str = "note";
/// So long somebody waits for an answer in bad times, and in good ones.
const PATIENCE: Duration = Duration::from_millis(700);
const PATIENCE_AT_REST: Duration = Duration::from_secs(30);
/// In good times so many syncs are enough, those of the others in between included.
const SYNCS_AT_REST: u32 = 60;

/// What somebody was told, and what they see in the end.
pub(super) struct Told {
    /// The names of the records that they made.
    made: BTreeSet<String>,
    /// The field of theirs, and by record its newest number.
    field: String,
    numbers: BTreeMap<String, u64>,
    deleted: BTreeSet<String>,
    /// Keys and values, in order.
    sees: BTreeMap<String, Value>,
}

impl Told {
    pub(super) fn writes(&self) -> u64 {
        let edits: u64 = self.numbers.values().sum();
        edits + (self.made.len() + self.deleted.len()) as u64
    }
}

/// Somebody at a device.
pub(super) struct Person {
    number: u64,
    random: fastrand::Rng,
    line: Line,
    token: String,
    pages: MemoryPages,
    next: u64,
    told: Told,
}

impl Person {
    pub(super) fn new(number: u64, seed: u64, line: Line, token: String) -> Self {
        Self {
            number,
            random: fastrand::Rng::with_seed(seed),
            line,
            token,
            pages: MemoryPages::new(),
            next: 0,
            told: Told {
                made: BTreeSet::new(),
                field: format!("d{number}"),
                numbers: BTreeMap::new(),
                deleted: BTreeSet::new(),
                sees: BTreeMap::new(),
            },
        }
    }

    /// Writes and syncs until it is over, then syncs until all is said and heard.
    pub(super) fn lives(mut self, is_over: &AtomicBool) -> Told {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let mut tab = self.open(PATIENCE).await;
            while !is_over.load(Relaxed) {
                match self.random.u32(0..100) {
                    0..60 => self.writes(&tab).await,
                    60..95 => self.syncs(&tab).await,
                    // The tab dies, and another goes on.
                    _ => tab = self.open(PATIENCE).await,
                }
                tokio::time::sleep(Duration::from_millis(self.random.u64(0..30))).await;
            }
            let tab = self.open(PATIENCE_AT_REST).await;
            self.rests(&tab).await;
            self.told
        })
    }

    async fn open(&mut self, patience: Duration) -> Client<Surroundings> {
        let seed = self.random.u64(..);
        native::open(&self.line, &self.token, &self.pages, seed, patience)
            .await
            .expect("memory can be read")
    }

    async fn docs(&self, tab: &Client<Surroundings>) -> Vec<Doc> {
        tab.find(ENTITY, "").await.expect("memory can be read")
    }

    async fn writes(&mut self, tab: &Client<Surroundings>) {
        let docs = self.docs(tab).await;
        self.next += 1;
        let kind = self.random.u32(0..100);
        if docs.is_empty() || kind < 30 {
            let name = format!("{}-{}", self.number, self.next);
            let values = json!([{"name": name, "pad": "x".repeat(self.random.usize(0..2000))}]);
            let create = Operation::Create {
                entity: ENTITY.into(),
                values: values.to_string(),
            };
            tab.write(vec![create])
                .await
                .expect("memory can be written");
            self.told.made.insert(name);
            return;
        }
        let doc = &docs[self.random.usize(0..docs.len())];
        let (entity, key) = (ENTITY.into(), doc.key.clone());
        let name = name(&value(doc));
        if kind < 92 {
            let number = self.told.numbers.entry(name).or_default();
            *number += 1;
            let fields = json!({ &self.told.field: *number }).to_string();
            let removed = Vec::new();
            let update = Operation::Update {
                entity,
                key,
                fields,
                removed,
            };
            tab.write(vec![update])
                .await
                .expect("memory can be written");
        } else {
            self.told.deleted.insert(name);
            let delete = Operation::Delete { entity, key };
            tab.write(vec![delete])
                .await
                .expect("memory can be written");
        }
    }

    async fn syncs(&self, tab: &Client<Surroundings>) {
        let confirmed = SyncOptions {
            confirm: true,
            ..SyncOptions::default()
        };
        // Whatever went wrong: the next one mends it.
        let _ = Box::pin(tab.sync(confirmed, &Cancel::default())).await;
    }

    /// Syncs until nothing is pending and the others had the time to say what they have.
    async fn rests(&mut self, tab: &Client<Surroundings>) {
        let confirmed = SyncOptions {
            confirm: true,
            ..SyncOptions::default()
        };
        let (mut quiet, mut last) = (0, None);
        for _ in 0..SYNCS_AT_REST {
            let outcome = Box::pin(tab.sync(confirmed, &Cancel::default())).await;
            let is_in_sync = outcome.is_ok_and(|report| report.in_sync);
            let seen = tab.info().last_sync;
            quiet = if is_in_sync && seen == last {
                quiet + 1
            } else {
                0
            };
            last = seen;
            if quiet == 10 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(quiet > 0, "device {} never came to rest", self.number);
        let pending = tab.pending().await.expect("memory can be read");
        assert!(pending.is_empty(), "still pending: {pending:?}");
        let docs = self.docs(tab).await;
        self.told.sees = docs
            .iter()
            .map(|doc| (doc.key.clone(), value(doc)))
            .collect();
    }
}

fn value(doc: &Doc) -> Value {
    serde_json::from_str(doc.value.as_str()).expect("JSON")
}

fn name(value: &Value) -> String {
    value["name"].as_str().expect("a name").to_owned()
}

/// All that was acknowledged is there, nothing twice, and all see the same.
pub(super) fn judge(told: &[Told], truth: &[Value]) {
    let mut holds = BTreeMap::new();
    for record in truth {
        let key = record["key"].as_str().expect("a key").to_owned();
        holds.insert(key, record["value"].clone());
    }
    for (number, person) in told.iter().enumerate() {
        assert_eq!(person.sees, holds, "device {number} sees something else");
    }
    let mut by_name = BTreeMap::new();
    for value in holds.values() {
        let twice = by_name.insert(name(value), value);
        assert!(twice.is_none(), "there twice: {value}");
    }
    let deleted: BTreeSet<_> = told.iter().flat_map(|it| &it.deleted).collect();
    for person in told {
        for name in person
            .made
            .difference(&deleted.iter().copied().cloned().collect())
        {
            assert!(by_name.contains_key(name), "lost: {name}");
        }
        for (name, number) in &person.numbers {
            if deleted.contains(name) {
                continue;
            }
            let is = by_name.get(name).map(|value| &value[&person.field]);
            assert_eq!(is, Some(&json!(number)), "{} of {name}", person.field);
        }
    }
}
