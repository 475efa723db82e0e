//! Reconcile: ranges of keys, compared by fingerprints and narrowed until the records that differ
//! are found.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Checkin, Key, ServerRecord, SessionId};

/// What the device holds, range by range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileRequest {
    /// The session, whose `max_checkin` is the moment that is compared.
    pub sync_uuid: SessionId,
    /// In the order of keys, none reaching into another.
    pub ranges: Vec<ReconcileRange>,
    /// True: the person has confirmed the deletions that the airbag held.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub confirm: bool,
}

/// What one side holds of the keys from `from` to before `to`: as a fingerprint, or key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileRange {
    /// The first key of the range; empty: from the first of all.
    #[serde(default)]
    pub from: String,
    /// The first key after the range; `None`: it has no end.
    #[serde(default)]
    pub to: Option<String>,
    /// The fingerprint of what is held in the range, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How many records those are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// All that is held in the range, in the order of keys: each with the record's fingerprint,
    /// 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<(Key, String)>>,
}

/// What differs, as far as it is known, and smaller ranges to go on with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReconcileAnswer {
    /// What the truth holds of the ranges that differ, in the order of keys. None: all is found.
    pub ranges: Vec<ReconcileRange>,
    /// What the device lacks, or holds in an old version.
    pub records: Vec<ServerRecord>,
    /// What the device holds and was deleted.
    pub drop: Vec<Key>,
    /// What the truth never held so: the device pushes it whole.
    pub send: Vec<Key>,
    /// What the device does not hold, and was therefore deleted in the truth just now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<Key>,
    /// The truth's head after those deletions, now the session's; absent: nothing was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_checkin: Option<Checkin>,
}
