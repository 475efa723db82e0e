//! Queries: which records, in which order, and how to find them without reading all.
//!
//! [`Query::parse`] reads the form that apps write. [`plan`](Plan::of) chooses an index, and
//! [`Execution`] walks it on both sides of the local store, the overlay over the confirmed.
//! Values are compared by one encoding ([`order`]), in filters, sorts and index keys alike.
//! This module knows keys, fields and trees; what lies in the trees its [`World`] says.

pub mod order;

mod field;
mod filter;
mod parse;
mod plan;
mod run;
mod walk;

pub use field::{Field, Row, index_key};
pub use filter::{Filter, Test};
pub use parse::QueryError;
pub use plan::{IndexName, Plan};
pub use run::Execution;
pub use walk::{Candidate, Side, World};

use alloc::{string::String, vec::Vec};

/// One field to order by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which.
    pub field: Field,
    /// From high to low.
    pub descending: bool,
}

/// Which records of an entity, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// The first that differs decides; records alike in all of them go by key.
    pub order: Vec<Order>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Only what comes after this record: its key.
    pub after: Option<String>,
}

/// Where a record stands in a query's order, kept of a row that was seen: so that a walk can go
/// on from there even when the row has changed or gone.
///
/// Positions of one query compare as the places of the rows do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The encodings of the fields that are ordered by, without those that equalities bind; the
    /// key as it is compared; the key as it is.
    bytes: Vec<u8>,
    fields_length: usize,
    key_at: usize,
}

impl Position {
    fn fields(&self) -> &[u8] {
        &self.bytes[..self.fields_length]
    }

    fn key(&self) -> &[u8] {
        &self.bytes[self.key_at..]
    }
}

impl Query {
    /// Where a row stands in this query's order.
    pub fn position(&self, row: &impl Row) -> Position {
        let (mut bytes, mut encoding) = (Vec::new(), Vec::new());
        for order in self.free_order() {
            encoding.clear();
            order.field.append(&mut encoding, row);
            order::append_inverted_if(&mut bytes, &encoding, order.descending);
        }
        let fields_length = bytes.len();
        if self.ties_descend() {
            // A key may be the beginning of another: the end must sort last when inverted.
            encoding.clear();
            order::append_text(&mut encoding, row.key());
            order::append_inverted_if(&mut bytes, &encoding, true);
        }
        let key_at = bytes.len();
        bytes.extend_from_slice(row.key().as_bytes());
        Position {
            bytes,
            fields_length,
            key_at,
        }
    }

    /// Whether a row is one of this query's, wherever it stands.
    pub fn matches(&self, row: &impl Row) -> bool {
        self.filters.iter().all(|filter| filter.matches(row))
    }

    /// Whether the order ends in an explicit key, from high to low.
    fn ties_descend(&self) -> bool {
        self.order
            .last()
            .is_some_and(|order| order.field == Field::Key && order.descending)
    }

    /// The order without the key, which ends it anyway.
    fn ordered_fields(&self) -> &[Order] {
        match self.order.split_last() {
            Some((last, before)) if last.field == Field::Key => before,
            _ => &self.order,
        }
    }

    /// What is left to order by where equalities bind some fields.
    fn free_order(&self) -> Vec<&Order> {
        let is_bound = |order: &Order| {
            self.filters
                .iter()
                .any(|filter| filter.field == order.field && matches!(filter.test, Test::Equal(_)))
        };
        let fields = self.ordered_fields().iter();
        fields.filter(|order| !is_bound(order)).collect()
    }
}

#[cfg(test)]
mod tests;
