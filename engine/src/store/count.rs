//! Counts and sums of any range of keys, from what branches know of what is below them.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

use super::cursor::KeyRange;
use super::page::{Page, Place, Slice};
use super::port::PageId;
use super::summary::Summary;
use super::tree::{PageSource, Tree, TreeError, expected_kind, load, missing};

impl Tree {
    /// The count and sum of the entries in each range. Reads two paths a range, no more.
    ///
    /// # Errors
    /// [`TreeError`]; of lacking pages one for each end is named at once.
    pub fn summaries(
        &self,
        source: &impl PageSource,
        ranges: &[KeyRange],
    ) -> Result<Vec<Summary>, TreeError> {
        let Some(root) = self.root_page(source)? else {
            return Ok(vec![Summary::EMPTY; ranges.len()]);
        };
        let mut counting = Counting {
            tree: self,
            source,
            root,
            missing: vec![],
        };
        let mut summaries = Vec::with_capacity(ranges.len());
        for range in ranges {
            let below = counting.before(&range.from, |leaf| range.first_slot(leaf))?;
            let whole = match range.to {
                Bound::Unbounded => self.summary,
                _ => counting.before(&range.to, |leaf| range.end_slot(leaf))?,
            };
            let is_turned = whole.count < below.count;
            summaries.push(if is_turned {
                Summary::EMPTY
            } else {
                whole - below
            });
        }
        if counting.missing.is_empty() {
            Ok(summaries)
        } else {
            Err(missing(counting.missing))
        }
    }

    /// The key that has `rank` keys before it.
    ///
    /// # Errors
    /// [`TreeError`] where pages are lacking or damaged.
    pub fn key_at(&self, source: &impl PageSource, rank: u64) -> Result<Option<Slice>, TreeError> {
        let Some(mut page) = self.root_page(source)? else {
            return Ok(None);
        };
        let mut rank = rank;
        for height in (1..self.height).rev() {
            let counts = (0..page.count()).map(|slot| (slot, page.child_summary(slot).count));
            let Some(slot) = take_rank(&mut rank, counts) else {
                return Ok(None);
            };
            let id = page.child_id(slot);
            let child = load(source, id, expected_kind(height))?;
            page = child.ok_or_else(|| TreeError::Missing(vec![id]))?;
        }
        let slot = usize::try_from(rank)
            .ok()
            .filter(|slot| *slot < page.count());
        Ok(slot.map(|slot| page.key_slice(slot)))
    }
}

/// Finds the slot under which the rank lies, and leaves the rank within it.
fn take_rank(rank: &mut u64, counts: impl Iterator<Item = (usize, u64)>) -> Option<usize> {
    for (slot, count) in counts {
        if *rank < count {
            return Some(slot);
        }
        *rank -= count;
    }
    None
}

struct Counting<'a, S> {
    tree: &'a Tree,
    source: &'a S,
    root: Page,
    missing: Vec<PageId>,
}

impl<S: PageSource> Counting<'_, S> {
    /// What lies before a bound; `slots_of` says how many slots of its leaf do.
    fn before(
        &mut self,
        bound: &Bound<Vec<u8>>,
        slots_of: impl Fn(&Page) -> usize,
    ) -> Result<Summary, TreeError> {
        let mut summary = Summary::EMPTY;
        let (Bound::Included(key) | Bound::Excluded(key)) = bound else {
            return Ok(summary);
        };
        let mut page = self.root.clone();
        for height in (1..self.tree.height).rev() {
            let slot = page.child_slot(key);
            (0..slot).for_each(|before| summary += page.child_summary(before));
            let id = page.child_id(slot);
            let Some(child) = load(self.source, id, expected_kind(height))? else {
                self.missing.push(id);
                return Ok(summary);
            };
            page = child;
        }
        for slot in 0..slots_of(&page) {
            let sum = match page.place(slot) {
                Place::Inline(range) => self.tree.shape.sum(page.key(slot), &page.slice(range)),
                Place::Large(large) => large.sum,
            };
            summary += Summary { count: 1, sum };
        }
        Ok(summary)
    }
}
