//! A tree: an ordered map on pages, and its newest changes, which wait in the tree value
//! itself until they are many.
//!
//! To change a page is to write all of it and the pages above. A single small change so cost
//! a hundred times its size; kept in the buffer, it costs itself, and the pages are written
//! for many at once. Only here, in [`Cursor`](super::Cursor) and in [`Diff`](super::Diff) are
//! the two told apart.
//!
//! The buffer is a tree on one page, which lies in the root record. Under a key it holds one
//! byte of flags, then the value, if there is one:
//!
//! | flags | in the pages | in the tree |
//! | --- | --- | --- |
//! | 1 | there | gone |
//! | 2 | not there | the value |
//! | 3 | there | the value |

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::cursor::KeyRange;
use super::edit::{Edit, Edits};
use super::page::{Page, Place, Slice};
use super::paged::{PageSource, PageTree, Root, Shape, TreeError};
use super::summary::Summary;
use crate::sort::order_of;

/// Whether the pages hold the key.
const HIDES: u8 = 1;
/// Whether the tree does.
const HOLDS: u8 = 2;

/// A tree that is one page, wherever it is written.
static BUFFER: Shape = Shape {
    page_bytes: usize::MAX,
    inline_root_bytes: usize::MAX,
    inline_value_bytes: usize::MAX,
    buffer_bytes: 0,
    sum_of: None,
};

/// An ordered map from bytes to bytes, as it was at one moment.
#[derive(Debug, PartialEq)]
pub struct Tree {
    pub(super) pages: PageTree,
    /// What waits to be written to the pages.
    pub(super) buffer: PageTree,
}

impl Clone for Tree {
    /// A root has many trees: how one is copied is compiled once.
    #[inline(never)]
    fn clone(&self) -> Self {
        Self {
            pages: self.pages.clone(),
            buffer: self.buffer.clone(),
        }
    }
}

impl Tree {
    /// The tree without entries.
    #[inline(never)]
    pub const fn new(shape: &'static Shape) -> Self {
        Self {
            pages: PageTree::new(shape),
            buffer: PageTree::new(&BUFFER),
        }
    }

    /// How it is laid out.
    pub const fn shape(&self) -> &'static Shape {
        self.pages.shape
    }

    /// How many entries it has.
    pub fn len(&self) -> u64 {
        self.summary().count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The count and the sum of all entries.
    pub fn summary(&self) -> Summary {
        let mut summary = self.pages.summary;
        if let Some(leaf) = self.buffer_leaf() {
            add_buffered(&mut summary, leaf, 0..leaf.count());
        }
        summary
    }

    /// Writes the tree into a root record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.pages.encode(out);
        self.buffer.encode(out);
    }

    /// Takes off `bytes` what [`Tree::encode`] wrote; `None` where that is no tree.
    pub fn decode(shape: &'static Shape, bytes: &mut &[u8]) -> Option<Self> {
        let pages = PageTree::decode(shape, bytes)?;
        let buffer = PageTree::decode(&BUFFER, bytes)?;
        let tree = Self { pages, buffer };
        let is_sound = match (&tree.buffer.root, tree.buffer_leaf()) {
            (Root::Empty, _) => true,
            (_, Some(leaf)) => (0..leaf.count()).all(|slot| flags(leaf, slot).is_some()),
            _ => false,
        };
        is_sound.then_some(tree)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`TreeError`] where pages are lacking or damaged.
    pub fn get(&self, source: &dyn PageSource, key: &[u8]) -> Result<Option<Slice>, TreeError> {
        Ok(self.get_many(source, &[key])?.pop().flatten())
    }

    /// The values of many keys, in the order of `keys`, which may be any.
    ///
    /// # Errors
    /// [`TreeError`]; of lacking pages all of a level are named at once.
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        source: &dyn PageSource,
        keys: &[K],
    ) -> Result<Vec<Option<Slice>>, TreeError> {
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        self.look_up(source, &keys)
    }

    fn look_up(
        &self,
        source: &dyn PageSource,
        keys: &[&[u8]],
    ) -> Result<Vec<Option<Slice>>, TreeError> {
        let mut places: Vec<usize> = if keys.is_sorted() {
            (0..keys.len()).collect()
        } else {
            order_of(keys.len(), &|one, other| keys[one].cmp(keys[other]))
        };
        let mut found = vec![None; keys.len()];
        if let Some(leaf) = self.buffer_leaf() {
            places.retain(|place| match leaf.find(0, keys[*place]) {
                (slot, true) => {
                    found[*place] = buffered(value(leaf, slot));
                    false
                }
                _ => true,
            });
        }
        self.pages.look_up(source, keys, &places, &mut found)?;
        Ok(found)
    }

    /// The one page of the buffer; `None`: nothing waits.
    pub(super) fn buffer_leaf(&self) -> Option<&Page> {
        match &self.buffer.root {
            Root::Inline(leaf) if self.buffer.height == 1 => Some(leaf),
            _ => None,
        }
    }

    /// Adds to a summary of the pages what waits within a range.
    pub(super) fn add_waiting(&self, summary: &mut Summary, range: &KeyRange) {
        if let Some(leaf) = self.buffer_leaf() {
            add_buffered(summary, leaf, range.first_slot(leaf)..range.end_slot(leaf));
        }
    }

    /// Whether the buffer has room for these changes.
    pub(super) fn has_room(&self, edits: &Edits) -> bool {
        let shape = self.pages.shape;
        let waiting = self.buffer_leaf().map_or(0, |leaf| leaf.bytes().len());
        let bytes = |edit: &Edit| edit.key.len() + edit.value.as_ref().map_or(0, Vec::len);
        let sizes = edits.as_slice().iter().map(bytes);
        shape.sum_of.is_none() && waiting + sizes.sum::<usize>() <= shape.buffer_bytes
    }

    /// Changes of the tree, as changes of its buffer.
    pub(super) fn as_waiting(
        &self,
        source: &dyn PageSource,
        edits: &Edits,
    ) -> Result<Edits, TreeError> {
        let keys: Vec<&[u8]> = edits.as_slice().iter().map(|edit| &edit.key[..]).collect();
        let present = self.look_up(source, &keys)?;
        let mut waiting = Vec::with_capacity(keys.len());
        for (edit, present) in edits.as_slice().iter().zip(present) {
            if edit.value.as_deref() == present.as_deref() {
                continue;
            }
            let known = self.buffer_leaf().and_then(|leaf| {
                let (slot, is_there) = leaf.find(0, &edit.key);
                is_there.then(|| flags(leaf, slot)).flatten()
            });
            let hides = known.map_or(present.is_some(), |flags| flags & HIDES != 0);
            let value = match &edit.value {
                Some(value) => Some([&[HOLDS | u8::from(hides)], &value[..]].concat()),
                None => hides.then(|| vec![HIDES]),
            };
            waiting.push(Edit {
                key: edit.key.clone(),
                value,
            });
        }
        Ok(waiting.into())
    }

    /// All that waits, and these changes after it.
    pub(super) fn with_waiting(&self, edits: &Edits) -> Edits {
        let mut all = Vec::new();
        if let Some(leaf) = self.buffer_leaf() {
            all.extend((0..leaf.count()).map(|slot| Edit {
                key: leaf.key(slot).to_vec(),
                value: buffered(value(leaf, slot)).map(|value| value.to_vec()),
            }));
        }
        all.extend_from_slice(edits.as_slice());
        all.into()
    }
}

/// What an entry of the buffer says the tree holds.
pub(super) fn buffered(entry: Slice) -> Option<Slice> {
    (entry[0] & HOLDS != 0).then(|| entry.without_first())
}

fn value(leaf: &Page, slot: usize) -> Slice {
    match leaf.place(slot) {
        Place::Inline(range) => leaf.slice(range),
        Place::Large(_) => leaf.slice(0..0),
    }
}

/// The flags of an entry of the buffer; `None` where that is none.
fn flags(leaf: &Page, slot: usize) -> Option<u8> {
    value(leaf, slot)
        .first()
        .copied()
        .filter(|flags| (HIDES..=HIDES | HOLDS).contains(flags))
}

fn add_buffered(summary: &mut Summary, leaf: &Page, slots: Range<usize>) {
    for slot in slots {
        let flags = flags(leaf, slot).unwrap_or_default();
        let (held, holds) = (flags & HIDES != 0, flags & HOLDS != 0);
        summary.count = summary.count + u64::from(holds) - u64::from(held);
    }
}
