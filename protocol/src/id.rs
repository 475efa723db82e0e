//! Names on the wire: each its own type, so that a device is never taken for a session.

use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Keys are 1 to 255 bytes.
    #[error("a key is 1 to 255 bytes of UTF-8, this one has {0}")]
    KeyLength(usize),
    /// Devices, sessions and local ids are UUIDs.
    #[error("expected a UUID of 36 characters, like 6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a")]
    Uuid,
}

macro_rules! uuid_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that somebody else made.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Reads the hyphenated form, in either case.
            ///
            /// # Errors
            /// Any other form of UUID, or none.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if text.len() != 36 {
                    return Err(IdError::Uuid);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::Uuid)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(self.0.as_hyphenated(), out)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = alloc::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

uuid_name!(
    /// `device_uuid`: one client installation.
    DeviceId
);
uuid_name!(
    /// `sync_uuid`: one device's sync, from open to finish.
    SessionId
);
uuid_name!(
    /// `local_id`: the UUID that a device gave a new record. Lower case is its one form.
    LocalId
);

/// A record's name: 1 to 255 bytes of UTF-8, ordered by bytes. A pending record's key is its
/// `local_id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The longest key, in bytes.
    pub const BYTES_MAX: usize = 255;

    /// Takes a text as a key.
    ///
    /// # Errors
    /// Empty or longer than 255 bytes.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > Self::BYTES_MAX {
            return Err(IdError::KeyLength(text.len()));
        }
        Ok(Self(text.to_string()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<LocalId> for Key {
    fn from(local_id: LocalId) -> Self {
        Self(local_id.to_string())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_255_bytes() {
        assert_eq!(Key::parse(""), Err(IdError::KeyLength(0)));
        assert!(Key::parse(&"é".repeat(127)).is_ok());
        assert_eq!(Key::parse(&"é".repeat(128)), Err(IdError::KeyLength(256)));
    }

    #[test]
    fn a_local_id_is_lower_case() {
        let id = LocalId::parse("6F3B7C1E-0D55-4C0A-9A57-1F2E3D4C5B6A").unwrap();
        assert_eq!(id.to_string(), "6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a");
        assert!(LocalId::parse("6f3b7c1e0d554c0a9a571f2e3d4c5b6a").is_err());
    }
}
