//! What the people of a schedule write: marks that nobody else writes, so that each can be found
//! again wherever it has gone.
//!
//! A record has a name, `"NA12."`: the twelfth mark, in a datastore of the user `A`. Each edit
//! sets a field to a token of its own, `"TA13."`.

use std::collections::{BTreeMap, BTreeSet};

/// The number in a mark.
pub(super) type Mark = u32;

/// The text of a record's name.
pub(super) fn name(user: char, mark: Mark) -> String {
    format!("N{user}{mark}.")
}

/// The text of a token.
pub(super) fn token(user: char, mark: Mark) -> String {
    format!("T{user}{mark}.")
}

/// All marks of a kind (`N` or `T`) in a text of JSON.
pub(super) fn find(kind: u8, text: &str) -> impl Iterator<Item = Mark> {
    let bytes = text.as_bytes();
    let starts = bytes.windows(2).enumerate();
    let starts = starts.filter(move |(_, pair)| *pair == [b'"', kind]);
    starts.filter_map(move |(start, _)| {
        let digits = bytes.get(start + 3..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        if digits[end] != b'.' {
            return None;
        }
        std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
    })
}

/// The tokens that one place holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// By token, how often.
    counts: BTreeMap<Mark, u32>,
}

impl Held {
    pub(super) fn add(&mut self, text: &str) {
        for mark in find(b'T', text) {
            *self.counts.entry(mark).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, text: &str) {
        for mark in find(b'T', text) {
            if let Some(count) = self.counts.get_mut(&mark) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&mark);
                }
            }
        }
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        self.counts.keys().copied()
    }
}

/// The tokens of a document's fields, by field.
pub(super) fn fields(value: &str) -> BTreeMap<String, Mark> {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(value) else {
        return BTreeMap::new();
    };
    let marks = members.into_iter().filter_map(|(field, value)| {
        let mark = find(b'T', &value.to_string()).next()?;
        Some((field, mark))
    });
    marks.collect()
}

/// The tokens of a document.
pub(super) fn tokens(value: &str) -> BTreeSet<Mark> {
    find(b'T', value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_json() {
        let text = r#"{"name":"NA12.","a":"TA13.","b":"TB4.xxx","c":"T","d":["TA5."]}"#;
        assert_eq!(find(b'N', text).collect::<Vec<_>>(), [12]);
        assert_eq!(find(b'T', text).collect::<Vec<_>>(), [13, 4, 5]);
        assert_eq!(fields(text)["b"], 4);
    }
}
