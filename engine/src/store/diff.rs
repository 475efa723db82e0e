//! What differs between two trees: in their pages, and in what waits to be written to them.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::cursor::KeyRange;
use super::page::Slice;
use super::page_diff::PageDiff;
use super::paged::{PageSource, TreeError};
use super::tree::Tree;
use crate::sort::sort_by;

/// A key that two trees do not hold alike. `before` and `after` may be equal where a large
/// value was written anew; never are both absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Slice,
    /// Its value in the older tree.
    pub before: Option<Slice>,
    /// Its value in the newer tree.
    pub after: Option<Slice>,
}

/// A walk over the differences of two trees, by ascending key. It reads only pages that they do
/// not share, and stays good over lacking ones, as a [`Cursor`](super::Cursor) does.
#[derive(Clone, Debug)]
pub struct Diff {
    before: Tree,
    after: Tree,
    pages: PageDiff,
    range: KeyRange,
    /// What differs between the pages next, once fetched.
    head: Option<Change>,
    /// The keys that wait in either tree as these hold them, the lowest last, once looked up.
    buffered: Option<Vec<Change>>,
}

impl Diff {
    /// A walk over what `after` changed of `before` in a range of keys.
    pub fn new(before: &Tree, after: &Tree, range: KeyRange) -> Self {
        Self {
            before: before.clone(),
            after: after.clone(),
            pages: PageDiff::new(&before.pages, &after.pages, &range),
            range,
            head: None,
            buffered: None,
        }
    }

    /// The next difference; `None` at the end.
    ///
    /// # Errors
    /// [`TreeError`]; after lacking pages were fetched, `next` goes on where it was.
    pub fn next(&mut self, source: &dyn PageSource) -> Result<Option<Change>, TreeError> {
        let buffered = match &mut self.buffered {
            Some(buffered) => buffered,
            none => none.insert(look_up(source, &self.before, &self.after, &self.range)?),
        };
        loop {
            if self.head.is_none() {
                self.head = self.pages.next(source)?;
            }
            let order = match (buffered.last(), &self.head) {
                (None, _) => return Ok(self.head.take()),
                (Some(_), None) => Ordering::Less,
                (Some(change), Some(head)) => change.key.cmp(&head.key),
            };
            match order {
                Ordering::Less => {}
                Ordering::Equal => self.head = None,
                Ordering::Greater => return Ok(self.head.take()),
            }
            if let Some(change) = buffered.pop().filter(|one| one.before != one.after) {
                return Ok(Some(change));
            }
        }
    }
}

/// What both trees hold under the keys of a range that wait in either; the lowest comes last.
fn look_up(
    source: &dyn PageSource,
    before: &Tree,
    after: &Tree,
    range: &KeyRange,
) -> Result<Vec<Change>, TreeError> {
    let mut keys: Vec<Slice> = Vec::new();
    for leaf in [before.buffer_leaf(), after.buffer_leaf()]
        .into_iter()
        .flatten()
    {
        for slot in 0..leaf.count() {
            if range.contains(leaf.key(slot)) {
                keys.push(leaf.key_slice(slot));
            }
        }
    }
    sort_by(&mut keys, |one, other| other.cmp(one));
    keys.dedup();
    let of_before = before.get_many(source, &keys)?;
    let of_after = after.get_many(source, &keys)?;
    let mut changes = Vec::with_capacity(keys.len());
    for ((key, before), after) in keys.into_iter().zip(of_before).zip(of_after) {
        changes.push(Change { key, before, after });
    }
    Ok(changes)
}
