//! The model's modes and directions: who may push, what a pushed truth is, what a session that flows
//! one way leaves.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use std::collections::BTreeSet;
use std::string::ToString;

use serde_json::{Value, json};

use super::{Model, Version, stamp, unstamp};
use crate::fingerprint::DatastoreFingerprint;

/// Status and code of a problem.
pub(super) type Refusal = (u16, &'static str);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Usual,
    Slow,
    PullTruth,
    PushTruth,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Direction {
    #[default]
    Both,
    Pull,
    Push,
}

/// In which way a session syncs.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    mode: Mode,
    direction: Direction,
    mirror: bool,
}

impl Manner {
    pub(super) fn of(open: &Value) -> Result<Self, Refusal> {
        let mode = match open["mode"].as_str().unwrap() {
            "slow" => Mode::Slow,
            "pull_truth" => Mode::PullTruth,
            "push_truth" => Mode::PushTruth,
            _ => Mode::Usual,
        };
        let direction = match open["direction"].as_str().unwrap() {
            "pull" => Direction::Pull,
            "push" => Direction::Push,
            _ => Direction::Both,
        };
        let mirror = open["mirror"] == json!(true);
        let is_malformed = match direction {
            Direction::Both => mirror,
            Direction::Pull => mode == Mode::PushTruth,
            Direction::Push => mode == Mode::PullTruth,
        };
        if is_malformed {
            return Err((400, "malformed"));
        }
        Ok(Self {
            mode,
            direction,
            mirror,
        })
    }

    /// Both sides may turn out to be equal already.
    pub(super) fn is_plain(self) -> bool {
        self.mode == Mode::Usual && !self.mirror
    }

    pub(super) fn is_pull_truth(self) -> bool {
        self.mode == Mode::PullTruth
    }

    pub(super) fn is_push_truth(self) -> bool {
        self.mode == Mode::PushTruth
    }

    pub(super) fn is_push_only(self) -> bool {
        self.direction == Direction::Push
    }

    /// Nobody's change stands against what is pushed.
    pub(super) fn overrides(self) -> bool {
        self.is_push_truth() || self.mirror
    }

    /// Says how it will be; where the window starts.
    pub(super) fn decide(self, start: u64, answer: &mut Value) -> u64 {
        match self.mode {
            Mode::Usual if self.mirror && answer["mode"] == "fast" => {
                answer["mode"] = json!("repair");
            }
            Mode::Usual => {}
            Mode::Slow => answer["mode"] = json!("slow"),
            Mode::PullTruth => {
                answer["mode"] = json!("pull_truth");
                return 0;
            }
            Mode::PushTruth => answer["mode"] = json!("push_truth"),
        }
        start
    }

    pub(super) fn may_push(self, push: &Value) -> Result<(), Refusal> {
        if self.direction == Direction::Pull || self.is_pull_truth() {
            return Err((403, "forbidden"));
        }
        let is_end = push["more"] != json!(true);
        if self.is_push_truth() && is_end && push["confirm"] != json!(true) {
            return Err((423, "airbag"));
        }
        Ok(())
    }
}

impl Model {
    /// Whether another device pushed the truth, and this one has not pulled it.
    pub(super) fn is_marked_against(&self, device: &str, open: &Value) -> bool {
        let Some((mark, by)) = &self.mark else {
            return false;
        };
        let holds_nothing = open["fingerprint"] == DatastoreFingerprint::EMPTY.to_string().as_str();
        let is_before = match &open["last_sync"] {
            Value::Null => !holds_nothing,
            last_sync => unstamp(last_sync) < *mark,
        };
        by != device && is_before && open["mode"] != "pull_truth"
    }

    /// The truth becomes just what was pushed.
    pub(super) fn make_truth(&mut self, device: &str, pushed: &[Value], at: u64) {
        let named: BTreeSet<&str> = pushed
            .iter()
            .map(|it| it["key"].as_str().unwrap())
            .collect();
        for (key, record) in &mut self.records {
            let local = record.local.as_ref().map(|(local, _)| local.as_str());
            let is_named =
                named.contains(key.as_str()) || local.is_some_and(|it| named.contains(it));
            if !is_named && record.live().is_some() {
                record.versions.push(Version {
                    at,
                    device: device.to_owned(),
                    value: None,
                });
                self.head = at;
            }
        }
        self.mark = Some((self.head, device.to_owned()));
        for (name, other) in &mut self.devices {
            if name != device {
                other.session = None;
            }
        }
    }

    pub(super) fn finish(&mut self, device: &str, finish: &Value) -> Value {
        let session = self.session(device).clone();
        let mut at = unstamp(&finish["last_update"]);
        if session.manner.is_push_only() {
            at = session.start;
            let acked = &mut self.devices.get_mut(device).unwrap().acked;
            acked.extend(session.pushed.into_keys().map(|key| (key, session.head)));
        }
        let in_sync = finish["fingerprint"] == self.fingerprint(device, at).as_str();
        json!({"in_sync": in_sync, "last_sync": stamp(at)})
    }

    /// Whether any version of any record has this member.
    pub(in crate::client::tests) fn ever_held(&self, field: &str, value: u64) -> bool {
        let versions = self.records.values().flat_map(|record| &record.versions);
        let mut values = versions.filter_map(|version| version.value.as_ref());
        values.any(|held| held[field] == json!(value))
    }

    /// What becomes of a key in a session that does not treat both sides alike, told so by the device
    /// (`None`: it has none) and being so in the truth.
    pub(super) fn verdict(
        &self,
        device: &str,
        key: &str,
        told: Option<&String>,
        is: Option<&String>,
    ) -> Option<Verdict> {
        let session = self.devices[device].session.as_ref().unwrap();
        let manner = session.manner;
        let down = if is.is_some() {
            Verdict::Record
        } else {
            Verdict::Drop
        };
        let up = if told.is_some() {
            Verdict::Send
        } else {
            Verdict::Delete
        };
        let verdict = if manner.mirror {
            match manner.direction {
                Direction::Push if session.pushed.contains_key(key) && told.is_none() => {
                    Verdict::Leave
                }
                Direction::Push => up,
                _ => down,
            }
        } else if manner.mode == Mode::Slow {
            let record = self.records.get(key);
            let beyond = self.devices[device].acked.get(key).copied();
            let at = session.start.max(beyond.unwrap_or(0));
            let held = record.and_then(|record| super::fingerprint_of(record, record.at(at)?));
            let is_changed = record.is_some_and(|record| record.newest() > at);
            if held.as_ref() == told || (told.is_none() && is_changed) {
                down
            } else {
                up
            }
        } else {
            return None;
        };
        let is_allowed = match verdict {
            Verdict::Record | Verdict::Drop => manner.direction != Direction::Push,
            Verdict::Send | Verdict::Delete => manner.direction != Direction::Pull,
            Verdict::Leave => false,
        };
        Some(if is_allowed { verdict } else { Verdict::Leave })
    }

    /// Deletes what the device does not hold.
    pub(super) fn delete(&mut self, device: &str, keys: &[String]) {
        let at = self.head + 1;
        for key in keys {
            self.records.get_mut(key).unwrap().versions.push(Version {
                at,
                device: device.to_owned(),
                value: None,
            });
            self.head = at;
        }
        let head = self.head;
        self.session(device).head = head;
    }

    /// Which way a usual repair's verdicts may flow.
    pub(super) fn flows(&self, device: &str) -> (bool, bool) {
        let manner = self.devices[device].session.as_ref().unwrap().manner;
        let flows = |other| manner.direction != other;
        (flows(Direction::Push), flows(Direction::Pull))
    }
}

/// What becomes of a key that differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Record,
    Drop,
    Send,
    Delete,
    Leave,
}

/// The keys with each verdict.
#[derive(Default)]
pub(super) struct Verdicts {
    pub(super) records: Vec<String>,
    pub(super) drop: Vec<String>,
    pub(super) send: Vec<String>,
    pub(super) delete: Vec<String>,
}

impl Verdicts {
    pub(super) fn add(&mut self, verdict: Verdict, key: &str) {
        match verdict {
            Verdict::Record => self.records.push(key.to_owned()),
            Verdict::Drop => self.drop.push(key.to_owned()),
            Verdict::Send => self.send.push(key.to_owned()),
            Verdict::Delete => self.delete.push(key.to_owned()),
            Verdict::Leave => {}
        }
    }
}
