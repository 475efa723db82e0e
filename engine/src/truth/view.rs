//! The part of the truth that a slice of a push touches, as the server loaded it.

use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};
use tidemark_protocol::Key;

use crate::fingerprint::RecordFingerprint;
use crate::version::{ConflictId, History, Version};

/// What the truth knows of some keys.
#[derive(Clone, Debug, Default)]
pub struct View {
    versions: HashMap<Key, Vec<Version>>,
    conflicts: HashSet<ConflictId>,
    acked: HashMap<Key, RecordFingerprint>,
}

impl View {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kept version, in any order. For each claim's key the view needs the live
    /// version or the newest tombstone, the last live version before that tombstone, the
    /// newest version at or before [`super::Claim::from`], and all those after it. More does
    /// no harm.
    pub fn add(&mut self, version: Version) {
        let versions = self.versions.entry(version.key.clone()).or_default();
        let place = versions.partition_point(|kept| kept.checkin < version.checkin);
        versions.insert(place, version);
    }

    /// Adds the id of a conflict, settled or not, stored for one of the keys.
    pub fn add_conflict(&mut self, id: ConflictId) {
        self.conflicts.insert(id);
    }

    /// Adds what the pushing device acked to hold of a key where that is not the truth's own
    /// (a row of `client_state`): giving that value back is no change.
    pub fn add_acked(&mut self, key: Key, fingerprint: RecordFingerprint) {
        self.acked.insert(key, fingerprint);
    }

    pub(super) fn acked(&self, key: &Key) -> Option<RecordFingerprint> {
        self.acked.get(key).copied()
    }

    pub(super) fn knows_conflict(&self, id: ConflictId) -> bool {
        self.conflicts.contains(&id)
    }

    pub(super) fn history(&self, key: &Key) -> History<'_> {
        History(self.versions.get(key).map_or(&[], Vec::as_slice))
    }
}
