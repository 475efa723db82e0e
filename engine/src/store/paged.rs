//! A tree on pages: a small value that names its root page, and the look-ups that start there.
//!
//! It is one moment: it never changes, and a change makes another that shares the untouched
//! pages. Look-ups are synchronous over pages at hand ([`PageSource`]); where one is lacking
//! they say which ([`Lack::Missing`]), as many as they can name at once. Of the changes
//! that wait to be written to pages this knows nothing: [`Tree`](super::Tree) does.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::page::{Page, PageKind, Place, Slice, put_number, take_number};
use super::port::PageId;
use super::summary::Summary;
use crate::fingerprint::DatastoreFingerprint;
use crate::sort::sort_by;

/// No tree of as many pages as any disk has is higher.
const HEIGHT_MAX: usize = 32;

/// Pages at hand.
pub trait PageSource {
    /// The page, if it is at hand.
    fn page(&self, id: &PageId) -> Option<Page>;
}

/// Why a look into a tree has no answer yet: a [`Lack`] in a box, since every answer has room
/// for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct TreeError(Box<Lack>);

/// What a look into a tree came upon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// These pages are needed first; nothing was changed.
    #[error("{} pages are not at hand", .0.len())]
    Missing(Vec<PageId>),
    /// The page cannot be read, or is not what the tree says it is.
    #[error("the page {0} is missing or damaged")]
    Damaged(PageId),
}

impl TreeError {
    pub(crate) fn missing(ids: Vec<PageId>) -> Self {
        Self(Box::new(Lack::Missing(ids)))
    }

    pub(super) fn damaged(id: PageId) -> Self {
        Self(Box::new(Lack::Damaged(id)))
    }

    /// What two looks lack together, so that it is fetched at once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.into_lack(), other.into_lack()) {
            (Lack::Missing(mut ids), Lack::Missing(more)) => {
                ids.extend(more);
                Self::missing(ids)
            }
            (damaged @ Lack::Damaged(_), _) | (_, damaged) => Self(Box::new(damaged)),
        }
    }

    /// What it is.
    pub fn into_lack(self) -> Lack {
        *self.0
    }
}

impl From<Lack> for TreeError {
    fn from(lack: Lack) -> Self {
        Self(Box::new(lack))
    }
}

/// What an entry adds to its tree's sum, from its key and value.
pub type SumOf = fn(&[u8], &[u8]) -> DatastoreFingerprint;

/// How a tree is laid out on pages. A tree can be read and changed under another shape
/// later, as long as both have a sum, or none.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How large pages are meant to be.
    pub page_bytes: usize,
    /// A root page up to this size lies in the tree value itself, not on the disk: a small
    /// tree then costs no page, a larger one a page less for each change.
    pub inline_root_bytes: usize,
    /// Values beyond this size get a page of their own.
    pub inline_value_bytes: usize,
    /// Up to so many bytes of changes lie in the tree value before they go to pages, many at
    /// once. A tree with a sum keeps none: what a change takes from the sum lies in the pages.
    pub buffer_bytes: usize,
    /// What each entry adds to the tree's sum, if the tree has one.
    pub sum_of: Option<SumOf>,
}

impl Shape {
    /// A tree that is changed much at once and read much: pages of 16 kB.
    pub const LARGE: Self = Self {
        page_bytes: 16 * 1024,
        inline_root_bytes: 2 * 1024,
        inline_value_bytes: 4 * 1024,
        buffer_bytes: 0,
        sum_of: None,
    };

    /// A tree that is changed little by little: pages of 4 kB.
    pub const SMALL: Self = Self {
        page_bytes: 4 * 1024,
        inline_root_bytes: 2 * 1024,
        inline_value_bytes: 1024,
        buffer_bytes: 0,
        sum_of: None,
    };

    /// The same with a sum.
    #[must_use]
    pub const fn with_sum(mut self, sum_of: SumOf) -> Self {
        self.sum_of = Some(sum_of);
        self
    }

    pub(super) fn sum(&self, key: &[u8], value: &[u8]) -> DatastoreFingerprint {
        self.sum_of
            .map_or(DatastoreFingerprint::EMPTY, |sum_of| sum_of(key, value))
    }
}

/// An ordered map from bytes to bytes on pages, as it was at one moment.
#[derive(Clone, Debug)]
pub(super) struct PageTree {
    pub(super) shape: &'static Shape,
    pub(super) root: Root,
    /// How many pages lie between the root and an entry, both counted; 1: the root is a leaf.
    pub(super) height: usize,
    pub(super) summary: Summary,
}

/// Where the root page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Empty,
    Inline(Page),
    Page(PageId),
}

impl PartialEq for PageTree {
    /// Whether both are the same pages, and so surely hold the same entries.
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl PageTree {
    /// The tree without entries.
    pub(super) const fn new(shape: &'static Shape) -> Self {
        Self {
            shape,
            root: Root::Empty,
            height: 0,
            summary: Summary::EMPTY,
        }
    }

    /// Writes the tree into a root record.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match &self.root {
            Root::Empty => return out.push(0),
            Root::Inline(page) => {
                out.push(1);
                put_number(out, page.bytes().len());
                out.extend_from_slice(page.bytes());
            }
            Root::Page(id) => {
                out.push(2);
                out.extend_from_slice(&id.0);
            }
        }
        put_number(out, self.height);
        out.extend_from_slice(&self.summary.count.to_le_bytes());
        out.extend_from_slice(&self.summary.sum.0);
    }

    /// Takes off `bytes` what [`PageTree::encode`] wrote; `None` where that is no tree.
    pub(super) fn decode(shape: &'static Shape, bytes: &mut &[u8]) -> Option<Self> {
        let root = match take::<1>(bytes)? {
            [0] => return Some(Self::new(shape)),
            [1] => {
                let length = take_size(bytes)?;
                let (page, rest) = bytes.split_at_checked(length)?;
                *bytes = rest;
                Root::Inline(Page::inline(page.into())?)
            }
            [2] => Root::Page(PageId(take(bytes)?)),
            _ => return None,
        };
        let height = take_size(bytes)?;
        let count = u64::from_le_bytes(take(bytes)?);
        let sum = DatastoreFingerprint(take(bytes)?);
        let tree = Self {
            shape,
            root,
            height,
            summary: Summary { count, sum },
        };
        let fits = match &tree.root {
            Root::Inline(page) => page.kind() == expected_kind(height),
            _ => true,
        };
        ((1..=HEIGHT_MAX).contains(&height) && fits).then_some(tree)
    }

    /// Fills in the values of the keys at these places, which ascend by key.
    pub(super) fn look_up(
        &self,
        source: &dyn PageSource,
        keys: &[&[u8]],
        places: &[usize],
        found: &mut [Option<Slice>],
    ) -> Result<(), TreeError> {
        let mut wanted = Wanted {
            source,
            keys,
            found,
            missing: vec![],
        };
        if !places.is_empty()
            && let Some(root) = self.root_page(source)?
        {
            wanted.look(&root, self.height, places)?;
        }
        if wanted.missing.is_empty() {
            Ok(())
        } else {
            Err(missing(wanted.missing))
        }
    }

    /// The root page; none of an empty tree.
    pub(super) fn root_page(&self, source: &dyn PageSource) -> Result<Option<Page>, TreeError> {
        match &self.root {
            Root::Empty => Ok(None),
            Root::Inline(page) => Ok(Some(page.clone())),
            Root::Page(id) => match load(source, *id, expected_kind(self.height))? {
                Some(page) => Ok(Some(page)),
                None => Err(TreeError::missing(vec![*id])),
            },
        }
    }
}

/// One look-up of many keys: what was found, and what is lacking.
struct Wanted<'a> {
    source: &'a dyn PageSource,
    keys: &'a [&'a [u8]],
    found: &'a mut [Option<Slice>],
    missing: Vec<PageId>,
}

impl Wanted<'_> {
    /// Looks below a page for the keys at these places, which ascend.
    fn look(&mut self, page: &Page, height: usize, places: &[usize]) -> Result<(), TreeError> {
        if height == 1 {
            return self.look_in_leaf(page, places);
        }
        let mut places = places;
        while let Some(first) = places.first() {
            let slot = page.child_slot(self.keys[*first]);
            let here = if slot + 1 < page.count() {
                let next = page.key(slot + 1);
                places.partition_point(|place| self.keys[*place] < next)
            } else {
                places.len()
            };
            let (below, rest) = places.split_at(here);
            places = rest;
            let id = page.child_id(slot);
            match load(self.source, id, expected_kind(height - 1))? {
                Some(child) => self.look(&child, height - 1, below)?,
                None => self.missing.push(id),
            }
        }
        Ok(())
    }

    fn look_in_leaf(&mut self, page: &Page, places: &[usize]) -> Result<(), TreeError> {
        let mut from = 0;
        for place in places {
            let (slot, is_there) = page.find(from, self.keys[*place]);
            from = slot;
            if is_there {
                match value_at(self.source, page, slot)? {
                    Ok(value) => self.found[*place] = Some(value),
                    Err(id) => self.missing.push(id),
                }
            }
        }
        Ok(())
    }
}

/// The value in a slot of a leaf, or the id of the page that is lacking for it.
pub(super) fn value_at(
    source: &dyn PageSource,
    leaf: &Page,
    slot: usize,
) -> Result<Result<Slice, PageId>, TreeError> {
    match leaf.place(slot) {
        Place::Inline(range) => Ok(Ok(leaf.slice(range))),
        Place::Large(large) => {
            let page = load(source, large.id, PageKind::Value)?;
            Ok(page.map(|page| page.large_value()).ok_or(large.id))
        }
    }
}

/// The page, if it is at hand and of this kind.
pub(super) fn load(
    source: &dyn PageSource,
    id: PageId,
    kind: PageKind,
) -> Result<Option<Page>, TreeError> {
    match source.page(&id) {
        Some(page) if page.kind() == kind => Ok(Some(page)),
        Some(_) => Err(TreeError::damaged(id)),
        None => Ok(None),
    }
}

pub(super) fn expected_kind(height: usize) -> PageKind {
    if height > 1 {
        PageKind::Branch
    } else {
        PageKind::Leaf
    }
}

pub(super) fn missing(mut ids: Vec<PageId>) -> TreeError {
    sort_by(&mut ids, PageId::cmp);
    ids.dedup();
    TreeError::missing(ids)
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

pub(super) fn take_size(bytes: &mut &[u8]) -> Option<usize> {
    let mut at = 0;
    let size = take_number(bytes, &mut at)?;
    *bytes = bytes.get(at..)?;
    Some(size)
}
