//! What lost against another change, kept until a person or a policy settles it.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};
use tidemark_protocol::{Checkin, DeviceId, Key};

use crate::json::Canonical;
use crate::version::ConflictId;

/// One side of a conflict: the whole value, or `None` where that side deleted the record.
pub type Side = Option<Canonical>;

/// Two changes made without knowledge of each other, to be stored under `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The same however often the push is repeated.
    pub id: ConflictId,
    /// The record; of a dead local id, that id.
    pub key: Key,
    /// What kind of record.
    pub entity: String,
    /// The fields in conflict; empty: the record as a whole.
    pub fields: Vec<String>,
    /// The base that the device told, or that was looked up for it.
    pub base: Option<Checkin>,
    /// The truth as it was when the push came.
    pub truth: Side,
    /// What was pushed, as that device saw it.
    pub device: Side,
    /// Who made the truth's side.
    pub truth_device: DeviceId,
    /// Who pushed.
    pub device_uuid: DeviceId,
}

/// Names a conflict by what lost: the record, who pushed, on which base, and what; where the
/// truth's side lost, the version that was overridden.
pub(super) fn conflict_id(
    key: &Key,
    device: DeviceId,
    base: Option<Checkin>,
    pushed: &Side,
    overridden: Option<Checkin>,
) -> ConflictId {
    let mut hash = Sha256::new();
    hash.update(key.as_str());
    hash.update([0]);
    hash.update(device.uuid().as_bytes());
    for checkin in [base, overridden] {
        hash.update(checkin.map_or(i64::MIN, Checkin::micros).to_be_bytes());
    }
    match pushed {
        Some(value) => hash.update(value.as_str()),
        None => hash.update("deleted"),
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    ConflictId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
