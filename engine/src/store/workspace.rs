//! Where one commit comes together: changes to any number of trees, and what they write
//! and free.
//!
//! A workspace lies over the pages at hand. Looking through it sees its own new pages; a
//! page that it made and replaced again never reaches the disk. It is memory only: dropping
//! it undoes everything, and [`Workspace::finish`] gives what a commit takes.

use alloc::vec::Vec;

use super::edit::{Draft, Edits};
use super::page::{Page, PageKind, Place};
use super::paged::{PageSource, PageTree, Root, TreeError, expected_kind, load, missing};
use super::port::{Commit, PageId, Revision};
use super::tree::Tree;

/// Changes on their way to one commit. Make one for each attempt.
pub struct Workspace<'s> {
    base: &'s dyn PageSource,
    seed: [u8; 12],
    /// The new pages by their numbers; `None` where one was replaced again.
    made: Vec<Option<Page>>,
    freed: Vec<PageId>,
}

/// What a workspace made, apart from the trees themselves.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// New pages.
    pub pages: Vec<(PageId, Page)>,
    /// Pages of the older trees that the newer ones do not have.
    pub freed: Vec<PageId>,
}

impl<'s> Workspace<'s> {
    /// An empty workspace over `base`. The ids of its pages come from `seed`, 12 bytes drawn
    /// at random for it alone.
    pub fn new(base: &'s dyn PageSource, seed: [u8; 12]) -> Self {
        Self {
            base,
            seed,
            made: Vec::new(),
            freed: Vec::new(),
        }
    }

    /// Changes a tree: in its buffer, as long as that has room; else all that waits there and
    /// the edits go to the pages. False: the edits changed nothing.
    ///
    /// The older tree stays readable where it was not made here.
    ///
    /// # Errors
    /// [`TreeError`] where pages are lacking or damaged; then nothing was changed.
    pub fn apply(&mut self, tree: &mut Tree, edits: &Edits) -> Result<bool, TreeError> {
        if edits.is_empty() {
            return Ok(false);
        }
        if tree.has_room(edits) {
            let waiting = tree.as_waiting(&*self, edits)?;
            return self.apply_to_pages(&mut tree.buffer, &waiting, false);
        }
        if tree.buffer_leaf().is_none() {
            return self.apply_to_pages(&mut tree.pages, edits, false);
        }
        let edits = tree.with_waiting(edits);
        self.apply_to_pages(&mut tree.pages, &edits, false)?;
        tree.buffer = Tree::new(tree.pages.shape).buffer;
        Ok(true)
    }

    /// Leaves out of a tree what cannot be read. It reads all of it. False: it is whole.
    ///
    /// # Errors
    /// [`TreeError`] where pages are lacking.
    pub fn mend(&mut self, tree: &mut Tree) -> Result<bool, TreeError> {
        // What waits tells of the pages what they held before.
        let waiting = tree.with_waiting(&Edits::default());
        if !self.apply_to_pages(&mut tree.pages, &Edits::default(), true)? {
            return Ok(false);
        }
        tree.buffer = Tree::new(tree.pages.shape).buffer;
        self.apply(tree, &waiting)?;
        Ok(true)
    }

    fn apply_to_pages(
        &mut self,
        tree: &mut PageTree,
        edits: &Edits,
        mends: bool,
    ) -> Result<bool, TreeError> {
        let mut draft = Draft::new(&*self, tree.shape, self.seed, self.made.len(), mends);
        let Some(changed) = draft.apply(tree, edits)? else {
            return Ok(false);
        };
        let Draft {
            written, replaced, ..
        } = draft;
        self.free(replaced);
        self.made.extend(written.into_iter().map(Some));
        *tree = changed;
        Ok(true)
    }

    /// Empties a tree. To find large values it reads all of it.
    ///
    /// # Errors
    /// [`TreeError`] where pages are lacking or damaged; then nothing was changed.
    pub fn clear(&mut self, tree: &mut Tree) -> Result<(), TreeError> {
        let pages = tree.page_ids(&*self)?;
        self.free(pages);
        *tree = Tree::new(tree.pages.shape);
        Ok(())
    }

    /// Whether anything would be written or freed. A tree may have changed all the same:
    /// a small one lies wholly in the root record.
    pub fn is_empty(&self) -> bool {
        self.made.iter().all(Option::is_none) && self.freed.is_empty()
    }

    /// What is to be written and freed.
    pub fn finish(self) -> Changes {
        let id = |number| PageId::numbered(self.seed, number);
        let pages = (0..)
            .zip(self.made)
            .filter_map(|(number, page)| Some((id(number), page?)));
        Changes {
            pages: pages.collect(),
            freed: self.freed,
        }
    }

    fn free(&mut self, ids: Vec<PageId>) {
        for id in ids {
            match id
                .number_under(self.seed)
                .and_then(|number| self.made.get_mut(number))
            {
                Some(made) => *made = None,
                None => self.freed.push(id),
            }
        }
    }
}

impl PageSource for Workspace<'_> {
    fn page(&self, id: &PageId) -> Option<Page> {
        match id.number_under(self.seed) {
            Some(number) => self.made.get(number).cloned().flatten(),
            None => self.base.page(id),
        }
    }
}

impl Changes {
    /// The commit that writes the new pages under this root. What it frees on the disk is
    /// the caller's to say: readers of older roots may still want this commit's freed pages.
    pub fn to_commit(
        &self,
        expected: Option<Revision>,
        revision: Revision,
        root: Vec<u8>,
        freed: Vec<PageId>,
    ) -> Commit {
        let pages = self
            .pages
            .iter()
            .map(|(id, page)| (*id, page.bytes().clone()))
            .collect();
        Commit {
            expected,
            revision,
            root,
            pages,
            freed,
        }
    }
}

impl Tree {
    /// The ids of all pages that the tree consists of. To find large values it reads all of it.
    ///
    /// # Errors
    /// [`TreeError`]; of lacking pages all of a level are named at once.
    pub fn page_ids(&self, source: &dyn PageSource) -> Result<Vec<PageId>, TreeError> {
        self.pages.page_ids(source)
    }
}

impl PageTree {
    fn page_ids(&self, source: &dyn PageSource) -> Result<Vec<PageId>, TreeError> {
        let (mut ids, mut lacking) = (Vec::new(), Vec::new());
        if let Root::Page(id) = self.root {
            ids.push(id);
        }
        let mut level: Vec<Page> = self.root_page(source)?.into_iter().collect();
        for height in (1..self.height).rev() {
            let mut below = Vec::new();
            for page in &level {
                for id in (0..page.count()).map(|slot| page.child_id(slot)) {
                    ids.push(id);
                    match load(source, id, expected_kind(height))? {
                        Some(page) => below.push(page),
                        None => lacking.push(id),
                    }
                }
            }
            level = below;
        }
        if !lacking.is_empty() {
            return Err(missing(lacking));
        }
        for leaf in level.iter().filter(|page| page.kind() == PageKind::Leaf) {
            ids.extend((0..leaf.count()).filter_map(|slot| match leaf.place(slot) {
                Place::Large(large) => Some(large.id),
                Place::Inline(_) => None,
            }));
        }
        Ok(ids)
    }
}
