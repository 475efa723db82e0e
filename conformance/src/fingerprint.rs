//! Fingerprints and real keys as the protocol's page says (P-13 to P-15), from libraries.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::check::{Checked, Miss};

/// What an empty device holds.
pub(crate) const EMPTY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The fingerprint of a record's content: 32 hex digits.
pub(crate) fn of_record(entity: &str, value: &Value) -> Checked<String> {
    let content = json!({"entity": entity, "value": doubles(value)});
    let text = serde_json_canonicalizer::to_vec(&content);
    let text = text.map_err(|error| Miss::NotChecked(format!("no canonical text: {error}")))?;
    Ok(hex(&Sha256::digest(text)[..16]))
}

/// The fingerprint of a datastore: the sum over its keys and their records' fingerprints.
pub(crate) fn of_datastore<'a>(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut sum = [0_u8; 32];
    for (key, fingerprint) in records {
        let mut hash = Sha256::new();
        hash.update(key);
        hash.update([0]);
        hash.update(unhex(fingerprint));
        let mut carry = 0_u16;
        for (byte, add) in sum.iter_mut().zip(hash.finalize()).rev() {
            let total = u16::from(*byte) + u16::from(add) + carry;
            *byte = total.to_be_bytes()[1];
            carry = total >> 8;
        }
    }
    hex(&sum)
}

/// The real key that a record made as `local_id` at `created_millis` must get.
pub(crate) fn derived_key(local_id: &str, created_millis: u64) -> String {
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&created_millis.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&Sha256::digest(local_id)[..10]);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    uuid::Uuid::from_bytes(bytes).to_string()
}

/// Every number as a double, which is what it is in the protocol (P-7).
fn doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.iter().map(doubles).collect(),
        Value::Object(members) => {
            let doubled = members.iter().map(|(name, it)| (name.clone(), doubles(it)));
            Value::Object(doubled.collect())
        }
        other => other.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("0"), 16);
    digits.map(|pair| byte(pair).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_doubles_and_members_are_in_order() {
        let text = |value: &str| {
            let value: Value = serde_json::from_str(value).unwrap();
            serde_json_canonicalizer::to_string(&doubles(&value)).unwrap()
        };
        assert_eq!(text("9007199254740993"), "9007199254740992");
        assert_eq!(text("[-0.0, 1e23, 4.50]"), "[0,1e+23,4.5]");
        // By UTF-16 units, a surrogate comes before U+FB33.
        assert_eq!(
            text(r#"{"\ufb33":1,"\ud83d\ude00":2}"#),
            "{\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn the_sum_wraps_and_forgets_the_order() {
        let one = ("a", "00112233445566778899aabbccddeeff");
        let two = ("b", "ffeeddccbbaa99887766554433221100");
        assert_eq!(of_datastore([one, two]), of_datastore([two, one]));
        assert_eq!(of_datastore([]), EMPTY);
        assert_eq!(of_datastore([one]).len(), 64);
    }
}
