//! The real key of a record, derived from what its device first knew of it.
//!
//! The same record gets the same key again even from a server that lost the mapping, so
//! nothing here draws a random number.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The largest time that the six bytes of a key hold.
const MILLISECONDS_MAX: u64 = (1 << 48) - 1;

/// The `UUIDv7` that is the real key of the record made as `local_id` at `created_ms`
/// (milliseconds since 1970, UTC). A time outside the six bytes is moved to their nearest end.
pub fn derived_key(local_id: Uuid, created_ms: i64) -> Uuid {
    let time = u64::try_from(created_ms).unwrap_or(0).min(MILLISECONDS_MAX);
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let digest = Sha256::digest(local_id.hyphenated().encode_lower(&mut text).as_bytes());

    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    bytes[6] = 0x70 | (bytes[6] & 0x0F);
    bytes[8] = 0x80 | (bytes[8] & 0x3F);
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_key_is_time_then_hash_then_version_bits() {
        let local_id = Uuid::parse_str("0B5BB6CC-6C2C-4E0A-9C58-9D3F5B1F7A11").unwrap();
        let key = derived_key(local_id, 0x0193_5000_0001);
        let digest = Sha256::digest(local_id.to_string().as_bytes());

        assert_eq!(key.get_version_num(), 7);
        assert_eq!(key.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(key.as_bytes()[..6], [0x01, 0x93, 0x50, 0, 0, 1]);
        assert_eq!(key.as_bytes()[6] & 0x0F, digest[0] & 0x0F);
        assert_eq!(key.as_bytes()[7], digest[1]);
        assert_eq!(key.as_bytes()[8] & 0x3F, digest[2] & 0x3F);
        assert_eq!(key.as_bytes()[9..], digest[3..10]);
    }

    #[test]
    fn times_beyond_six_bytes_are_moved_to_the_ends() {
        let local_id = Uuid::nil();
        assert_eq!(derived_key(local_id, -1), derived_key(local_id, 0));
        assert_eq!(derived_key(local_id, i64::MAX).as_bytes()[..6], [0xFF; 6]);
    }
}
