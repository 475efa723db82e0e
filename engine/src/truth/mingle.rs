//! Merges a push into the truth: what to write, what to answer, what is set aside.
//!
//! It decides; the server loads before and writes after, all in one transaction.

use alloc::vec::Vec;

use tidemark_protocol::{
    Checkin, DeviceId, Key, LocalId, Problem, PushSummary, Rejection, Timestamp,
};

use super::airbag::{Airbag, Held, Weighs};
use super::claim::Claim;
use super::conflict::Conflict;
use super::flow::Override;
use super::policies::Policies;
use super::push::LocalKey;
use super::record;
use super::view::View;
use crate::faults::{Fault, is_planted};
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::version::{ConflictId, Stamp, Version};

/// By less than this a commit skips checkins, where the clock stands behind the head.
const SKIPPED_MICROS: u64 = 1024;

/// The truth as it is before the push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its newest commit.
    pub checkin: Checkin,
    /// Tombstones up to here have been dropped.
    pub forgotten: Option<Checkin>,
    /// The fingerprint of all live records.
    pub fingerprint: DatastoreFingerprint,
    /// How many records live.
    pub live: u64,
}

/// Who pushes, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pusher {
    /// The device.
    pub device: DeviceId,
    /// The server's time. It may jump: the commit is later than the head all the same.
    pub now: Checkin,
    /// Drawn at random. Where the clock stands behind the head, the commit is so much further
    /// on, up to a millisecond: a truth that was restored from an older backup, under a clock
    /// that runs behind, would else issue again the very checkins of the time that was lost.
    pub random: u64,
    /// A person has confirmed what the airbag held.
    pub is_confirmed: bool,
    /// It gives all that it holds back to a restored truth, and may be an older copy of itself, as no
    /// attempt tells them apart there: what it did up to here, after a record's base, is not taken
    /// for known to it.
    pub doubted_up_to: Option<Checkin>,
    /// How far it overrides what others did.
    pub overrides: Override,
    /// What the airbag counts of it.
    pub weighs: Weighs,
}

/// What was set for the datastore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// When a push that deletes is held.
    pub airbag: Airbag,
    /// Who wins what two devices changed.
    pub policies: Policies,
}

/// A version to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The version.
    pub version: Version,
    /// The version of the same key that it supersedes.
    pub supersedes: Option<Checkin>,
}

/// What the session must remember to answer one pushed record in its pulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The key under which it is answered; of a dead pending record, its `local_id`.
    pub key: Key,
    /// The id under which this push named it. Once given it stays, whatever a later push of
    /// the same session calls the record.
    pub local_id: Option<LocalId>,
    /// What the device is known to hold, because the last of its records in this push was
    /// whole: a version of this fingerprint is answered without `value`.
    pub whole: Option<RecordFingerprint>,
    /// The conflict stored for this push. Once given it stays.
    pub conflict: Option<ConflictId>,
    /// The truth has no version of it: it is answered as deleted at `max_checkin`.
    pub is_gone: bool,
}

/// What to write for a slice of claims, in the push's own transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// New versions, one a key.
    pub versions: Vec<NewVersion>,
    /// New rows of `local_key`.
    pub local_keys: Vec<LocalKey>,
    /// Conflicts to store, none of them known before; of the new commit.
    pub conflicts: Vec<Conflict>,
    /// How the session's pulls answer.
    pub answers: Vec<Answer>,
}

/// How many records of a push came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New in the truth.
    pub created: u64,
    /// Changed as pushed, but not deleted.
    pub updated: u64,
    /// Deleted.
    pub deleted: u64,
    /// Changed together with another device's change.
    pub merged: u64,
    /// Already so.
    pub unchanged: u64,
}

/// The commit that a push made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its checkin, the new head.
    pub checkin: Checkin,
    /// The fingerprint of the truth after it.
    pub fingerprint: DatastoreFingerprint,
    /// How many records live after it.
    pub live: u64,
    /// How many conflicts it stored that wait for a person.
    pub conflicts: u64,
    /// How many it settled that had waited for one.
    pub settled: u64,
}

/// A push that is in the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// `None`: it changed nothing, and the head stays.
    pub commit: Option<Commit>,
    /// What to answer.
    pub summary: PushSummary,
}

/// A mingle under way.
#[derive(Clone, Debug)]
pub struct Mingle {
    pub(super) head: Head,
    pub(super) device: DeviceId,
    /// The commit that is made if anything changes.
    pub(super) made: Stamp,
    pub(super) now: Timestamp,
    is_confirmed: bool,
    pub(super) doubted_up_to: Option<Checkin>,
    pub(super) overrides: Override,
    weighs: Weighs,
    pub(super) rules: Rules,
    fingerprint: DatastoreFingerprint,
    live: u64,
    counts: Counts,
    /// How many records were deleted that no pushed record is about.
    cleared: u64,
    /// Deletions of the same session, made before and weighed again.
    weighed_before: u64,
    /// All that were stored, and those of them that no policy has settled.
    conflicts: (u64, u64),
    /// A person settles a conflict; so many had waited for it.
    settled: Option<u64>,
    rejected: Vec<Rejection>,
}

impl Mingle {
    /// Begins on the truth's head, with its lock held; `rejected` is what was wrong by itself.
    ///
    /// `None` if the datastore's clock has run out: no checkin is later than the year 9999.
    pub fn new(head: Head, pusher: Pusher, rules: Rules, rejected: Vec<Rejection>) -> Option<Self> {
        let next = if pusher.now > head.checkin {
            pusher.now
        } else {
            let skipped = (pusher.random % SKIPPED_MICROS).cast_signed();
            Checkin::from_micros(head.checkin.micros() + 1 + skipped).ok()?
        };
        Some(Self {
            head,
            device: pusher.device,
            made: Stamp {
                checkin: if is_planted(Fault::CheckinBeforeTheLock) {
                    pusher.now
                } else {
                    next
                },
                device: pusher.device,
            },
            now: Timestamp::from(pusher.now),
            is_confirmed: pusher.is_confirmed,
            doubted_up_to: pusher.doubted_up_to,
            overrides: pusher.overrides,
            weighs: pusher.weighs,
            rules,
            fingerprint: head.fingerprint,
            live: head.live,
            counts: Counts::default(),
            cleared: 0,
            weighed_before: 0,
            conflicts: (0, 0),
            settled: None,
            rejected,
        })
    }

    /// The commit that is made if anything changes, and who makes it.
    pub fn made(&self) -> Stamp {
        self.made
    }

    /// Decides on some of the push's claims.
    pub fn decide(&mut self, claims: impl IntoIterator<Item = Claim>, view: &View) -> Writes {
        let mut writes = Writes::default();
        for claim in claims {
            record::decide(self, claim, view, &mut writes);
        }
        writes
    }

    /// Decides on deletions of what the device does not hold, as no push has told them.
    pub fn clear(&mut self, claims: impl IntoIterator<Item = Claim>, view: &View) -> Writes {
        let pushed = self.counts;
        let writes = self.decide(claims, view);
        self.cleared += self.counts.deleted - pushed.deleted;
        self.counts = pushed;
        writes
    }

    /// So many records were deleted by the same session before: the airbag counts them again,
    /// however they are spread over its calls.
    pub fn weigh_again(&mut self, deletes: u64) {
        self.weighed_before = deletes;
    }

    /// All claims are decided.
    ///
    /// # Errors
    /// The airbag holds the push: roll back all that was written of it.
    pub fn close(mut self) -> Result<Closed, Held> {
        let Counts {
            created,
            updated,
            deleted,
            merged,
            unchanged,
        } = self.counts;
        let held = Held {
            deletes: deleted + self.cleared + self.weighed_before,
            changes: updated + merged,
            live: self.head.live + self.weighed_before,
        };
        if !self.is_confirmed && self.rules.airbag.holds(held, self.weighs) {
            return Err(held);
        }
        self.rejected.sort_by_key(|rejection| rejection.index);
        let (conflicts, unsettled) = self.conflicts;
        let is_listed = conflicts > 0 || self.settled.is_some();
        let is_changed = is_listed || created + updated + deleted + merged + self.cleared > 0;
        let commit = is_changed.then_some(Commit {
            checkin: self.made.checkin,
            fingerprint: self.fingerprint,
            live: self.live,
            conflicts: unsettled,
            settled: self.settled.unwrap_or_default(),
        });
        let rejected = self.rejected.len() as u64;
        let summary = PushSummary {
            received: created + updated + deleted + merged + unchanged + rejected,
            created,
            updated: updated + deleted,
            merged,
            unchanged,
            conflicts,
            rejected: self.rejected,
            max_checkin: commit.map_or(self.head.checkin, |commit| commit.checkin),
        };
        Ok(Closed { commit, summary })
    }

    /// Counts a conflict that a person settles: that is a commit, whatever becomes of the record.
    pub(super) fn count_settled(&mut self, conflict: &Conflict) {
        self.settled = Some(u64::from(!conflict.is_settled));
    }

    /// Counts a record that stays as it is.
    pub(super) fn count_unchanged(&mut self) {
        self.counts.unchanged += 1;
    }

    /// Rejects all pushed records of a claim.
    pub(super) fn reject(&mut self, claim: &Claim, problem: &Problem) {
        self.rejected.extend(claim.reject(problem));
    }

    /// Takes a conflict in, unless an earlier push of the same has stored it.
    pub(super) fn keep(&mut self, conflict: Conflict, view: &View, writes: &mut Writes) {
        if !view.knows_conflict(conflict.id) && !is_planted(Fault::LoserNotKept) {
            self.conflicts.0 += 1;
            self.conflicts.1 += u64::from(!conflict.is_settled);
            writes.conflicts.push(conflict);
        }
    }

    /// Takes a new version in, and counts it.
    pub(super) fn write(
        &mut self,
        version: Version,
        before: Option<&Version>,
        is_merged: bool,
        writes: &mut Writes,
    ) {
        let counts = &mut self.counts;
        let count = match (&version.content, before) {
            (None, _) => &mut counts.deleted,
            (Some(_), None) => &mut counts.created,
            (Some(_), Some(_)) if is_merged => &mut counts.merged,
            (Some(_), Some(_)) => &mut counts.updated,
        };
        *count += 1;
        let key = version.key.as_str();
        if let Some(old) = before.and_then(|version| version.content.as_ref()) {
            if !is_planted(Fault::FingerprintNotRemoved) {
                self.fingerprint.remove(key, &old.fingerprint);
            }
            self.live = self.live.saturating_sub(1);
        }
        if let Some(new) = &version.content {
            self.fingerprint.insert(key, &new.fingerprint);
            self.live += 1;
        }
        let supersedes = before.map(|version| version.checkin);
        writes.versions.push(NewVersion {
            version,
            supersedes,
        });
    }
}
