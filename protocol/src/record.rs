//! A record on the wire, in each direction.
//!
//! Values stay raw text: whoever needs to look inside parses, and a record that cannot be read
//! does not fail the batch that it came in.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{Checkin, Key, LocalId, Timestamp};

/// The entity of a record that names none.
pub const DEFAULT_ENTITY: &str = "record";

fn default_entity() -> String {
    DEFAULT_ENTITY.to_owned()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(crate) fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A value that is there, `null` too: left to itself, serde takes `null` for none at all.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

/// A record, device to server. The server reads it strictly, one by one, out of a push's raw
/// records; its key is text here because a wrong key is this record's problem alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// The real key, or the device's own UUID when pending.
    pub key: String,
    /// True: this device has not been told a key for it yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_pending: bool,
    /// What kind of record; fixed for its life.
    #[serde(default = "default_entity")]
    pub entity: String,
    /// Any JSON; absent only in a deletion, or where `changed` removes fields alone.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Box<RawValue>>,
    /// Device wall clock at its making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Device wall clock at its last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// True: delete it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// The checkin of the version under the oldest edit that no answer has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Checkin>,
    /// The fields that changed; absent: `value` is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
    /// With a whole value: must be its record fingerprint, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// A record, server to device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The real key; of a dead pending record, its `local_id`.
    pub key: Key,
    /// The name that the receiving device gave it, until its mapping is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_id: Option<LocalId>,
    /// What kind of record.
    #[serde(default = "default_entity")]
    pub entity: String,
    /// The whole value; left out when the device has just pushed exactly this, and of tombstones.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Box<RawValue>>,
    /// Device wall clock at its making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Device wall clock at its last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Always false: whatever comes from the server has its key.
    #[serde(default)]
    pub is_pending: bool,
    /// The commit that made this version.
    pub checkin: Checkin,
    /// The record fingerprint, 32 hex digits; absent of tombstones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The fields changed since the window's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
    /// True: a tombstone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// The conflict stored when this version was made, or when this device's push lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_a_value_and_none_is_none() {
        let whole = r#"{"key":"k","entity":"e","value":null}"#;
        let read: DeviceRecord = serde_json::from_str(whole).unwrap();
        assert_eq!(read.value.as_deref().map(RawValue::get), Some("null"));
        assert_eq!(serde_json::to_string(&read).unwrap(), whole);
        let absent: DeviceRecord = serde_json::from_str(r#"{"key":"k"}"#).unwrap();
        assert!(absent.value.is_none());

        let sent = r#"{"key":"k","entity":"e","value":null,"is_pending":false,"checkin":"2026-11-22T04:41:01.000123Z"}"#;
        let read: ServerRecord = serde_json::from_str(sent).unwrap();
        assert_eq!(read.value.as_deref().map(RawValue::get), Some("null"));
    }
}
