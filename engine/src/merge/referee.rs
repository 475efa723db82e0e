//! Who wins a field that both sides changed: the conflict policies.
//!
//! It looks at who changed what and when, never at the values.

use tidemark_protocol::{Checkin, ConflictPolicy, DeviceId, Timestamp};

use crate::version::{History, Stamp, Version};

/// Decides for one edit, field by field.
#[derive(Clone, Copy, Debug)]
pub struct Referee {
    policy: ConflictPolicy,
    device: DeviceId,
    /// When the edit counts as made, in milliseconds; only `newest` asks.
    edited: i64,
}

/// What becomes of one field that both sides changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The edit wins; else what the truth holds stays.
    pub is_won: bool,
    /// The policy has decided for good; else a person may.
    pub is_settled: bool,
}

impl Referee {
    /// For an edit that becomes part of the commit `made`. Without a time of its own it was made
    /// just now.
    pub fn new(policy: ConflictPolicy, made: Stamp, updated: Option<&Timestamp>) -> Self {
        Self {
            policy,
            device: made.device,
            edited: no_later(updated, made.checkin),
        }
    }

    /// Whose the field is that the truth's side changed as `theirs` tells.
    pub fn decide(&self, theirs: Stamp, history: History<'_>) -> Verdict {
        let verdict = |is_won, is_settled| Verdict { is_won, is_settled };
        match self.policy {
            ConflictPolicy::Merge => verdict(true, false),
            ConflictPolicy::Store => verdict(false, false),
            ConflictPolicy::Truth => verdict(false, true),
            ConflictPolicy::Device => verdict(true, true),
            ConflictPolicy::DeviceNamed(named) if named == self.device => verdict(true, true),
            ConflictPolicy::DeviceNamed(named) => {
                let is_theirs = named == theirs.device;
                verdict(!is_theirs, is_theirs)
            }
            ConflictPolicy::Newest => verdict(self.edited >= edited(theirs, history), true),
        }
    }
}

/// When a change of the truth counts as made; where its version is not kept, as late as it can be.
fn edited(theirs: Stamp, history: History<'_>) -> i64 {
    let version = history.at(Some(theirs.checkin));
    let version = version.filter(|version| version.made() == theirs);
    no_later(
        version.map(|version: &Version| &version.updated),
        theirs.checkin,
    )
}

/// A device's clock counts up to the commit that its edit became part of: a time later than the
/// server's own is the server's own.
fn no_later(updated: Option<&Timestamp>, checkin: Checkin) -> i64 {
    let latest = checkin.micros().div_euclid(1000);
    updated.map_or(latest, |updated| updated.millis().min(latest))
}
