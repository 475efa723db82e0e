//! Where a device may differ from the truth, range by range.

use alloc::vec::Vec;

use tidemark_protocol::Key;

use super::range::{Item, Span, Sum};
use crate::fingerprint::RecordFingerprint;
use crate::truth::expected::{Compared, Exception};

/// A key of a range, as the truth has it and as the device is expected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The record.
    pub key: Key,
    /// What lives in the truth; `None`: nothing.
    pub truth: Option<RecordFingerprint>,
    /// What the device is expected to hold; `None`: nothing.
    pub held: Option<RecordFingerprint>,
}

impl Expected {
    pub(super) fn item(&self) -> Option<Item> {
        Some((self.key.clone(), self.held?))
    }
}

/// A device's exceptions at the moment that is compared, in the order of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deviations {
    in_force: Vec<Expected>,
    /// What it held until the truth held something newer.
    ended: Vec<Item>,
}

impl Deviations {
    /// Of the exceptions, each with the version of its key as of that moment, if there is one.
    pub fn new(exceptions: Vec<(Exception, Option<Compared>)>) -> Self {
        let mut deviations = Self::default();
        for (exception, compared) in exceptions {
            let Exception { key, held, .. } = exception;
            if compared.is_some_and(|compared| compared.checkin > exception.checkin) {
                deviations.ended.extend(held.map(|held| (key, held)));
                continue;
            }
            let truth = compared.and_then(|compared| compared.fingerprint);
            deviations.in_force.push(Expected { key, truth, held });
        }
        deviations
            .in_force
            .sort_by(|one, other| one.key.cmp(&other.key));
        deviations
    }

    fn within<'a>(&'a self, span: &'a Span) -> impl Iterator<Item = &'a Expected> {
        let start = self
            .in_force
            .partition_point(|one| one.key.as_str() < span.from.as_str());
        let from = &self.in_force[start..];
        from.iter().take_while(|one| span.holds(one.key.as_str()))
    }

    /// What is expected of the device, where the truth comes to this.
    pub fn over(&self, span: &Span, truth: Sum) -> Sum {
        let mut sum = truth;
        for Expected { key, truth, held } in self.within(span) {
            if let Some(truth) = truth {
                sum.remove(key.as_str(), truth);
            }
            if let Some(held) = held {
                sum.insert(key.as_str(), held);
            }
        }
        sum
    }

    /// What is expected of the device key by key, where the truth has these.
    pub fn items(&self, span: &Span, truth: Vec<Item>) -> Vec<Expected> {
        let mut apart = self.within(span).peekable();
        let mut items = Vec::with_capacity(truth.len());
        for (key, fingerprint) in truth {
            while let Some(one) = apart.next_if(|one| one.key < key) {
                items.push(one.clone());
            }
            let held = match apart.next_if(|one| one.key == key) {
                Some(one) => one.held,
                None => Some(fingerprint),
            };
            items.push(Expected {
                key,
                truth: Some(fingerprint),
                held,
            });
        }
        items.extend(apart.cloned());
        items
    }

    /// Whether the device itself told once that it held this.
    pub fn has_held(&self, key: &Key, fingerprint: RecordFingerprint) -> bool {
        let in_force = self.in_force.iter();
        let in_force = in_force.filter_map(|one| Some((&one.key, one.held?)));
        let ended = self.ended.iter().map(|(key, held)| (key, *held));
        in_force.chain(ended).any(|it| it == (key, fingerprint))
    }
}
