//! What must have become of each write, known only from what the app wrote and had seen.
//!
//! Every write sets a field to a token that nobody else writes, and notes which token it saw
//! there. At rest each token that surely was written must still be there, in the record or in
//! a stored conflict, or a token written by somebody who had seen it; or somebody who had seen
//! it deleted the record.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

#[derive(Clone, Debug)]
struct Token {
    record: String,
    /// The token that the writer saw in the field.
    saw: Option<String>,
    is_sure: bool,
}

#[derive(Clone, Debug)]
struct Deletion {
    record: String,
    saw: BTreeSet<String>,
    is_sure: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    tokens: BTreeMap<String, Token>,
    deletions: Vec<Deletion>,
    next: u64,
    /// Some device was copied with what it had pending.
    pub(crate) has_copies: bool,
}

impl Oracle {
    pub(crate) fn token(&mut self) -> String {
        self.next += 1;
        format!("t{}.", self.next)
    }

    pub(crate) fn wrote(&mut self, record: &str, token: &str, saw: Option<String>, is_sure: bool) {
        let record = record.to_owned();
        self.tokens.insert(
            token.to_owned(),
            Token {
                record,
                saw,
                is_sure,
            },
        );
    }

    pub(crate) fn deleted(&mut self, record: &str, seen: &Value, is_sure: bool) {
        let saw = tokens_in(seen).collect();
        self.deletions.push(Deletion {
            record: record.to_owned(),
            saw,
            is_sure,
        });
    }

    /// Whether `token` is this one, or was written by somebody who had seen it.
    fn follows(&self, token: &str, ancestor: &str) -> bool {
        let mut at = Some(token);
        while let Some(token) = at {
            if token == ancestor {
                return true;
            }
            at = self
                .tokens
                .get(token)
                .and_then(|token| token.saw.as_deref());
        }
        false
    }

    /// Compares with the records at rest and the texts of the stored conflicts.
    pub(crate) fn judge(&self, records: &[Value], conflicts: &str) {
        let mut names = BTreeMap::new();
        for record in records {
            let name = record["name"].as_str().unwrap().to_owned();
            assert!(
                names.insert(name.clone(), record).is_none(),
                "{name} is there twice"
            );
        }
        let present: BTreeSet<String> = records.iter().flat_map(tokens_in).collect();
        let is_present = |token: &str| present.contains(token) || conflicts.contains(token);
        for (token, written) in self.tokens.iter().filter(|(_, written)| written.is_sure) {
            let stands = self
                .tokens
                .keys()
                .any(|other| is_present(other) && self.follows(other, token));
            // Where the deletion lost against somebody's edit the record lives on, but what its
            // deleter had not pushed before is gone as meant.
            let is_deleted = self.deletions.iter().any(|deletion| {
                deletion.record == written.record
                    && deletion.saw.iter().any(|seen| self.follows(seen, token))
            });
            assert!(
                stands || is_deleted,
                "{token} of {} is lost",
                written.record
            );
        }
        for deletion in self.deletions.iter().filter(|deletion| deletion.is_sure) {
            let knew = |token: &str| deletion.saw.iter().any(|seen| self.follows(seen, token));
            let knew_all = self
                .tokens
                .iter()
                .filter(|(_, token)| token.record == deletion.record)
                .all(|(token, _)| knew(token));
            // It may lose where the server cannot know what its writer knew, as when an answer
            // was lost; then it is kept as a conflict's loser. And a copy of a device takes a
            // record that it never sent for its own, and does not tell the server.
            let name = &deletion.record;
            let is_kept = self.has_copies || conflicts.contains(&format!("\"{name}\""));
            if knew_all && !is_kept {
                assert!(
                    !names.contains_key(name),
                    "{name} came back from its deletion"
                );
            }
        }
    }
}

fn tokens_in(record: &Value) -> impl Iterator<Item = String> + use<> {
    let members = record.as_object().cloned().unwrap_or_default();
    let values = members.into_iter().filter(|(name, _)| name != "name");
    values.filter_map(|(_, value)| value.as_str().map(ToOwned::to_owned))
}
