//! Walking a range of keys on pages, either way, one entry at a time. Merging it with what
//! waits to be written is [`Cursor`](super::Cursor)'s.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

use super::cursor::{Direction, Entry, KeyRange};
use super::page::{Page, Place};
use super::paged::{PageSource, PageTree, TreeError, expected_kind, load, value_at};
use super::port::PageId;

/// The most pages that a walk asks for ahead of its need.
const READ_AHEAD_PAGES_MAX: usize = 64;
/// As many are asked for by one that will not stop early: it may be part of a plan that is begun
/// anew each time that pages are lacking.
const READ_FAR_AHEAD_PAGES: usize = 512;

impl KeyRange {
    /// How many keys of this page lie before the range.
    pub(super) fn first_slot(&self, leaf: &Page) -> usize {
        slots_below(leaf, &self.from, false)
    }

    /// How many keys of this page lie before the end of the range.
    pub(super) fn end_slot(&self, leaf: &Page) -> usize {
        slots_below(leaf, &self.to, true)
    }
}

fn slots_below(leaf: &Page, bound: &Bound<Vec<u8>>, is_end: bool) -> usize {
    let (key, with_equal) = match bound {
        Bound::Unbounded => return if is_end { leaf.count() } else { 0 },
        Bound::Included(key) => (key, is_end),
        Bound::Excluded(key) => (key, !is_end),
    };
    let (slot, is_there) = leaf.find(0, key);
    slot + usize::from(is_there && with_equal)
}

/// The slot of a branch under which a bound lies.
pub(super) fn bound_slot(branch: &Page, bound: &Bound<Vec<u8>>, is_end: bool) -> usize {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => branch.child_slot(key),
        Bound::Unbounded => {
            if is_end {
                branch.count().saturating_sub(1)
            } else {
                0
            }
        }
    }
}

/// A walk over the entries of a range.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    tree: PageTree,
    range: KeyRange,
    direction: Direction,
    /// The pages from the root down to where it stands; empty before it started.
    frames: Vec<Frame>,
    state: State,
    read_ahead_pages: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// On its way down to the first entry, searching in each page.
    Seeking,
    Walking,
    Done,
}

/// A page on the way, and how many of its slots lie below the walk: ascending, `at` is the
/// slot to visit next; descending, the one before it.
#[derive(Clone, Debug)]
struct Frame {
    page: Page,
    at: usize,
}

impl Walk {
    /// A walk over `range`, standing before its first entry.
    pub(super) fn new(tree: &PageTree, range: KeyRange, direction: Direction) -> Self {
        Self {
            tree: tree.clone(),
            range,
            direction,
            frames: vec![],
            state: State::Seeking,
            read_ahead_pages: 1,
        }
    }

    /// For a walk that will not stop early: asks for many pages from the first on.
    pub(super) fn read_far_ahead(&mut self) {
        self.read_ahead_pages = READ_FAR_AHEAD_PAGES;
    }

    /// The next entry; `None` at the end, from then on.
    ///
    /// # Errors
    /// [`TreeError`]; after lacking pages were fetched, `next` goes on where it was.
    pub(super) fn next(&mut self, source: &dyn PageSource) -> Result<Option<Entry>, TreeError> {
        while self.state != State::Done {
            let Some(frame) = self.frames.last() else {
                self.start(source)?;
                continue;
            };
            let Some(slot) = self.slot_of(frame) else {
                self.frames.pop();
                if self.frames.is_empty() {
                    self.state = State::Done;
                }
                continue;
            };
            let page = frame.page.clone();
            if self.frames.len() < self.tree.height {
                self.descend(source, &page, slot)?;
            } else if !self.range.contains(page.key(slot)) {
                self.state = State::Done;
            } else {
                return self.visit(source, &page, slot).map(Some);
            }
        }
        Ok(None)
    }

    fn start(&mut self, source: &dyn PageSource) -> Result<(), TreeError> {
        match self.tree.root_page(source)? {
            Some(page) => self.enter(page),
            None => self.state = State::Done,
        }
        Ok(())
    }

    /// The slot that the walk visits next in this page, if there is one.
    fn slot_of(&self, frame: &Frame) -> Option<usize> {
        match self.direction {
            Direction::Ascending => (frame.at < frame.page.count()).then_some(frame.at),
            Direction::Descending => frame.at.checked_sub(1),
        }
    }

    /// Stands before the first entry, or the first child, of a page.
    fn enter(&mut self, page: Page) {
        let is_leaf = self.frames.len() + 1 == self.tree.height;
        let at = match (self.direction, self.state == State::Seeking, is_leaf) {
            (Direction::Ascending, false, _) => 0,
            (Direction::Descending, false, _) => page.count(),
            (Direction::Ascending, true, true) => self.range.first_slot(&page),
            (Direction::Descending, true, true) => self.range.end_slot(&page),
            (Direction::Ascending, true, false) => bound_slot(&page, &self.range.from, false),
            (Direction::Descending, true, false) => bound_slot(&page, &self.range.to, true) + 1,
        };
        if is_leaf {
            self.state = State::Walking;
        }
        // The longer the walk, the further ahead it reads; also when it was begun anew.
        if self.read_ahead_pages < READ_AHEAD_PAGES_MAX {
            self.read_ahead_pages += 1;
        }
        self.frames.push(Frame { page, at });
    }

    fn step(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            match self.direction {
                Direction::Ascending => frame.at += 1,
                Direction::Descending => frame.at -= 1,
            }
        }
    }

    /// Goes down into the child in `slot` of the last page, a branch.
    fn descend(
        &mut self,
        source: &dyn PageSource,
        branch: &Page,
        slot: usize,
    ) -> Result<(), TreeError> {
        let height = self.tree.height - self.frames.len();
        if self.is_beyond(branch, slot) {
            self.state = State::Done;
            return Ok(());
        }
        let id = branch.child_id(slot);
        if let Some(page) = load(source, id, expected_kind(height))? {
            self.step();
            self.enter(page);
            return Ok(());
        }
        Err(TreeError::missing(
            self.children_ahead(source, branch, slot),
        ))
    }

    /// Whether everything under a child lies past the range's end, going this way.
    fn is_beyond(&self, branch: &Page, slot: usize) -> bool {
        match self.direction {
            Direction::Ascending => slot > 0 && self.range.ends_before(branch.key(slot)),
            Direction::Descending => match &self.range.from {
                Bound::Included(from) | Bound::Excluded(from) => {
                    slot + 1 < branch.count() && branch.key(slot + 1) <= &from[..]
                }
                Bound::Unbounded => false,
            },
        }
    }

    /// The lacking children from `slot` on, this way, as many as are read ahead.
    fn children_ahead(&self, source: &dyn PageSource, branch: &Page, slot: usize) -> Vec<PageId> {
        self.slots_ahead(branch, slot)
            .take_while(|slot| !self.is_beyond(branch, *slot))
            .map(|slot| branch.child_id(slot))
            .filter(|id| source.page(id).is_none())
            .take(self.read_ahead_pages)
            .collect()
    }

    fn slots_ahead(&self, page: &Page, slot: usize) -> impl Iterator<Item = usize> + use<> {
        let (ascending, descending) = match self.direction {
            Direction::Ascending => (slot..page.count(), 0..0),
            Direction::Descending => (0..0, 0..slot + 1),
        };
        ascending.chain(descending.rev())
    }

    /// Gives the entry in `slot` of the last page, a leaf.
    fn visit(
        &mut self,
        source: &dyn PageSource,
        leaf: &Page,
        slot: usize,
    ) -> Result<Entry, TreeError> {
        let Ok(value) = value_at(source, leaf, slot)? else {
            let lacking = self
                .slots_ahead(leaf, slot)
                .filter_map(|slot| match leaf.place(slot) {
                    Place::Large(large) => Some(large.id).filter(|id| source.page(id).is_none()),
                    Place::Inline(_) => None,
                });
            return Err(TreeError::missing(
                lacking.take(self.read_ahead_pages).collect(),
            ));
        };
        self.step();
        Ok(Entry {
            key: leaf.key_slice(slot),
            value,
        })
    }
}
