//! Reconcile: which ranges of keys differ, how they are cut smaller, and what becomes of a record
//! that differs.
//!
//! The server sums and reads what a range holds at the session's moment; in here is what that
//! means. What a device is held to is the truth but for its exceptions, so that one that stores
//! values in its own form reconciles to nothing.

mod before;
mod buckets;
mod deviations;
mod range;
mod verdict;

use alloc::string::ToString;
use alloc::vec::Vec;

use tidemark_protocol::ReconcileRange;

pub use self::before::Before;
pub use self::buckets::{Bucket, Changed, Cutter, fold};
pub use self::deviations::{Deviations, Expected};
pub use self::range::{Holding, Item, Span, Sum, Told, read_ranges};
pub use self::verdict::{Comparing, Difference, Evidence, Verdict};

/// Of a range that holds fewer, the items are told.
const ITEMS_BELOW: usize = 32;
/// A range is cut into no more parts than this.
const PARTS_MAX: usize = 64;
/// No part is cut smaller than this.
const PART_RECORDS: usize = 16;
/// A range that holds more is not decided at once: it comes back as smaller ones.
const DECIDED_MAX: u64 = 4096;

/// What is done about a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: both sides hold the same.
    Same,
    /// What is expected of it is told, by [`narrowed`].
    Narrow,
    /// Record by record, by [`differences`].
    Decide,
}

impl Told {
    /// What is done about the range, of which so much is expected.
    pub fn step(&self, expected: Sum) -> Step {
        let held = match &self.holding {
            Holding::Fingerprint(held) => *held,
            Holding::Items(items) => Sum::of(items).fingerprint,
        };
        match &self.holding {
            _ if held == expected.fingerprint => Step::Same,
            Holding::Items(_) if expected.count <= DECIDED_MAX => Step::Decide,
            Holding::Items(_) | Holding::Fingerprint(_) => Step::Narrow,
        }
    }
}

/// What is expected of a range, smaller: its items where they are few, else parts of an even
/// count of them.
pub fn narrowed(span: Span, items: &[Expected]) -> Vec<ReconcileRange> {
    let count = items.iter().filter(|item| item.held.is_some()).count();
    if count < ITEMS_BELOW {
        return alloc::vec![span.with_items(items)];
    }
    let held: Vec<Item> = items.iter().filter_map(Expected::item).collect();
    let parts = (count / PART_RECORDS).min(PARTS_MAX);
    let place = |part: usize| part * count / parts;
    let mut from = span.from;
    let mut ranges = Vec::with_capacity(parts);
    for part in 0..parts {
        let to = match held.get(place(part + 1)) {
            Some((key, _)) => Some(key.to_string()),
            None => span.to.clone(),
        };
        let next = to.clone().unwrap_or_default();
        let from = core::mem::replace(&mut from, next);
        let sum = Sum::of(&held[place(part)..place(part + 1)]);
        ranges.push(Span { from, to }.with_sum(sum));
    }
    ranges
}

/// The keys of a range that differ, in order.
pub fn differences(expected: Vec<Expected>, told: &[Item]) -> Vec<Difference> {
    let mut told = told.iter().peekable();
    let mut found = Vec::new();
    let unknown = |(key, told): &Item| Difference {
        key: key.clone(),
        told: Some(*told),
        truth: None,
    };
    for Expected { key, truth, held } in expected {
        while let Some(item) = told.next_if(|item| item.0 < key) {
            found.push(unknown(item));
        }
        let told = told.next_if(|item| item.0 == key).map(|item| item.1);
        if told != held {
            found.push(Difference { key, told, truth });
        }
    }
    found.extend(told.map(unknown));
    found
}
