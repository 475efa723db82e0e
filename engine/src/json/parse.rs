//! Strict reading: `serde_json` finds the tokens, this writes them down canonically.
//!
//! There is no tree in between: each value is appended to one text, and an object whose
//! members came in another order has its part of the text put in order when it closes.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::compare_names;
use crate::sort::sort_by;

/// How many arrays and objects may lie within each other.
pub const MAX_DEPTH: usize = 128;

/// Up to here every integer is a double, and so its own canonical form.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, a lone surrogate, a number beyond the doubles, or something after the value.
    #[error("not valid JSON: {0}")]
    Syntax(String),
    /// An object names a member twice.
    #[error("the member name {0:?} appears twice in one object")]
    DoubledName(String),
    /// Arrays and objects within each other beyond [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl JsonError {
    pub(super) fn syntax(error: impl fmt::Display) -> Self {
        Self::Syntax(error.to_string())
    }
}

/// Reads `text` strictly and gives its canonical form.
pub(super) fn canonicalise(text: &str) -> Result<String, JsonError> {
    let mut writer = Writer::with_capacity(text.len());
    let mut reader = serde_json::Deserializer::from_str(text);
    // The writer counts the depth itself: exactly, and with an error of its own.
    reader.disable_recursion_limit();
    let outcome = ValueInto(&mut writer)
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    match (outcome, writer.refused) {
        (Ok(()), None) => Ok(writer.text),
        (_, Some(refused)) => Err(refused),
        (Err(error), None) => Err(JsonError::syntax(error)),
    }
}

/// The text so far, and the members of the objects that are still open.
struct Writer<'de> {
    text: String,
    members: Vec<Member<'de>>,
    /// Where an object's members lie while they are put in order.
    unordered: String,
    depth: usize,
    refused: Option<JsonError>,
}

/// A member already written: its name, and where name, colon and value lie in the text.
struct Member<'de> {
    name: Cow<'de, str>,
    written: Range<usize>,
}

impl Writer<'_> {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            members: Vec::with_capacity(16),
            unordered: String::new(),
            depth: 0,
            refused: None,
        }
    }

    fn refuse<E: Error>(&mut self, refused: JsonError) -> E {
        self.refused = Some(refused);
        E::custom("refused")
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonError::TooDeep));
        }
        self.depth += 1;
        Ok(())
    }

    /// Puts the members from `first` on in canonical order, their text starting at `start`.
    fn close_object<E: Error>(&mut self, first: usize, start: usize) -> Result<(), E> {
        let is_ordered = self.members[first..]
            .windows(2)
            .all(|two| compare_names(&two[0].name, &two[1].name).is_lt());
        if !is_ordered {
            sort_members(&mut self.members, first);
            let members = &self.members[first..];
            if let Some(two) = members.windows(2).find(|two| two[0].name == two[1].name) {
                let name = two[0].name.to_string();
                return Err(self.refuse(JsonError::DoubledName(name)));
            }
            self.unordered.clear();
            self.unordered.push_str(&self.text[start..]);
            self.text.truncate(start);
            for (position, member) in members.iter().enumerate() {
                if position > 0 {
                    self.text.push(',');
                }
                let Range {
                    start: from,
                    end: to,
                } = member.written;
                self.text
                    .push_str(&self.unordered[from - start..to - start]);
            }
        }
        self.members.truncate(first);
        Ok(())
    }
}

/// Puts members in canonical order: most objects are small, and nearly in order.
fn sort_members(members: &mut Vec<Member<'_>>, first: usize) {
    const FEW: usize = 24;
    if members.len() - first > FEW {
        let mut many = members.split_off(first);
        sort_by(&mut many, |one, other| {
            compare_names(&one.name, &other.name)
        });
        members.append(&mut many);
        return;
    }
    for end in first + 1..members.len() {
        let mut at = end;
        while at > first && compare_names(&members[at].name, &members[at - 1].name).is_lt() {
            members.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Writes a string that stood in the input just so, without escapes: it needs none.
fn write_unescaped(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// Writes a string with quotes, escaped as RFC 8785 has it.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[clean_from..at]);
        clean_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0C => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            control => {
                let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
                out.push_str("\\u00");
                out.push(digit(control >> 4));
                out.push(digit(control & 15));
            }
        }
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

fn write_integer(out: &mut String, negative: bool, magnitude: u64) {
    if negative && magnitude > 0 {
        out.push('-');
    }
    out.push_str(itoa::Buffer::new().format(magnitude));
}

fn write_double(out: &mut String, number: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a saturating cast that is used only where it lost nothing"
    )]
    let magnitude = number.abs() as u64;
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "exact below 2^53"
    )]
    let is_integer = magnitude <= EXACT_INTEGER_MAX && magnitude as f64 == number.abs();
    if is_integer {
        write_integer(out, number < 0.0, magnitude);
    } else {
        out.push_str(ryu_js::Buffer::new().format_finite(number));
    }
}

/// One value, appended to the text.
struct ValueInto<'w, 'de>(&'w mut Writer<'de>);

impl<'de> DeserializeSeed<'de> for ValueInto<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueInto<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.text.push_str("null");
        Ok(())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<(), E> {
        self.0.text.push_str(if truth { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        if number <= EXACT_INTEGER_MAX {
            write_integer(&mut self.0.text, false, number);
        } else {
            #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
            write_double(&mut self.0.text, number as f64);
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        if number.unsigned_abs() <= EXACT_INTEGER_MAX {
            write_integer(&mut self.0.text, number < 0, number.unsigned_abs());
        } else {
            #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
            write_double(&mut self.0.text, number as f64);
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        write_double(&mut self.0.text, number);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        write_unescaped(&mut self.0.text, text);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        write_string(&mut self.0.text, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let writer = self.0;
        writer.enter()?;
        writer.text.push('[');
        let start = writer.text.len();
        loop {
            let before = writer.text.len();
            if before > start {
                writer.text.push(',');
            }
            if elements.next_element_seed(ValueInto(writer))?.is_none() {
                writer.text.truncate(before);
                break;
            }
        }
        writer.text.push(']');
        writer.depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let writer = self.0;
        writer.enter()?;
        writer.text.push('{');
        let start = writer.text.len();
        let first = writer.members.len();
        while let Some(name) = entries.next_key_seed(Name)? {
            if writer.text.len() > start {
                writer.text.push(',');
            }
            let from = writer.text.len();
            match &name {
                Cow::Borrowed(name) => write_unescaped(&mut writer.text, name),
                Cow::Owned(name) => write_string(&mut writer.text, name),
            }
            writer.text.push(':');
            entries.next_value_seed(ValueInto(writer))?;
            let written = from..writer.text.len();
            writer.members.push(Member { name, written });
        }
        writer.close_object(first, start)?;
        writer.text.push('}');
        writer.depth -= 1;
        Ok(())
    }
}

/// A member's name, borrowed from the input where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_string()))
    }
}
