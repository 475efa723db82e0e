//! Values as text: strict JSON in, RFC 8785 canonical JSON out, and cheap looks into it.
//!
//! A record's value is read strictly once ([`Canonical::parse`]) and from then on is
//! stored, compared, hashed and moved as its canonical text. Most of the time nobody
//! needs a tree of it: [`CanonicalRef`] walks members as slices of that text. This
//! module knows nothing of records, entities or schemas.

mod doubles;
mod number;
mod parse;
mod patch;
mod walk;

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

#[cfg(target_family = "wasm")]
pub use doubles::{Host, use_host};
pub use parse::{JsonError, MAX_DEPTH};
pub use patch::{Patch, changed_fields};
pub use walk::{Elements, Fields, Kind};

/// A JSON text in RFC 8785 canonical form: equal values have equal texts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Canonical(String);

/// A borrowed [`Canonical`]: a slice of canonical text that is one whole JSON value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CanonicalRef<'a>(&'a str);

impl Canonical {
    /// Reads any JSON text strictly and keeps its canonical form.
    ///
    /// # Errors
    /// Where the text is not JSON, doubles a member name at any depth, holds a lone
    /// surrogate or a number beyond the doubles, or nests deeper than [`MAX_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        Self::parse_within(text, MAX_DEPTH)
    }

    /// As [`Self::parse`] with another limit: for an envelope of values that are as deep as
    /// values may be.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_within(text: &str, depth: usize) -> Result<Self, JsonError> {
        parse::canonicalise(text, depth).map(Self)
    }

    /// Takes a text that [`Canonical::parse`] made earlier, as it comes from our own pages.
    ///
    /// Nothing is checked: another text would give wrong fingerprints, yet never a panic.
    pub fn trusted(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The canonical text of a string.
    pub fn string(text: &str) -> Self {
        let mut canonical = String::with_capacity(text.len() + 2);
        parse::write_string(&mut canonical, text);
        Self(canonical)
    }

    /// The value `null`.
    pub fn null() -> Self {
        Self("null".to_owned())
    }

    /// The object without members.
    pub fn empty_object() -> Self {
        Self("{}".to_owned())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, given away.
    pub fn into_string(self) -> String {
        self.0
    }

    /// A look at the value, without copying.
    pub fn borrow(&self) -> CanonicalRef<'_> {
        CanonicalRef(&self.0)
    }
}

impl<'a> CanonicalRef<'a> {
    /// A slice of text that is known to be canonical, as it lies in our own pages.
    ///
    /// Nothing is checked: another text would give wrong fingerprints, yet never a panic.
    pub fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The value with a text of its own.
    pub fn to_canonical(self) -> Canonical {
        Canonical(self.0.to_string())
    }

    /// What kind of value this is.
    pub fn kind(self) -> Kind {
        walk::kind(self.0)
    }

    /// Whether the value is an object, and so has fields.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// The top-level members with their texts, in canonical order; none of another kind.
    pub fn fields(self) -> Fields<'a> {
        Fields::new(self.0)
    }

    /// The member of this name, if the value is an object that has it.
    pub fn field(self, name: &str) -> Option<CanonicalRef<'a>> {
        walk::field(self.0, name)
    }

    /// The elements of an array; none of another kind.
    pub fn elements(self) -> Elements<'a> {
        Elements::new(self.0)
    }

    /// The characters of a string.
    pub fn as_text(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String)
            .then(|| walk::unescape(self.0))
            .flatten()
    }

    /// The number, if it is one.
    pub fn as_number(self) -> Option<f64> {
        (self.kind() == Kind::Number)
            .then(|| number::read_number(self.0))
            .flatten()
    }

    /// The truth value, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The object with these fields set and removed; an object of just the set fields
    /// where the value was none.
    pub fn patched(self, patch: &Patch<'_>) -> Canonical {
        patch.apply(self)
    }
}

/// The order of member names in canonical text: by UTF-16 code units.
///
/// It is the order of the UTF-8 bytes, but for U+E000 to U+FFFF (leading bytes EE and EF),
/// which come after everything beyond U+FFFF (leading bytes F0 to F4).
pub fn compare_names(left: &str, right: &str) -> Ordering {
    let differing = left.bytes().zip(right.bytes()).find(|(a, b)| a != b);
    match differing {
        None => left.len().cmp(&right.len()),
        Some((a, b)) => {
            let rank = |byte: u8| (byte == 0xEE || byte == 0xEF, byte);
            if a.min(b) >= 0xEE {
                rank(a).cmp(&rank(b))
            } else {
                a.cmp(&b)
            }
        }
    }
}

impl fmt::Debug for Canonical {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for CanonicalRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl fmt::Display for CanonicalRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl<'a> From<&'a Canonical> for CanonicalRef<'a> {
    fn from(canonical: &'a Canonical) -> Self {
        canonical.borrow()
    }
}

impl Serialize for Canonical {
    /// As the value itself, not as a string of it; for JSON only.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.borrow().serialize(serializer)
    }
}

impl Serialize for CanonicalRef<'_> {
    /// As the value itself, not as a string of it; for JSON only.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
