//! RFC 8785 and the fingerprints, written from the documents and not from the engine, so that a
//! mistake there is not repeated here.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The RFC 8785 text of a value.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => out.push_str(&write_number(number.as_f64().expect("a double"))),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            out.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
        // serde_json writes these, and the escapes in texts, as RFC 8785 wants them.
        other => out.push_str(&other.to_string()),
    }
}

/// ECMAScript's `Number::toString`, from Rust's shortest digits.
fn write_number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", number.abs());
    let (digits, exponent) = scientific.split_once('e').expect("an exponent");
    let digits = even_of_a_tie(number.abs(), digits.replace('.', ""));
    let count = i32::try_from(digits.len()).expect("at most 17 digits");
    let point = exponent.parse::<i32>().expect("an exponent") + 1;
    let zeros = |n: i32| "0".repeat(usize::try_from(n).expect("not negative"));
    let at = |n: i32| usize::try_from(n).expect("not negative");
    let text = if (count..=21).contains(&point) {
        digits + &zeros(point - count)
    } else if (1..=21).contains(&point) {
        format!("{}.{}", &digits[..at(point)], &digits[at(point)..])
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let sign = if point > 0 { "+" } else { "-" };
        let power = (point - 1).abs();
        let fraction = match &digits[1..] {
            "" => String::new(),
            rest => format!(".{rest}"),
        };
        format!("{}{fraction}e{sign}{power}", &digits[..1])
    };
    if number < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// Of two shortest texts that are equally near the number, ECMAScript takes the one with an even last
/// digit; Rust takes the greater.
fn even_of_a_tie(number: f64, digits: String) -> String {
    let more = format!("{:.*e}", digits.len() - 1 + 40, number).replace('.', "");
    let (lower, rest) = more.split_at(digits.len());
    let is_tie = rest.starts_with(&format!("5{}e", "0".repeat(39)));
    let is_even = lower.ends_with(['0', '2', '4', '6', '8']);
    if is_tie && is_even {
        lower.to_owned()
    } else {
        digits
    }
}

/// The fingerprint of a record's content: 32 hex digits.
pub fn record_fingerprint(entity: &str, value: &Value) -> String {
    let content = serde_json::json!({"entity": entity, "value": value});
    hex(&Sha256::digest(canonical(&content))[..16])
}

/// The fingerprint of a datastore: the sum over its keys and their records' fingerprints.
pub fn datastore_fingerprint<'a>(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |place| u8::from_str_radix(&text[place..place + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digit).collect()
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
            assert_eq!(write_number(f64::from_bits(bits)), text);
        }
    }
}
