//! Conflicts: what lost against another device's change, and how a person settles it.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Checkin, ConflictSummary, DeviceId, Key, ServerRecord, Timestamp};

/// One side of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictSide {
    /// What the truth held when the push came.
    Truth,
    /// What was pushed.
    Device,
}

/// Two changes made without knowledge of each other, both kept whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conflict {
    /// Its name, a UUID.
    pub id: String,
    /// The record; of one that was deleted before the truth knew it, its `local_id`.
    pub key: Key,
    /// What kind of record.
    pub entity: String,
    /// The fields that both sides changed; empty: the record as a whole.
    pub fields: Vec<String>,
    /// The checkin that the device's change was made on, as far as it told.
    pub base: Option<Checkin>,
    /// The whole value in the truth when the push came; `null` also where it was deleted.
    pub truth: Option<Box<RawValue>>,
    /// The whole value as the device saw it; `null` also where it deleted the record.
    pub device: Option<Box<RawValue>>,
    /// The side that deleted the record, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<ConflictSide>,
    /// Who made the truth's side.
    pub truth_device: DeviceId,
    /// That device's wall clock at its edit, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_updated: Option<Timestamp>,
    /// Who pushed.
    pub device_uuid: DeviceId,
    /// That device's wall clock at its edit, if it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_updated: Option<Timestamp>,
    /// The commit that stored it.
    pub checkin: Checkin,
    /// The commit that settled it, by a person or a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Checkin>,
}

impl Conflict {
    /// The JSON text of a side; `None`: it deleted the record.
    pub fn side(&self, side: ConflictSide) -> Option<&str> {
        let value = match side {
            ConflictSide::Truth => &self.truth,
            ConflictSide::Device => &self.device,
        };
        let value = value.as_deref().map_or("null", RawValue::get);
        (self.deleted != Some(side)).then_some(value)
    }
}

/// A page of conflicts, in the order in which they were stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConflictsAnswer {
    /// The conflicts.
    pub conflicts: Vec<Conflict>,
    /// Where to go on; `None`: that was all.
    pub cursor: Option<String>,
    /// Conflicts still to come after this page.
    pub remaining: u64,
    /// How many are unsettled in the whole datastore.
    pub open: u64,
    /// The checkin at which the list of the unsettled ones last changed.
    pub changed: Option<Checkin>,
}

/// A person's decision: one of the two.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettleRequest {
    /// As this side has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<ConflictSide>,
    /// As neither has it: the record's whole value.
    #[serde(
        default,
        deserialize_with = "crate::record::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Box<RawValue>>,
}

/// The conflict is settled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettleAnswer {
    /// The conflict.
    pub id: String,
    /// The commit that settled it.
    pub settled: Checkin,
    /// The record as it is now; absent where the truth has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ServerRecord>,
    /// The datastore's unsettled conflicts.
    pub conflicts: ConflictSummary,
}
