//! Strict reading: one pass over a JSON text that writes its canonical form.
//!
//! There is no tree in between: each value is appended to one text, and an object whose
//! members came in another order has its part of the text put in order when it closes. The
//! reader is ours, not `serde_json`'s, since a browser loads all of it: a visitor compiled for
//! every shape that is read costs ten times this file (docs/decisions/0009).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use super::compare_names;
use super::number::write_number;
use crate::sort::sort_by;

/// How many arrays and objects may lie within each other.
pub const MAX_DEPTH: usize = 128;

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, a lone surrogate, a number beyond the doubles, or something after the value:
    /// what was wrong, and at which byte.
    #[error("not valid JSON: {0} at byte {1}")]
    Syntax(&'static str, usize),
    /// An object names a member twice.
    #[error("the member name `{0}` appears twice in one object")]
    DoubledName(String),
    /// Arrays and objects within each other beyond [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Reads `text` strictly and gives its canonical form, with so many levels of nesting at most.
pub(super) fn canonicalise(text: &str, depth: usize) -> Result<String, JsonError> {
    let mut reader = Reader {
        text,
        at: 0,
        out: String::with_capacity(text.len()),
        members: Vec::new(),
        unordered: String::new(),
        levels_left: depth,
    };
    reader.skip_space();
    reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.wrong("something follows the value"));
    }
    Ok(reader.out)
}

/// The input, and the canonical text so far.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    out: String,
    /// The members of the objects that are still open.
    members: Vec<Member<'t>>,
    /// Where an object's members lie while they are put in order.
    unordered: String,
    levels_left: usize,
}

/// A member already written: its name, and where name, colon and value lie in the text.
struct Member<'t> {
    name: Cow<'t, str>,
    written: Range<usize>,
}

impl<'t> Reader<'t> {
    fn wrong(&self, what: &'static str) -> JsonError {
        JsonError::Syntax(what, self.at)
    }

    fn peek(&self) -> u8 {
        // No JSON text holds a zero byte: it stands for the end.
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Steps over this byte and the space around it, if it is there.
    fn step_over(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_there = self.peek() == byte;
        if is_there {
            self.at += 1;
            self.skip_space();
        }
        is_there
    }

    fn value(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => {
                let text = self.string()?;
                write_read(&mut self.out, text.as_ref(), matches!(text, Cow::Owned(_)));
                Ok(())
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.wrong("no value"));
        }
        self.at += word.len();
        self.out.push_str(word);
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        match write_number(&mut self.out, &self.text[self.at..]) {
            Ok(length) => {
                self.at += length;
                Ok(())
            }
            Err(what) => Err(self.wrong(what)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<(), JsonError>) -> Result<(), JsonError> {
        let left = self.levels_left.checked_sub(1);
        self.levels_left = left.ok_or(JsonError::TooDeep)?;
        read(self)?;
        self.levels_left += 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), JsonError> {
        self.step_over(b'[');
        self.out.push('[');
        if !self.step_over(b']') {
            loop {
                self.value()?;
                if !self.step_over(b',') {
                    break;
                }
                self.out.push(',');
            }
            if !self.step_over(b']') {
                return Err(self.wrong("no `,` or `]`"));
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self) -> Result<(), JsonError> {
        self.step_over(b'{');
        self.out.push('{');
        let (first, start) = (self.members.len(), self.out.len());
        if !self.step_over(b'}') {
            loop {
                self.member()?;
                if !self.step_over(b',') {
                    break;
                }
                self.out.push(',');
            }
            if !self.step_over(b'}') {
                return Err(self.wrong("no `,` or `}`"));
            }
        }
        self.put_in_order(first, start)?;
        self.out.push('}');
        Ok(())
    }

    fn member(&mut self) -> Result<(), JsonError> {
        if self.peek() != b'"' {
            return Err(self.wrong("no member name"));
        }
        let from = self.out.len();
        let name = self.string()?;
        write_read(&mut self.out, name.as_ref(), matches!(name, Cow::Owned(_)));
        if !self.step_over(b':') {
            return Err(self.wrong("no `:`"));
        }
        self.out.push(':');
        self.value()?;
        let written = from..self.out.len();
        self.members.push(Member { name, written });
        Ok(())
    }

    /// Puts the members from `first` on in canonical order, their text starting at `start`.
    fn put_in_order(&mut self, first: usize, start: usize) -> Result<(), JsonError> {
        let is_ordered = self.members[first..]
            .windows(2)
            .all(|two| compare_names(&two[0].name, &two[1].name).is_lt());
        if !is_ordered {
            sort_members(&mut self.members, first);
            let members = &self.members[first..];
            if let Some(two) = members.windows(2).find(|two| two[0].name == two[1].name) {
                return Err(JsonError::DoubledName(two[0].name.to_string()));
            }
            self.unordered.clear();
            self.unordered.push_str(&self.out[start..]);
            self.out.truncate(start);
            for (position, member) in members.iter().enumerate() {
                if position > 0 {
                    self.out.push(',');
                }
                let Range { start: from, end } = member.written;
                let written = &self.unordered[from - start..end - start];
                self.out.push_str(written);
            }
        }
        self.members.truncate(first);
        Ok(())
    }

    /// Reads the string that opens here; it is borrowed where it has no escapes.
    fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        self.at += 1;
        let mut read: Option<String> = None;
        let mut from = self.at;
        loop {
            let byte = self.peek();
            let is_end = byte == b'"';
            if !is_end && byte != b'\\' {
                if byte < 0x20 {
                    return Err(
                        self.wrong("a string that does not end, or a bare control character")
                    );
                }
                self.at += 1;
                continue;
            }
            let plain = &self.text[from..self.at];
            self.at += 1;
            if is_end && read.is_none() {
                return Ok(Cow::Borrowed(plain));
            }
            let text = read.get_or_insert_default();
            text.push_str(plain);
            if is_end {
                return Ok(Cow::Owned(core::mem::take(text)));
            }
            let character = self.escape()?;
            text.push(character);
            from = self.at;
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                const LONE: &str = "a surrogate without its other half";
                let high = self.four_digits()?;
                let code = if high & 0xFC00 == 0xD800 {
                    if !self.text[self.at..].starts_with("\\u") {
                        return Err(self.wrong(LONE));
                    }
                    self.at += 2;
                    let low = self.four_digits()?;
                    if low & 0xFC00 != 0xDC00 {
                        return Err(self.wrong(LONE));
                    }
                    0x1_0000 + ((high & 0x3FF) << 10) + (low & 0x3FF)
                } else {
                    high
                };
                char::from_u32(code).ok_or_else(|| self.wrong(LONE))?
            }
            _ => return Err(self.wrong("an unknown escape")),
        })
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16);
            code = code << 4 | digit.ok_or_else(|| self.wrong("not four hex digits"))?;
            self.at += 1;
        }
        Ok(code)
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

/// The characters of a quoted string.
pub(super) fn unescape(quoted: &str) -> Option<Cow<'_, str>> {
    let mut reader = Reader {
        text: quoted,
        at: 0,
        out: String::new(),
        members: Vec::new(),
        unordered: String::new(),
        levels_left: 0,
    };
    reader.string().ok()
}

/// Writes a string that was read: one that had no escapes needs none.
fn write_read(out: &mut String, text: &str, had_escapes: bool) {
    if had_escapes {
        return write_string(out, text);
    }
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
