//! A datastore as its members see it, and what its owner may set.

use alloc::{collections::BTreeMap, string::String};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Checkin, ConflictPolicy, ConflictSummary};

/// When a push that deletes is held until it is confirmed: both bounds must be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AirbagThresholds {
    /// At least so many deletions.
    pub deletes: u32,
    /// More than so many hundredths of the live records.
    pub percent: u32,
}

/// How long a datastore keeps what it no longer needs, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPeriods {
    /// What was superseded: so long it can be shown again.
    pub history: u64,
    /// Deletions; no shorter than the history.
    pub tombstones: u64,
}

/// A datastore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatastoreAnswer {
    /// Its name.
    pub datastore: String,
    /// What the caller is in it.
    pub role: String,
    /// Its newest commit.
    pub max_checkin: Checkin,
    /// From here on it can be shown as it was; `None`: from its beginning.
    pub history_from: Option<Checkin>,
    /// How many records live in it.
    pub live: u64,
    /// Their datastore fingerprint at `max_checkin`, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Its unsettled conflicts.
    pub conflicts: ConflictSummary,
    /// The conflict policy of the entities that are not named.
    pub policy: ConflictPolicy,
    /// The conflict policies by entity.
    pub policies: BTreeMap<String, ConflictPolicy>,
    /// When a push that deletes is held.
    pub airbag: AirbagThresholds,
    /// How long it keeps what it no longer needs.
    pub retention: RetentionPeriods,
}

/// What to set: members that are absent stay; `null` goes back to what the operator has set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatastoreRequest {
    /// The conflict policy of the entities that are not named.
    #[serde(
        default,
        deserialize_with = "told",
        skip_serializing_if = "Option::is_none"
    )]
    pub policy: Option<Option<ConflictPolicy>>,
    /// The conflict policies of these entities; those of others stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, Option<ConflictPolicy>>,
    /// When a push that deletes is held.
    #[serde(
        default,
        deserialize_with = "told",
        skip_serializing_if = "Option::is_none"
    )]
    pub airbag: Option<Option<AirbagThresholds>>,
    /// How long it keeps what it no longer needs.
    #[serde(
        default,
        deserialize_with = "told",
        skip_serializing_if = "Option::is_none"
    )]
    pub retention: Option<Option<RetentionPeriods>>,
}

/// A member that is there, be it `null`.
pub(crate) fn told<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
