//! The two kinds of time on the wire: the datastore's own clock (`Checkin`) and what a device
//! believed the time to be (`Timestamp`). They are different types because only the first
//! may order anything.

use alloc::string::{String, ToString};
use core::fmt;

use ::time::{
    Date, Month, OffsetDateTime, PrimitiveDateTime, Time, format_description::well_known::Rfc3339,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point on a datastore's own clock: microseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 in UTC with exactly six fractional digits, so that checkins compare
/// alike as numbers and as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checkin(i64);

/// Why a text is no time: it says what form is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not the one form of a checkin.
    #[error(
        "a checkin is an RFC 3339 UTC time with six fractional digits, like 2026-11-22T04:41:01.000123Z"
    )]
    Checkin,
    /// Neither of the two forms of a device's wall clock.
    #[error("a time is RFC 3339, like 2026-11-22T04:41:01Z, or YYYY-MM-DD HH:MM:SS in UTC")]
    Timestamp,
}

impl Checkin {
    /// The checkin at so many microseconds since 1970.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999, which RFC 3339 cannot write.
    pub fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
            .map_err(|_| TimestampError::Checkin)?;
        if (0..=9999).contains(&at.year()) {
            Ok(Self(micros))
        } else {
            Err(TimestampError::Checkin)
        }
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads the one accepted form.
    ///
    /// # Errors
    /// Any other form, or a date that does not exist.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let shape = text.len() == 27
            && text.as_bytes().get(19) == Some(&b'.')
            && text.as_bytes().get(10) == Some(&b'T')
            && text.ends_with('Z');
        if !shape {
            return Err(TimestampError::Checkin);
        }
        let date_time = read_date_time(text).ok_or(TimestampError::Checkin)?;
        let fraction = digits(text, 20..26).ok_or(TimestampError::Checkin)?;
        let seconds = date_time.assume_utc().unix_timestamp();
        Self::from_micros(seconds * 1_000_000 + i64::from(fraction))
    }
}

impl fmt::Display for Checkin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(at) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000) else {
            return Err(fmt::Error);
        };
        write_seconds(out, at)?;
        write!(out, ".{:06}Z", at.microsecond())
    }
}

impl Serialize for Checkin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checkin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// What a device's wall clock showed: kept and shown, never trusted to order anything.
///
/// Always RFC 3339 text; `YYYY-MM-DD HH:MM:SS` is read as UTC and becomes RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp {
    text: String,
    millis: i64,
}

impl Timestamp {
    /// Reads either accepted form.
    ///
    /// # Errors
    /// Any other form, or a date that does not exist.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        if text.len() == 19 && text.as_bytes().get(10) == Some(&b' ') {
            let at = read_date_time(text).ok_or(TimestampError::Timestamp)?;
            let millis = at.assume_utc().unix_timestamp() * 1000;
            return Ok(Self {
                text: text.replacen(' ', "T", 1) + "Z",
                millis,
            });
        }
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::Timestamp)?;
        let millis = at.unix_timestamp() * 1000 + i64::from(at.millisecond());
        Ok(Self {
            text: text.to_string(),
            millis,
        })
    }

    /// The time so many milliseconds since 1970, in UTC.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .map_err(|_| TimestampError::Timestamp)?;
        if !(0..=9999).contains(&at.year()) {
            return Err(TimestampError::Timestamp);
        }
        Ok(Self {
            text: Millis(at).to_string(),
            millis,
        })
    }

    /// As it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Milliseconds since 1970.
    pub const fn millis(&self) -> i64 {
        self.millis
    }
}

impl From<Checkin> for Timestamp {
    /// The server's own word for a record whose device told no time.
    fn from(checkin: Checkin) -> Self {
        Self {
            text: checkin.to_string(),
            millis: checkin.0.div_euclid(1000),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

struct Millis(OffsetDateTime);

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_seconds(out, self.0)?;
        write!(out, ".{:03}Z", self.0.millisecond())
    }
}

fn write_seconds(out: &mut fmt::Formatter<'_>, at: OffsetDateTime) -> fmt::Result {
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    )
}

/// Reads `YYYY-MM-DD?HH:MM:SS` at the start of a text, whatever the separator is.
fn read_date_time(text: &str) -> Option<PrimitiveDateTime> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|&(at, byte)| bytes.get(at) != Some(&byte))
    {
        return None;
    }
    let two = |range| digits(text, range).and_then(|n| u8::try_from(n).ok());
    let year = i32::try_from(digits(text, 0..4)?).ok()?;
    let month = Month::try_from(two(5..7)?).ok()?;
    let date = Date::from_calendar_date(year, month, two(8..10)?).ok()?;
    let time = Time::from_hms(two(11..13)?, two(14..16)?, two(17..19)?).ok()?;
    Some(PrimitiveDateTime::new(date, time))
}

fn digits(text: &str, range: core::ops::Range<usize>) -> Option<u32> {
    let part = text.get(range)?;
    if part.bytes().all(|byte| byte.is_ascii_digit()) {
        part.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkin_has_one_form() {
        let text = "2026-11-22T04:41:01.000123Z";
        assert_eq!(Checkin::parse(text).unwrap().to_string(), text);
        for wrong in [
            "2026-11-22T04:41:01Z",
            "2026-11-22T04:41:01.123Z",
            "2026-11-22 04:41:01.000123Z",
            "2026-11-22T04:41:01.000123+",
            "2026-02-30T04:41:01.000123Z",
            "2026-11-22T24:41:01.000123Z",
            "+026-11-22T04:41:01.000123Z",
            "2026-11-22T04:41:01.+00123Z",
            "",
        ] {
            assert_eq!(
                Checkin::parse(wrong),
                Err(TimestampError::Checkin),
                "{wrong}"
            );
        }
    }

    #[test]
    fn checkins_before_1970_keep_their_order() {
        let before = Checkin::from_micros(-1).unwrap();
        assert_eq!(before.to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Checkin::parse(&before.to_string()).unwrap(), before);
    }

    #[test]
    fn a_timestamp_takes_both_forms_and_speaks_rfc_3339() {
        let seed = Timestamp::parse("2008-10-27 04:41:01").unwrap();
        assert_eq!(seed.as_str(), "2008-10-27T04:41:01Z");
        let rfc = Timestamp::parse("2008-10-27T05:41:01+01:00").unwrap();
        assert_eq!(rfc.millis(), seed.millis());
        assert_eq!(rfc.as_str(), "2008-10-27T05:41:01+01:00");
        assert_eq!(
            Timestamp::from_millis(1).unwrap().as_str(),
            "1970-01-01T00:00:00.001Z"
        );
        for wrong in [
            "yesterday",
            "2008-10-27",
            "2008-13-27 04:41:01",
            "2008-10-27T04:41:01",
        ] {
            assert_eq!(
                Timestamp::parse(wrong),
                Err(TimestampError::Timestamp),
                "{wrong}"
            );
        }
    }
}
