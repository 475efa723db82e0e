//! Ranges of keys: what is held of one comes to a sum, and how a device tells of them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::{AddAssign, SubAssign};

use tidemark_protocol::{Code, Key, Problem, ReconcileRange};

use super::deviations::Expected;
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};

/// A record as one side holds it.
pub type Item = (Key, RecordFingerprint);

/// What a set of records comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// The sum of their fingerprints.
    pub fingerprint: DatastoreFingerprint,
}

impl Sum {
    /// Counts a record in.
    pub fn insert(&mut self, key: &str, fingerprint: &RecordFingerprint) {
        self.count = self.count.wrapping_add(1);
        self.fingerprint.insert(key, fingerprint);
    }

    /// Counts a record out. What is taken off may come before what it is taken off from.
    pub fn remove(&mut self, key: &str, fingerprint: &RecordFingerprint) {
        self.count = self.count.wrapping_sub(1);
        self.fingerprint.remove(key, fingerprint);
    }

    /// Of all these records.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let mut sum = Self::default();
        for (key, fingerprint) in items {
            sum.insert(key.as_str(), fingerprint);
        }
        sum
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.wrapping_add(other.count);
        self.fingerprint += other.fingerprint;
    }
}

impl SubAssign for Sum {
    fn sub_assign(&mut self, other: Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.fingerprint -= other.fingerprint;
    }
}

/// The keys from `from` to before `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first one; empty: from the first of all.
    pub from: String,
    /// The first one after; `None`: there is no end.
    pub to: Option<String>,
}

impl Span {
    /// Whether a key lies in it.
    pub fn holds(&self, key: &str) -> bool {
        key >= self.from.as_str() && self.to.as_deref().is_none_or(|to| key < to)
    }

    /// What is left of it from a key on.
    #[must_use]
    pub fn rest_from(&self, key: &Key) -> Self {
        Self {
            from: key.to_string(),
            to: self.to.clone(),
        }
    }

    /// The range that tells this sum of it.
    pub fn with_sum(self, sum: Sum) -> ReconcileRange {
        ReconcileRange {
            from: self.from,
            to: self.to,
            fingerprint: Some(sum.fingerprint.to_string()),
            count: Some(sum.count),
            items: None,
        }
    }

    pub(super) fn with_items(self, items: &[Expected]) -> ReconcileRange {
        let held = items.iter().filter_map(Expected::item);
        ReconcileRange {
            from: self.from,
            to: self.to,
            fingerprint: None,
            count: None,
            items: Some(held.map(|(key, held)| (key, held.to_string())).collect()),
        }
    }
}

/// A range as the device told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which keys.
    pub span: Span,
    /// What it holds of them.
    pub holding: Holding,
}

/// What a device holds of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// So much.
    Fingerprint(DatastoreFingerprint),
    /// These, in the order of keys.
    Items(Vec<Item>),
}

/// Reads the ranges of a request.
///
/// # Errors
/// `malformed`: more than `ranges_max`, not in order, or one that is no range.
pub fn read_ranges(ranges: Vec<ReconcileRange>, ranges_max: u32) -> Result<Vec<Told>, Problem> {
    if ranges.len() > ranges_max as usize {
        let detail = format!("at most {ranges_max} ranges in one call: send more calls");
        return Err(Problem::new(Code::Malformed, detail));
    }
    let mut told: Vec<Told> = Vec::with_capacity(ranges.len());
    for (place, range) in ranges.into_iter().enumerate() {
        let read = read_range(range, told.last());
        let wrong = |wrong| Problem::new(Code::Malformed, format!("the range {place}: {wrong}"));
        told.push(read.map_err(wrong)?);
    }
    Ok(told)
}

fn read_range(range: ReconcileRange, before: Option<&Told>) -> Result<Told, &'static str> {
    let (from, to) = (range.from, range.to);
    if from.len().max(to.as_ref().map_or(0, String::len)) > Key::BYTES_MAX {
        return Err("`from` and `to` have at most 255 bytes");
    }
    if to.as_ref().is_some_and(|to| *to <= from) {
        return Err("`to` comes after `from`");
    }
    let end = before.map(|before| before.span.to.as_deref());
    if end.is_some_and(|end| end.is_none_or(|end| from.as_str() < end)) {
        return Err("it begins before the end of the one before it");
    }
    let span = Span { from, to };
    let holding = match (range.items, range.fingerprint) {
        (Some(items), _) => Holding::Items(read_items(items, &span)?),
        (None, Some(fingerprint)) => {
            let read = fingerprint.parse();
            Holding::Fingerprint(read.map_err(|_| "`fingerprint` is 64 hexadecimal digits")?)
        }
        (None, None) => return Err("it tells a `fingerprint` or `items`"),
    };
    Ok(Told { span, holding })
}

fn read_items(items: Vec<(Key, String)>, span: &Span) -> Result<Vec<Item>, &'static str> {
    let mut read: Vec<Item> = Vec::with_capacity(items.len());
    for (key, fingerprint) in items {
        if !span.holds(key.as_str()) {
            return Err("an item lies outside of it");
        }
        if read.last().is_some_and(|(last, _)| *last >= key) {
            return Err("its items are not in the order of their keys, each once");
        }
        let fingerprint = fingerprint.parse();
        read.push((
            key,
            fingerprint.map_err(|_| "an item's fingerprint is 32 hexadecimal digits")?,
        ));
    }
    Ok(read)
}
