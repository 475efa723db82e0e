//! A device as the server knows it: what it tells of itself, and what its people set for it.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Checkin, DeviceId, Direction, Mode, datastore::told};

/// What a device tells of itself with an open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDescription {
    /// A name that its owner recognises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The one way in which it syncs, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// With one direction: the receiving side is made equal to the sending one, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<bool>,
}

/// A device of a datastore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAnswer {
    /// Its name for the server.
    pub device_uuid: DeviceId,
    /// Its name for people.
    pub name: Option<String>,
    /// Up to where it has applied everything, by its last finish.
    pub last_sync: Option<Checkin>,
    /// When it last opened or finished, by the server's clock.
    pub seen: Checkin,
    /// The one way in which it syncs; `both`: none is fixed.
    pub direction: Direction,
    /// The receiving side is made equal to the sending one.
    pub mirror: bool,
    /// The mode that its next session gets.
    pub reset: Option<Mode>,
    /// Its datastore fingerprint, by the last finish that told one.
    pub fingerprint: Option<String>,
}

/// The devices of a datastore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicesAnswer {
    /// Those seen last come first.
    pub devices: Vec<DeviceAnswer>,
}

/// What to set for a device: members that are absent stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Its name for people; `null`: none.
    #[serde(
        default,
        deserialize_with = "told",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<Option<String>>,
    /// The one way in which it syncs; `both`: as it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The receiving side is made equal to the sending one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<bool>,
    /// The mode that its next session gets; `null`: as it asks.
    #[serde(
        default,
        deserialize_with = "told",
        skip_serializing_if = "Option::is_none"
    )]
    pub reset: Option<Option<Mode>>,
}

/// A device that was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetAnswer {
    /// Always true.
    pub forgotten: bool,
}
