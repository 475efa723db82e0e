//! What a record's, and a datastore's, content hashes to.
//!
//! Pure arithmetic over SHA-256, exactly as the protocol has it: both sides compute each
//! fingerprint from what they stored, and compare. It knows no store and no record type.

use alloc::string::String;
use core::fmt::{self, Write};
use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::json::{Canonical, CanonicalRef};

/// The first 16 bytes of SHA-256 over the canonical `{"entity":…,"value":…}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordFingerprint(pub [u8; 16]);

/// The sum modulo 2^256, big-endian, of the [contributions](Self::of_record) of a set of
/// records. One change costs one subtraction and one addition, in any order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DatastoreFingerprint(pub [u8; 32]);

/// A text that is not the hexadecimal digits of a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is {digits} hexadecimal digits")]
pub struct NotAFingerprint {
    /// How many digits were expected.
    pub digits: usize,
}

impl RecordFingerprint {
    /// The fingerprint of a live record.
    pub fn of(entity: &str, value: CanonicalRef<'_>) -> Self {
        let digest = hash(&[
            b"{\"entity\":",
            Canonical::string(entity).as_str().as_bytes(),
            b",\"value\":",
            value.as_str().as_bytes(),
            b"}",
        ]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

impl DatastoreFingerprint {
    /// The fingerprint of no records.
    pub const EMPTY: Self = Self([0; 32]);

    /// What one record adds to the sum: SHA-256 of key, one zero byte, fingerprint.
    pub fn of_record(key: &str, fingerprint: &RecordFingerprint) -> Self {
        Self(hash(&[key.as_bytes(), &[0], &fingerprint.0]))
    }

    /// Counts a record in.
    pub fn insert(&mut self, key: &str, fingerprint: &RecordFingerprint) {
        *self += Self::of_record(key, fingerprint);
    }

    /// Counts a record out.
    pub fn remove(&mut self, key: &str, fingerprint: &RecordFingerprint) {
        *self -= Self::of_record(key, fingerprint);
    }

    /// The sum, byte by byte from the least.
    fn plus(mut self, other: [u8; 32], mut carry: bool) -> Self {
        for (byte, other) in self.0.iter_mut().zip(&other).rev() {
            let sum = u16::from(*byte) + u16::from(*other) + u16::from(carry);
            [_, *byte] = sum.to_be_bytes();
            carry = sum > 0xFF;
        }
        self
    }
}

impl Add for DatastoreFingerprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.plus(other.0, false)
    }
}

impl Sub for DatastoreFingerprint {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        // What is taken away is added as its complement to 2^256.
        self.plus(other.0.map(|byte| !byte), true)
    }
}

impl AddAssign for DatastoreFingerprint {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for DatastoreFingerprint {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

fn write_hex(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            formatter.write_char(char::from(DIGITS[usize::from(digit)]))?;
        }
    }
    Ok(())
}

fn read_hex<const N: usize>(text: &str) -> Result<[u8; N], NotAFingerprint> {
    let refused = NotAFingerprint { digits: N * 2 };
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(refused);
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(refused),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

/// Both fingerprints are hexadecimal digits to people, on the wire and in columns.
macro_rules! as_hexadecimal {
    ($fingerprint:ident) => {
        impl fmt::Display for $fingerprint {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(formatter, &self.0)
            }
        }

        impl fmt::Debug for $fingerprint {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(formatter, &self.0)
            }
        }

        impl FromStr for $fingerprint {
            type Err = NotAFingerprint;

            fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
                read_hex(text).map(Self)
            }
        }

        impl Serialize for $fingerprint {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $fingerprint {
            fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                String::deserialize(reader)?
                    .parse()
                    .map_err(D::Error::custom)
            }
        }
    };
}

as_hexadecimal!(RecordFingerprint);
as_hexadecimal!(DatastoreFingerprint);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn a_record_hashes_its_canonical_entity_and_value() {
        let value = Canonical::parse(r#"{ "b": 1.0, "a": "x" }"#).unwrap();
        let digest = Sha256::digest(br#"{"entity":"to\"do","value":{"a":"x","b":1}}"#);
        let fingerprint = RecordFingerprint::of("to\"do", value.borrow());
        assert_eq!(fingerprint.0, digest[..16]);
    }

    #[test]
    fn the_empty_set_is_64_zeros() {
        assert_eq!(DatastoreFingerprint::EMPTY.to_string(), "0".repeat(64));
    }

    #[test]
    fn sums_wrap_at_2_to_the_256() {
        let mut one = DatastoreFingerprint::EMPTY;
        one.0[31] = 1;
        let all = DatastoreFingerprint([0xFF; 32]);
        assert_eq!(all + one, DatastoreFingerprint::EMPTY);
        assert_eq!(DatastoreFingerprint::EMPTY - one, all);
    }

    #[test]
    fn hexadecimal_goes_there_and_back_in_json() {
        let fingerprint = RecordFingerprint(*b"0123456789abcdef");
        let text = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(text, "\"30313233343536373839616263646566\"");
        assert_eq!(
            serde_json::from_str::<RecordFingerprint>(&text).unwrap(),
            fingerprint
        );
        for wrong in ["\"\"", "\"3g313233343536373839616263646566\"", "7"] {
            assert!(serde_json::from_str::<RecordFingerprint>(wrong).is_err());
        }
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_removing_undoes(
            records in proptest::collection::vec((".{1,20}", any::<[u8; 16]>()), 0..20),
        ) {
            let sum = |records: &mut dyn Iterator<Item = &(String, [u8; 16])>| {
                let mut sum = DatastoreFingerprint::EMPTY;
                records.for_each(|(key, bytes)| sum.insert(key, &RecordFingerprint(*bytes)));
                sum
            };
            let mut forwards = sum(&mut records.iter());
            prop_assert_eq!(forwards, sum(&mut records.iter().rev()));
            for (key, bytes) in &records {
                forwards.remove(key, &RecordFingerprint(*bytes));
            }
            prop_assert_eq!(forwards, DatastoreFingerprint::EMPTY);
        }
    }
}
