//! Records as devices push them, to write rules with.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a `json!` is written where it is used"
)]

use std::string::String;

use serde_json::{Value, json};
use tidemark_protocol::{Checkin, LocalId};

use super::world::{World, device, local};

pub(super) const BORN: &str = "2026-11-22T04:41:01Z";

pub(super) fn new(local_id: LocalId, value: Value) -> Value {
    json!({"key": local_id, "is_pending": true, "value": value, "created": BORN})
}

pub(super) fn whole(key: &str, base: Checkin, value: Value) -> Value {
    json!({"key": key, "base": base, "value": value})
}

pub(super) fn fields(key: &str, base: Checkin, changed: &[&str], value: Value) -> Value {
    json!({"key": key, "base": base, "changed": changed, "value": value})
}

pub(super) fn deletion(key: &str, base: Checkin) -> Value {
    json!({"key": key, "base": base, "deleted": true})
}

/// A world where device 1 has made one record: its key, and the checkin of its making.
pub(super) fn world_with(value: Value) -> (World, String, Checkin) {
    let mut world = World::new();
    world.push(device(1), &[new(local(1), value)]);
    let key = world.key_of(local(1)).unwrap();
    let made = world.head.checkin;
    (world, key, made)
}
