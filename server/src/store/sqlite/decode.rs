//! Columns to the words of the protocol; whatever this program cannot have written is corrupt.

use std::{fmt::Display, str::FromStr};

use serde::de::DeserializeOwned;
use sqlx::{Decode, Row, Sqlite, Type, sqlite::SqliteRow};
use tidemark_protocol::Checkin;

use super::super::StoreError;

/// A column as the driver has it.
pub(super) fn column<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    Ok(row.try_get(name)?)
}

/// A checkin.
pub(super) fn checkin(row: &SqliteRow, name: &'static str) -> Result<Checkin, StoreError> {
    to_checkin(column(row, name)?, name)
}

/// A checkin, or null.
pub(super) fn checkin_maybe(
    row: &SqliteRow,
    name: &'static str,
) -> Result<Option<Checkin>, StoreError> {
    column::<Option<i64>>(row, name)?
        .map(|micros| to_checkin(micros, name))
        .transpose()
}

/// A text that is parsed.
pub(super) fn parsed<T>(row: &SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    parse_with(column(row, name)?, name, str::parse)
}

/// A text that is parsed, or null.
pub(super) fn parsed_maybe<T>(row: &SqliteRow, name: &'static str) -> Result<Option<T>, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    read_maybe(row, name, str::parse)
}

/// A text that is read by a function.
pub(super) fn read<T, E: Display>(
    row: &SqliteRow,
    name: &'static str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse_with(column(row, name)?, name, read)
}

/// A text that is read by a function, or null.
pub(super) fn read_maybe<T, E: Display>(
    row: &SqliteRow,
    name: &'static str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    column::<Option<&str>>(row, name)?
        .map(|text| parse_with(text, name, read))
        .transpose()
}

/// A text of JSON.
pub(super) fn json<T: DeserializeOwned>(
    row: &SqliteRow,
    name: &'static str,
) -> Result<T, StoreError> {
    read(row, name, |text| serde_json::from_str(text))
}

/// A number that counts.
pub(super) fn count(row: &SqliteRow, name: &'static str) -> Result<u64, StoreError> {
    let number: i64 = column(row, name)?;
    u64::try_from(number).map_err(|_| corrupt(name, "negative"))
}

/// A number that counts, or null.
pub(super) fn count_maybe(row: &SqliteRow, name: &'static str) -> Result<Option<u64>, StoreError> {
    let number: Option<i64> = column(row, name)?;
    let count = number.map(u64::try_from).transpose();
    count.map_err(|_| corrupt(name, "negative"))
}

/// A corrupt column.
pub(super) fn corrupt(what: &'static str, detail: impl Display) -> StoreError {
    StoreError::Corrupt {
        what,
        detail: detail.to_string(),
    }
}

fn to_checkin(micros: i64, name: &'static str) -> Result<Checkin, StoreError> {
    Checkin::from_micros(micros).map_err(|error| corrupt(name, error))
}

fn parse_with<T, E: Display>(
    text: &str,
    name: &'static str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    read(text).map_err(|error| corrupt(name, error))
}
