//! Pages kept in memory, up to a number of bytes.
//!
//! Pages never change, so nothing here is ever wrong; a page enters when it was read, or
//! when the commit that wrote it has succeeded. What was not looked at since the hand of
//! the clock last came by goes first.

use alloc::collections::VecDeque;
use core::{
    cell::Cell,
    hash::{BuildHasherDefault, Hasher},
};

use hashbrown::HashMap;

use super::page::Page;
use super::port::PageId;

/// What a page costs besides its bytes: its id twice, and its places in map and ring.
const OVERHEAD_BYTES: usize = 96;

/// A bounded set of pages.
#[derive(Debug)]
pub(super) struct Cache {
    budget_bytes: usize,
    used_bytes: usize,
    pages: HashMap<PageId, Cached, BuildHasherDefault<IdHasher>>,
    /// The order in which the hand of the clock comes by.
    ring: VecDeque<PageId>,
}

#[derive(Debug)]
struct Cached {
    page: Page,
    was_used: Cell<bool>,
}

/// Page ids are random bytes and a count, made by devices that have no reason to make them
/// clash: to mix them a little is enough.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let word = part
                .iter()
                .fold(0, |word, &byte| word << 8 | u64::from(byte));
            // The golden ratio, as Fibonacci hashing takes it: the count gets to all bits.
            self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

impl Cache {
    pub(super) fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            used_bytes: 0,
            pages: HashMap::default(),
            ring: VecDeque::new(),
        }
    }

    /// All that one look fetches, however much it is.
    pub(super) fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    pub(super) fn get(&self, id: &PageId) -> Option<Page> {
        let cached = self.pages.get(id)?;
        cached.was_used.set(true);
        Some(cached.page.clone())
    }

    pub(super) fn insert(&mut self, id: PageId, page: Page) {
        let bytes = page.bytes().len() + OVERHEAD_BYTES;
        if bytes > self.budget_bytes / 4 || self.pages.contains_key(&id) {
            return;
        }
        self.used_bytes += bytes;
        self.pages.insert(
            id,
            Cached {
                page,
                was_used: Cell::new(false),
            },
        );
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
        if self
            .pages
            .get(&id)
            .is_some_and(|cached| cached.was_used.replace(false))
        {
            self.ring.push_back(id);
        } else if let Some(cached) = self.pages.remove(&id) {
            self.used_bytes -= cached.page.bytes().len() + OVERHEAD_BYTES;
        }
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
