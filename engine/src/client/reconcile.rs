//! The device's side of reconciling: ranges of keys, narrowed until the records that differ are
//! found, as PROTOCOL.md §5 has it.
//!
//! Pure steps over one moment of the confirmed records. Their tree goes by entity, then key, and
//! a range on the wire by key alone: it is a range in each entity, and their counts and sums add
//! up. Nothing here calls the server or changes a row.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::ops::Bound;

use super::Error;
use super::codec::Unreadable;
use super::database::{Stop, View};
use super::doc::write_text;
use super::record::{Confirmed, split_row_key};
use super::wire::{Members, Request, unreadable};
use crate::fingerprint::DatastoreFingerprint;
use crate::json::CanonicalRef;
use crate::sort::sort_by;
use crate::store::{Cursor, Direction, KeyRange, Summary, successor};

/// A range of fewer records than this is told record by record.
const ITEMS_BELOW: u64 = 32;
/// A range is cut into as many parts at most, none of many fewer records than [`PART_RECORDS`].
const PARTS_MAX: u64 = 64;
const PART_RECORDS: u64 = 16;
/// Room for a range of one sum.
const RANGE_BYTES: usize = 256;

/// A range of keys: from the first one to the second one, which is not in it; `None`: to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    from: String,
    to: Option<String>,
}

impl Extent {
    /// All keys.
    pub(super) const ALL: Self = Self {
        from: String::new(),
        to: None,
    };

    /// Its rows in the entity of this prefix.
    fn rows(&self, prefix: &[u8]) -> KeyRange {
        let row = |key: &str| [prefix, key.as_bytes()].concat();
        KeyRange {
            from: Bound::Included(row(&self.from)),
            to: match &self.to {
                Some(to) => Bound::Excluded(row(to)),
                None => successor(prefix).map_or(Bound::Unbounded, Bound::Excluded),
            },
        }
    }

    /// Cut at these keys, which are in order and in it.
    fn cut_at(self, keys: Vec<String>) -> Vec<Self> {
        let mut parts = Vec::with_capacity(keys.len() + 1);
        let mut from = self.from;
        for key in keys {
            if key > from {
                let to = Some(key.clone());
                parts.push(Self { from, to });
                from = key;
            }
        }
        parts.push(Self { from, to: self.to });
        parts
    }
}

/// A range that the server answered with.
pub(super) struct Told {
    extent: Extent,
    /// What the server has there; `None`: it told each record, so both differ.
    summary: Option<Summary>,
}

impl Told {
    pub(super) fn read(range: CanonicalRef<'_>) -> Result<Self, Error> {
        let members = Members(range);
        let extent = Extent {
            from: members.needed_text("from")?.into_owned(),
            to: members.text("to")?.map(Into::into),
        };
        let summary = if members.get("items").is_some() {
            None
        } else {
            let sum = members.needed_text("fingerprint")?;
            let sum: DatastoreFingerprint = sum.parse().map_err(|_| unreadable("fingerprint"))?;
            let count = members.needed_number("count")?;
            Some(Summary { count, sum })
        };
        Ok(Self { extent, summary })
    }
}

/// The confirmed records of one moment, by key.
pub(super) struct Held<'v> {
    view: View<'v>,
    /// What the rows of each entity begin with.
    entities: Vec<Vec<u8>>,
}

impl<'v> Held<'v> {
    pub(super) fn new(view: View<'v>) -> Result<Self, Stop> {
        let mut entities = Vec::new();
        let mut from = Bound::Unbounded;
        loop {
            let range = KeyRange {
                from,
                to: Bound::Unbounded,
            };
            let mut cursor = Cursor::new(&view.root.confirmed, range, Direction::Ascending);
            let Some(entry) = cursor.next(&view.pages)? else {
                return Ok(Self { view, entities });
            };
            let (_, key) = split_row_key(&entry.key)?;
            let prefix = entry.key[..entry.key.len() - key.len()].to_vec();
            let Some(end) = successor(&prefix) else {
                return Err(Unreadable.into());
            };
            entities.push(prefix);
            from = Bound::Included(end);
        }
    }

    /// The first cut: all that this device holds.
    pub(super) fn begin(&self) -> Result<Vec<String>, Stop> {
        self.tell(&[Extent::ALL])
    }

    /// What to send about the ranges that the server told: nothing of those that are equal.
    pub(super) fn compare(&self, told: &[Told]) -> Result<Vec<String>, Stop> {
        let mut extents = Vec::with_capacity(told.len());
        for told in told {
            extents.push(told.extent.clone());
        }
        let own = self.summaries(&extents)?;
        let mut differing = Vec::new();
        for (told, own) in told.iter().zip(own) {
            if told.summary != Some(own) {
                differing.push(told.extent.clone());
            }
        }
        self.tell(&differing)
    }

    /// Ranges that differ, as they go to the server: record by record where they are few, else
    /// cut into parts.
    fn tell(&self, extents: &[Extent]) -> Result<Vec<String>, Stop> {
        let (mut ranges, mut parts) = (Vec::new(), Vec::new());
        for (extent, own) in extents.iter().zip(self.summaries(extents)?) {
            if own.count < ITEMS_BELOW {
                let items = self.items(extent)?;
                ranges.push((extent.from.clone(), write_items(extent, &items)));
            } else {
                parts.append(&mut self.cut(extent.clone(), own.count)?);
            }
        }
        let sums = self.summaries(&parts)?;
        for (extent, own) in parts.into_iter().zip(sums) {
            let range = write_sum(&extent, &own);
            ranges.push((extent.from, range));
        }
        sort_by_key(&mut ranges);
        let mut texts = Vec::with_capacity(ranges.len());
        for (_, range) in ranges {
            texts.push(range);
        }
        Ok(texts)
    }

    fn summaries(&self, extents: &[Extent]) -> Result<Vec<Summary>, Stop> {
        let mut sums = vec![Summary::EMPTY; extents.len()];
        for prefix in &self.entities {
            let mut rows = Vec::with_capacity(extents.len());
            for extent in extents {
                rows.push(extent.rows(prefix));
            }
            let tree = &self.view.root.confirmed;
            let found = tree.summaries(&self.view.pages, &rows)?;
            for (sum, found) in sums.iter_mut().zip(found) {
                *sum += found;
            }
        }
        Ok(sums)
    }

    /// Cuts a range of so many records into parts of about as many each.
    fn cut(&self, extent: Extent, count: u64) -> Result<Vec<Extent>, Stop> {
        let parts = count.div_ceil(PART_RECORDS).min(PARTS_MAX);
        let tree = &self.view.root.confirmed;
        let mut keys = Vec::new();
        for prefix in &self.entities {
            let rows = extent.rows(prefix);
            let before = KeyRange {
                from: Bound::Unbounded,
                to: match &rows.from {
                    Bound::Included(row) => Bound::Excluded(row.clone()),
                    _ => return Err(Unreadable.into()),
                },
            };
            let sums = tree.summaries(&self.view.pages, &[before, rows])?;
            let [before, within] = sums[..] else {
                return Err(Unreadable.into());
            };
            // An entity gets of the parts what it has of the records.
            let share = (parts * within.count).div_ceil(count);
            let place = |part| before.count + within.count * part / share;
            let places: Vec<u64> = (1..share).map(place).collect();
            for row in tree.keys_at(&self.view.pages, &places)? {
                keys.push(split_row_key(&row)?.1.to_owned());
            }
        }
        sort_by(&mut keys, Ord::cmp);
        Ok(extent.cut_at(keys))
    }

    /// The fingerprints of a range's records, by key.
    fn items(&self, extent: &Extent) -> Result<Vec<(String, String)>, Stop> {
        let mut items = Vec::new();
        for prefix in &self.entities {
            let tree = &self.view.root.confirmed;
            let mut cursor = Cursor::new(tree, extent.rows(prefix), Direction::Ascending);
            while let Some(entry) = cursor.next(&self.view.pages)? {
                let key = split_row_key(&entry.key)?.1.to_owned();
                let fingerprint = Confirmed::fingerprint_of(&entry.value)?;
                items.push((key, fingerprint.to_string()));
            }
        }
        sort_by_key(&mut items);
        Ok(items)
    }

    /// The rows in which records of these keys may lie.
    pub(super) fn rows_of(&self, keys: &[String]) -> Vec<Vec<u8>> {
        let mut rows = Vec::with_capacity(keys.len());
        for prefix in &self.entities {
            for key in keys {
                rows.push([&prefix[..], key.as_bytes()].concat());
            }
        }
        rows
    }
}

fn sort_by_key(texts: &mut [(String, String)]) {
    sort_by(texts, |one, other| one.0.cmp(&other.0));
}

/// The members that each range begins with.
fn begin_range(extent: &Extent) -> Request {
    let mut range = Request::with_capacity(RANGE_BYTES);
    range.text("from", &extent.from);
    match &extent.to {
        Some(to) => range.text("to", to),
        None => range.json("to", "null"),
    }
    range
}

fn write_sum(extent: &Extent, summary: &Summary) -> String {
    let mut range = begin_range(extent);
    range.text("fingerprint", &summary.sum.to_string());
    range.number("count", summary.count);
    range.finish()
}

fn write_items(extent: &Extent, items: &[(String, String)]) -> String {
    let mut list = String::with_capacity(items.len() * 80);
    for (key, fingerprint) in items {
        list.push_str(if list.is_empty() { "[" } else { ",[" });
        write_text(&mut list, key);
        list.push(',');
        write_text(&mut list, fingerprint);
        list.push(']');
    }
    let mut range = begin_range(extent);
    range.json("items", "[");
    range.append(&list);
    range.append("]");
    range.finish()
}
