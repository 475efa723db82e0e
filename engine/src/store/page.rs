//! One page: an immutable run of bytes that is searched where it lies.
//!
//! On disk for good, integers little-endian, *n* a LEB128 number:
//!
//! ```text
//! page    kind: u8 · count: u32 · count × offset: u32 · count × entry · checksum u32
//! leaf    (kind 1) entry: key length n · value length n × 2 · key · value
//!         large:          key length n · 1                  · key · page id · length u32 · sum
//! branch  (kind 2) entry: key length n · key · page id · entries below u64
//! summed  (kind 3) the same, and the sum of what is below, 32 bytes
//! value   kind: u8 (4) · the bytes of one large value · checksum u32
//! ```
//!
//! The checksum is of the bytes before it and of the page's id: what was damaged, or lies in
//! another page's place, is no page. In a tree value, where a root record's own checksum is over it,
//! it is 0.
//!
//! Keys ascend. A branch's key is the lowest that may lie under its entry; the first
//! entry's is left empty, for the parent knows it. Nothing here follows a page id.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

use super::port::PageId;
use super::summary::Summary;
use crate::fingerprint::DatastoreFingerprint;

/// What stands for a page that cannot be read; never on a disk.
const UNREADABLE: u8 = 0;
const LEAF: u8 = 1;
const BRANCH: u8 = 2;
const SUMMED_BRANCH: u8 = 3;
const VALUE: u8 = 4;

const HEADER_BYTES: usize = 5;
const SLOT_BYTES: usize = 4;
const ID_BYTES: usize = 16;
const SUM_BYTES: usize = 32;
/// The checksum at the end of a page, and of a root record.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// Page id, length and sum of a value that has a page of its own.
const LARGE_BYTES: usize = ID_BYTES + 4 + SUM_BYTES;
/// What the longest branch entry takes besides its key.
pub(super) const CHILD_BYTES: usize = SLOT_BYTES + 2 + ID_BYTES + 8 + SUM_BYTES;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Leaf,
    Branch,
    Value,
    /// None: it is missing or damaged.
    Unreadable,
}

/// A page whose form was checked, so that looking into it cannot fail. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Page(Rc<[u8]>);

/// Some bytes of a page, kept alive by it. Cheap to clone.
#[derive(Clone)]
pub struct Slice {
    page: Page,
    from: usize,
    to: usize,
}

/// Where a leaf has an entry's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the leaf, there.
    Inline(Range<usize>),
    /// In a page of its own.
    Large(Large),
}

/// A value in a page of its own, with what it adds to the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Large {
    pub(super) id: PageId,
    pub(super) length: u32,
    pub(super) sum: DatastoreFingerprint,
}

impl Page {
    /// Takes the bytes that lie on the disk under this id; `None` where they are not that page.
    pub fn checked(id: &PageId, bytes: Rc<[u8]>) -> Option<Self> {
        is_sealed(id, &bytes).then(|| Self::inline(bytes))?
    }

    /// Takes bytes from a tree value; `None` where they are no page.
    pub(super) fn inline(bytes: Rc<[u8]>) -> Option<Self> {
        check(&bytes)?;
        Some(Self(bytes))
    }

    /// Stands for a page that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self([UNREADABLE].into())
    }

    /// The page under the id that it gets, as nobody else has it yet.
    pub(super) fn sealed(mut self, id: &PageId) -> Self {
        if let Some(bytes) = Rc::get_mut(&mut self.0) {
            seal(id, bytes);
        }
        self
    }

    /// The bytes, as they go to the disk.
    pub fn bytes(&self) -> &Rc<[u8]> {
        &self.0
    }

    pub(super) fn kind(&self) -> PageKind {
        match self.0[0] {
            LEAF => PageKind::Leaf,
            VALUE => PageKind::Value,
            UNREADABLE => PageKind::Unreadable,
            _ => PageKind::Branch,
        }
    }

    /// How many entries it has.
    pub(super) fn count(&self) -> usize {
        read_u32(&self.0, 1) as usize
    }

    pub(super) fn key(&self, slot: usize) -> &[u8] {
        &self.0[self.key_range(slot)]
    }

    /// The first slot from `first` on whose key is at or after `key`, and whether it is that key.
    pub(super) fn find(&self, first: usize, key: &[u8]) -> (usize, bool) {
        let (mut low, mut high) = (first, self.count());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(key) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Equal => return (middle, true),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        (low, false)
    }

    /// The slot of a branch under which `key` lies.
    pub(super) fn child_slot(&self, key: &[u8]) -> usize {
        match self.find(1, key) {
            (slot, true) => slot,
            (slot, false) => slot - 1,
        }
    }

    pub(super) fn place(&self, slot: usize) -> Place {
        let (_, tag, key_at) = self.leaf_header(slot);
        let at = key_at.end;
        if tag & 1 == 0 {
            return Place::Inline(at..at + (tag >> 1));
        }
        Place::Large(Large {
            id: read_id(&self.0, at),
            length: read_u32(&self.0, at + ID_BYTES),
            sum: read_sum(&self.0, at + ID_BYTES + 4),
        })
    }

    /// An entry of a leaf as its bytes, to be copied into another.
    pub(super) fn raw_entry(&self, slot: usize) -> &[u8] {
        let from = self.offset(slot);
        let to = match self.place(slot) {
            Place::Inline(range) => range.end,
            Place::Large(_) => self.key_range(slot).end + LARGE_BYTES,
        };
        &self.0[from..to]
    }

    pub(super) fn child_id(&self, slot: usize) -> PageId {
        read_id(&self.0, self.key_range(slot).end)
    }

    pub(super) fn child_summary(&self, slot: usize) -> Summary {
        let at = self.key_range(slot).end + ID_BYTES;
        let sum = if self.0[0] == SUMMED_BRANCH {
            read_sum(&self.0, at + 8)
        } else {
            DatastoreFingerprint::EMPTY
        };
        Summary {
            count: read_u64(&self.0, at),
            sum,
        }
    }

    pub(super) fn slice(&self, range: Range<usize>) -> Slice {
        Slice {
            page: self.clone(),
            from: range.start,
            to: range.end,
        }
    }

    pub(super) fn key_slice(&self, slot: usize) -> Slice {
        self.slice(self.key_range(slot))
    }

    /// The bytes of a value page.
    pub(super) fn large_value(&self) -> Slice {
        self.slice(1..self.0.len() - CHECKSUM_BYTES)
    }

    fn offset(&self, slot: usize) -> usize {
        read_u32(&self.0, HEADER_BYTES + slot * SLOT_BYTES) as usize
    }

    fn leaf_header(&self, slot: usize) -> (usize, usize, Range<usize>) {
        let mut at = self.offset(slot);
        let length = take_number(&self.0, &mut at).unwrap_or(0);
        let tag = take_number(&self.0, &mut at).unwrap_or(0);
        (length, tag, at..at + length)
    }

    fn key_range(&self, slot: usize) -> Range<usize> {
        if self.0[0] == LEAF {
            return self.leaf_header(slot).2;
        }
        let mut at = self.offset(slot);
        let length = take_number(&self.0, &mut at).unwrap_or(0);
        at..at + length
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} page of {} bytes",
            self.kind(),
            self.0.len()
        )
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.page.0[self.from..self.to]
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.escape_ascii())
    }
}

impl PartialEq for Slice {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Slice {}

impl Slice {
    /// All but the first byte.
    pub(super) fn without_first(mut self) -> Self {
        self.from = self.to.min(self.from + 1);
        self
    }
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Writes the entries of a page one after the other.
pub(super) struct PageBuilder {
    bytes: Vec<u8>,
    slot_at: usize,
}

impl PageBuilder {
    pub(super) fn leaf(count: usize, entry_bytes: usize) -> Self {
        Self::new(LEAF, count, entry_bytes)
    }

    pub(super) fn branch(summed: bool, count: usize, entry_bytes: usize) -> Self {
        Self::new(
            if summed { SUMMED_BRANCH } else { BRANCH },
            count,
            entry_bytes,
        )
    }

    fn new(kind: u8, count: usize, entry_bytes: usize) -> Self {
        let slots_end = HEADER_BYTES + count * SLOT_BYTES;
        let mut bytes = Vec::with_capacity(slots_end + entry_bytes + CHECKSUM_BYTES);
        bytes.push(kind);
        bytes.extend_from_slice(&to_u32(count).to_le_bytes());
        bytes.resize(slots_end, 0);
        Self {
            bytes,
            slot_at: HEADER_BYTES,
        }
    }

    fn begin_entry(&mut self) {
        let offset = to_u32(self.bytes.len()).to_le_bytes();
        self.bytes[self.slot_at..self.slot_at + SLOT_BYTES].copy_from_slice(&offset);
        self.slot_at += SLOT_BYTES;
    }

    pub(super) fn raw(&mut self, entry: &[u8]) {
        self.begin_entry();
        self.bytes.extend_from_slice(entry);
    }

    pub(super) fn inline(&mut self, key: &[u8], value: &[u8]) {
        self.begin_entry();
        put_number(&mut self.bytes, key.len());
        put_number(&mut self.bytes, value.len() << 1);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn large(&mut self, key: &[u8], large: &Large) {
        self.begin_entry();
        put_number(&mut self.bytes, key.len());
        put_number(&mut self.bytes, 1);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(&large.id.0);
        self.bytes.extend_from_slice(&large.length.to_le_bytes());
        self.bytes.extend_from_slice(&large.sum.0);
    }

    pub(super) fn child(&mut self, low: &[u8], id: PageId, summary: &Summary) {
        let summed = self.bytes[0] == SUMMED_BRANCH;
        self.begin_entry();
        put_number(&mut self.bytes, low.len());
        self.bytes.extend_from_slice(low);
        self.bytes.extend_from_slice(&id.0);
        self.bytes.extend_from_slice(&summary.count.to_le_bytes());
        if summed {
            self.bytes.extend_from_slice(&summary.sum.0);
        }
    }

    pub(super) fn finish(self) -> Page {
        unsealed(self.bytes)
    }
}

/// A page with room for its checksum.
fn unsealed(mut bytes: Vec<u8>) -> Page {
    bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
    Page(bytes.into())
}

/// The page of one large value.
pub(super) fn value_page(value: &[u8]) -> Page {
    let mut bytes = Vec::with_capacity(value.len() + 1 + CHECKSUM_BYTES);
    bytes.push(VALUE);
    bytes.extend_from_slice(value);
    unsealed(bytes)
}

/// What an entry takes in a leaf, its slot included.
pub(super) fn leaf_entry_bytes(key: &[u8], value_bytes: usize, is_large: bool) -> usize {
    let value_bytes = if is_large { LARGE_BYTES } else { value_bytes };
    SLOT_BYTES + number_bytes(key.len()) + number_bytes(value_bytes << 1) + key.len() + value_bytes
}

/// Writes the checksum at the end of the bytes that are to lie under this id.
pub fn seal(id: &PageId, bytes: &mut [u8]) {
    if let Some((content, end)) = bytes.split_last_chunk_mut() {
        *end = checksum(id, content);
    }
}

/// Whether the bytes under this id are as they were sealed.
pub(crate) fn is_sealed(id: &PageId, bytes: &[u8]) -> bool {
    let parts = bytes.split_last_chunk();
    parts.is_some_and(|(content, end)| *end == checksum(id, content))
}

/// Tells bytes that were damaged from those that were written, but for one damage in 2^32.
///
/// Four lanes side by side, so that the processor need not wait for each multiplication: a
/// page of 16 kB takes 2 µs, of the 70 that IndexedDB takes to read it.
fn checksum(id: &PageId, bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut lanes = [bytes.len() as u64; 4];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        mix(&mut lanes, block);
    }
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);
    mix(&mut lanes, &last);
    last = [0; 32];
    last[..ID_BYTES].copy_from_slice(&id.0);
    mix(&mut lanes, &last);
    let [_, _, _, _, end @ ..] = lanes.into_iter().fold(0, mixed).to_le_bytes();
    end
}

fn mix(lanes: &mut [u64; 4], block: &[u8; 32]) {
    let (words, _) = block.as_chunks::<8>();
    for (lane, word) in lanes.iter_mut().zip(words) {
        *lane = mixed(*lane, u64::from_le_bytes(*word));
    }
}

/// The golden ratio, as Fibonacci hashing takes it: each word, and each sum before, makes another.
fn mixed(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Walks all of a page once, so that later looks need no checks.
fn check(bytes: &[u8]) -> Option<()> {
    let (bytes, _) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    let kind = *bytes.first()?;
    if kind == VALUE {
        return Some(());
    }
    let extra = match kind {
        LEAF => 0,
        BRANCH => ID_BYTES + 8,
        SUMMED_BRANCH => ID_BYTES + 8 + SUM_BYTES,
        _ => return None,
    };
    let count = u32::from_le_bytes(bytes.get(1..HEADER_BYTES)?.try_into().ok()?) as usize;
    if kind != LEAF && count == 0 {
        return None;
    }
    let slots = bytes
        .get(HEADER_BYTES..)?
        .get(..count.checked_mul(SLOT_BYTES)?)?;
    let mut last: Option<&[u8]> = None;
    for slot in slots.chunks_exact(SLOT_BYTES) {
        let mut at = u32::from_le_bytes(slot.try_into().ok()?) as usize;
        let length = take_number(bytes, &mut at)?;
        let after = match kind {
            LEAF => match take_number(bytes, &mut at)? {
                1 => LARGE_BYTES,
                tag if tag & 1 == 0 => tag >> 1,
                _ => return None,
            },
            _ => extra,
        };
        let key = bytes.get(at..)?.get(..length)?;
        bytes.get(at + length..)?.get(..after)?;
        if last.is_some_and(|last| last >= key) {
            return None;
        }
        last = Some(key);
    }
    Some(())
}

fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn read_id(bytes: &[u8], at: usize) -> PageId {
    let mut id = [0; ID_BYTES];
    id.copy_from_slice(&bytes[at..at + ID_BYTES]);
    PageId(id)
}

fn read_sum(bytes: &[u8], at: usize) -> DatastoreFingerprint {
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&bytes[at..at + SUM_BYTES]);
    DatastoreFingerprint(sum)
}

/// Takes a LEB128 number of at most 31 bits.
pub(super) fn take_number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return (number <= u32::MAX as usize >> 1).then_some(number);
        }
    }
    None
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn number_bytes(number: usize) -> usize {
    (usize::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn leaf(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Page {
        let mut builder = PageBuilder::leaf(entries.len(), 0);
        for (key, value) in entries {
            builder.inline(key, value);
        }
        builder.finish()
    }

    proptest! {
        #[test]
        fn a_leaf_finds_what_was_put_in(
            entries in proptest::collection::btree_map(
                proptest::collection::vec(any::<u8>(), 0..6),
                proptest::collection::vec(any::<u8>(), 0..200), 0..40),
            probe in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let page = leaf(&entries);
            prop_assert!(Page::inline(page.bytes().clone()).is_some());
            let size: usize = entries.iter()
                .map(|(key, value)| leaf_entry_bytes(key, value.len(), false)).sum();
            prop_assert_eq!(page.bytes().len(), HEADER_BYTES + size + CHECKSUM_BYTES);
            for (slot, (key, value)) in entries.iter().enumerate() {
                prop_assert_eq!(page.find(0, key), (slot, true));
                let Place::Inline(range) = page.place(slot) else { panic!() };
                prop_assert_eq!(&page.slice(range)[..], &value[..]);
            }
            let before = entries.range(..probe.clone()).count();
            prop_assert_eq!(page.find(0, &probe), (before, entries.contains_key(&probe)));
        }

        #[test]
        fn damaged_bytes_are_refused_or_harmless(
            entries in proptest::collection::btree_map("[a-c]{0,3}", "[x]{0,9}", 0..8),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut in any::<prop::sample::Index>(),
        ) {
            let entries = entries.into_iter().map(|(k, v)| (k.into_bytes(), v.into_bytes())).collect();
            let mut bytes = leaf(&entries).bytes().to_vec();
            bytes.truncate(cut.index(bytes.len() + 1));
            for (at, byte) in damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            if let Some(page) = Page::inline(bytes.into()) && page.kind() == PageKind::Leaf {
                for slot in 0..page.count() {
                    let _ = (page.key(slot), page.place(slot), page.raw_entry(slot));
                }
            }
        }
    }
}
