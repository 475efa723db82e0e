//! What differs between the pages of two trees, found by walking only those they do not share.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::cursor::KeyRange;
use super::diff::Change;
use super::page::{Page, Slice};
use super::paged::{PageSource, PageTree, Root, TreeError, expected_kind, load, missing, value_at};
use super::port::PageId;
use super::walk::bound_slot;

/// The most pages of each side that a walk asks for ahead of its need.
const READ_AHEAD_PAGES_MAX: usize = 32;

/// A walk over the differences of two trees, by ascending key. It stays good over lacking
/// pages, as a [`Walk`](super::walk::Walk) does.
#[derive(Clone, Debug)]
pub(super) struct PageDiff {
    before: Side,
    after: Side,
}

#[derive(Clone, Debug)]
struct Side {
    range: KeyRange,
    height: usize,
    /// The root, as long as it is not opened.
    root: Option<Root>,
    frames: Vec<Frame>,
}

/// An opened page, the slot that comes next in it, and the lowest key that may lie in it.
#[derive(Clone, Debug)]
struct Frame {
    page: Page,
    slot: usize,
    low: Box<[u8]>,
}

/// What comes next on a side.
#[derive(Clone, Copy)]
enum Next {
    End,
    /// A page not opened yet.
    Subtree,
    Entry,
}

impl PageDiff {
    /// A walk over what `after` changed of `before` in a range of keys.
    pub(super) fn new(before: &PageTree, after: &PageTree, range: &KeyRange) -> Self {
        Self {
            before: Side::new(before, range.clone()),
            after: Side::new(after, range.clone()),
        }
    }

    /// The next difference; `None` at the end.
    ///
    /// # Errors
    /// [`TreeError`]; after lacking pages were fetched, `next` goes on where it was.
    pub(super) fn next(&mut self, source: &dyn PageSource) -> Result<Option<Change>, TreeError> {
        loop {
            let nexts = (self.before.peek(), self.after.peek());
            let (before, after) = (&self.before, &self.after);
            let order = before.low().cmp(after.low());
            let (of_before, of_after) = match nexts {
                (Next::End, Next::End) => return Ok(None),
                (Next::Subtree, Next::Subtree) => {
                    if before.link() == after.link() {
                        self.skip();
                    } else {
                        let order = order.then(after.level().cmp(&before.level()));
                        self.open(source, order.is_gt())?;
                    }
                    continue;
                }
                (Next::Subtree, Next::Entry) if order.is_gt() => (false, true),
                (Next::Entry, Next::Subtree) if order.is_lt() => (true, false),
                (Next::Subtree, _) | (_, Next::Subtree) => {
                    self.open(source, matches!(nexts.1, Next::Subtree))?;
                    continue;
                }
                (Next::Entry, Next::End) => (true, false),
                (Next::End, Next::Entry) => (false, true),
                (Next::Entry, Next::Entry) => (order.is_le(), order.is_ge()),
            };
            if of_before && of_after && before.raw_entry() == after.raw_entry() {
                self.skip();
                continue;
            }
            let key = if of_before { before } else { after }.key();
            let (old, new) = (
                before.value_if(of_before, source)?,
                after.value_if(of_after, source)?,
            );
            if of_before {
                self.before.skip();
            }
            if of_after {
                self.after.skip();
            }
            let Some(key) = key else { continue };
            return Ok(Some(Change {
                key,
                before: old,
                after: new,
            }));
        }
    }

    /// Goes past what comes next on both sides.
    fn skip(&mut self) {
        self.before.skip();
        self.after.skip();
    }

    /// Opens the page that comes next on one side.
    fn open(&mut self, source: &dyn PageSource, is_after: bool) -> Result<(), TreeError> {
        let side = if is_after {
            &mut self.after
        } else {
            &mut self.before
        };
        if side.open(source)? {
            Ok(())
        } else {
            Err(self.lacking(source))
        }
    }

    /// The pages that both sides lack next: those beside each other that only one side has.
    fn lacking(&self, source: &dyn PageSource) -> TreeError {
        let (before, after) = (self.before.ahead(), self.after.ahead());
        let mut lacking = Vec::new();
        for (ids, others) in [(&before, &after), (&after, &before)] {
            let most = lacking.len() + READ_AHEAD_PAGES_MAX;
            for id in ids {
                if lacking.len() < most && !others.contains(id) && source.page(id).is_none() {
                    lacking.push(*id);
                }
            }
        }
        missing(lacking)
    }
}

impl Side {
    fn new(tree: &PageTree, range: KeyRange) -> Self {
        let root = (tree.root != Root::Empty).then(|| tree.root.clone());
        Self {
            range,
            height: tree.height,
            root,
            frames: vec![],
        }
    }

    fn peek(&mut self) -> Next {
        while self
            .frames
            .pop_if(|frame| frame.slot == frame.page.count())
            .is_some()
        {}
        let is_leaf = self.level() == 0;
        match self.frames.last() {
            None if self.root.is_none() => Next::End,
            Some(Frame { page, slot, .. })
                if (is_leaf || *slot > 0) && self.range.ends_before(page.key(*slot)) =>
            {
                Next::End
            }
            Some(_) if is_leaf => Next::Entry,
            _ => Next::Subtree,
        }
    }

    /// How high above the entries lies what comes next.
    fn level(&self) -> usize {
        self.height - self.frames.len()
    }

    /// The lowest key that may come next.
    fn low(&self) -> &[u8] {
        match self.frames.last() {
            None => &[],
            Some(frame) if frame.slot == 0 && self.level() > 0 => &frame.low,
            Some(frame) => frame.page.key(frame.slot),
        }
    }

    /// The page that comes next.
    fn link(&self) -> Option<Root> {
        let child = |frame: &Frame| Root::Page(frame.page.child_id(frame.slot));
        self.root.clone().or_else(|| self.frames.last().map(child))
    }

    fn raw_entry(&self) -> Option<&[u8]> {
        let frame = self.frames.last()?;
        Some(frame.page.raw_entry(frame.slot))
    }

    fn key(&self) -> Option<Slice> {
        let frame = self.frames.last()?;
        Some(frame.page.key_slice(frame.slot))
    }

    /// The value of the entry that comes next, if it is asked for.
    fn value_if(
        &self,
        is_wanted: bool,
        source: &dyn PageSource,
    ) -> Result<Option<Slice>, TreeError> {
        match self.frames.last() {
            Some(frame) if is_wanted => match value_at(source, &frame.page, frame.slot)? {
                Ok(value) => Ok(Some(value)),
                Err(id) => Err(TreeError::missing(vec![id])),
            },
            _ => Ok(None),
        }
    }

    /// Goes past what comes next.
    fn skip(&mut self) {
        if self.root.take().is_none()
            && let Some(frame) = self.frames.last_mut()
        {
            frame.slot += 1;
        }
    }

    /// Opens the page that comes next, if it is at hand.
    fn open(&mut self, source: &dyn PageSource) -> Result<bool, TreeError> {
        let (height, low) = (self.level(), self.low().into());
        let page = match self.link() {
            None | Some(Root::Empty) => None,
            Some(Root::Inline(page)) => Some(page),
            Some(Root::Page(id)) => match load(source, id, expected_kind(height))? {
                Some(page) => Some(page),
                None => return Ok(false),
            },
        };
        self.skip();
        if let Some(page) = page {
            let slot = if height == 1 {
                self.range.first_slot(&page)
            } else {
                bound_slot(&page, &self.range.from, false)
            };
            self.frames.push(Frame { page, slot, low });
        }
        Ok(true)
    }

    /// The pages not opened yet that lie side by side from here on.
    fn ahead(&self) -> Vec<PageId> {
        if let Some(root) = &self.root {
            return match root {
                Root::Page(id) => vec![*id],
                Root::Empty | Root::Inline(_) => vec![],
            };
        }
        let mut ids = Vec::new();
        let branches = self.frames.len().min(self.height.saturating_sub(1));
        if let Some(frame) = self.frames[..branches].last() {
            for slot in frame.slot..frame.page.count() {
                if slot > 0 && self.range.ends_before(frame.page.key(slot)) {
                    break;
                }
                ids.push(frame.page.child_id(slot));
            }
        }
        ids
    }
}
