//! Walking a range of a tree's keys, either way, one entry at a time: what lies in pages and
//! what waits to be written to them, as one.
//!
//! A cursor stays good over lacking pages: fetch them and call `next` again. To go on
//! much later, or on a newer tree, start another from the last key seen.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Bound;

use super::page::Slice;
use super::paged::{PageSource, TreeError};
use super::tree::{Tree, buffered};
use super::walk::Walk;

/// Which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Where it begins.
    pub from: Bound<Vec<u8>>,
    /// Where it ends.
    pub to: Bound<Vec<u8>>,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From low keys to high.
    Ascending,
    /// From high keys to low.
    Descending,
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: Slice,
    /// Its value.
    pub value: Slice,
}

impl KeyRange {
    /// Every key.
    pub const ALL: Self = Self {
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let to = match successor(prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        Self {
            from: Bound::Included(prefix.to_vec()),
            to,
        }
    }

    /// The keys of this range that come after `key` when going this way.
    #[must_use]
    pub fn past(mut self, key: &[u8], direction: Direction) -> Self {
        match direction {
            Direction::Ascending => {
                if !self.starts_after(key) {
                    self.from = Bound::Excluded(key.to_vec());
                }
            }
            Direction::Descending => {
                if !self.ends_before(key) {
                    self.to = Bound::Excluded(key.to_vec());
                }
            }
        }
        self
    }

    /// Whether the range holds this key.
    pub fn contains(&self, key: &[u8]) -> bool {
        !self.starts_after(key) && !self.ends_before(key)
    }

    /// Whether `key` lies before the range.
    pub(super) fn starts_after(&self, key: &[u8]) -> bool {
        match &self.from {
            Bound::Unbounded => false,
            Bound::Included(from) => key < &from[..],
            Bound::Excluded(from) => key <= &from[..],
        }
    }

    /// Whether `key` lies after the range.
    pub(super) fn ends_before(&self, key: &[u8]) -> bool {
        match &self.to {
            Bound::Unbounded => false,
            Bound::Included(to) => key > &to[..],
            Bound::Excluded(to) => key >= &to[..],
        }
    }
}

/// The least key that is greater than all that begin with `prefix`.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte < 0xFF)?;
    let mut end = prefix[..=kept].to_vec();
    end[kept] += 1;
    Some(end)
}

/// A walk over the entries of a range.
#[derive(Clone, Debug)]
pub struct Cursor {
    direction: Direction,
    pages: Head,
    buffer: Head,
}

/// A walk, and its next entry once fetched.
#[derive(Clone, Debug)]
struct Head {
    walk: Walk,
    entry: Option<Entry>,
}

impl Cursor {
    /// A walk over `range`, standing before its first entry.
    pub fn new(tree: &Tree, range: KeyRange, direction: Direction) -> Self {
        let head = |pages, range| Head {
            walk: Walk::new(pages, range, direction),
            entry: None,
        };
        Self {
            direction,
            pages: head(&tree.pages, range.clone()),
            buffer: head(&tree.buffer, range),
        }
    }

    /// For a walk that will not stop early: asks for many pages from the first on.
    #[must_use]
    pub fn reading_far_ahead(mut self) -> Self {
        self.pages.walk.read_far_ahead();
        self
    }

    /// The next entry; `None` at the end, from then on.
    ///
    /// # Errors
    /// [`TreeError`]; after lacking pages were fetched, `next` goes on where it was.
    pub fn next(&mut self, source: &dyn PageSource) -> Result<Option<Entry>, TreeError> {
        loop {
            let of_pages = self.pages.peek(source)?;
            let Some(of_buffer) = self.buffer.peek(source)? else {
                return Ok(self.pages.entry.take());
            };
            let order = match (of_pages, self.direction) {
                (None, _) => Ordering::Greater,
                (Some(entry), Direction::Ascending) => entry.key.cmp(&of_buffer.key),
                (Some(entry), Direction::Descending) => of_buffer.key.cmp(&entry.key),
            };
            match order {
                Ordering::Less => return Ok(self.pages.entry.take()),
                Ordering::Equal => self.pages.entry = None,
                Ordering::Greater => {}
            }
            if let Some(Entry { key, value }) = self.buffer.entry.take()
                && let Some(value) = buffered(value)
            {
                return Ok(Some(Entry { key, value }));
            }
        }
    }
}

impl Head {
    fn peek(&mut self, source: &dyn PageSource) -> Result<Option<&Entry>, TreeError> {
        if self.entry.is_none() {
            self.entry = self.walk.next(source)?;
        }
        Ok(self.entry.as_ref())
    }
}
