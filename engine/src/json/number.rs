//! Numbers: JSON's grammar in, ECMAScript's shortest form out (RFC 8785, section 3.2.2.3).
//!
//! A number of at most fifteen digits is its own shortest form once superfluous zeros are gone:
//! no two such decimals are one double. Only others are converted, there and back.

use alloc::string::String;

use super::doubles;

/// Up to so many digits, every decimal is a double of its own.
const DISTINCT_DIGITS: usize = 15;

/// Up to 10^22, powers of ten are doubles; a text this long holds none above.
const EXACT_POWER: usize = 22;

/// What a look at a number's text finds.
struct Shape {
    /// Its whole length in bytes.
    length: usize,
    /// Digits from the first that is not zero.
    digits: usize,
    /// It is not an integer by its looks.
    has_fraction: bool,
    has_exponent: bool,
    is_canonical_fraction: bool,
}

/// Appends the canonical form of the number at the beginning of `text`; gives the length of
/// what was read, or what is wrong.
pub(super) fn write_number(out: &mut String, text: &str) -> Result<usize, &'static str> {
    let shape = shape(text.as_bytes()).ok_or("no value")?;
    let text = &text[..shape.length];
    let is_own_form = !shape.has_exponent
        && shape.digits <= DISTINCT_DIGITS
        && if shape.has_fraction {
            shape.is_canonical_fraction
        } else {
            shape.digits > 0
        };
    if is_own_form {
        out.push_str(text);
        return Ok(shape.length);
    }
    let number = doubles::parse(text).ok_or("a number that cannot be converted")?;
    if number.is_infinite() {
        return Err("a number beyond the doubles");
    }
    if number == 0.0 {
        // Both zeros are written alike.
        out.push('0');
    } else {
        doubles::write(out, number);
    }
    Ok(shape.length)
}

/// The double that a number's text means; `None` where it means none.
pub(super) fn read_number(text: &str) -> Option<f64> {
    let shape = shape(text.as_bytes()).filter(|shape| shape.length == text.len())?;
    if shape.has_exponent || shape.digits > DISTINCT_DIGITS || text.len() > EXACT_POWER {
        return doubles::parse(text);
    }
    // Both the digits and the power of ten are doubles exactly, so that their quotient is
    // rounded once: the nearest double (W. Clinger, "How to Read Floating Point Numbers
    // Accurately").
    let (mut digits, mut power, mut is_fraction) = (0_i64, 1.0, false);
    for byte in text.bytes() {
        if byte.is_ascii_digit() {
            digits = digits * 10 + i64::from(byte - b'0');
            if is_fraction {
                power *= 10.0;
            }
        } else {
            is_fraction |= byte == b'.';
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits are below 2^53")]
    let magnitude = digits as f64 / power;
    Some(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
}

/// Measures the number that the text begins with, if it begins with one.
fn shape(text: &[u8]) -> Option<Shape> {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let run = |from: usize| {
        text[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let start = usize::from(byte(0) == b'-');
    let whole = run(start);
    if whole == 0 || (byte(start) == b'0' && whole > 1) {
        return None;
    }
    let is_zero = byte(start) == b'0';
    let mut at = start + whole;
    let mut digits = if is_zero { 0 } else { whole };
    let has_fraction = byte(at) == b'.';
    let mut is_canonical_fraction = false;
    if has_fraction {
        let fraction = run(at + 1);
        if fraction == 0 {
            return None;
        }
        let zeros = text[at + 1..].iter().take_while(|b| **b == b'0').count();
        digits += if is_zero {
            fraction.saturating_sub(zeros)
        } else {
            fraction
        };
        // Smaller ones are written with an exponent.
        is_canonical_fraction = byte(at + fraction) != b'0' && (!is_zero || zeros < 6);
        at += 1 + fraction;
    }
    let has_exponent = matches!(byte(at), b'e' | b'E');
    if has_exponent {
        at += 1 + usize::from(matches!(byte(at + 1), b'+' | b'-'));
        let exponent = run(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    Some(Shape {
        length: at,
        digits,
        has_fraction,
        has_exponent,
        is_canonical_fraction,
    })
}
