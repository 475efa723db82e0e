//! Conflict policies: who wins a field that two devices changed without knowing of each other.

use alloc::{borrow::Cow, string::String};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::DeviceId;

/// Who wins a field that two devices changed without knowing of each other. What loses is kept
/// as a conflict under every policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConflictPolicy {
    /// The later push wins; a person may look at it again.
    #[default]
    Merge,
    /// The edit with the later `updated` wins.
    Newest,
    /// What the truth holds stays.
    Truth,
    /// What is pushed wins.
    Device,
    /// What this device says wins, on either side; between two others it is as `merge`.
    DeviceNamed(DeviceId),
    /// What the truth holds stays until a person has decided.
    Store,
}

/// A text that names no conflict policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no conflict policy: use merge, newest, truth, device, device:UUID (36 characters) \
     or store"
)]
pub struct UnknownPolicy(pub String);

const DEVICE_NAMED: &str = "device:";

impl FromStr for ConflictPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let named = || DeviceId::parse(text.strip_prefix(DEVICE_NAMED)?).ok();
        match text {
            "merge" => Ok(Self::Merge),
            "newest" => Ok(Self::Newest),
            "truth" => Ok(Self::Truth),
            "device" => Ok(Self::Device),
            "store" => Ok(Self::Store),
            _ => named()
                .map(Self::DeviceNamed)
                .ok_or_else(|| UnknownPolicy(text.into())),
        }
    }
}

impl fmt::Display for ConflictPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Merge => "merge",
            Self::Newest => "newest",
            Self::Truth => "truth",
            Self::Device => "device",
            Self::Store => "store",
            Self::DeviceNamed(device) => return write!(out, "{DEVICE_NAMED}{device}"),
        })
    }
}

impl Serialize for ConflictPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConflictPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_policy_has_one_text() {
        let named = "device:6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a";
        for text in ["merge", "newest", "truth", "device", "store", named] {
            let policy: ConflictPolicy = text.parse().unwrap();
            assert_eq!(policy.to_string(), text);
        }
        for wrong in [
            "",
            "Merge",
            "device:",
            "device:me",
            "device:6f3b7c1e0d554c0a9a571f2e3d4c5b6a",
        ] {
            assert_eq!(
                wrong.parse::<ConflictPolicy>(),
                Err(UnknownPolicy(wrong.into()))
            );
        }
    }
}
