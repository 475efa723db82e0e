//! The rows of the alias tree: what a `local_id` became, and the handle of a deleted record.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use uuid::Uuid;

use super::codec::Unreadable;

const ALIAS: u8 = b'a';
const HANDLE: u8 = b'h';
const IS_TEXT: u8 = 0;
const IS_UUID: u8 = 1;

pub(super) fn alias_row(local_id: Uuid) -> Vec<u8> {
    let mut row = Vec::with_capacity(17);
    row.push(ALIAS);
    row.extend_from_slice(local_id.as_bytes());
    row
}

/// A key, short where it is a UUID, as most are.
pub(super) fn alias_text(key: &str) -> Vec<u8> {
    match Uuid::try_parse(key) {
        Ok(uuid) if uuid.to_string() == key => {
            let mut bytes = Vec::with_capacity(17);
            bytes.push(IS_UUID);
            bytes.extend_from_slice(uuid.as_bytes());
            bytes
        }
        _ => {
            let mut bytes = Vec::with_capacity(key.len() + 1);
            bytes.push(IS_TEXT);
            bytes.extend_from_slice(key.as_bytes());
            bytes
        }
    }
}

pub(super) fn read_alias_text(bytes: &[u8]) -> Result<String, Unreadable> {
    match bytes.split_first() {
        Some((&IS_UUID, uuid)) => Uuid::from_slice(uuid)
            .map(|uuid| uuid.to_string())
            .map_err(|_| Unreadable),
        Some((&IS_TEXT, text)) => core::str::from_utf8(text)
            .map(ToOwned::to_owned)
            .map_err(|_| Unreadable),
        _ => Err(Unreadable),
    }
}

pub(super) fn handle_row(key: &str) -> Vec<u8> {
    let mut row = Vec::with_capacity(key.len() + 1);
    row.push(HANDLE);
    row.extend_from_slice(key.as_bytes());
    row
}
