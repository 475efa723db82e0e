//! Open: a device asks for a session, or proves that it needs none.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    Checkin, DeviceDescription, DeviceId, FinishAnswer, FinishRequest, Limits, PROTOCOL_VERSION,
    PullAnswer, PullRequest, PushAnswer, PushRequest, Ridden, SessionId,
};

/// How a sync brings both sides together; `auto` leaves the choice to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The server decides.
    #[default]
    Auto,
    /// Pending changes one way, the window the other.
    Fast,
    /// As fast, then reconciled by fingerprints.
    Repair,
    /// The device's whole table is compared.
    Slow,
    /// The device gives back what a restored truth has lost.
    Refresh,
    /// The device starts again from the truth.
    PullTruth,
    /// The truth becomes what the device holds.
    PushTruth,
}

/// Which way records flow this time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// From the truth to the device only.
    Pull,
    /// From the device to the truth only.
    Push,
}

macro_rules! named {
    ($kind:ident: $($variant:ident = $name:literal),*) => {
        impl $kind {
            /// Its name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The one of this name on the wire.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

named!(Mode: Auto = "auto", Fast = "fast", Repair = "repair", Slow = "slow", Refresh = "refresh",
    PullTruth = "pull_truth", PushTruth = "push_truth");
named!(Direction: Both = "both", Pull = "pull", Push = "push");

impl Direction {
    /// Whether records flow both ways.
    pub const fn is_both(&self) -> bool {
        matches!(self, Self::Both)
    }
}

const fn spoken_version() -> u32 {
    PROTOCOL_VERSION
}

/// A device asks for a session; the next phases may ride along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenRequest {
    /// Who asks.
    pub device_uuid: DeviceId,
    /// UUIDs of the opens since the last answered one, that one first, this open's last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<uuid::Uuid>,
    /// The datastore; absent means the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datastore: Option<String>,
    /// The protocol version that the device speaks.
    #[serde(default = "spoken_version")]
    pub protocol: u32,
    /// The wanted mode.
    #[serde(default)]
    pub mode: Mode,
    /// The wanted direction.
    #[serde(default)]
    pub direction: Direction,
    /// With one direction: make the receiving side equal to the sending one.
    #[serde(default)]
    pub mirror: bool,
    /// The newest checkin up to which the device has applied everything.
    #[serde(default)]
    pub last_sync: Option<Checkin>,
    /// How many records the device has to push.
    #[serde(default)]
    pub pending: u64,
    /// The device's datastore fingerprint, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What the device tells of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceDescription>,
    /// The finish of the session before, worked off before this open supersedes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// The push that rides on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushRequest>,
    /// The pull that rides on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullRequest>,
    /// The finish that rides on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishRequest>,
}

/// The finish of an earlier session, riding on the next open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The session that ends.
    pub sync_uuid: SessionId,
    /// Its finish.
    pub finish: FinishRequest,
}

/// How many conflicts wait for a person, and when that list last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictSummary {
    /// The unsettled ones.
    pub open: u64,
    /// The checkin at which the list last changed; `None`: it never had one.
    pub changed: Option<Checkin>,
}

/// The session, or the proof that none is needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenAnswer {
    /// `None`: in sync, no session was opened.
    pub sync_uuid: Option<SessionId>,
    /// The datastore that the device now belongs to.
    pub datastore: String,
    /// Where the pull will start.
    pub last_sync: Option<Checkin>,
    /// Where the pull will end.
    pub max_checkin: Checkin,
    /// What the server decided.
    pub mode: Mode,
    /// Which way records flow in this session; absent: both ways.
    #[serde(default, skip_serializing_if = "Direction::is_both")]
    pub direction: Direction,
    /// The receiving side is made equal to the sending one; absent: it is not.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub mirror: bool,
    /// Nothing is pending and the device holds what the truth holds.
    pub in_sync: bool,
    /// The datastore's unsettled conflicts.
    pub conflicts: ConflictSummary,
    /// The bounds of one call.
    pub limits: Limits,
    /// What became of the earlier session's finish; it never fails the open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Ridden<FinishAnswer>>,
    /// The push that rode on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Ridden<PushAnswer>>,
    /// The pull that rode on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<Ridden<PullAnswer>>,
    /// The finish that rode on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Ridden<FinishAnswer>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_serde_writes() {
        let modes = [
            Mode::Auto,
            Mode::Fast,
            Mode::Repair,
            Mode::Slow,
            Mode::Refresh,
            Mode::PullTruth,
            Mode::PushTruth,
        ];
        for mode in modes {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
            assert_eq!(Mode::named(mode.as_str()), Some(mode));
        }
        for direction in [Direction::Both, Direction::Pull, Direction::Push] {
            assert_eq!(serde_json::to_value(direction).unwrap(), direction.as_str());
            assert_eq!(Direction::named(direction.as_str()), Some(direction));
        }
        assert_eq!((Mode::named("Fast"), Direction::named("")), (None, None));
    }
}
