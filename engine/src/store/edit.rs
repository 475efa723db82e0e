//! Changing a tree: sorted edits in, a new root and the pages on the way to them out.
//!
//! Each page that an edit touches is read once and written once, whatever the number of
//! edits. Touched pages that lie side by side are filled anew together; what is appended
//! leaves full pages behind; a page that shrank to little is joined with a neighbour.
//! Nothing happens until all pages are at hand: the outcome is a [`Draft`] or a list of
//! lacking pages, and the [`Workspace`](super::Workspace) takes over whole drafts only.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::pack::{Child, Item, Items, Run};
use super::page::{Page, Place};
use super::paged::{
    Lack, PageSource, PageTree, Root, Shape, TreeError, expected_kind, load, missing, value_at,
};
use super::port::PageId;
use super::summary::Summary;
use crate::sort::sort_by;

/// One change to a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The key.
    pub key: Vec<u8>,
    /// What it is to be; `None`: gone.
    pub value: Option<Vec<u8>>,
}

/// Changes to a tree, each key once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits(Vec<Edit>);

impl Edit {
    /// Sets a key.
    pub fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            value: Some(value.into()),
        }
    }

    /// Removes a key.
    pub fn delete(key: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            value: None,
        }
    }
}

impl From<Vec<Edit>> for Edits {
    /// Sorts the edits; of several for one key the last counts.
    fn from(mut edits: Vec<Edit>) -> Self {
        if !edits.is_sorted_by(|one, other| one.key < other.key) {
            sort_by(&mut edits, |one, other| one.key.cmp(&other.key));
            // Of each pair the later is kept, in the earlier's place.
            edits.dedup_by(|later, earlier| {
                let same = later.key == earlier.key;
                if same {
                    core::mem::swap(later, earlier);
                }
                same
            });
        }
        Self(edits)
    }
}

impl FromIterator<Edit> for Edits {
    fn from_iter<I: IntoIterator<Item = Edit>>(edits: I) -> Self {
        edits.into_iter().collect::<Vec<_>>().into()
    }
}

impl Edits {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The edits in order.
    pub fn as_slice(&self) -> &[Edit] {
        &self.0
    }
}

/// What a change would write and free.
pub(super) struct Draft<'w> {
    source: &'w dyn PageSource,
    shape: &'static Shape,
    seed: [u8; 12],
    first_number: usize,
    /// Whether it leaves out what cannot be read; there are no other edits then.
    mends: bool,
    /// The new pages, numbered on from the first number.
    pub(super) written: Vec<Page>,
    pub(super) replaced: Vec<PageId>,
    missing: Vec<PageId>,
}

impl<'w> Draft<'w> {
    pub(super) fn new(
        source: &'w dyn PageSource,
        shape: &'static Shape,
        seed: [u8; 12],
        first_number: usize,
        mends: bool,
    ) -> Self {
        let (written, replaced, missing) = (vec![], vec![], vec![]);
        Self {
            source,
            shape,
            seed,
            first_number,
            mends,
            written,
            replaced,
            missing,
        }
    }

    /// The tree after the edits; `None` where they change nothing.
    pub(super) fn apply(
        &mut self,
        tree: &PageTree,
        edits: &Edits,
    ) -> Result<Option<PageTree>, TreeError> {
        let run = match tree.root_page(self.source).map_err(TreeError::into_lack) {
            Ok(Some(page)) => self.edit(&page, tree.height, Box::default(), edits.as_slice())?,
            Ok(None) => plant(edits.as_slice()),
            Err(Lack::Damaged(id)) if self.mends => {
                self.replaced.push(id);
                return Ok(Some(PageTree::new(self.shape)));
            }
            Err(lack) => return Err(lack.into()),
        };
        if !self.missing.is_empty() {
            return Err(missing(core::mem::take(&mut self.missing)));
        }
        let Some(run) = run else { return Ok(None) };
        if let Root::Page(id) = tree.root {
            self.replaced.push(id);
        }
        Ok(Some(self.grow(run, tree.height.max(1))))
    }

    /// What a page holds after the edits; `None` where they change nothing in it.
    fn edit<'e>(
        &mut self,
        page: &Page,
        height: usize,
        low: Box<[u8]>,
        edits: &'e [Edit],
    ) -> Result<Option<Run<'e>>, TreeError> {
        if height > 1 {
            return self.edit_branch(page, height, low, edits);
        }
        if self.mends {
            return Ok(self.mend_leaf(page, low));
        }
        Ok(self.edit_leaf(page, low, edits))
    }

    /// Leaves out the large values that cannot be read; `None`: it is whole.
    fn mend_leaf<'e>(&mut self, page: &Page, low: Box<[u8]>) -> Option<Run<'e>> {
        let mut items = Vec::with_capacity(page.count());
        for slot in 0..page.count() {
            match value_at(self.source, page, slot) {
                Ok(Ok(_)) => {}
                Ok(Err(lacking)) => self.missing.push(lacking),
                Err(_) => continue,
            }
            items.push(Item::kept(page, slot));
        }
        (items.len() < page.count()).then_some(Run {
            low,
            items: Items::Leaf(items),
            appended: false,
            shrunk: true,
        })
    }

    fn edit_leaf<'e>(&mut self, page: &Page, low: Box<[u8]>, edits: &'e [Edit]) -> Option<Run<'e>> {
        let mut items = Vec::with_capacity(page.count() + edits.len());
        let (mut slot, mut changed, mut shrunk) = (0, false, false);
        let mut appended_from = None;
        let keep = |from: usize, to: usize| (from..to).map(|slot| Item::kept(page, slot));
        for edit in edits {
            let (at, is_there) = page.find(slot, &edit.key);
            items.extend(keep(slot, at));
            slot = at;
            if is_there && is_same(page, at, edit.value.as_deref()) {
                continue;
            }
            changed |= is_there || edit.value.is_some();
            if is_there {
                if let Place::Large(large) = page.place(at) {
                    self.replaced.push(large.id);
                }
                slot += 1;
                shrunk = true;
            }
            if let Some(value) = &edit.value {
                appended_from = appended_from.or(Some(at));
                items.push(Item::Put {
                    key: &edit.key,
                    value,
                });
            }
        }
        items.extend(keep(slot, page.count()));
        let appended = !shrunk && appended_from == Some(page.count());
        changed.then_some(Run {
            low,
            items: Items::Leaf(items),
            appended,
            shrunk,
        })
    }

    fn edit_branch<'e>(
        &mut self,
        page: &Page,
        height: usize,
        low: Box<[u8]>,
        edits: &'e [Edit],
    ) -> Result<Option<Run<'e>>, TreeError> {
        let mut edited = EditedBranch {
            children: vec![],
            run: None,
            changed: false,
        };
        let mut appended = false;
        let mut edits = edits;
        for slot in 0..page.count() {
            let here = match page.count() - slot {
                1 => edits.len(),
                _ => edits.partition_point(|edit| &edit.key[..] < page.key(slot + 1)),
            };
            let (below, rest) = edits.split_at(here);
            edits = rest;
            let child = Child::of_branch(page, slot, if slot == 0 { &low } else { page.key(slot) });
            let is_starving = edited.children.is_empty() && self.is_underfull(edited.run.as_ref());
            if below.is_empty() && !is_starving && !self.mends {
                self.close_run(&mut edited, height)?;
                edited.children.push(child);
                continue;
            }
            let child_page = match load(self.source, child.id, expected_kind(height - 1)) {
                Ok(Some(page)) => page,
                Ok(None) => {
                    self.missing.push(child.id);
                    edited.children.push(child);
                    continue;
                }
                Err(_) if self.mends => {
                    self.replaced.push(child.id);
                    edited.changed = true;
                    continue;
                }
                Err(damaged) => return Err(damaged),
            };
            match self.edit(&child_page, height - 1, child.low.clone(), below)? {
                Some(run) => {
                    self.replaced.push(child.id);
                    appended = slot + 1 == page.count() && run.appended;
                    edited.join(run);
                }
                None if is_starving => {
                    self.replaced.push(child.id);
                    edited.join(Run::of_page(&child_page, height - 1, child.low));
                }
                None => {
                    self.close_run(&mut edited, height)?;
                    edited.children.push(child);
                }
            }
        }
        self.close_run(&mut edited, height)?;
        let shrunk = edited.children.len() < page.count();
        let items = Items::Branch(edited.children);
        Ok(edited.changed.then_some(Run {
            low,
            items,
            appended,
            shrunk,
        }))
    }

    fn is_underfull(&self, run: Option<&Run<'_>>) -> bool {
        let is_little =
            |run: &Run<'_>| (1..self.shape.page_bytes / 4).contains(&run.bytes(self.shape));
        run.is_some_and(|run| run.shrunk && is_little(run))
    }

    /// Writes what was gathered side by side, joined with the page before it where it is
    /// too little for a page of its own.
    fn close_run(&mut self, edited: &mut EditedBranch<'_>, height: usize) -> Result<(), TreeError> {
        let is_underfull = self.is_underfull(edited.run.as_ref());
        let Some(mut run) = edited.run.take() else {
            return Ok(());
        };
        if run.items.is_empty() {
            return Ok(());
        }
        if is_underfull && let Some(before) = edited.children.pop() {
            let Some(page) = load(self.source, before.id, expected_kind(height - 1))? else {
                self.missing.push(before.id);
                return Ok(());
            };
            self.replaced.push(before.id);
            let mut joined = Run::of_page(&page, height - 1, before.low);
            joined.join(run);
            run = joined;
        }
        let written = self.write(&run);
        edited.children.extend(written);
        Ok(())
    }

    /// Puts roots upon what the old root became until it is one page.
    fn grow(&mut self, run: Run<'_>, height: usize) -> PageTree {
        let (mut run, mut height) = (run, height);
        loop {
            if run.items.is_empty() {
                return PageTree::new(self.shape);
            }
            if let Items::Branch(children) = &run.items
                && let [only] = &children[..]
            {
                let (root, summary) = (Root::Page(only.id), only.summary);
                return PageTree {
                    shape: self.shape,
                    root,
                    height: height - 1,
                    summary,
                };
            }
            let pieces = run.cut(self.shape);
            if pieces.len() == 1 {
                let (page, summary) = self.encode(&run.items, 0..run.items.len());
                let root = if page.bytes().len() <= self.shape.inline_root_bytes {
                    Root::Inline(page)
                } else {
                    Root::Page(self.add_page(page))
                };
                return PageTree {
                    shape: self.shape,
                    root,
                    height,
                    summary,
                };
            }
            let appended = run.appended;
            let children = self.write(&run);
            run = Run {
                low: Box::default(),
                items: Items::Branch(children),
                appended,
                shrunk: false,
            };
            height += 1;
        }
    }

    /// Writes a run as pages.
    fn write(&mut self, run: &Run<'_>) -> Vec<Child> {
        let pieces = run.cut(self.shape);
        let mut children = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let low = match piece.start {
                0 => run.low.clone(),
                start => run.items.low_of(start),
            };
            let (page, summary) = self.encode(&run.items, piece);
            children.push(Child {
                low,
                id: self.add_page(page),
                summary,
            });
        }
        children
    }

    fn encode(&mut self, items: &Items<'_>, piece: core::ops::Range<usize>) -> (Page, Summary) {
        let shape = self.shape;
        items.encode(piece, shape, &mut |value_page| self.add_page(value_page))
    }

    fn add_page(&mut self, page: Page) -> PageId {
        let number = self.first_number + self.written.len();
        let id = PageId::numbered(self.seed, u32::try_from(number).unwrap_or(u32::MAX));
        self.written.push(page.sealed(&id));
        id
    }
}

/// The children of a branch so far, and what is gathered for the next of them.
struct EditedBranch<'e> {
    children: Vec<Child>,
    run: Option<Run<'e>>,
    changed: bool,
}

impl<'e> EditedBranch<'e> {
    fn join(&mut self, next: Run<'e>) {
        self.changed = true;
        match &mut self.run {
            Some(run) => run.join(next),
            None => self.run = Some(next),
        }
    }
}

/// The content of a tree's first leaf.
fn plant(edits: &[Edit]) -> Option<Run<'_>> {
    let puts = edits.iter().filter_map(|edit| {
        edit.value.as_ref().map(|value| Item::Put {
            key: &edit.key,
            value,
        })
    });
    let items: Vec<_> = puts.collect();
    let low = Box::default();
    (!items.is_empty()).then_some(Run {
        low,
        items: Items::Leaf(items),
        appended: true,
        shrunk: false,
    })
}

/// Whether the entry already is as it is to be. A large value never is: its page may be afar.
fn is_same(page: &Page, slot: usize, value: Option<&[u8]>) -> bool {
    match (page.place(slot), value) {
        (Place::Inline(range), Some(value)) => page.slice(range)[..] == *value,
        _ => false,
    }
}
