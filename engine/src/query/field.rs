//! Fields, as `where`, `orderBy` and index lists name them, and what a row has in them.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use tidemark_protocol::Timestamp;

use super::order;
use crate::json::CanonicalRef;

/// What queries see of a record.
pub trait Row {
    /// Its key, as the app sees it now.
    fn key(&self) -> &str;
    /// The wall clock at its making.
    fn created(&self) -> &str;
    /// The wall clock at its last edit.
    fn updated(&self) -> &str;
    /// Its value.
    fn value(&self) -> CanonicalRef<'_>;
}

/// A part of a record that can be compared. A bare `created`, `updated` or `key` is the
/// record's own; a field of the value by such a name is written `value.created`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The record's key.
    Key,
    /// When it was made; compared as a point in time, whatever its written form.
    Created,
    /// When it was last edited; likewise.
    Updated,
    /// A field of the value.
    Value(String),
}

impl Field {
    /// The field of this name.
    pub fn named(name: &str) -> Self {
        match name {
            "key" => Self::Key,
            "created" => Self::Created,
            "updated" => Self::Updated,
            _ => Self::Value(name.strip_prefix("value.").unwrap_or(name).to_string()),
        }
    }

    /// Appends the encoding of what a row has in this field.
    pub fn append(&self, out: &mut Vec<u8>, row: &impl Row) {
        match self {
            Self::Key => order::append_text(out, row.key()),
            Self::Created => append_time(out, row.created()),
            Self::Updated => append_time(out, row.updated()),
            Self::Value(name) => order::append(out, row.value().field(name)),
        }
    }

    /// The encoding of what a row has in this field.
    pub fn encoded(&self, row: &impl Row) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(&mut bytes, row);
        bytes
    }

    /// Whether the field holds a time, which is compared as a number of milliseconds.
    pub(super) const fn is_time(&self) -> bool {
        matches!(self, Self::Created | Self::Updated)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => out.write_str("key"),
            Self::Created => out.write_str("created"),
            Self::Updated => out.write_str("updated"),
            Self::Value(name) => {
                if Self::named(name) != *self {
                    out.write_str("value.")?;
                }
                out.write_str(name)
            }
        }
    }
}

/// Appends a wall clock time; one that cannot be read counts as missing.
fn append_time(out: &mut Vec<u8>, text: &str) {
    match Timestamp::parse(text) {
        Ok(time) => append_millis(out, time.millis()),
        Err(_) => order::append(out, None),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of the years 0 to 9999 fit a double"
)]
pub(super) fn append_millis(out: &mut Vec<u8>, millis: i64) {
    order::append_number(out, millis as f64);
}

/// A record's key in an index: its fields' encodings, then its own key, which breaks ties.
pub fn index_key(fields: &[Field], row: &impl Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        field.append(&mut bytes, row);
    }
    bytes.extend_from_slice(row.key().as_bytes());
    bytes
}
