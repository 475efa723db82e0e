//! What lost against another change, kept until a person or a policy settles it.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};
use tidemark_protocol::{Checkin, DeviceId, Key, Timestamp};

use crate::json::Canonical;
use crate::merge::FieldChanges;
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
    /// That device's wall clock at its edit, where its version is kept.
    pub truth_updated: Option<Timestamp>,
    /// Who pushed.
    pub device_uuid: DeviceId,
    /// That device's wall clock at its edit, where it told.
    pub device_updated: Option<Timestamp>,
    /// The policy has settled it: it waits for nobody.
    pub is_settled: bool,
}

/// What a push said, as far as it names a conflict.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pushed<'a> {
    /// A side as it is kept.
    Side(&'a Side),
    /// These fields; the version that they were changed in is not kept, so that they alone are
    /// the same at each repetition.
    Fields(&'a FieldChanges),
}

/// Names a conflict by what lost: the record, who pushed, on which base, and what; where the
/// truth's side lost, the version that was overridden.
pub(super) fn conflict_id(
    key: &Key,
    device: DeviceId,
    base: Option<Checkin>,
    pushed: Pushed<'_>,
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
        Pushed::Side(Some(value)) => hash.update(value.as_str()),
        Pushed::Side(None) => hash.update("deleted"),
        Pushed::Fields(fields) => {
            for (name, value) in fields {
                hash.update(name);
                hash.update([0]);
                hash.update(value.as_ref().map_or("", Canonical::as_str));
                hash.update([0]);
            }
        }
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    ConflictId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
