//! Walking an index on both sides of the local store at once: two ordered cursors, merged.

use alloc::vec::Vec;
use core::ops::Bound;

use super::{
    field::Row,
    order,
    plan::{IndexName, Plan, under},
};
use crate::store::{Cursor, Direction, Entry, KeyRange, PageSource, Slice, Tree, TreeError};

/// Which side of the local store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the server last confirmed.
    Confirmed,
    /// The person's unanswered edits, over it.
    Overlay,
}

/// An index entry whose record may be one of the query's.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where the entry was found.
    pub side: Side,
    /// The entry's key: the shared tree's prefix, the fields' encodings, the record's key.
    pub key: Slice,
    /// What the index keeps of the record.
    pub value: Slice,
}

/// The local store, as a query sees it, for one entity at one moment.
pub trait World {
    /// A record as the app sees it.
    type Row: Row;
    /// The pages at hand.
    type Pages: PageSource;

    /// The pages at hand.
    fn pages(&self) -> &Self::Pages;

    /// The tree of an index, and the prefix of this entity's keys in it.
    fn index(&self, index: IndexName, side: Side) -> (&Tree, &[u8]);

    /// The records behind candidates, in their order; `None` for one that is hidden by an edit
    /// on the overlay, or is deleted there.
    ///
    /// # Errors
    /// [`TreeError`] names all that lack at once; the call is then made again.
    fn rows(&self, candidates: &[Candidate]) -> Result<Vec<Option<Self::Row>>, TreeError>;
}

/// The candidates of a plan, in the order of its walk.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    index: IndexName,
    direction: Direction,
    turns_ties: bool,
    field_count: usize,
    /// What is still to walk, the next one last.
    ranges: Vec<KeyRange>,
    outer: Option<Merged>,
    /// The first of a group of ties, until it is known whether another follows.
    held: Option<Candidate>,
    group: Option<Merged>,
}

impl Walk {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut ranges = plan.ranges.clone();
        if plan.direction == Direction::Ascending {
            ranges.reverse();
        }
        Self {
            index: plan.index,
            direction: plan.direction,
            turns_ties: plan.turns_ties,
            field_count: plan.field_count,
            ranges,
            outer: None,
            held: None,
            group: None,
        }
    }

    /// Begins inside a group of ties: its rest first, then what lies before it.
    pub(super) fn begin_in_group<W: World>(&mut self, world: &W, group: KeyRange) {
        self.group = Some(self.merged(world, group, Direction::Ascending));
    }

    /// The next candidate; after missing pages were fetched it goes on where it was.
    pub(super) fn next<W: World>(&mut self, world: &W) -> Result<Option<Candidate>, TreeError> {
        loop {
            if let Some(group) = &mut self.group {
                match group.next(world.pages())? {
                    Some(candidate) => return Ok(Some(candidate)),
                    None => self.group = None,
                }
            }
            let Some(outer) = &mut self.outer else {
                let Some(range) = self.ranges.pop() else {
                    return Ok(self.held.take());
                };
                self.outer = Some(self.merged(world, range, self.direction));
                continue;
            };
            let Some(candidate) = outer.next(world.pages())? else {
                self.outer = None;
                if let Some(held) = self.held.take() {
                    return Ok(Some(held));
                }
                continue;
            };
            if !self.turns_ties {
                return Ok(Some(candidate));
            }
            if let Some(alone) = self.hold(world, candidate) {
                return Ok(Some(alone));
            }
        }
    }

    /// Takes the next candidate of a descending walk: the one held before was alone if this is
    /// no tie of it; else the whole group is walked again, ascending.
    fn hold<W: World>(&mut self, world: &W, candidate: Candidate) -> Option<Candidate> {
        let Some(held) = self.held.take() else {
            self.held = Some(candidate);
            return None;
        };
        let (_, prefix) = world.index(self.index, Side::Confirmed);
        let length = prefix.len() + order::length(&held.key[prefix.len()..], self.field_count);
        if !candidate.key.starts_with(&held.key[..length]) {
            self.held = Some(candidate);
            return Some(held);
        }
        let fields = &held.key[prefix.len()..length];
        self.group = Some(self.merged(world, KeyRange::prefix(fields), Direction::Ascending));
        if let Some(mut rest) = self.outer.take().map(|outer| outer.range) {
            rest.to = Bound::Excluded(fields.to_vec());
            self.ranges.push(rest);
        }
        None
    }

    /// Both sides of the index over a range, which is without the entity's prefix.
    fn merged<W: World>(&self, world: &W, range: KeyRange, direction: Direction) -> Merged {
        let head = |side| {
            let (tree, prefix) = world.index(self.index, side);
            Head {
                cursor: Cursor::new(tree, under(prefix, range.clone()), direction),
                entry: None,
            }
        };
        let (confirmed, overlay) = (head(Side::Confirmed), head(Side::Overlay));
        Merged {
            confirmed,
            overlay,
            direction,
            range,
        }
    }
}

/// Two cursors over the same range, as one.
#[derive(Clone, Debug)]
struct Merged {
    confirmed: Head,
    overlay: Head,
    direction: Direction,
    range: KeyRange,
}

/// A cursor and its next entry, once fetched.
#[derive(Clone, Debug)]
struct Head {
    cursor: Cursor,
    entry: Option<Entry>,
}

impl Merged {
    fn next(&mut self, pages: &impl PageSource) -> Result<Option<Candidate>, TreeError> {
        let confirmed = self.confirmed.peek(pages);
        let overlay = self.overlay.peek(pages);
        let takes_confirmed = match (both(confirmed, overlay)?, self.direction) {
            ((None, None), _) => return Ok(None),
            ((Some(_), None), _) => true,
            ((None, Some(_)), _) => false,
            ((Some(one), Some(other)), Direction::Ascending) => one.key[..] <= other.key[..],
            ((Some(one), Some(other)), Direction::Descending) => one.key[..] >= other.key[..],
        };
        let (side, head) = if takes_confirmed {
            (Side::Confirmed, &mut self.confirmed)
        } else {
            (Side::Overlay, &mut self.overlay)
        };
        let entry = head.entry.take();
        Ok(entry.map(|Entry { key, value }| Candidate { side, key, value }))
    }
}

impl Head {
    fn peek(&mut self, pages: &impl PageSource) -> Result<Option<&Entry>, TreeError> {
        if self.entry.is_none() {
            self.entry = self.cursor.next(pages)?;
        }
        Ok(self.entry.as_ref())
    }
}

/// Both answers, or all the pages that either lacks.
pub(super) fn both<A, B>(
    one: Result<A, TreeError>,
    other: Result<B, TreeError>,
) -> Result<(A, B), TreeError> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) => Err(one.and(other)),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
