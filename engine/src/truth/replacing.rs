//! The truth replaced whole by what one device holds: who has missed it, and what the push leaves
//! alone of what it does not bring.
//!
//! What becomes of each record is the mingle's question; this one never looks at values.

use alloc::vec::Vec;

use tidemark_protocol::{Checkin, DeviceId, Key, LocalId, Mode, OpenRequest, Rejection};

use super::claim::Claim;
use super::push::LocalKey;
use crate::fingerprint::DatastoreFingerprint;

/// A device has replaced the truth: who comes from before has to pull it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The head after it.
    pub checkin: Checkin,
    /// The device.
    pub device: DeviceId,
}

impl Mark {
    /// Whether a device that opens comes from before: with a `last_sync` from before, or with none
    /// while it holds data. Of one that tells no fingerprint either, it is told by when it was last
    /// `seen`.
    pub fn is_missed_by(
        self,
        request: &OpenRequest,
        fingerprint: Option<DatastoreFingerprint>,
        seen: Option<Checkin>,
    ) -> bool {
        if self.device == request.device_uuid || request.mode == Mode::PullTruth {
            return false;
        }
        match (request.last_sync, fingerprint) {
            (Some(last_sync), _) => last_sync < self.checkin,
            (None, Some(held)) => held != DatastoreFingerprint::EMPTY,
            (None, None) => seen.is_some_and(|seen| seen < self.checkin),
        }
    }
}

/// The local ids that rejected records may have been named by: load the [`LocalKey`] rows that
/// have them.
pub fn rejected_ids(rejected: &[Rejection]) -> Vec<LocalId> {
    let keys = rejected.iter().filter_map(|it| it.key.as_deref());
    keys.filter_map(|key| LocalId::parse(key).ok()).collect()
}

/// The keys that a push names, be it in records that were rejected: none of them is deleted for
/// want of a record.
#[derive(Clone, Debug, Default)]
pub struct Named(Vec<Key>);

impl Named {
    /// Of a push by record, and of what is known of [`rejected_ids`].
    pub fn of(claims: &[Claim], rejected: &[Rejection], known: Vec<LocalKey>) -> Self {
        let claimed = claims.iter().map(|claim| claim.key().clone());
        let told = rejected.iter().filter_map(|it| it.key.as_deref());
        let told = told.filter_map(|key| Key::parse(key).ok());
        let mapped = known.into_iter().filter_map(|row| row.key);
        let mut keys: Vec<Key> = claimed.chain(told).chain(mapped).collect();
        keys.sort_unstable();
        keys.dedup();
        Self(keys)
    }

    /// The claims that delete whichever of these records the push does not name, as of the commit
    /// that is made.
    pub fn missing(&self, keys: Vec<Key>, made: Checkin) -> Vec<Claim> {
        let unnamed = keys.into_iter();
        let unnamed = unnamed.filter(|key| self.0.binary_search(key).is_err());
        unnamed
            .map(|key| Claim::deleting(key, Some(made)))
            .collect()
    }
}
