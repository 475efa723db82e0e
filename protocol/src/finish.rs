//! Finish and cancel: the two ways in which a session ends on purpose.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{Checkin, ConflictSummary, SessionId};

/// The device has applied everything up to `last_update` and holds data of this fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishRequest {
    /// The session; absent only where the finish rides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_uuid: Option<SessionId>,
    /// The newest checkin wholly applied; `None` leaves the stored `last_sync`.
    #[serde(default)]
    pub last_update: Option<Checkin>,
    /// The device's datastore fingerprint, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How many records the fingerprint covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// Whether both sides hold the same data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishAnswer {
    /// The fingerprint is the expected one; if not, the session stays open for reconciling.
    pub in_sync: bool,
    /// What the server stored as the device's `last_sync`.
    pub last_sync: Option<Checkin>,
    /// The datastore's unsettled conflicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<ConflictSummary>,
}

/// Forget the session and what is staged in it; the device still has its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The session.
    pub sync_uuid: SessionId,
}

/// The session is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAnswer {
    /// Always true.
    pub cancelled: bool,
}
