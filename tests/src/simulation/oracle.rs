//! What must have become of each write, known only from what people wrote and had seen. Kept
//! apart from the code: it knows nothing of sessions, bases or checkins.
//!
//! Every edit sets a field to a token that nobody else writes, and notes which token it saw
//! there. A token that surely was written must be somewhere: itself, or one written by somebody
//! who had seen it; unless somebody who had seen it took it away.

use std::collections::{BTreeMap, BTreeSet};

use super::marks::Mark;

#[derive(Clone, Debug)]
struct Token {
    record: Mark,
    /// The token that its writer saw in the field.
    saw: Option<Mark>,
    /// Its writer had said something else of the record before that no answer has confirmed: what
    /// is pushed then is based on what was known at that time (DESIGN: the oldest edit's base).
    has_older_base: bool,
    /// The writer was told that it is saved.
    is_sure: bool,
    /// Nobody may ask for it any more.
    is_excused: bool,
}

#[derive(Clone, Debug)]
struct Deletion {
    record: Mark,
    saw: BTreeSet<Mark>,
    is_sure: bool,
}

/// The model.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    tokens: BTreeMap<Mark, Token>,
    deletions: Vec<Deletion>,
    /// Whose each record is.
    owners: BTreeMap<Mark, usize>,
    next: Mark,
    /// Records of which somebody took edits back.
    undone: BTreeSet<Mark>,
    /// A device was copied, or something came back from an old copy: deletions may be undone.
    pub(super) all_may_return: bool,
    begun: u64,
    acknowledged: u64,
}

impl Oracle {
    pub(super) fn mark(&mut self) -> Mark {
        self.begun += 1;
        self.next += 1;
        self.next
    }

    /// A record of this user begins.
    pub(super) fn begins(&mut self, record: Mark, user: usize) {
        self.owners.insert(record, user);
    }

    pub(super) fn owner(&self, record: Mark) -> Option<usize> {
        self.owners.get(&record).copied()
    }

    /// Somebody is about to write a token, over what they see; nobody has told them that it is
    /// saved.
    pub(super) fn writes(
        &mut self,
        record: Mark,
        token: Mark,
        saw: Option<Mark>,
        has_older_base: bool,
    ) {
        let token_of = Token {
            record,
            saw,
            has_older_base,
            is_sure: false,
            is_excused: false,
        };
        self.tokens.insert(token, token_of);
    }

    /// The writer was told that it is saved.
    pub(super) fn saved(&mut self, token: Mark) {
        self.acknowledged += 1;
        if let Some(token) = self.tokens.get_mut(&token) {
            token.is_sure = true;
        }
    }

    /// How many things people ever began to do to records.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// How many writes were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Somebody who saw these tokens takes them away, perhaps.
    pub(super) fn takes_away(&mut self, saw: impl IntoIterator<Item = Mark>) {
        self.begun += 1;
        for mark in saw {
            let mut at = Some(mark);
            // To the end, whatever is excused on the way: a restored copy excuses a token without
            // those that its writer saw.
            while let Some(token) = at.and_then(|mark| self.tokens.get_mut(&mark)) {
                token.is_excused = true;
                at = token.saw;
            }
        }
    }

    /// Somebody deletes a record of which they see these tokens.
    pub(super) fn deletes(&mut self, record: Mark, saw: BTreeSet<Mark>) -> usize {
        self.takes_away(saw.iter().copied());
        self.deletions.push(Deletion {
            record,
            saw,
            is_sure: false,
        });
        self.deletions.len() - 1
    }

    /// The deleter was told that it is saved.
    pub(super) fn deleted(&mut self, deletion: usize) {
        self.deletions[deletion].is_sure = true;
        self.acknowledged += 1;
    }

    /// Somebody takes back what was not pushed of a record, perhaps with what others write to it
    /// in that moment: nobody asks for it any more.
    pub(super) fn undoes(&mut self, record: Mark) {
        self.begun += 1;
        self.undone.insert(record);
    }

    /// Whether somebody took back what was not pushed of this record.
    fn is_undone(&self, record: Mark) -> bool {
        self.undone.contains(&record)
    }

    /// Whether somebody took back what was not pushed of this record, or meant to delete it.
    pub(super) fn was_taken_away(&self, record: Mark) -> bool {
        self.is_undone(record) || self.deletions.iter().any(|it| it.record == record)
    }

    /// What stands, given the tokens that are somewhere: they, and all that their writers saw.
    fn standing(&self, present: impl IntoIterator<Item = Mark>) -> BTreeSet<Mark> {
        let mut standing = BTreeSet::new();
        for mark in present {
            let mut at = Some(mark);
            while let Some(mark) = at.filter(|mark| standing.insert(*mark)) {
                at = self.tokens.get(&mark).and_then(|token| token.saw);
            }
        }
        standing
    }

    /// Acknowledged writes that are nowhere.
    pub(super) fn lost(&self, present: impl IntoIterator<Item = Mark>) -> Vec<(Mark, Mark)> {
        let standing = self.standing(present);
        let asked_for = self
            .tokens
            .iter()
            .filter(|(_, token)| self.is_asked_for(token));
        asked_for
            .filter(|(mark, _)| !standing.contains(mark))
            .map(|(mark, token)| (*mark, token.record))
            .collect()
    }

    /// Tokens that are live again although somebody who had seen them surely wrote over them, and
    /// what was written is not `kept` as a conflict: whoever repeats what was said before must not
    /// revert what was said since.
    pub(super) fn reverted(
        &self,
        live: &BTreeSet<Mark>,
        kept: &BTreeSet<Mark>,
    ) -> Vec<(Mark, Mark)> {
        if self.all_may_return {
            return Vec::new();
        }
        let kept = self.standing(kept.iter().copied());
        let asked_for = self
            .tokens
            .iter()
            .filter(|(_, token)| self.is_asked_for(token));
        asked_for
            .filter(|(mark, _)| !kept.contains(mark))
            .filter_map(|(mark, token)| {
                let mut at = token.saw;
                while let Some(before) = at.filter(|before| !live.contains(before)) {
                    at = self.tokens.get(&before).and_then(|token| token.saw);
                }
                Some((*mark, at?))
            })
            .collect()
    }

    /// Whether whoever wrote the one had seen the other, and could say so. Settling a conflict
    /// says what was seen once more.
    pub(super) fn knew(&self, one: Mark, other: Mark) -> bool {
        let token = self.tokens.get(&one);
        let is_told = token.is_some_and(|it| !it.has_older_base && !self.is_undone(it.record));
        one != other && is_told && self.standing([one]).contains(&other)
    }

    fn is_asked_for(&self, token: &Token) -> bool {
        token.is_sure && !token.is_excused && !self.is_undone(token.record)
    }

    /// An old copy took the place of something newer: what only that held is gone, as meant.
    pub(super) fn excuses(&mut self, present: impl IntoIterator<Item = Mark>) {
        self.all_may_return = true;
        let standing = self.standing(present);
        for (mark, token) in &mut self.tokens {
            token.is_excused |= !standing.contains(mark);
        }
    }

    /// Records that are there although somebody who knew all of them deleted them, and who are
    /// not kept as a conflict.
    pub(super) fn returned(
        &self,
        names: &BTreeSet<Mark>,
        in_conflict: &BTreeSet<Mark>,
    ) -> Vec<Mark> {
        if self.all_may_return {
            return Vec::new();
        }
        let sure = self.deletions.iter().filter(|deletion| deletion.is_sure);
        let knew_all = |deletion: &&Deletion| {
            let knew = self.standing(deletion.saw.iter().copied());
            self.tokens
                .iter()
                .filter(|(_, token)| token.record == deletion.record)
                .all(|(mark, _)| knew.contains(mark))
        };
        sure.filter(knew_all)
            .map(|deletion| deletion.record)
            .filter(|record| names.contains(record))
            .filter(|record| !in_conflict.contains(record) && !self.undone.contains(record))
            .collect()
    }
}
