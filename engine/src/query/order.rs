//! The order of values, as bytes: encodings compare as the values do.
//!
//! missing < null < false < true < numbers < strings by UTF-8 bytes < arrays, element by
//! element < objects. Index keys are made of it, so it stays on disk for good:
//!
//! ```text
//! missing 10 · null 20 · false 30 · true 31
//! number  40 · 8 bytes: the double, big-endian, sign flipped, all bits if negative
//! string  50 · UTF-8, each 00 as 01 01 and each 01 as 01 02 · 00
//! array   60 · the elements' encodings · 00
//! object  70 · its canonical text, as a string's · 00
//! ```
//!
//! No encoding begins another, so that fields can stand one after the other, a prefix finds
//! just the equal values, and inverted bits sort from high to low.

use alloc::vec::Vec;

use crate::json::{CanonicalRef, Kind};

pub(super) const MISSING: u8 = 0x10;
const NULL: u8 = 0x20;
const FALSE: u8 = 0x30;
const TRUE: u8 = 0x31;
const NUMBER: u8 = 0x40;
pub(super) const STRING: u8 = 0x50;
const ARRAY: u8 = 0x60;
const OBJECT: u8 = 0x70;
const END: u8 = 0x00;
pub(super) const ESCAPE: u8 = 0x01;

/// Appends the encoding of a value; `None` is a missing field.
pub fn append(out: &mut Vec<u8>, value: Option<CanonicalRef<'_>>) {
    let Some(value) = value else {
        return out.push(MISSING);
    };
    match value.kind() {
        Kind::Null => out.push(NULL),
        Kind::False => out.push(FALSE),
        Kind::True => out.push(TRUE),
        Kind::Number => append_number(out, value.as_number().unwrap_or_default()),
        Kind::String => append_text(out, &value.as_text().unwrap_or_default()),
        Kind::Array => {
            out.push(ARRAY);
            for element in value.elements() {
                append(out, Some(element));
            }
            out.push(END);
        }
        Kind::Object => {
            out.push(OBJECT);
            append_escaped(out, value.as_str().as_bytes());
        }
    }
}

/// Appends the encoding of a string.
pub fn append_text(out: &mut Vec<u8>, text: &str) {
    out.push(STRING);
    append_escaped(out, text.as_bytes());
}

/// Appends the encoding of a number.
pub fn append_number(out: &mut Vec<u8>, number: f64) {
    const SIGN: u64 = 1 << 63;
    // Adding zero makes the negative zero, which JSON does not tell apart, the positive one.
    let bits = (number + 0.0).to_bits();
    let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    out.push(NUMBER);
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn append_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        if *byte <= ESCAPE {
            out.extend_from_slice(&[ESCAPE, byte + 1]);
        } else {
            out.push(*byte);
        }
    }
    out.push(END);
}

/// Appends an encoding, its bits inverted where it is to sort from high to low.
pub(super) fn append_inverted_if(out: &mut Vec<u8>, encoding: &[u8], descending: bool) {
    if descending {
        out.extend(encoding.iter().map(|byte| !byte));
    } else {
        out.extend_from_slice(encoding);
    }
}

/// Values of one class compare by `gt` and `lt`; others never do.
pub(super) fn class(encoding: &[u8]) -> u8 {
    encoding.first().map_or(0, |tag| tag & 0xF0)
}

/// The first byte that sorts after every value of a class.
pub(super) const fn class_end(class: u8) -> u8 {
    class + 0x10
}

/// How many bytes the first `count` encodings take; all of them where there are fewer.
pub fn length(bytes: &[u8], count: usize) -> usize {
    let mut at = 0;
    for _ in 0..count {
        at = end_of_one(bytes, at);
    }
    at
}

fn end_of_one(bytes: &[u8], at: usize) -> usize {
    let Some(tag) = bytes.get(at) else {
        return bytes.len();
    };
    match *tag {
        NUMBER => (at + 9).min(bytes.len()),
        STRING | OBJECT => end_of_escaped(bytes, at + 1),
        ARRAY => {
            let mut at = at + 1;
            while bytes.get(at).is_some_and(|byte| *byte != END) {
                at = end_of_one(bytes, at);
            }
            (at + 1).min(bytes.len())
        }
        _ => at + 1,
    }
}

fn end_of_escaped(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter()
        .position(|byte| *byte == END)
        .map_or(bytes.len(), |end| from + end + 1)
}
