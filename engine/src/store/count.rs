//! Counts and sums of any range of keys, and keys by their place, from what branches know of
//! what is below them.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

use super::cursor::KeyRange;
use super::page::{Page, Place};
use super::paged::{PageSource, PageTree, TreeError, expected_kind, load, missing};
use super::port::PageId;
use super::summary::Summary;
use super::tree::Tree;

impl Tree {
    /// The count and sum of the entries in each range. Reads two paths a range, no more.
    ///
    /// # Errors
    /// [`TreeError`]; of lacking pages one for each end is named at once.
    pub fn summaries(
        &self,
        source: &dyn PageSource,
        ranges: &[KeyRange],
    ) -> Result<Vec<Summary>, TreeError> {
        let mut summaries = self.pages.summaries(source, ranges)?;
        for (summary, range) in summaries.iter_mut().zip(ranges) {
            self.add_waiting(summary, range);
        }
        Ok(summaries)
    }

    /// The keys of the entries at these places, counted from 0; of a tree with sums, where
    /// nothing waits. A place past the end has none.
    ///
    /// # Errors
    /// [`TreeError`]; of lacking pages one for each place is named at once.
    pub fn keys_at(
        &self,
        source: &dyn PageSource,
        places: &[u64],
    ) -> Result<Vec<Vec<u8>>, TreeError> {
        let Some(root) = self.pages.root_page(source)? else {
            return Ok(vec![]);
        };
        let mut counting = Counting {
            tree: &self.pages,
            source,
            root,
            missing: vec![],
            last: None,
        };
        let mut keys = Vec::with_capacity(places.len());
        for place in places {
            keys.extend(counting.key_at(*place)?);
        }
        if counting.missing.is_empty() {
            Ok(keys)
        } else {
            Err(missing(counting.missing))
        }
    }
}

impl PageTree {
    fn summaries(
        &self,
        source: &dyn PageSource,
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
            last: None,
        };
        let mut summaries = Vec::with_capacity(ranges.len());
        for range in ranges {
            let below = match &range.from {
                Bound::Unbounded => Summary::EMPTY,
                Bound::Included(key) => counting.before(key, false)?,
                Bound::Excluded(key) => counting.before(key, true)?,
            };
            let whole = match &range.to {
                Bound::Unbounded => self.summary,
                Bound::Included(key) => counting.before(key, true)?,
                Bound::Excluded(key) => counting.before(key, false)?,
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
}

struct Counting<'a> {
    tree: &'a PageTree,
    source: &'a dyn PageSource,
    root: Page,
    missing: Vec<PageId>,
    /// What was counted last: most ranges begin where the one before them ends.
    last: Option<(&'a [u8], bool, Summary)>,
}

impl<'a> Counting<'a> {
    /// What lies before a key, or up to it.
    fn before(&mut self, key: &'a [u8], with_equal: bool) -> Result<Summary, TreeError> {
        if let Some((last, with_last, summary)) = self.last
            && (last, with_last) == (key, with_equal)
        {
            return Ok(summary);
        }
        let summary = self.count_before(key, with_equal)?;
        self.last = Some((key, with_equal, summary));
        Ok(summary)
    }

    fn count_before(&mut self, key: &[u8], with_equal: bool) -> Result<Summary, TreeError> {
        let mut summary = Summary::EMPTY;
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
        let (slot, is_there) = page.find(0, key);
        for slot in 0..slot + usize::from(is_there && with_equal) {
            let sum = match page.place(slot) {
                Place::Inline(range) => self.tree.shape.sum(page.key(slot), &page.slice(range)),
                Place::Large(large) => large.sum,
            };
            summary += Summary { count: 1, sum };
        }
        Ok(summary)
    }

    fn key_at(&mut self, place: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let mut page = self.root.clone();
        let mut left = place;
        for height in (1..self.tree.height).rev() {
            let mut slot = 0;
            while slot + 1 < page.count() && left >= page.child_summary(slot).count {
                left -= page.child_summary(slot).count;
                slot += 1;
            }
            let id = page.child_id(slot);
            let Some(child) = load(self.source, id, expected_kind(height))? else {
                self.missing.push(id);
                return Ok(None);
            };
            page = child;
        }
        let slot = usize::try_from(left).unwrap_or(usize::MAX);
        Ok((slot < page.count()).then(|| page.key(slot).to_vec()))
    }
}
