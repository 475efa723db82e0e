//! The two kinds of time on the wire: the datastore's own clock (`Checkin`) and what a device
//! believed the time to be (`Timestamp`). They are different types because only the first
//! may order anything.
//!
//! The calendar is a page of arithmetic here and not a library's, since every browser loads it;
//! the tests hold it against one (docs/decisions/0009).

use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z and 10000-01-01T00:00:00Z, which RFC 3339 can no longer write.
const SECONDS: core::ops::Range<i64> = -62_167_219_200..253_402_300_800;
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
        if SECONDS.contains(&micros.div_euclid(MICROS_PER_SECOND)) {
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
        let seconds = read_seconds(text, 59).ok_or(TimestampError::Checkin)?;
        let fraction = digits(text, 20..26).ok_or(TimestampError::Checkin)?;
        Ok(Self(seconds * MICROS_PER_SECOND + fraction))
    }
}

impl fmt::Display for Checkin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 27];
        write_time(&mut text, self.0);
        out.write_str(as_text(&text))
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
        let millis = Self::millis_of(text)?;
        let text = if is_without_zone(text) {
            text.replacen(' ', "T", 1) + "Z"
        } else {
            text.to_string()
        };
        Ok(Self { text, millis })
    }

    /// The milliseconds since 1970 that a text of either accepted form tells.
    ///
    /// # Errors
    /// Any other form, or a date that does not exist.
    pub fn millis_of(text: &str) -> Result<i64, TimestampError> {
        let millis = if is_without_zone(text) {
            read_seconds(text, 59).map(|seconds| seconds * 1000)
        } else {
            read_rfc_3339(text)
        };
        millis.ok_or(TimestampError::Timestamp)
    }

    /// The time so many milliseconds since 1970, in UTC.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        if !SECONDS.contains(&millis.div_euclid(1000)) {
            return Err(TimestampError::Timestamp);
        }
        let mut text = [0; 24];
        write_time(&mut text, millis * 1000);
        Ok(Self {
            text: as_text(&text).to_string(),
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

/// Writes microseconds since 1970 as RFC 3339 in UTC, with three or six fractional digits as
/// there is room.
fn write_time(out: &mut [u8], micros: i64) {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let micros = micros.rem_euclid(MICROS_PER_SECOND);
    let [year, month, day] = date_of(seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let last = out.len() - 1;
    let fraction = if last == 26 { micros } else { micros / 1000 };
    out[..20].copy_from_slice(b"0000-00-00T00:00:00.");
    write_digits(&mut out[..4], year);
    write_digits(&mut out[5..7], month);
    write_digits(&mut out[8..10], day);
    write_digits(&mut out[11..13], second / 3600);
    write_digits(&mut out[14..16], second / 60 % 60);
    write_digits(&mut out[17..19], second % 60);
    write_digits(&mut out[20..last], fraction);
    out[last] = b'Z';
}

fn write_digits(out: &mut [u8], mut number: i64) {
    for place in out.iter_mut().rev() {
        *place = b'0' + number.rem_euclid(10).to_le_bytes()[0];
        number /= 10;
    }
}

fn as_text(ascii: &[u8]) -> &str {
    core::str::from_utf8(ascii).unwrap_or_default()
}

/// Whether this may be the form `YYYY-MM-DD HH:MM:SS`.
fn is_without_zone(text: &str) -> bool {
    text.len() == 19 && text.as_bytes().get(10) == Some(&b' ')
}

/// Reads RFC 3339 and gives milliseconds since 1970. A leap second counts as the last
/// millisecond before it is over.
fn read_rfc_3339(text: &str) -> Option<i64> {
    let mut seconds = read_seconds(text, 60)?;
    let bytes = text.as_bytes();
    let is_leap = digits(text, 17..19)? == 60;
    if !matches!(bytes.get(10)?, b'T' | b't') {
        return None;
    }
    let mut at = 19;
    let mut millis = 0;
    if bytes.get(at) == Some(&b'.') {
        let run = bytes[at + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if run == 0 {
            return None;
        }
        let kept = run.min(3);
        millis = digits(text, at + 1..at + 1 + kept)? * [0, 100, 10, 1][kept];
        at += 1 + run;
    }
    match (bytes.get(at)?, bytes.len() - at) {
        (b'Z' | b'z', 1) => {}
        (sign @ (b'+' | b'-'), 6) if bytes[at + 3] == b':' => {
            let (hours, minutes) = (digits(text, at + 1..at + 3)?, digits(text, at + 4..at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3600 + minutes * 60;
            seconds -= if *sign == b'+' { offset } else { -offset };
        }
        _ => return None,
    }
    if is_leap {
        // Leap seconds end a month, in UTC.
        let [_, _, day] = date_of(seconds.div_euclid(SECONDS_PER_DAY));
        if seconds.rem_euclid(SECONDS_PER_DAY) != 0 || day != 1 {
            return None;
        }
        return Some(seconds * 1000 - 1);
    }
    Some(seconds * 1000 + millis)
}

/// Reads `YYYY-MM-DD?HH:MM:SS` at the start of a text, whatever the separator is, as seconds
/// since 1970 in UTC.
fn read_seconds(text: &str, second_max: i64) -> Option<i64> {
    let bytes = text.as_bytes();
    for (at, byte) in [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')] {
        if bytes.get(at) != Some(&byte) {
            return None;
        }
    }
    let (year, month, day) = (
        digits(text, 0..4)?,
        digits(text, 5..7)?,
        digits(text, 8..10)?,
    );
    let (hour, minute) = (digits(text, 11..13)?, digits(text, 14..16)?);
    let second = digits(text, 17..19)?;
    let days = days_to([year, month, day]);
    let exists = date_of(days) == [year, month, day];
    let is_time = hour < 24 && minute < 60 && second <= second_max;
    (exists && is_time).then_some(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second)
}

fn digits(text: &str, range: core::ops::Range<usize>) -> Option<i64> {
    let part = text.as_bytes().get(range)?;
    part.iter().try_fold(0, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        Some(number * 10 + digit)
    })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Here and below years begin in
/// March, so that leap days end them, and 400 of them are an era of 146,097 days
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_to([year, month, day]: [i64; 3]) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date so many days after 1970-01-01: year, month, day.
fn date_of(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    [year, month, day]
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

    /// Every day of ten thousand years, and odd texts, against a library's calendar.
    #[test]
    fn the_calendar_is_the_library_s() {
        use ::time::{OffsetDateTime, format_description::well_known::Rfc3339};
        let mut date = OffsetDateTime::from_unix_timestamp(SECONDS.start).unwrap();
        for days in SECONDS.start / SECONDS_PER_DAY..SECONDS.end / SECONDS_PER_DAY {
            let expected = [
                i64::from(date.year()),
                i64::from(u8::from(date.month())),
                i64::from(date.day()),
            ];
            assert_eq!(date_of(days), expected);
            assert_eq!(days_to(expected), days);
            date = date.checked_add(::time::Duration::DAY).unwrap_or(date);
        }
        for text in [
            "2026-11-22T04:41:01Z",
            "2026-11-22t04:41:01z",
            "2026-11-22T04:41:01.1Z",
            "2026-11-22T04:41:01.123456789123+14:00",
            "2026-11-22T04:41:01.000-00:30",
            "2024-02-29T23:59:59+23:59",
            "2023-02-29T00:00:00Z",
            "2000-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:59:60+01:00",
            "2016-12-30T23:59:60Z",
            "2016-12-31T23:58:60Z",
            "2026-11-22T04:41:01+24:00",
            "2026-11-22T04:41:01+01:60",
            "2026-11-22T04:41:01+0100",
            "2026-11-22T04:41:01.Z",
            "2026-11-22T04:41:01",
            "2026-11-22T04:41Z",
            "2026-11-22T04:41:01Zx",
            "2026-00-22T04:41:01Z",
            "2026-11-00T04:41:01Z",
            "2026-11-31T04:41:01Z",
            "-026-11-22T04:41:01Z",
            "é026-11-22T04:41:01Z",
        ] {
            let expected = OffsetDateTime::parse(text, &Rfc3339)
                .ok()
                .map(|at| at.unix_timestamp() * 1000 + i64::from(at.millisecond()));
            assert_eq!(read_rfc_3339(text), expected, "{text}");
        }
    }
}
