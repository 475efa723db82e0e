//! Pages in memory: the reference of the contract, and the disk of tests.
//!
//! Handles are clones; [`MemoryPages::snapshot`] is what a crash at this instant leaves on
//! the disk; faults can be planned ahead. It keeps nothing beyond its last handle.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use hashbrown::HashMap;

use super::port::{Commit, Committed, PageId, Pages, PagesError, Revision, RootRecord};

/// Pages in memory. A clone is another handle on the same pages.
#[derive(Clone, Debug, Default)]
pub struct MemoryPages(Rc<RefCell<Disk>>);

/// How a planned commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and the handle is lost.
    Before,
    /// Everything is done, yet the answer is lost with the handle.
    After,
    /// Nothing is done: the storage is full.
    Quota,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    root: Option<RootRecord>,
    /// The root before it.
    before: Option<RootRecord>,
    pages: HashMap<PageId, Rc<[u8]>>,
    commits: u64,
    reads: u64,
    pages_read: u64,
    faults: HashMap<u64, Fault>,
}

impl MemoryPages {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk of its own with what this one holds now, and no faults planned.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let mut disk = self.0.borrow().clone();
        disk.faults.clear();
        Self(Rc::new(RefCell::new(disk)))
    }

    /// Lets the commit after `skipped` more calls of `commit` fail.
    pub fn fail_after(&self, skipped: u64, fault: Fault) {
        let mut disk = self.0.borrow_mut();
        let number = disk.commits + skipped;
        disk.faults.insert(number, fault);
    }

    /// How often `commit` was called.
    pub fn commits(&self) -> u64 {
        self.0.borrow().commits
    }

    /// How often `read` was called.
    pub fn reads(&self) -> u64 {
        self.0.borrow().reads
    }

    /// How many pages `read` was asked for in all.
    pub fn pages_read(&self) -> u64 {
        self.0.borrow().pages_read
    }

    /// The ids of all pages on the disk.
    pub fn page_ids(&self) -> Vec<PageId> {
        self.0.borrow().pages.keys().copied().collect()
    }

    /// Damages the disk by hand: gives the bytes of a page to `damage`, and keeps what that makes of
    /// them; `None`: the page is gone.
    pub fn damage(&self, id: &PageId, damage: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
        let mut disk = self.0.borrow_mut();
        if let Some(page) = disk.pages.remove(id)
            && let Some(bytes) = damage(&page)
        {
            disk.pages.insert(*id, bytes.into());
        }
    }

    /// Damages the newest `count` root records by hand, as [`Self::damage`] does pages.
    pub fn damage_roots(&self, count: usize, damage: impl Fn(&[u8]) -> Option<Vec<u8>>) {
        let disk = &mut *self.0.borrow_mut();
        for root in [&mut disk.root, &mut disk.before].into_iter().take(count) {
            *root = root.take().and_then(|root| {
                let (revision, bytes) = (root.revision, damage(&root.bytes)?);
                Some(RootRecord { revision, bytes })
            });
        }
        if disk.root.is_none() {
            disk.root = disk.before.take();
        }
    }

    /// How many bytes the pages take together.
    pub fn page_bytes(&self) -> usize {
        self.0.borrow().pages.values().map(|page| page.len()).sum()
    }
}

impl Disk {
    fn commit(&mut self, commit: &Commit) -> Result<Committed, PagesError> {
        let fault = self.faults.remove(&self.commits);
        self.commits += 1;
        match fault {
            Some(Fault::Before) => return Err(PagesError::Closed("before a commit".to_owned())),
            Some(Fault::Quota) => return Err(PagesError::Quota("no room for a commit".to_owned())),
            Some(Fault::After) | None => {}
        }
        if self.revision() != commit.expected {
            return Ok(Committed::Stale);
        }
        let mut pages = HashMap::with_capacity(commit.pages.len());
        for (id, bytes) in &commit.pages {
            let twice = pages.insert(*id, bytes.clone()).is_some();
            if twice || self.pages.contains_key(id) {
                return Err(PagesError::Other(format!("the page {id} is there already")));
            }
        }
        self.pages.extend(pages);
        for id in &commit.freed {
            self.pages.remove(id);
        }
        let root = RootRecord {
            revision: commit.revision,
            bytes: commit.root.clone(),
        };
        self.before = self.root.replace(root);
        match fault {
            Some(_) => Err(PagesError::Closed("after a commit".to_owned())),
            None => Ok(Committed::Done),
        }
    }

    fn revision(&self) -> Option<Revision> {
        self.root.as_ref().map(|root| root.revision)
    }
}

impl Pages for MemoryPages {
    async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        Ok(self.0.borrow().root.clone())
    }

    async fn root_before(&self, revision: Revision) -> Result<Option<RootRecord>, PagesError> {
        let before = self.0.borrow().before.clone();
        Ok(before.filter(|before| before.revision < revision))
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, PagesError> {
        let mut disk = self.0.borrow_mut();
        disk.reads += 1;
        disk.pages_read += ids.len() as u64;
        Ok(ids.iter().map(|id| disk.pages.get(id).cloned()).collect())
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        self.0.borrow_mut().commit(commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{Backend, page};
    use std::vec;

    struct Memory(MemoryPages);

    impl Backend for Memory {
        type Pages = MemoryPages;

        async fn open(&self) -> MemoryPages {
            self.0.clone()
        }
    }

    crate::pages_conformance!(pollster::test, Memory(MemoryPages::new()));

    fn first() -> Commit {
        let pages = vec![(page(1), Rc::from(*b"one"))];
        Commit {
            expected: None,
            revision: Revision(7),
            root: vec![1],
            pages,
            freed: vec![],
        }
    }

    #[pollster::test]
    async fn planned_faults_fail_once() {
        for (fault, left) in [(Fault::Before, 0), (Fault::Quota, 0), (Fault::After, 1)] {
            let memory = MemoryPages::new();
            memory.fail_after(0, fault);
            assert!(memory.commit(&first()).await.is_err());
            assert_eq!(memory.page_ids().len(), left);
            let again = if left == 0 {
                Committed::Done
            } else {
                Committed::Stale
            };
            assert_eq!(memory.commit(&first()).await, Ok(again));
        }
    }

    #[pollster::test]
    async fn a_snapshot_goes_its_own_way() {
        let memory = MemoryPages::new();
        let before = memory.snapshot();
        assert_eq!(memory.commit(&first()).await, Ok(Committed::Done));
        assert_eq!(before.root().await, Ok(None));
        assert_eq!(memory.snapshot().root().await, memory.root().await);
    }
}
