//! Several devices, two tabs each, against the model server: calls lost on the way there or on
//! the way back, tabs that die in any commit, profiles copied, edits in the midst of a sync.
//! Each run is repeated by its seed.

use alloc::{borrow::ToOwned, boxed::Box, format, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::string::ToString;

use serde_json::Value;

use super::model::Model;
use super::world::{Tab, World, create, delete, json, together, undo, update};
use crate::client::{Client, DeclaredIndex, Options, TransportError};
use crate::store::{Fault, MemoryPages};

pub(super) struct Dice(pub(super) Cell<u64>);

impl Dice {
    pub(super) fn roll(&self, sides: u64) -> u64 {
        // Splitmix64.
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mut mixed = self.0.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// One installation: its pages, and the tabs that have them open.
struct Device {
    name: String,
    tab: Tab,
    tabs: [Client<Tab>; 2],
}

/// What the person knows to have been saved, by the record's number.
#[derive(Default)]
struct Saved {
    /// May be gone in the end.
    deleted: bool,
    /// By field: what must be there, or `None` where an undo made it uncertain.
    fields: BTreeMap<String, Option<u64>>,
}

struct Chaos {
    dice: Rc<Dice>,
    model: Rc<RefCell<Model>>,
    devices: Vec<Device>,
    saved: BTreeMap<u64, Saved>,
    next: u64,
}

fn options() -> Options {
    let indexes = [DeclaredIndex {
        entity: "todo".into(),
        fields: ["n".to_owned()].into(),
    }]
    .into();
    Options {
        indexes,
        ..Options::default()
    }
}

async fn opened(name: String, pages: MemoryPages, seed: u64) -> Device {
    let tab = World::on(pages, seed);
    let tabs = [
        Client::open(tab.clone(), options()).await.unwrap(),
        Client::open(tab.clone(), options()).await.unwrap(),
    ];
    Device { name, tab, tabs }
}

fn number(value: &str) -> u64 {
    json(value)["n"].as_u64().unwrap()
}

impl Chaos {
    async fn begin(seed: u64) -> Self {
        let dice = Rc::new(Dice(Cell::new(seed)));
        let model = Rc::new(RefCell::new(Model::new(3)));
        let mut chaos = Self {
            dice,
            model,
            devices: Vec::new(),
            saved: BTreeMap::new(),
            next: 1,
        };
        for name in ["a", "b", "c"] {
            let seed = chaos.dice.roll(u64::MAX);
            chaos
                .devices
                .push(opened(name.to_owned(), MemoryPages::new(), seed).await);
        }
        chaos
    }

    fn any(&self, count: usize) -> usize {
        usize::try_from(self.dice.roll(count as u64)).unwrap()
    }

    async fn step(&mut self) {
        let device = self.any(self.devices.len());
        let client = self.devices[device].tabs[self.any(2)].clone();
        let field = format!("f{}", self.devices[device].name);
        match self.dice.roll(20) {
            0..5 => {
                let n = self.next;
                self.next += 1;
                client
                    .does(create("todo", &format!(r#"[{{"n":{n}}}]"#)))
                    .await;
                self.saved.insert(n, Saved::default());
            }
            5..10 => self.edit(&client, &field).await,
            10 => {
                if let Some((key, n)) = self.some_record(&client).await {
                    client.does(delete("todo", &key)).await;
                    self.saved.entry(n).or_default().deleted = true;
                }
            }
            11 => {
                if let Some((key, n)) = self.some_record(&client).await {
                    client.does(undo("todo", &key)).await;
                    let saved = self.saved.entry(n).or_default();
                    saved.fields.values_mut().for_each(|value| *value = None);
                    // The making itself may be what was undone.
                    saved.deleted = true;
                }
            }
            12 if self.devices.len() < 5 => self.copy(device).await,
            _ => self.sync(device).await,
        }
    }

    async fn some_record(&self, client: &Client<Tab>) -> Option<(String, u64)> {
        let docs = client.find("todo", "").await.unwrap();
        if docs.is_empty() {
            return None;
        }
        let doc = &docs[self.any(docs.len())];
        // By handle as well as by key: both must do.
        let key = if self.dice.roll(2) == 0 {
            doc.key.clone()
        } else {
            doc.handle()
        };
        Some((key, number(doc.value.as_str())))
    }

    async fn edit(&mut self, client: &Client<Tab>, field: &str) {
        if let Some((key, n)) = self.some_record(client).await {
            let value = self.next;
            self.next += 1;
            let edit = update("todo", &key, &format!(r#"{{"{field}":{value}}}"#));
            // Another tab may have deleted it since.
            if client.write([edit].into()).await.is_ok() {
                self.saved
                    .entry(n)
                    .or_default()
                    .fields
                    .insert(field.to_owned(), Some(value));
            }
        }
    }

    /// A copy of the profile, made at this instant and used on.
    async fn copy(&mut self, device: usize) {
        let pages = self.devices[device].tab.0.pages.snapshot();
        let seed = self.dice.roll(u64::MAX);
        let name = format!("copy{}", self.devices.len());
        // What waits to be pushed is now pushed by both: either may be the later. From here on
        // each has a field of its own again.
        let field = format!("f{}", self.devices[device].name);
        for saved in self.saved.values_mut() {
            saved
                .fields
                .entry(field.clone())
                .and_modify(|value| *value = None);
        }
        self.devices[device].name.push('x');
        self.devices.push(opened(name, pages, seed).await);
    }

    async fn sync(&mut self, device: usize) {
        let (dice, model) = (Rc::clone(&self.dice), Rc::clone(&self.model));
        let tab = self.devices[device].tab.clone();
        tab.plays(move |path, body| match dice.roll(10) {
            0 => Err(TransportError::Offline("lost on its way".to_owned())),
            1 => {
                model.borrow_mut().call(path, body);
                Err(TransportError::Timeout)
            }
            2 => {
                // Delivered twice: the later answer is the one that comes.
                model.borrow_mut().call(path, body);
                Ok(model.borrow_mut().call(path, body))
            }
            _ => Ok(model.borrow_mut().call(path, body)),
        });
        let is_faulty = self.dice.roll(3) == 0;
        if is_faulty {
            let fault = if self.dice.roll(2) == 0 {
                Fault::Before
            } else {
                Fault::After
            };
            tab.0.pages.fail_after(self.dice.roll(4), fault);
        }
        let is_busy = self.dice.roll(2) == 0;
        let syncing = self.devices[device].tabs[0].clone();
        let editing = self.devices[device].tabs[1].clone();
        let field = format!("f{}", self.devices[device].name);
        // In the other tab the person goes on.
        if is_busy {
            let both: [core::pin::Pin<Box<dyn Future<Output = ()> + '_>>; 2] = [
                Box::pin(async move { drop(syncing.syncs().await) }),
                Box::pin(self.edit(&editing, &field)),
            ];
            together(both).await;
        } else {
            drop(syncing.syncs().await);
        }
        // The tabs die, a fault met or not; what is on the disk goes on.
        if is_faulty || self.dice.roll(4) == 0 {
            let pages = tab.0.pages.snapshot();
            let name = self.devices[device].name.clone();
            let seed = self.dice.roll(u64::MAX);
            self.devices[device] = opened(name, pages, seed).await;
        }
    }

    /// Everybody syncs without faults until nothing changes, and all must agree.
    async fn settle(&self, seed: u64) {
        for device in &self.devices {
            let model = Rc::clone(&self.model);
            device
                .tab
                .plays(move |path, body| Ok(model.borrow_mut().call(path, body)));
        }
        for _ in 0..4 {
            for device in &self.devices {
                drop(device.tabs[0].syncs().await);
            }
        }
        let truth = self.model.borrow().truth();
        for device in &self.devices {
            let report = device.tabs[0].syncs().await;
            let report = report.unwrap_or_else(|error| {
                panic!(
                    "seed {seed}, {}: {error:?} {:?}",
                    device.name,
                    device.tab.bodies().last()
                )
            });
            assert_eq!(
                (report.in_sync, report.round_trips),
                (true, 1),
                "seed {seed}: {report:?}"
            );
            let pending = device.tabs[0].pending().await.unwrap();
            // An edit of what a copy of the device deleted before the truth knew it waits for
            // the person; nothing else does.
            for doc in &pending {
                let problem = doc.problem.as_ref().map(|(code, _)| code.as_str());
                assert_eq!(
                    (problem, doc.is_pending),
                    (Some("deleted"), true),
                    "seed {seed}: {doc:?}"
                );
            }
            device.tabs[1].refresh().await.unwrap();
            let docs = device.tabs[1]
                .find("todo", r#"{"orderBy":["n"]}"#)
                .await
                .unwrap();
            let held: BTreeMap<String, String> = docs
                .iter()
                .filter(|doc| !doc.is_pending)
                .map(|doc| (doc.key.clone(), doc.value.to_string()))
                .collect();
            assert_eq!(held, truth, "seed {seed}, {}", device.name);
            let count = device.tabs[1]
                .count("todo", r#"{"where":{"n":{"gt":0}}}"#)
                .await
                .unwrap();
            assert_eq!(count, docs.len() as u64, "seed {seed}, {}", device.name);
        }
        self.check_saved(seed, &truth);
    }

    fn check_saved(&self, seed: u64, truth: &BTreeMap<String, String>) {
        let mut found: BTreeMap<u64, Value> = BTreeMap::new();
        for value in truth.values() {
            let twice = found.insert(number(value), json(value));
            assert_eq!(twice, None, "seed {seed}: doubled");
        }
        for (n, saved) in &self.saved {
            let Some(value) = found.get(n) else {
                assert!(saved.deleted, "seed {seed}: record {n} is lost");
                continue;
            };
            for (field, expected) in &saved.fields {
                if let (Some(expected), false) = (expected, saved.deleted) {
                    assert_eq!(
                        value[field], *expected,
                        "seed {seed}: record {n}, field {field}"
                    );
                }
            }
        }
    }
}

#[test]
fn rule_d4_whatever_is_lost_on_the_way_nothing_is_lost_or_doubled_and_all_agree() {
    let runs = std::env::var("TIDEMARK_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    for seed in 0..runs.unwrap_or(50) {
        pollster::block_on(async {
            let mut chaos = Chaos::begin(seed).await;
            for _ in 0..40 {
                chaos.step().await;
            }
            chaos.settle(seed).await;
        });
    }
}
