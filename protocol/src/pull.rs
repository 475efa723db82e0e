//! Pull: the window of the truth that a device has not seen, page by page.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{FinishAnswer, FinishRequest, Ridden, ServerRecord, SessionId};

/// A request for one page, and the finish that rides on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PullRequest {
    /// The session; absent only where the pull rides on an earlier phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_uuid: Option<SessionId>,
    /// Where the page before ended; `None` begins.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Records wanted: at least 1, cut to `pull_records`; absent means as many as allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What the device stored of earlier pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acks: Vec<Ack>,
    /// The finish that rides on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishRequest>,
}

/// What a device really stored of a record: its fingerprint there, or why it refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The record.
    pub key: String,
    /// The fingerprint of what was stored, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why the device does not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

/// One page, and the answer of the finish that rode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PullAnswer {
    /// Ordered by (checkin, key).
    pub records: Vec<ServerRecord>,
    /// Where to go on; `None`: that was all.
    pub cursor: Option<String>,
    /// Records still to come after this page.
    pub remaining: u64,
    /// The finish that rode on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Ridden<FinishAnswer>>,
}
