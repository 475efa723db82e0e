//! Devices that take the truth, push it, compare slowly and sync one way, in any order, against the
//! model server: tabs die in any commit, calls and answers are lost. Whatever a person wrote was
//! in the truth once, or waits on the device with its problem. Each run is repeated by its seed.

use alloc::{boxed::Box, format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;
use core::pin::Pin;
use std::collections::BTreeMap;
use std::string::ToString;

use tidemark_protocol::{Direction, Mode};

use super::model::Model;
use super::world::{Tab, World, create, delete, json, together, update};
use crate::client::{Client, SyncOptions, TransportError};
use crate::store::{Fault, MemoryPages};

/// A record's number, and the value written into it; `None`: nothing was.
type Wrote = Option<(u64, u64)>;

/// Splitmix64, of a counter.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

struct Device {
    tab: Tab,
    client: Client<Tab>,
    /// Its own field of records, and what it wrote there last, by the record's number.
    field: String,
    written: BTreeMap<u64, u64>,
    /// The records that it made.
    made: Vec<u64>,
}

struct Run {
    seed: u64,
    dice: Rc<RefCell<Dice>>,
    model: Rc<RefCell<Model>>,
    devices: Vec<Device>,
    next: u64,
}

/// Any way to sync that makes sense.
fn any_way(dice: &mut Dice) -> SyncOptions {
    let mode = [
        Mode::Auto,
        Mode::Auto,
        Mode::Auto,
        Mode::Repair,
        Mode::Slow,
        Mode::PullTruth,
        Mode::PushTruth,
    ][dice.roll(7)];
    let direction = match (mode, dice.roll(6)) {
        (Mode::PullTruth | Mode::PushTruth, _) => Direction::Both,
        (_, 0) => Direction::Pull,
        (_, 1) => Direction::Push,
        _ => Direction::Both,
    };
    SyncOptions {
        mode,
        direction,
        mirror: direction != Direction::Both && mode == Mode::Auto && dice.roll(2) == 0,
        confirm: dice.roll(4) > 0,
    }
}

impl Run {
    async fn begin(seed: u64) -> Self {
        let mut run = Self {
            seed,
            dice: Rc::new(RefCell::new(Dice(seed))),
            model: Rc::new(RefCell::new(Model::new(3))),
            devices: Vec::new(),
            next: 1,
        };
        for name in ["a", "b", "c"] {
            let tab = World::on(MemoryPages::new(), run.roll(1 << 30) as u64);
            let client = tab.open().await;
            run.devices.push(Device {
                tab,
                client,
                field: format!("f{name}"),
                written: BTreeMap::new(),
                made: Vec::new(),
            });
        }
        run
    }

    fn roll(&self, sides: usize) -> usize {
        self.dice.borrow_mut().roll(sides)
    }

    async fn step(&mut self) {
        let device = self.roll(self.devices.len());
        match self.roll(12) {
            0..3 => {
                let n = self.next;
                self.next += 1;
                let made = create("todo", &format!(r#"[{{"n":{n}}}]"#));
                self.devices[device].client.does(made).await;
                self.devices[device].made.push(n);
            }
            3..6 => self.edit(device).await,
            6 => self.delete(device).await,
            _ => self.sync(device).await,
        }
    }

    async fn edit(&mut self, device: usize) {
        let value = self.next;
        self.next += 1;
        let (roll, field) = (self.roll(1 << 20), self.devices[device].field.clone());
        let wrote = edit(&self.devices[device].client, roll, &field, value).await;
        self.devices[device].written.extend(wrote);
    }

    async fn delete(&mut self, device: usize) {
        let roll = self.roll(1 << 20);
        let docs = self.devices[device].client.find("todo", "").await.unwrap();
        if docs.is_empty() {
            return;
        }
        let doc = &docs[roll % docs.len()];
        let n = json(doc.value.as_str())["n"].as_u64().unwrap();
        let device = &mut self.devices[device];
        device.client.does(delete("todo", &doc.key)).await;
        // What the person has thrown away need not be anywhere.
        device.written.remove(&n);
        device.made.retain(|made| *made != n);
    }

    async fn sync(&mut self, device: usize) {
        let options = any_way(&mut self.dice.borrow_mut());
        let (dice, model) = (Rc::clone(&self.dice), Rc::clone(&self.model));
        let tab = self.devices[device].tab.clone();
        tab.plays(move |path, body| match dice.borrow_mut().roll(12) {
            0 => Err(TransportError::Offline("lost on its way".to_string())),
            1 => {
                model.borrow_mut().call(path, body);
                Err(TransportError::Timeout)
            }
            _ => Ok(model.borrow_mut().call(path, body)),
        });
        let is_faulty = self.roll(3) == 0;
        if is_faulty {
            let fault = [Fault::Before, Fault::After][self.roll(2)];
            tab.0.pages.fail_after(self.roll(5) as u64, fault);
        }
        let (value, roll) = (self.next, self.roll(1 << 20));
        self.next += 1;
        let field = self.devices[device].field.clone();
        let client = self.devices[device].client.clone();
        let is_busy = self.roll(3) == 0;
        // The person goes on meanwhile, unless the disk fails.
        if is_busy && !is_faulty {
            let editing = client.clone();
            let both: [Pin<Box<dyn Future<Output = Wrote> + '_>>; 2] = [
                Box::pin(async move {
                    drop(client.syncs_as(options).await);
                    None
                }),
                Box::pin(async move { edit(&editing, roll, &field, value).await }),
            ];
            let wrote = together(both).await.into_iter().flatten();
            self.devices[device].written.extend(wrote);
        } else {
            drop(client.syncs_as(options).await);
        }
        if is_faulty {
            let tab = World::on(tab.0.pages.snapshot(), self.roll(1 << 30) as u64);
            self.devices[device].client = tab.open().await;
            self.devices[device].tab = tab;
        }
    }

    /// Everybody syncs without faults until nothing changes, and all must agree.
    async fn settle(&self) {
        let seed = self.seed;
        for _ in 0..4 {
            for device in &self.devices {
                let model = Rc::clone(&self.model);
                device
                    .tab
                    .plays(move |path, body| Ok(model.borrow_mut().call(path, body)));
                drop(device.client.syncs().await);
            }
        }
        let truth = self.model.borrow().truth();
        for device in &self.devices {
            let report = device.client.syncs().await;
            let report = report.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            let outcome = (report.in_sync, report.round_trips);
            assert_eq!(outcome, (true, 1), "seed {seed}: {report:?}");
            self.check_saved(device).await;
            let mut held = BTreeMap::new();
            for doc in device.client.pending().await.unwrap() {
                let problem = doc.problem.as_ref().map(|(code, _)| code.as_str());
                let is_ours = matches!(problem, Some("pull_truth" | "truth_pushed"));
                assert!(is_ours, "seed {seed}: {doc:?}");
                device
                    .client
                    .does(super::world::undo("todo", &doc.key))
                    .await;
            }
            for doc in device.client.find("todo", "").await.unwrap() {
                held.insert(doc.key.clone(), doc.value.to_string());
            }
            assert_eq!(held, truth, "seed {seed}, {}", device.field);
        }
    }

    /// What was written was in the truth, or waits here.
    async fn check_saved(&self, device: &Device) {
        let pending = device.client.pending().await.unwrap();
        let waiting: Vec<_> = pending.iter().map(|doc| json(doc.value.as_str())).collect();
        let made = device.made.iter().map(|n| ("n", *n));
        let written = device.written.values();
        let written = written.map(|value| (device.field.as_str(), *value));
        for (field, value) in made.chain(written) {
            let is_saved = self.model.borrow().ever_held(field, value)
                || waiting.iter().any(|waits| waits[field] == value);
            assert!(is_saved, "seed {}: {field} {value} is lost", self.seed);
        }
    }
}

/// Writes a value into a field of some record.
async fn edit(client: &Client<Tab>, roll: usize, field: &str, value: u64) -> Wrote {
    let docs = client.find("todo", "").await.unwrap();
    let doc = docs.get(roll % docs.len().max(1))?;
    let edit = update("todo", &doc.key, &format!(r#"{{"{field}":{value}}}"#));
    client.write([edit].into()).await.ok()?;
    Some((json(doc.value.as_str())["n"].as_u64().unwrap(), value))
}

#[test]
fn rule_d57_however_devices_take_and_push_the_truth_nothing_that_was_written_is_lost() {
    let runs = std::env::var("TIDEMARK_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    for seed in 0..runs.unwrap_or(60) {
        pollster::block_on(async {
            let mut run = Run::begin(seed).await;
            for _ in 0..40 {
                run.step().await;
            }
            run.settle().await;
        });
    }
}
