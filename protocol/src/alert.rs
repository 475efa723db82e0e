//! Alerts: what whoever listens to a datastore is told of its commits, so as to sync soon.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{Checkin, DeviceId};

/// The truth has moved on. It holds no record: the next sync brings what has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The datastore.
    pub datastore: String,
    /// The commit's checkin.
    pub max_checkin: Checkin,
    /// Whose push it was; the nil UUID: a person's decision, or nobody's in particular.
    pub device_uuid: DeviceId,
}
