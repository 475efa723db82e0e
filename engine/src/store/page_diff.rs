//! What differs between the pages of two trees, found by walking only those they do not share.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

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
enum Next {
    End,
    /// A page not opened yet.
    Subtree {
        root: Root,
        low: Box<[u8]>,
        height: usize,
    },
    Entry {
        page: Page,
        slot: usize,
    },
}

/// What to do about what comes next on both sides.
enum Step {
    End,
    Skip,
    OpenBefore,
    OpenAfter,
    /// Give the entry of the first side, of the second, or of both.
    Give(bool, bool),
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
            let (before, after) = (self.before.peek(), self.after.peek());
            match step(&before, &after) {
                Step::End => return Ok(None),
                Step::Skip => {
                    self.before.skip();
                    self.after.skip();
                }
                Step::OpenBefore => {
                    if !self.before.open(source, before)? {
                        return Err(self.lacking(source));
                    }
                }
                Step::OpenAfter => {
                    if !self.after.open(source, after)? {
                        return Err(self.lacking(source));
                    }
                }
                Step::Give(of_before, of_after) => {
                    let before = if of_before {
                        entry(source, &before)?
                    } else {
                        None
                    };
                    let after = if of_after {
                        entry(source, &after)?
                    } else {
                        None
                    };
                    if of_before {
                        self.before.skip();
                    }
                    if of_after {
                        self.after.skip();
                    }
                    let key = before
                        .as_ref()
                        .or(after.as_ref())
                        .map(|(key, _)| key.clone());
                    let Some(key) = key else { continue };
                    let (before, after) = (before.map(|(_, v)| v), after.map(|(_, v)| v));
                    return Ok(Some(Change { key, before, after }));
                }
            }
        }
    }

    /// The pages that both sides lack next: those beside each other that only one side has.
    fn lacking(&self, source: &dyn PageSource) -> TreeError {
        let (before, after) = (self.before.ahead(), self.after.ahead());
        let is_lacking = |id: &PageId| source.page(id).is_none();
        let of_before = before.iter().filter(|id| !after.contains(id));
        let of_after = after.iter().filter(|id| !before.contains(id));
        let of_before = of_before
            .copied()
            .filter(is_lacking)
            .take(READ_AHEAD_PAGES_MAX);
        let of_after = of_after
            .copied()
            .filter(is_lacking)
            .take(READ_AHEAD_PAGES_MAX);
        missing(of_before.chain(of_after).collect())
    }
}

fn step(before: &Next, after: &Next) -> Step {
    match (before, after) {
        (Next::End, Next::End) => Step::End,
        (Next::Subtree { root: one, .. }, Next::Subtree { root: other, .. }) if one == other => {
            Step::Skip
        }
        (
            Next::Subtree {
                low: one,
                height: one_height,
                ..
            },
            Next::Subtree {
                low: other,
                height: other_height,
                ..
            },
        ) => match one.cmp(other).then(other_height.cmp(one_height)) {
            Ordering::Greater => Step::OpenAfter,
            Ordering::Less | Ordering::Equal => Step::OpenBefore,
        },
        (Next::Subtree { low, .. }, Next::Entry { page, slot }) if **low > *page.key(*slot) => {
            Step::Give(false, true)
        }
        (Next::Entry { page, slot }, Next::Subtree { low, .. }) if **low > *page.key(*slot) => {
            Step::Give(true, false)
        }
        (Next::Subtree { .. }, _) => Step::OpenBefore,
        (_, Next::Subtree { .. }) => Step::OpenAfter,
        (Next::Entry { .. }, Next::End) => Step::Give(true, false),
        (Next::End, Next::Entry { .. }) => Step::Give(false, true),
        (
            Next::Entry { page, slot },
            Next::Entry {
                page: other,
                slot: other_slot,
            },
        ) => match page.key(*slot).cmp(other.key(*other_slot)) {
            Ordering::Less => Step::Give(true, false),
            Ordering::Greater => Step::Give(false, true),
            Ordering::Equal if page.raw_entry(*slot) == other.raw_entry(*other_slot) => Step::Skip,
            Ordering::Equal => Step::Give(true, true),
        },
    }
}

fn entry(source: &dyn PageSource, next: &Next) -> Result<Option<(Slice, Slice)>, TreeError> {
    let Next::Entry { page, slot } = next else {
        return Ok(None);
    };
    match value_at(source, page, *slot)? {
        Ok(value) => Ok(Some((page.key_slice(*slot), value))),
        Err(id) => Err(TreeError::missing(vec![id])),
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
        if let Some(root) = &self.root {
            return Next::Subtree {
                root: root.clone(),
                low: Box::default(),
                height: self.height,
            };
        }
        while self
            .frames
            .pop_if(|frame| frame.slot == frame.page.count())
            .is_some()
        {}
        let Some(Frame { page, slot, low }) = self.frames.last() else {
            return Next::End;
        };
        let height = self.height - self.frames.len();
        if (height == 0 || *slot > 0) && self.range.ends_before(page.key(*slot)) {
            return Next::End;
        }
        if height == 0 {
            return Next::Entry {
                page: page.clone(),
                slot: *slot,
            };
        }
        let low = if *slot == 0 {
            low.clone()
        } else {
            page.key(*slot).into()
        };
        Next::Subtree {
            root: Root::Page(page.child_id(*slot)),
            low,
            height,
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
    fn open(&mut self, source: &dyn PageSource, next: Next) -> Result<bool, TreeError> {
        let Next::Subtree { root, low, height } = next else {
            return Ok(true);
        };
        let page = match root {
            Root::Empty => None,
            Root::Inline(page) => Some(page),
            Root::Page(id) => match load(source, id, expected_kind(height))? {
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
        let is_branch = |(depth, _): &(usize, &Frame)| depth + 1 < self.height;
        let branch = self.frames.iter().enumerate().rfind(is_branch);
        branch.map_or_else(Vec::new, |(_, frame)| {
            (frame.slot..frame.page.count())
                .take_while(|slot| *slot == 0 || !self.range.ends_before(frame.page.key(*slot)))
                .map(|slot| frame.page.child_id(slot))
                .collect()
        })
    }
}
