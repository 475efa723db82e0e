//! History: the kept versions of one record.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Checkin, DeviceId, Timestamp};

/// A record as it was from one checkin on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordVersion {
    /// The commit that made it.
    pub checkin: Checkin,
    /// The commit that superseded it; absent of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Checkin>,
    /// Who pushed it; the nil UUID where a person settled a conflict.
    pub device_uuid: DeviceId,
    /// What kind of record.
    pub entity: String,
    /// The whole value; absent where the record was deleted.
    #[serde(
        default,
        deserialize_with = "crate::record::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Box<RawValue>>,
    /// Device wall clock at its making.
    pub created: Timestamp,
    /// Device wall clock at the edit.
    pub updated: Timestamp,
    /// The record fingerprint; absent where the record was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The fields that this version changed; absent where it replaced the whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
    /// True: it says that the record was deleted.
    #[serde(default, skip_serializing_if = "crate::record::is_false")]
    pub deleted: bool,
    /// The conflict stored when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
}

/// A page of a record's versions, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// The versions.
    pub versions: Vec<RecordVersion>,
    /// Where to go on; `None`: that was all.
    pub cursor: Option<String>,
    /// Versions still to come after this page.
    pub remaining: u64,
}
