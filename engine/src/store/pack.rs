//! Filling pages: a run of entries is cut into pieces of about a page, and written.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::page::{CHILD_BYTES, Large, Page, PageBuilder, Place, leaf_entry_bytes, value_page};
use super::paged::Shape;
use super::port::PageId;
use super::summary::Summary;

/// What is to lie in one or more pages side by side.
pub(super) struct Run<'e> {
    /// The lowest key that may lie in it.
    pub(super) low: Box<[u8]>,
    pub(super) items: Items<'e>,
    /// Whether all that is new came at its end.
    pub(super) appended: bool,
    /// Whether something in it was removed or replaced.
    pub(super) shrunk: bool,
}

pub(super) enum Items<'e> {
    Leaf(Vec<Item<'e>>),
    Branch(Vec<Child>),
}

/// An entry of a leaf to be written.
pub(super) enum Item<'e> {
    /// As it lies in another page.
    Kept { page: Page, slot: usize },
    /// From an edit.
    Put { key: &'e [u8], value: &'e [u8] },
}

/// An entry of a branch.
pub(super) struct Child {
    pub(super) low: Box<[u8]>,
    pub(super) id: PageId,
    pub(super) summary: Summary,
}

impl Item<'_> {
    pub(super) fn kept(page: &Page, slot: usize) -> Self {
        Self::Kept {
            page: page.clone(),
            slot,
        }
    }

    fn key(&self) -> &[u8] {
        match self {
            Self::Kept { page, slot } => page.key(*slot),
            Self::Put { key, .. } => key,
        }
    }

    fn bytes(&self, shape: &Shape) -> usize {
        match self {
            Self::Kept { page, slot } => page.raw_entry(*slot).len() + 4,
            Self::Put { key, value } => {
                leaf_entry_bytes(key, value.len(), value.len() > shape.inline_value_bytes)
            }
        }
    }
}

impl Child {
    pub(super) fn of_branch(page: &Page, slot: usize, low: &[u8]) -> Self {
        let (id, summary) = (page.child_id(slot), page.child_summary(slot));
        Self {
            low: low.into(),
            id,
            summary,
        }
    }
}

impl Run<'_> {
    /// All that a page holds.
    pub(super) fn of_page(page: &Page, height: usize, low: Box<[u8]>) -> Self {
        let slots = 0..page.count();
        let items = if height == 1 {
            Items::Leaf(slots.map(|slot| Item::kept(page, slot)).collect())
        } else {
            let low_of = |slot| if slot == 0 { &low[..] } else { page.key(slot) };
            Items::Branch(
                slots
                    .map(|slot| Child::of_branch(page, slot, low_of(slot)))
                    .collect(),
            )
        };
        Self {
            low,
            items,
            appended: false,
            shrunk: false,
        }
    }

    /// Takes in what comes right after it.
    pub(super) fn join(&mut self, next: Self) {
        self.appended = false;
        self.shrunk |= next.shrunk;
        match (&mut self.items, next.items) {
            (Items::Leaf(items), Items::Leaf(next)) => items.extend(next),
            (Items::Branch(children), Items::Branch(next)) => children.extend(next),
            // Pages side by side are of one height.
            (Items::Leaf(_), Items::Branch(_)) | (Items::Branch(_), Items::Leaf(_)) => {}
        }
    }

    pub(super) fn bytes(&self, shape: &Shape) -> usize {
        (0..self.items.len())
            .map(|index| self.items.bytes(index, shape))
            .sum()
    }

    /// The pieces that go into a page each: full ones where everything was appended, so
    /// that a growing end leaves none half empty; otherwise of one size.
    pub(super) fn cut(&self, shape: &Shape) -> Vec<Range<usize>> {
        let count = self.items.len();
        let sizes: Vec<usize> = (0..count)
            .map(|index| self.items.bytes(index, shape))
            .collect();
        let total: usize = sizes.iter().sum();
        let pages = total.div_ceil(shape.page_bytes).max(1);
        let target = if self.appended {
            shape.page_bytes
        } else {
            total.div_ceil(pages)
        };
        // A branch page has two children at least, or a tree of giant keys had no top.
        let least = if matches!(self.items, Items::Branch(_)) {
            2
        } else {
            1
        };
        let (mut pieces, mut start, mut filled, mut before) = (vec![], 0, 0, 0);
        for (index, size) in sizes.into_iter().enumerate() {
            let is_full = if self.appended {
                filled + size > target
            } else {
                before + size / 2 > target * (pieces.len() + 1)
            };
            if is_full && index >= start + least {
                pieces.push(start..index);
                (start, filled) = (index, 0);
            }
            filled += size;
            before += size;
        }
        pieces.push(start..count);
        pieces
    }
}

impl Items<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Leaf(items) => items.len(),
            Self::Branch(children) => children.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn bytes(&self, index: usize, shape: &Shape) -> usize {
        match self {
            Self::Leaf(items) => items[index].bytes(shape),
            Self::Branch(children) => children[index].low.len() + CHILD_BYTES,
        }
    }

    /// The lowest key of a page that begins with this item: as short as tells it from the
    /// item before.
    pub(super) fn low_of(&self, index: usize) -> Box<[u8]> {
        match self {
            Self::Branch(children) => children[index].low.clone(),
            Self::Leaf(items) => {
                let (before, key) = (items[index - 1].key(), items[index].key());
                let common = before
                    .iter()
                    .zip(key)
                    .take_while(|(one, other)| one == other)
                    .count();
                key[..=common.min(key.len() - 1)].into()
            }
        }
    }

    /// Writes a piece as one page, and gives what lies under it.
    pub(super) fn encode(
        &self,
        piece: Range<usize>,
        shape: &Shape,
        add_page: &mut dyn FnMut(Page) -> PageId,
    ) -> (Page, Summary) {
        let bytes = piece.clone().map(|index| self.bytes(index, shape)).sum();
        match self {
            Self::Leaf(items) => encode_leaf(&items[piece], bytes, shape, add_page),
            Self::Branch(children) => encode_branch(&children[piece], bytes, shape),
        }
    }
}

fn encode_leaf(
    items: &[Item<'_>],
    bytes: usize,
    shape: &Shape,
    add_page: &mut dyn FnMut(Page) -> PageId,
) -> (Page, Summary) {
    let mut builder = PageBuilder::leaf(items.len(), bytes);
    let mut summary = Summary {
        count: items.len() as u64,
        ..Summary::EMPTY
    };
    for item in items {
        summary.sum += match item {
            Item::Kept { page, slot } => {
                builder.raw(page.raw_entry(*slot));
                match page.place(*slot) {
                    Place::Inline(range) => shape.sum(page.key(*slot), &page.slice(range)),
                    Place::Large(large) => large.sum,
                }
            }
            Item::Put { key, value } => {
                let sum = shape.sum(key, value);
                if value.len() > shape.inline_value_bytes {
                    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                    builder.large(
                        key,
                        &Large {
                            id: add_page(value_page(value)),
                            length,
                            sum,
                        },
                    );
                } else {
                    builder.inline(key, value);
                }
                sum
            }
        };
    }
    (builder.finish(), summary)
}

fn encode_branch(children: &[Child], bytes: usize, shape: &Shape) -> (Page, Summary) {
    let mut builder = PageBuilder::branch(shape.sum_of.is_some(), children.len(), bytes);
    let mut summary = Summary::EMPTY;
    for (index, child) in children.iter().enumerate() {
        let low = if index == 0 { &[][..] } else { &child.low };
        builder.child(low, child.id, &child.summary);
        summary += child.summary;
    }
    (builder.finish(), summary)
}
