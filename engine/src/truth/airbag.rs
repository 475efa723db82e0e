//! The guard that stops a device from deleting too much, or from changing too much where it does
//! not tell what it changed.

use crate::faults::{Fault, is_planted};
use alloc::format;

use tidemark_protocol::{Code, Problem};

/// When a push is held until a person confirms it: both bounds must be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Airbag {
    /// At least so many deletions.
    pub deletes: u64,
    /// More than so many hundredths of the live records.
    pub percent: u64,
}

/// What the airbag counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weighs {
    /// Deletions.
    #[default]
    Deletions,
    /// Deletions and changes together.
    Changes,
    /// It holds whatever is not confirmed.
    Everything,
}

impl Default for Airbag {
    fn default() -> Self {
        Self {
            deletes: 20,
            percent: 20,
        }
    }
}

/// A push that the airbag holds: nothing of it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Records that it would delete.
    pub deletes: u64,
    /// Records that it would change otherwise.
    pub changes: u64,
    /// Records that live in the truth before it.
    pub live: u64,
}

impl Airbag {
    /// Whether a push of this effect is held.
    pub fn holds(self, held: Held, weighs: Weighs) -> bool {
        let count = match weighs {
            Weighs::Deletions => held.deletes,
            Weighs::Changes | Weighs::Everything => held.deletes.saturating_add(held.changes),
        };
        let share = u128::from(count) * 100;
        let is_much =
            count >= self.deletes && share > u128::from(held.live) * u128::from(self.percent);
        !is_planted(Fault::AirbagOff) && (is_much || weighs == Weighs::Everything)
    }
}

impl Held {
    /// The 423 to answer.
    pub fn problem(self) -> Problem {
        let Self {
            deletes,
            changes,
            live,
        } = self;
        let detail = format!(
            "this would delete {deletes} and change {changes} of {live} records: repeat it with \
             `\"confirm\":true` if that is meant"
        );
        let mut problem = Problem::new(Code::Airbag, detail);
        (problem.deletes, problem.changes, problem.live) =
            (Some(deletes), Some(changes), Some(live));
        problem
    }
}
