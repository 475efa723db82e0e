//! A tree: a small value that names its root page, and the look-ups that start there.
//!
//! A tree is one moment: it never changes, and a change makes another tree that shares
//! the untouched pages. Look-ups are synchronous over pages at hand ([`PageSource`]); where
//! one is lacking they say which ([`TreeError::Missing`]), as many as they can name at once.

use alloc::vec;
use alloc::vec::Vec;

use super::page::{Page, PageKind, Place, Slice, put_number, take_number};
use super::port::PageId;
use super::summary::Summary;
use crate::fingerprint::DatastoreFingerprint;
use crate::sort::{order_of, sort_by};

/// Pages at hand.
pub trait PageSource {
    /// The page, if it is at hand.
    fn page(&self, id: &PageId) -> Option<Page>;
}

/// Why a look into a tree has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// These pages are needed first; nothing was changed.
    #[error("{} pages are not at hand", .0.len())]
    Missing(Vec<PageId>),
    /// The page is not what the tree says it is.
    #[error("the page {0} is damaged")]
    Damaged(PageId),
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
    /// What each entry adds to the tree's sum, if the tree has one.
    pub sum_of: Option<SumOf>,
}

impl Shape {
    /// A tree that is changed much at once and read much: pages of 16 kB.
    pub const LARGE: Self = Self {
        page_bytes: 16 * 1024,
        inline_root_bytes: 2 * 1024,
        inline_value_bytes: 4 * 1024,
        sum_of: None,
    };

    /// A tree that is changed little by little: pages of 4 kB.
    pub const SMALL: Self = Self {
        page_bytes: 4 * 1024,
        inline_root_bytes: 2 * 1024,
        inline_value_bytes: 1024,
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

/// An ordered map from bytes to bytes, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) shape: &'static Shape,
    pub(super) root: Root,
    /// How many pages lie between the root and an entry, both counted; 1: the root is a leaf.
    pub(super) height: usize,
    pub(super) summary: Summary,
}

/// Where a tree's root page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Empty,
    Inline(Page),
    Page(PageId),
}

impl PartialEq for Tree {
    /// Whether both are the same pages, and so surely hold the same entries.
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl Tree {
    /// The tree without entries.
    pub const fn new(shape: &'static Shape) -> Self {
        Self {
            shape,
            root: Root::Empty,
            height: 0,
            summary: Summary::EMPTY,
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> u64 {
        self.summary.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.summary.count == 0
    }

    /// The count and the sum of all entries.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Writes the tree into a root record.
    pub fn encode(&self, out: &mut Vec<u8>) {
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

    /// Takes off `bytes` what [`Tree::encode`] wrote; `None` where that is no tree.
    pub fn decode(shape: &'static Shape, bytes: &mut &[u8]) -> Option<Self> {
        let root = match take::<1>(bytes)? {
            [0] => return Some(Self::new(shape)),
            [1] => {
                let length = take_size(bytes)?;
                let (page, rest) = bytes.split_at_checked(length)?;
                *bytes = rest;
                Root::Inline(Page::checked(page.into())?)
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
        (height > 0 && fits).then_some(tree)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`TreeError`] where pages are lacking or damaged.
    pub fn get(&self, source: &impl PageSource, key: &[u8]) -> Result<Option<Slice>, TreeError> {
        Ok(self.get_many(source, &[key])?.pop().flatten())
    }

    /// The values of many keys, in the order of `keys`, which may be any.
    ///
    /// # Errors
    /// [`TreeError`]; of lacking pages all of a level are named at once.
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        source: &impl PageSource,
        keys: &[K],
    ) -> Result<Vec<Option<Slice>>, TreeError> {
        let is_sorted = keys.is_sorted_by(|one, other| one.as_ref() <= other.as_ref());
        let order = if is_sorted {
            (0..keys.len()).collect()
        } else {
            order_of(keys.len(), &|one, other| {
                keys[one].as_ref().cmp(keys[other].as_ref())
            })
        };
        let mut wanted = Wanted {
            source,
            keys,
            found: vec![None; keys.len()],
            missing: vec![],
        };
        if let Some(root) = self.root_page(source)? {
            wanted.look(&root, self.height, &order)?;
        }
        if wanted.missing.is_empty() {
            Ok(wanted.found)
        } else {
            Err(missing(wanted.missing))
        }
    }

    /// The root page; none of an empty tree.
    pub(super) fn root_page(&self, source: &impl PageSource) -> Result<Option<Page>, TreeError> {
        match &self.root {
            Root::Empty => Ok(None),
            Root::Inline(page) => Ok(Some(page.clone())),
            Root::Page(id) => match load(source, *id, expected_kind(self.height))? {
                Some(page) => Ok(Some(page)),
                None => Err(TreeError::Missing(vec![*id])),
            },
        }
    }
}

/// One look-up of many keys: what was found, and what is lacking.
struct Wanted<'a, S, K> {
    source: &'a S,
    keys: &'a [K],
    found: Vec<Option<Slice>>,
    missing: Vec<PageId>,
}

impl<S: PageSource, K: AsRef<[u8]>> Wanted<'_, S, K> {
    /// Looks below a page for the keys at these places, which ascend.
    fn look(&mut self, page: &Page, height: usize, places: &[usize]) -> Result<(), TreeError> {
        if height == 1 {
            return self.look_in_leaf(page, places);
        }
        let mut places = places;
        while let Some(first) = places.first() {
            let slot = page.child_slot(self.keys[*first].as_ref());
            let here = if slot + 1 < page.count() {
                let next = page.key(slot + 1);
                places.partition_point(|place| self.keys[*place].as_ref() < next)
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
            let (slot, is_there) = page.find(from, self.keys[*place].as_ref());
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
    source: &impl PageSource,
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
    source: &impl PageSource,
    id: PageId,
    kind: PageKind,
) -> Result<Option<Page>, TreeError> {
    match source.page(&id) {
        Some(page) if page.kind() == kind => Ok(Some(page)),
        Some(_) => Err(TreeError::Damaged(id)),
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
    TreeError::Missing(ids)
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
