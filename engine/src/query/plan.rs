//! Choosing how to find a query's records: which index, which ranges of it, whether they come
//! in order, and what is left to check on each row.
//!
//! An index serves with the equalities on its first fields, then one range (or a list of
//! values), and it gives the order where the fields after the equalities are just the ones
//! asked for, all in one direction.

use alloc::{vec, vec::Vec};
use core::ops::Bound;

use super::{
    Position, Query,
    field::Field,
    filter::{Filter, Test},
    order,
};
use crate::store::{Direction, KeyRange, successor};

/// Which index of an entity to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexName {
    /// The one that every entity has: no fields, just keys.
    ByKey,
    /// The declared one at this place in the list.
    Declared(usize),
}

/// How to find a query's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Which index.
    pub index: IndexName,
    /// The ranges of it, ascending; without the prefix that a shared tree needs.
    pub ranges: Vec<KeyRange>,
    /// How the ranges are walked.
    pub direction: Direction,
    /// Records that are alike in the index's fields come from low keys to high, against the
    /// direction of the walk.
    pub turns_ties: bool,
    /// Rows come in the query's order.
    pub is_ordered: bool,
    /// How many of the index's fields lie before a record's key.
    pub field_count: usize,
    /// How many of them are bound by equalities, and so have no part in the order.
    pub bound_count: usize,
    /// Whether the ranges leave out some of what the equalities leave.
    pub has_range: bool,
    /// What the ranges do not make sure of.
    pub residual: Vec<Filter>,
}

impl Plan {
    /// The best plan for a query, given the entity's declared indexes by their fields.
    pub fn of(query: &Query, indexes: &[Vec<Field>]) -> Self {
        let mut best = Self::by(query, IndexName::ByKey, &[]);
        for (place, fields) in indexes.iter().enumerate() {
            let plan = Self::by(query, IndexName::Declared(place), fields);
            if plan.score(query) > best.score(query) {
                best = plan;
            }
        }
        best
    }

    /// Whether the walk ends before all that is in the ranges was read.
    pub fn stops_early(&self, query: &Query) -> bool {
        self.is_ordered && query.limit.is_some()
    }

    /// The key that a position has in the index; `None` where nothing is walked.
    pub(super) fn key_of(&self, query: &Query, position: &Position) -> Option<Vec<u8>> {
        let mut key = match &self.ranges.first()?.from {
            Bound::Included(from) | Bound::Excluded(from) => {
                from[..order::length(from, self.bound_count)].to_vec()
            }
            Bound::Unbounded => Vec::new(),
        };
        // Where a walk gives the order, its fields all go the same way.
        let descends = query.free_order().first().is_some_and(|it| it.descending);
        order::append_inverted_if(&mut key, position.fields(), descends);
        key.extend_from_slice(position.key());
        Some(key)
    }

    /// Cuts off what does not come after a key, going this way.
    pub(super) fn cut(&mut self, key: &[u8], direction: Direction) {
        for range in &mut self.ranges {
            *range = core::mem::replace(range, KeyRange::ALL).past(key, direction);
        }
        self.ranges.retain(|range| !is_empty(range));
    }
}

/// Whether a range's end lies before its beginning.
fn is_empty(range: &KeyRange) -> bool {
    match (&range.from, &range.to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        _ => false,
    }
}

impl Plan {
    fn by(query: &Query, index: IndexName, fields: &[Field]) -> Self {
        let mut used = vec![false; query.filters.len()];
        let mut prefix = Vec::new();
        let mut bound_count = 0;
        for field in fields {
            let Some(operand) = equality(query, field, &mut used) else {
                break;
            };
            prefix.extend_from_slice(operand);
            bound_count += 1;
        }
        let next = fields
            .get(bound_count)
            .cloned()
            .or_else(|| fields.is_empty().then_some(Field::Key));
        let ranges = next.and_then(|field| ranges_of(query, &field, fields.is_empty(), &mut used));
        let has_range = ranges.is_some();
        let ranges = ranges.unwrap_or_else(|| vec![KeyRange::ALL]);
        let ranges = ranges
            .into_iter()
            .map(|range| under(&prefix, range))
            .collect();
        let walk = walk_of(query, &fields[bound_count..]);
        let (direction, turns_ties) = walk.unwrap_or((Direction::Ascending, false));
        let residual = query.filters.iter().zip(&used).filter(|(_, used)| !**used);
        let residual = residual.map(|(filter, _)| filter.clone()).collect();
        let field_count = fields.len();
        Self {
            index,
            ranges,
            direction,
            turns_ties,
            is_ordered: walk.is_some(),
            field_count,
            bound_count,
            has_range,
            residual,
        }
    }

    /// Fewer rows first, then no sorting; an index that does neither is worth nothing.
    fn score(&self, query: &Query) -> usize {
        let stops_early = self.is_ordered && (query.limit.is_some() || query.after.is_some());
        self.bound_count * 8
            + usize::from(self.has_range) * 4
            + usize::from(stops_early) * 2
            + usize::from(self.index == IndexName::ByKey)
    }
}

/// The operand of an equality on this field, marked as used.
fn equality<'a>(query: &'a Query, field: &Field, used: &mut [bool]) -> Option<&'a [u8]> {
    let equal = |filter: &'a Filter| match &filter.test {
        Test::Equal(operand) if filter.field == *field => Some(&operand[..]),
        Test::Exists(false) if filter.field == *field => Some(&[order::MISSING][..]),
        _ => None,
    };
    let (place, operand) = query
        .filters
        .iter()
        .enumerate()
        .find_map(|(place, filter)| equal(filter).map(|operand| (place, operand)))?;
    used[place] = true;
    Some(operand)
}

/// The ranges of encodings that a field's filters leave; `None` where they leave all.
///
/// In the index by key the key stands as it is, not encoded, and so only some tests serve.
fn ranges_of(
    query: &Query,
    field: &Field,
    is_plain_key: bool,
    used: &mut [bool],
) -> Option<Vec<KeyRange>> {
    let mut found: Option<Vec<KeyRange>> = None;
    for (place, filter) in query.filters.iter().enumerate() {
        if filter.field != *field {
            continue;
        }
        let ranges = if is_plain_key {
            plain_key_ranges(&filter.test)
        } else {
            ranges(&filter.test)
        };
        let Some(ranges) = ranges else {
            continue;
        };
        // What is left of two tests is not always a range: one serves, the other is checked.
        if found.is_none() {
            found = Some(ranges);
            used[place] = true;
        } else if let (Some([before]), [range]) = (found.as_deref_mut(), &ranges[..]) {
            *before = meet(before, range);
            used[place] = true;
        }
    }
    found
}

/// Where the encodings lie that meet a test; `None` where that is no help.
fn ranges(test: &Test) -> Option<Vec<KeyRange>> {
    let range = match test {
        Test::Equal(operand) => KeyRange::prefix(operand),
        Test::In(operands) => {
            return Some(operands.iter().map(|each| KeyRange::prefix(each)).collect());
        }
        Test::StartsWith(beginning) => KeyRange::prefix(beginning),
        Test::GreaterOrEqual(operand) => between(operand.clone(), class_end(operand)),
        Test::Greater(operand) => between(successor(operand)?, class_end(operand)),
        Test::Less(operand) => between(class_start(operand), operand.clone()),
        Test::LessOrEqual(operand) => between(class_start(operand), successor(operand)?),
        Test::Exists(true) => KeyRange {
            from: Bound::Included(vec![order::MISSING + 1]),
            to: Bound::Unbounded,
        },
        Test::Exists(false) => KeyRange::prefix(&[order::MISSING]),
        Test::NotEqual(_) => return None,
    };
    Some(vec![range])
}

fn class_start(operand: &[u8]) -> Vec<u8> {
    vec![order::class(operand)]
}

fn class_end(operand: &[u8]) -> Vec<u8> {
    vec![order::class_end(order::class(operand))]
}

fn between(from: Vec<u8>, to: Vec<u8>) -> KeyRange {
    KeyRange {
        from: Bound::Included(from),
        to: Bound::Excluded(to),
    }
}

/// The same over keys as they stand: strings without an escape are enough to serve.
fn plain_key_ranges(test: &Test) -> Option<Vec<KeyRange>> {
    let plain = |operand: &[u8]| {
        let (first, rest) = operand.split_first()?;
        let plain_bytes = rest.strip_suffix(&[0])?;
        (*first == order::STRING && !plain_bytes.contains(&order::ESCAPE))
            .then(|| plain_bytes.to_vec())
    };
    let exactly = |key: Vec<u8>| KeyRange {
        from: Bound::Included(key.clone()),
        to: Bound::Included(key),
    };
    let range = match test {
        Test::Equal(operand) => exactly(plain(operand)?),
        Test::In(operands) => {
            return operands
                .iter()
                .map(|operand| plain(operand).map(exactly))
                .collect();
        }
        Test::StartsWith(beginning) if beginning.first() == Some(&order::STRING) => {
            let plain_bytes = beginning
                .get(1..)
                .filter(|plain_bytes| !plain_bytes.contains(&order::ESCAPE))?;
            KeyRange::prefix(plain_bytes)
        }
        Test::Greater(operand) => KeyRange {
            from: Bound::Excluded(plain(operand)?),
            to: Bound::Unbounded,
        },
        Test::GreaterOrEqual(operand) => KeyRange {
            from: Bound::Included(plain(operand)?),
            to: Bound::Unbounded,
        },
        Test::Less(operand) => KeyRange {
            from: Bound::Unbounded,
            to: Bound::Excluded(plain(operand)?),
        },
        Test::LessOrEqual(operand) => KeyRange {
            from: Bound::Unbounded,
            to: Bound::Included(plain(operand)?),
        },
        _ => return None,
    };
    Some(vec![range])
}

/// What lies in both ranges.
fn meet(one: &KeyRange, other: &KeyRange) -> KeyRange {
    let from = later(&one.from, &other.from, |a, b| a > b);
    let to = later(&one.to, &other.to, |a, b| a < b);
    KeyRange { from, to }
}

/// The stricter of two bounds; of equal ones the one that excludes.
fn later(
    one: &Bound<Vec<u8>>,
    other: &Bound<Vec<u8>>,
    is_stricter: impl Fn(&[u8], &[u8]) -> bool,
) -> Bound<Vec<u8>> {
    let bytes = |bound: &Bound<Vec<u8>>| match bound {
        Bound::Included(bytes) | Bound::Excluded(bytes) => Some(bytes.clone()),
        Bound::Unbounded => None,
    };
    match (bytes(one), bytes(other)) {
        (None, _) => other.clone(),
        (_, None) => one.clone(),
        (Some(a), Some(b)) if a == b => {
            if matches!(one, Bound::Excluded(_)) {
                one.clone()
            } else {
                other.clone()
            }
        }
        (Some(a), Some(b)) => {
            if is_stricter(&a, &b) {
                one.clone()
            } else {
                other.clone()
            }
        }
    }
}

/// A range of what stands behind a prefix.
pub(super) fn under(prefix: &[u8], range: KeyRange) -> KeyRange {
    if prefix.is_empty() {
        return range;
    }
    let all = KeyRange::prefix(prefix);
    let join = |bytes: Vec<u8>| [prefix, &bytes[..]].concat();
    let place = |bound, end| match bound {
        Bound::Included(bytes) => Bound::Included(join(bytes)),
        Bound::Excluded(bytes) => Bound::Excluded(join(bytes)),
        Bound::Unbounded => end,
    };
    KeyRange {
        from: place(range.from, all.from),
        to: place(range.to, all.to),
    }
}

/// How walking an index gives the query's order; `None` where it does not.
fn walk_of(query: &Query, free: &[Field]) -> Option<(Direction, bool)> {
    let wanted = query.free_order();
    let is_same = wanted.len() == free.len()
        && wanted
            .iter()
            .zip(free)
            .all(|(order, field)| order.field == *field);
    if !is_same {
        return None;
    }
    let ties_descend = query.ties_descend();
    if wanted.iter().all(|order| order.descending == ties_descend) {
        let direction = if ties_descend {
            Direction::Descending
        } else {
            Direction::Ascending
        };
        return Some((direction, false));
    }
    // Fields from high to low, and keys from low to high among the equal ones.
    let descends = !ties_descend && wanted.iter().all(|order| order.descending);
    descends.then_some((Direction::Descending, true))
}
