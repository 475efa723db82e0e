//! Fingerprints and real keys as the protocol's page says (P-13 to P-15), from libraries.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What an empty device holds.
pub const EMPTY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The RFC 8785 text of a value, its numbers taken for the doubles that they are.
pub fn canonical(value: &Value) -> String {
    // It fails for numbers without end only, and JSON knows none.
    serde_json_canonicalizer::to_string(&doubles(value)).unwrap_or_default()
}

/// The fingerprint of a record's content: 32 hex digits.
pub fn of_record(entity: &str, value: &Value) -> String {
    let content = canonical(&json!({"entity": entity, "value": value}));
    hex(&Sha256::digest(content)[..16])
}

/// The fingerprint of a datastore: the sum over its keys and their records' fingerprints, 64 hex
/// digits.
pub fn of_datastore<'a>(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
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
pub fn derived_key(local_id: &str, created_millis: u64) -> String {
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

    /// RFC 8785, appendix B, less what JSON cannot say.
    #[test]
    fn numbers_are_written_as_the_rfc_shows() {
        for (bits, text) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(canonical(&json!(f64::from_bits(bits))), text);
        }
    }

    #[test]
    fn numbers_are_doubles_and_members_are_in_order() {
        let text = |value: &str| canonical(&serde_json::from_str(value).unwrap());
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
