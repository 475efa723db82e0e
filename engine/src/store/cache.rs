//! Pages kept in memory, up to a number of bytes.
//!
//! Pages never change, so nothing here is ever wrong; a page enters when it was read, or
//! when the commit that wrote it has succeeded. What was not looked at since the hand of
//! the clock last came by goes first.

use alloc::{collections::VecDeque, vec::Vec};
use core::cell::Cell;

use super::page::Page;
use super::port::PageId;

/// What a page costs besides its bytes: its id twice, and its places in list and ring.
const OVERHEAD_BYTES: usize = 96;

/// A bounded set of pages.
#[derive(Debug)]
pub(super) struct Cache {
    budget_bytes: usize,
    used_bytes: usize,
    /// By id, in order. Some thousand pages at most: moving those behind one that comes costs less
    /// than the code of a hash table does in the package.
    pages: Vec<(PageId, Cached)>,
    /// The order in which the hand of the clock comes by.
    ring: VecDeque<PageId>,
}

#[derive(Debug)]
struct Cached {
    page: Page,
    was_used: Cell<bool>,
}

impl Cache {
    pub(super) fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            used_bytes: 0,
            pages: Vec::new(),
            ring: VecDeque::new(),
        }
    }

    /// All that one look fetches, however much it is.
    pub(super) fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    pub(super) fn get(&self, id: &PageId) -> Option<Page> {
        let (_, cached) = &self.pages[self.place(id).ok()?];
        cached.was_used.set(true);
        Some(cached.page.clone())
    }

    pub(super) fn insert(&mut self, id: PageId, page: Page) {
        let bytes = page.bytes().len() + OVERHEAD_BYTES;
        let Err(place) = self.place(&id) else {
            return;
        };
        if bytes > self.budget_bytes / 4 {
            return;
        }
        self.used_bytes += bytes;
        let was_used = Cell::new(false);
        self.pages.insert(place, (id, Cached { page, was_used }));
        self.ring.push_back(id);
        while self.used_bytes > self.budget_bytes {
            self.turn();
        }
    }

    /// Moves the hand by one page: one used since goes on, another goes out.
    fn turn(&mut self) {
        let Some(id) = self.ring.pop_front() else {
            return;
        };
        let Ok(place) = self.place(&id) else {
            return;
        };
        if self.pages[place].1.was_used.replace(false) {
            self.ring.push_back(id);
        } else {
            let (_, cached) = self.pages.remove(place);
            self.used_bytes -= cached.page.bytes().len() + OVERHEAD_BYTES;
        }
    }

    /// Where a page lies, or else where it belongs.
    fn place(&self, id: &PageId) -> Result<usize, usize> {
        self.pages.binary_search_by(|(held, _)| held.0.cmp(&id.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::page::value_page;

    fn id(number: u32) -> PageId {
        PageId::numbered([0; 12], number)
    }

    #[test]
    fn it_keeps_to_its_budget_and_what_is_used() {
        let page = value_page(&[7; 1000]);
        let mut cache = Cache::new(20_000);
        for number in 0..1000 {
            cache.insert(id(number), page.clone());
            assert!(cache.get(&id(0)).is_some(), "after {number}");
            assert!(cache.used_bytes <= 20_000);
            assert_eq!(cache.pages.len(), cache.ring.len());
        }
        assert!(cache.pages.len() > 15);
        assert!(cache.get(&id(1)).is_none());
    }

    #[test]
    fn a_page_too_large_for_it_does_not_empty_it() {
        let mut cache = Cache::new(20_000);
        cache.insert(id(0), value_page(&[7; 1000]));
        cache.insert(id(1), value_page(&std::vec![7; 19_000]));
        assert!(cache.get(&id(0)).is_some());
        assert!(cache.get(&id(1)).is_none());
    }
}
