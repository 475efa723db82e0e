//! Looking into canonical text: members and elements as slices, nothing parsed twice.
//!
//! The text was checked when it was made, so a walk only finds where things end. On a
//! text that is not canonical it ends early; it never panics.

use alloc::borrow::Cow;

use super::CanonicalRef;

/// The kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `null`
    Null,
    /// `false`
    False,
    /// `true`
    True,
    /// A double.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

pub(super) fn kind(text: &str) -> Kind {
    match text.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't') => Kind::True,
        Some(b'f') => Kind::False,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// The characters of a quoted string.
pub(super) fn unescape(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        super::parse::unescape(quoted)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The member called `name`, found without decoding the others' names or values.
pub(super) fn field<'a>(text: &'a str, name: &str) -> Option<CanonicalRef<'a>> {
    let plain = name
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    let mut fields = Fields::new(text);
    while let Some((quoted, value)) = fields.next_quoted() {
        let inner = quoted.get(1..quoted.len() - 1)?;
        let found = if plain {
            inner == name
        } else {
            unescape(quoted)? == name
        };
        if found {
            return Some(value);
        }
    }
    None
}

/// The top-level members of an object, in canonical order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: inside(text, '{', '}'),
        }
    }

    /// The next member, its name still in quotes and escaped.
    pub(super) fn next_quoted(&mut self) -> Option<(&'a str, CanonicalRef<'a>)> {
        let (name, after) = split_value(self.rest)?;
        let (value, after) = split_value(after.strip_prefix(':')?)?;
        self.rest = after.strip_prefix(',').unwrap_or("");
        Some((name, CanonicalRef(value)))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, str>, CanonicalRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (quoted, value) = self.next_quoted()?;
        Some((unescape(quoted)?, value))
    }
}

/// The elements of an array.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Elements<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: inside(text, '[', ']'),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = CanonicalRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (value, after) = split_value(self.rest)?;
        self.rest = after.strip_prefix(',').unwrap_or("");
        Some(CanonicalRef(value))
    }
}

fn inside(text: &str, open: char, close: char) -> &str {
    text.strip_prefix(open)
        .and_then(|rest| rest.strip_suffix(close))
        .unwrap_or("")
}

/// Cuts the first whole value off the text.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => string_end(bytes, 0)?,
        b'{' | b'[' => nested_end(bytes)?,
        _ => bytes
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']'))
            .unwrap_or(bytes.len()),
    };
    (end > 0).then_some(())?;
    text.split_at_checked(end)
}

/// Where the string that opens at `open` has ended.
fn string_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn nested_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}
