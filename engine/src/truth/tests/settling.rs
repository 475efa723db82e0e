//! A person settles conflicts, while devices go on.

use std::format;
use std::string::{String, ToString};

use serde_json::{Value, json};
use tidemark_protocol::Checkin;

use super::pushed::{deletion, fields, new, whole, world_with};
use super::world::{World, device, local};
use crate::json::Canonical;
use crate::truth::{Choice, SETTLER};
use crate::version::ConflictId;

fn value(value: &Value) -> Choice {
    Choice::Value(Canonical::parse(&value.to_string()).unwrap())
}

/// Devices 2 and 3 have both changed `a`, the second of them also `b`; what it is called.
fn contested() -> (World, String, Checkin, ConflictId) {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1, "c": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    let push = fields(&key, made, &["a", "b"], json!({"a": 3, "b": 3}));
    let done = world.push(device(3), &[push]);
    (world, key, made, done.conflicts[0].id)
}

/// T-40: each answer is a change of the record, in one commit that settles the conflict.
#[test]
fn t40_settling_is_a_change() {
    for (choice, expected, is_changed) in [
        (Choice::Truth, json!({"a": 2, "b": 3, "c": 1}), true),
        (Choice::Device, json!({"a": 3, "b": 3, "c": 1}), false),
        (
            value(&json!({"a": 9, "b": 3, "c": 1})),
            json!({"a": 9, "b": 3, "c": 1}),
            true,
        ),
        (value(&json!("other")), json!("other"), true),
    ] {
        let (mut world, key, ..) = contested();
        let (before, head) = (world.newest(&key).cloned(), world.head.checkin);
        let commit = world.settle(*world.conflicts.keys().next().unwrap(), choice.clone());
        assert_eq!((commit.conflicts, commit.settled), (0, 1), "{choice:?}");
        assert!(commit.checkin > head);
        assert_eq!(world.value(&key), Some(expected), "{choice:?}");
        let newest = world.newest(&key).unwrap();
        if is_changed {
            assert_eq!((newest.checkin, newest.device), (commit.checkin, SETTLER));
        } else {
            assert_eq!(Some(newest), before.as_ref());
        }
    }
}

/// T-40: a device that has not seen the decision conflicts with it; one that has does not.
#[test]
fn t40_a_decision_is_another_devices_change() {
    let (mut world, key, _, id) = contested();
    let seen = world.head.checkin;
    world.settle(id, Choice::Truth);
    let late = world.push(device(3), &[fields(&key, seen, &["a"], json!({"a": 5}))]);
    assert_eq!(late.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(late.conflicts[0].truth_device, SETTLER);
    let aware = world.head.checkin;
    let done = world.push(device(2), &[fields(&key, aware, &["a"], json!({"a": 6}))]);
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
}

/// T-40: what a device made of the same field since the conflict is not lost by the decision.
#[test]
fn t40_an_edit_since_the_conflict_is_kept() {
    for choice in [Choice::Truth, value(&json!({"a": 9, "b": 3, "c": 1}))] {
        let (mut world, key, _, id) = contested();
        let seen = world.head.checkin;
        world.push(
            device(4),
            &[fields(&key, seen, &["a", "c"], json!({"a": 4, "c": 4}))],
        );
        let commit = world.settle(id, choice);
        assert_eq!((commit.conflicts, commit.settled), (1, 1));
        let kept = world.conflicts.values().find(|it| !it.is_settled).unwrap();
        assert_eq!(
            (&kept.fields[..], kept.truth_device),
            (&[String::from("a")][..], device(4))
        );
        assert_eq!(
            kept.truth.as_ref().unwrap().as_str(),
            r#"{"a":4,"b":3,"c":4}"#
        );
        // Only the fields in question are touched.
        assert_eq!(world.value(&key).unwrap()["c"], 4);
        let id = kept.id;
        let commit = world.settle(id, Choice::Truth);
        assert_eq!((commit.conflicts, commit.settled, world.open), (0, 1, 0));
        assert_eq!(world.value(&key), Some(json!({"a": 4, "b": 3, "c": 4})));
    }
}

/// T-40: of three devices each conflict can be settled by itself, and the last decision stands.
#[test]
fn t40_three_devices() {
    let (mut world, key, made, first) = contested();
    let push = fields(&key, made, &["a"], json!({"a": 4}));
    let second = world.push(device(4), &[push]).conflicts[0].id;
    assert_eq!(world.open, 2);
    world.settle(second, Choice::Truth);
    assert_eq!(world.value(&key).unwrap()["a"], 3);
    let commit = world.settle(first, Choice::Truth);
    assert_eq!((commit.conflicts, world.open), (0, 0));
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 3, "c": 1})));
    // The other way about, the older conflict does not know of the later change: it is kept.
    let (mut world, key, made, first) = contested();
    let push = fields(&key, made, &["a"], json!({"a": 4}));
    let second = world.push(device(4), &[push]).conflicts[0].id;
    let commit = world.settle(first, Choice::Truth);
    assert_eq!((commit.conflicts, world.open), (1, 2));
    assert_eq!(world.value(&key).unwrap()["a"], 2);
    let commit = world.settle(second, Choice::Device);
    assert_eq!((commit.conflicts, world.open), (0, 1));
    assert_eq!(world.value(&key).unwrap()["a"], 4);
}

/// T-40: delete against edit, in both orders: deleted, or brought back.
#[test]
fn t40_a_deletion_is_settled_either_way() {
    let edited = |world: &mut World, key: &str, made| {
        let push = fields(key, made, &["a"], json!({"a": 2}));
        world.push(device(2), &[push])
    };
    for is_edit_first in [true, false] {
        for (deletes, then_deleted) in [(true, false), (false, false), (true, true), (false, true)]
        {
            let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
            let done = if is_edit_first {
                edited(&mut world, &key, made);
                world.push(device(3), &[deletion(&key, made)])
            } else {
                world.push(device(3), &[deletion(&key, made)]);
                edited(&mut world, &key, made)
            };
            let id = done.conflicts[0].id;
            if then_deleted {
                world.push(device(1), &[deletion(&key, world.head.checkin)]);
            }
            let choice = if deletes == is_edit_first {
                Choice::Device
            } else {
                Choice::Truth
            };
            let commit = world.settle(id, choice);
            assert_eq!((commit.conflicts, commit.settled), (0, 1));
            let expected = (!deletes).then(|| json!({"a": 2, "b": 1}));
            assert_eq!(
                world.value(&key),
                expected,
                "{is_edit_first} {deletes} {then_deleted}"
            );
        }
    }
}

/// T-40: whoever edits a record while it is settled as deleted keeps it.
#[test]
fn t40_an_edit_survives_a_decision_to_delete() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    let id = world.push(device(3), &[deletion(&key, made)]).conflicts[0].id;
    let seen = world.head.checkin;
    world.push(device(2), &[fields(&key, seen, &["a"], json!({"a": 4}))]);
    let commit = world.settle(id, Choice::Device);
    assert_eq!((commit.conflicts, commit.settled), (1, 1));
    assert_eq!(world.value(&key), Some(json!({"a": 4})));
    let again = world
        .conflicts
        .values()
        .find(|it| !it.is_settled)
        .unwrap()
        .id;
    world.settle(again, Choice::Device);
    assert_eq!((world.value(&key), world.open), (None, 0));
}

/// T-40: a record that was deleted since: a value brings it back, and so does a side that the
/// truth did not hold last; what it held last stays deleted.
#[test]
fn t40_a_record_deleted_since() {
    for (choice, expected) in [
        (Choice::Truth, Some(json!({"a": 2, "b": 3, "c": 1}))),
        (Choice::Device, None),
        (
            value(&json!({"a": 3, "b": 3, "c": 1})),
            Some(json!({"a": 3, "b": 3, "c": 1})),
        ),
    ] {
        let (mut world, key, _, id) = contested();
        world.push(device(2), &[deletion(&key, world.head.checkin)]);
        let commit = world.settle(id, choice.clone());
        assert_eq!(
            (commit.settled, world.value(&key)),
            (1, expected),
            "{choice:?}"
        );
        // Nothing but the tombstone is kept of it.
        let (mut world, key, _, id) = contested();
        world.push(device(2), &[deletion(&key, world.head.checkin)]);
        let kept = world.versions.values_mut().next().unwrap();
        kept.drain(..kept.len() - 1);
        world.settle(id, choice);
        assert!(world.value(&key).is_some());
    }
}

/// T-40: what was pushed under a dead id is brought back under a key of its own.
#[test]
fn t40_a_dead_records_value_comes_back() {
    let mut world = World::new();
    let gone = json!({"key": local(1), "is_pending": true, "deleted": true});
    world.push(device(1), &[gone]);
    let push = [new(local(1), json!({"a": 1}))];
    let id = world.push(device(2), &push).conflicts[0].id;
    assert_eq!(world.settle(id, Choice::Truth).settled, 1);
    assert_eq!(world.head.live, 0);
    let push = [new(local(1), json!({"a": 2}))];
    let id = world.push(device(2), &push).conflicts[0].id;
    world.settle(id, Choice::Device);
    let live: std::vec::Vec<_> = world.live().map(|(key, _)| format!("{key}")).collect();
    assert_eq!(live.len(), 1);
    assert_eq!(world.value(&live[0]), Some(json!({"a": 2})));
    assert_eq!(world.push(device(2), &push).counts(), [0, 0, 0, 1, 0, 0]);
    let edit = whole(&live[0], world.head.checkin, json!({"a": 3}));
    assert_eq!(world.push(device(3), &[edit]).counts(), [0, 1, 0, 0, 0, 0]);
}
