//! Devices that edit, lose answers, repeat themselves, are copied, and push in any order,
//! watched by an oracle that knows nothing of checkins, stamps or bases: it knows which device
//! has seen which value (each written value is one of a kind), and that is enough to say what
//! may not get lost.
//!
//! `TRUTH_SEED=n cargo test -p tidemark-engine truth::tests::random` repeats one schedule.

mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::eprintln;
use std::string::{String, ToString};
use std::vec::Vec;

use serde_json::{Value, json};
use tidemark_protocol::{Checkin, DeviceId, Key, LocalId};

use super::world::{World, device, local};
use crate::json::Canonical;
use crate::truth::Choice;
use crate::version::{ConflictId, Version};

const SCHEDULES: u64 = 240;
const STEPS: usize = 80;
const FIELDS: [&str; 4] = ["a", "b", "c", "d"];

/// The policies, in turn; the named device is the second.
const POLICIES: [&str; 8] = [
    "merge",
    "truth",
    "merge",
    "newest",
    "merge",
    "store",
    "device",
    "device:00000000-0000-000d-0000-000000000002",
];

type Fields = BTreeMap<String, u64>;

/// T-36: whatever is lost, repeated or reordered: nothing doubled, nothing lost, repeats change
/// nothing.
#[test]
fn t36_random_schedules_lose_and_double_nothing() {
    let only = std::env::var("TRUTH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..SCHEDULES, |seed| seed..seed + 1) {
        let _told = Told(seed);
        Schedule::new(seed).run();
    }
}

/// Prints the seed of a schedule that fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with TRUTH_SEED={}", self.0);
        }
    }
}

/// A record on a device.
#[derive(Clone, Debug, Default)]
struct Local {
    key: String,
    is_pending: bool,
    value: Fields,
    edited: BTreeSet<String>,
    is_deleted: bool,
    base: Option<Checkin>,
    /// A pull has changed the value under the edit: it can no longer be pushed whole.
    is_rebased: bool,
}

impl Local {
    fn is_dirty(&self) -> bool {
        self.is_pending || self.is_deleted || !self.edited.is_empty()
    }
}

#[derive(Clone, Debug)]
struct Device {
    id: DeviceId,
    records: BTreeMap<String, Local>,
    seen: BTreeSet<u64>,
    /// The values that it was the first to bring to the truth.
    said: BTreeSet<u64>,
    /// The keys of which it has pushed a deletion.
    deleted: BTreeSet<String>,
    pulled: Option<Checkin>,
}

struct Schedule {
    random: u64,
    world: World,
    devices: Vec<Device>,
    /// Every value that any push has brought to the truth.
    reached: BTreeSet<u64>,
    tokens: u64,
    made: u128,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut schedule = Self {
            random: seed,
            world: World::new(),
            devices: Vec::new(),
            reached: BTreeSet::new(),
            tokens: 0,
            made: 0,
        };
        schedule.world.slice = if seed.is_multiple_of(2) {
            usize::MAX
        } else {
            1
        };
        let policy = POLICIES[usize::try_from(seed / 2).unwrap() % POLICIES.len()];
        schedule.world.rules.policies.policy = policy.parse().ok();
        (0..3).for_each(|_| schedule.add_device());
        schedule
    }

    /// splitmix64
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    fn add_device(&mut self) {
        let id = device(self.devices.len() as u128 + 1);
        let (records, seen, said) = Default::default();
        let deleted = BTreeSet::new();
        self.devices.push(Device {
            id,
            records,
            seen,
            said,
            deleted,
            pulled: None,
        });
    }

    fn run(mut self) {
        for _ in 0..STEPS {
            let by = self.below(self.devices.len());
            match self.below(13) {
                12 => self.settle(),
                0 | 1 => self.create(by),
                2..=4 => self.edit(by),
                5 => self.delete(by),
                6 => self.pull(by),
                7 if self.devices.len() < 6 => self.copy(by),
                7 | 8 => self.push(by),
                _ => {
                    self.push(by);
                    self.adopt(by);
                }
            }
        }
        for by in 0..self.devices.len() {
            self.push(by);
            self.adopt(by);
        }
    }

    fn create(&mut self, by: usize) {
        self.made += 1;
        let key = local(self.made).to_string();
        let mut value = Fields::new();
        for field in &FIELDS[..=self.below(3)] {
            value.insert(field.to_string(), self.token());
        }
        let device = &mut self.devices[by];
        device.seen.extend(value.values());
        let record = Local {
            key: key.clone(),
            is_pending: true,
            value,
            ..Local::default()
        };
        device.records.insert(key, record);
    }

    fn pick(&mut self, by: usize) -> Option<String> {
        let count = self.devices[by].records.len();
        if count == 0 {
            return None;
        }
        let place = self.below(count);
        self.devices[by].records.keys().nth(place).cloned()
    }

    fn edit(&mut self, by: usize) {
        let Some(key) = self.pick(by) else { return };
        let field = FIELDS[self.below(FIELDS.len())].to_string();
        let token = (self.below(5) > 0).then(|| self.token());
        let device = &mut self.devices[by];
        let Some(record) = device.records.get_mut(&key).filter(|it| !it.is_deleted) else {
            return;
        };
        device.seen.extend(token);
        match token {
            Some(token) => record.value.insert(field.clone(), token),
            None => record.value.remove(&field),
        };
        record.edited.insert(field);
    }

    fn delete(&mut self, by: usize) {
        let Some(key) = self.pick(by) else { return };
        self.devices[by].records.get_mut(&key).unwrap().is_deleted = true;
    }

    /// A person decides on some conflict.
    fn settle(&mut self) {
        let open = self.world.conflicts.iter().filter(|(_, it)| !it.is_settled);
        let open: Vec<ConflictId> = open.map(|(id, _)| *id).collect();
        if open.is_empty() {
            return;
        }
        let id = open[self.below(open.len())];
        let choice = match self.below(3) {
            0 => Choice::Truth,
            1 => Choice::Device,
            _ => {
                let token = self.token();
                self.reached.insert(token);
                Choice::Value(Canonical::parse(&json!({"a": token}).to_string()).unwrap())
            }
        };
        let before = self.world.clone();
        self.world.settle(id, choice);
        self.watch_decision(&before, id);
        self.check_keys();
    }

    /// A second machine with the same profile: it takes a new `device_uuid`.
    fn copy(&mut self, by: usize) {
        let mut copy = self.devices[by].clone();
        copy.id = device(self.devices.len() as u128 + 1);
        (copy.said, copy.deleted) = Default::default();
        self.devices.push(copy);
    }

    /// Takes in the truth without having pushed: edits are rebased, their base stays.
    fn pull(&mut self, by: usize) {
        let device = &mut self.devices[by];
        let own: BTreeSet<Option<String>> = device
            .records
            .keys()
            .map(|key| key_of(&self.world, key))
            .collect();
        device.pulled = Some(self.world.head.checkin);
        let gone = |key: &String| self.world.value(key).is_none();
        device
            .records
            .retain(|key, record| record.is_dirty() || !gone(key));
        for (key, version) in self.world.live() {
            let value = fields_of(&self.world, key.as_str()).0;
            let key = key.to_string();
            if own.contains(&Some(key.clone())) {
                continue;
            }
            device.seen.extend(value.values());
            let record = device.records.entry(key.clone()).or_default();
            record.key = key;
            if record.is_dirty() {
                for field in FIELDS.map(String::from) {
                    if !record.edited.contains(&field)
                        && record.value.get(&field) != value.get(&field)
                    {
                        record.is_rebased = true;
                        match value.get(&field) {
                            Some(token) => record.value.insert(field, *token),
                            None => record.value.remove(&field),
                        };
                    }
                }
            } else {
                record.value = value;
                record.base = Some(version.checkin);
            }
        }
    }

    /// The push was answered: nothing is pending any more.
    fn adopt(&mut self, by: usize) {
        self.devices[by].records.clear();
        self.pull(by);
    }

    /// Pushes all that is pending, and at once repeats it; the answers are lost.
    fn push(&mut self, by: usize) {
        let mut dirty: Vec<Local> = self.devices[by]
            .records
            .values()
            .filter(|it| it.is_dirty())
            .cloned()
            .collect();
        let count = dirty.len();
        for place in 0..count {
            let other = self.below(count);
            dirty.swap(place, other);
        }
        let records: Vec<Value> = dirty.iter().map(|record| self.written(record)).collect();
        let before = self.world.clone();
        let id = self.devices[by].id;
        let done = self.world.try_push(id, &records, true).unwrap();
        assert_eq!(done.rejected(), []);
        assert_eq!(done.answers.len(), dirty.len(), "every record is answered");
        for record in &dirty {
            self.watch(by, record, &before, &done);
        }
        self.note_said(by, dirty);
        self.check_repeat(id, &records);
        self.check_keys();
    }

    /// What the truth now holds as this device's word. (What another device had said alike
    /// before is not in a version of this one's, and so no repeat when it says it again.)
    fn note_said(&mut self, by: usize, pushed: Vec<Local>) {
        let device = &mut self.devices[by];
        for record in pushed {
            self.reached.extend(record.value.values());
            let key = key_of(&self.world, &record.key).unwrap_or(record.key);
            if let Some(newest) = self.world.newest(&key) {
                let is_own = |field: &str| newest.stamps.of(field).device == device.id;
                let own = record.value.iter().filter(|(field, _)| is_own(field));
                device.said.extend(own.map(|(_, token)| token));
            }
            if record.is_deleted {
                device.deleted.insert(key);
            }
        }
    }

    fn written(&mut self, record: &Local) -> Value {
        let Local {
            key,
            is_pending,
            value,
            edited,
            base,
            ..
        } = record;
        if *is_pending {
            let created = "2026-11-22T04:41:01Z";
            let mut written = json!({"key": key, "is_pending": true, "created": created});
            if record.is_deleted {
                written["deleted"] = json!(true);
            } else {
                written["value"] = json!(value);
            }
            written
        } else if record.is_deleted {
            json!({"key": key, "base": base, "deleted": true})
        } else if record.is_rebased || self.below(2) == 0 {
            json!({"key": key, "base": base, "changed": edited, "value": value})
        } else {
            json!({"key": key, "base": base, "value": value})
        }
    }
}

/// The real key of what a device calls so, if the truth knows it.
fn key_of(world: &World, name: &str) -> Option<String> {
    match LocalId::parse(name)
        .ok()
        .and_then(|id| world.local_keys.get(&id))
    {
        Some(row) => row.key.as_ref().map(ToString::to_string),
        None => world
            .versions
            .contains_key(&Key::parse(name).unwrap())
            .then(|| name.to_string()),
    }
}

/// What a key holds or held last, and whether it is deleted.
fn fields_of(world: &World, key: &str) -> (Fields, bool) {
    let kept = world
        .versions
        .get(&Key::parse(key).unwrap())
        .map_or(&[][..], Vec::as_slice);
    let last = kept
        .iter()
        .rev()
        .find_map(|version| version.content.as_ref());
    let fields = last.map(|content| serde_json::from_str(content.value.as_str()).unwrap());
    (
        fields.unwrap_or_default(),
        kept.last().is_none_or(Version::is_tombstone),
    )
}
