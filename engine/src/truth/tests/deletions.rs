//! The rules of deleting, and of keys that the truth does not know.

use std::string::ToString;

use serde_json::json;
use tidemark_protocol::Key;

use super::pushed::{BORN, deletion, fields, new, whole, world_with};
use super::world::{World, at, device, local};
use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;

/// T-11: delete against edit: the edit survives, whichever came first, and a conflict is stored
/// once.
#[test]
fn t11_the_edit_survives_a_deletion() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    let late = world.push(device(3), &[deletion(&key, made)]);
    assert_eq!(late.counts(), [0, 0, 0, 1, 1, 0]);
    assert_eq!(
        (&late.conflicts[0].device, late.conflicts[0].truth_device),
        (&None, device(2))
    );
    assert!(
        late.closed
            .commit
            .is_some_and(|commit| commit.conflicts == 1)
    );
    let again = world.push(device(3), &[deletion(&key, made)]);
    assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
    assert_eq!(again.answers[0].conflict, late.answers[0].conflict);

    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(3), &[deletion(&key, made)]);
    let edit = [fields(&key, made, &["a"], json!({"a": 2}))];
    let done = world.push(device(2), &edit);
    assert_eq!(done.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 1})));
    assert_eq!(
        (&done.conflicts[0].truth, done.conflicts[0].truth_device),
        (&None, device(3))
    );
    assert_eq!(
        world.push(device(3), &[deletion(&key, made)]).counts(),
        [0, 0, 0, 1, 0, 0]
    );
    assert_eq!(world.push(device(2), &edit).counts(), [0, 0, 0, 1, 0, 0]);
    world.push(device(1), &[deletion(&key, world.head.checkin)]);
    assert_eq!(world.push(device(2), &edit).counts(), [0, 0, 0, 1, 0, 0]);
    assert_eq!(world.value(&key), None);
}

/// T-11: a device may delete what it knows, and bring back what it knows to be deleted.
#[test]
fn t11_known_changes_do_not_conflict() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    assert_eq!(
        world.push(device(2), &[deletion(&key, made)]).counts(),
        [0, 1, 0, 0, 0, 0]
    );
    let back = world.push(
        device(3),
        &[whole(&key, world.head.checkin, json!({"a": 5}))],
    );
    assert_eq!(back.counts(), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.newest(&key).unwrap().created.as_str(), BORN);
    assert_eq!(
        world.push(device(3), &[deletion(&key, made)]).counts(),
        [0, 1, 0, 0, 0, 0]
    );
    assert_eq!(world.head.live, 0);
}

/// T-12: a pending record that is also deleted: known, it is deleted; unknown, nothing is made
/// and its id stays dead.
#[test]
fn t12_pending_and_deleted() {
    let gone = json!({"key": local(1), "is_pending": true, "deleted": true, "created": BORN});
    let (mut world, key, _) = world_with(json!({"a": 1}));
    assert_eq!(
        world.push(device(1), std::slice::from_ref(&gone)).counts(),
        [0, 1, 0, 0, 0, 0]
    );
    assert_eq!(world.value(&key), None);

    let mut world = World::new();
    for _ in 0..2 {
        let done = world.push(device(1), std::slice::from_ref(&gone));
        assert_eq!(
            (done.counts(), done.closed.commit),
            ([0, 0, 0, 1, 0, 0], None)
        );
        assert!(done.answers[0].is_gone);
        assert_eq!(done.answers[0].key, Key::from(local(1)));
        assert_eq!(done.answers[0].local_id, Some(local(1)));
    }
    let late = world.push(device(2), &[new(local(1), json!({"a": 1}))]);
    assert_eq!((late.counts(), world.head.live), ([0, 0, 0, 1, 1, 0], 0));
    assert!(late.answers[0].is_gone);
    let again = world.push(device(2), &[new(local(1), json!({"a": 1}))]);
    assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-13: deleting twice, or what was never known, is `unchanged` and so answered.
#[test]
fn t13_deleting_what_is_not_there() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(device(2), &[deletion(&key, made)]);
    let twice = world.push(device(3), &[deletion(&key, made)]);
    assert_eq!(twice.counts(), [0, 0, 0, 1, 0, 0]);
    assert!(!twice.answers[0].is_gone);
    let never = world.push(device(3), &[deletion("never", made)]);
    assert_eq!(
        (never.counts(), never.closed.commit),
        ([0, 0, 0, 1, 0, 0], None)
    );
    assert!(never.answers[0].is_gone && never.answers[0].local_id.is_none());
}

/// T-14: an unknown key is created again from a whole value; `changed` alone is not enough.
#[test]
fn t14_an_unknown_key_is_created_from_a_whole_value() {
    let mut world = World::new();
    let part = fields("mine", at(5), &["a"], json!({"a": 1}));
    let done = world.push(device(1), &[part, whole("yours", at(5), json!({"a": 1}))]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 1]);
    assert_eq!(done.rejected(), [(0, "need_whole".to_string())]);
    let rejected = &done.closed.summary.rejected[0];
    assert_eq!(rejected.key.as_deref(), Some("mine"));
    let done = world.push(device(1), &[whole("mine", at(5), json!({"a": 1}))]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 0]);
    let pending = json!({"key": local(1), "is_pending": true, "changed": ["a"], "value": {"a": 1}});
    let done = world.push(device(1), &[pending]);
    assert_eq!(done.rejected(), [(0, "need_whole".to_string())]);
    assert!(world.local_keys.is_empty());
}

/// T-15: an unknown record from before `forgotten` was deleted: it comes back so.
#[test]
fn t15_what_was_forgotten_comes_back_deleted() {
    let mut world = World::new();
    world.head.checkin = at(50);
    world.head.forgotten = Some(at(10));
    for push in [
        whole("k", at(10), json!({"a": 1})),
        fields("k", at(3), &["a"], json!({"a": 1})),
    ] {
        let done = world.push(device(1), &[push]);
        assert_eq!((done.counts(), world.head.live), ([0, 0, 0, 1, 0, 0], 0));
        assert!(done.answers[0].is_gone);
    }
    let done = world.push(device(1), &[whole("k", at(11), json!({"a": 1}))]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 0]);
}

/// T-8: whoever knows of a deletion puts the record back, be it with the very same value; said
/// again after a later deletion, it brings nothing back.
#[test]
fn t8_a_value_put_back_on_purpose_revives_the_record() {
    let value = json!({"a": 1, "b": 1});
    // Device 1 deleted it itself, and the answer was lost; the others have seen the deletion.
    for (by, knows) in [(1, false), (1, true), (2, true), (3, true)] {
        let (mut world, key, made) = world_with(value.clone());
        world.push(device(1), &[deletion(&key, made)]);
        let base = if knows { world.head.checkin } else { made };
        let push = [whole(&key, base, value.clone())];
        assert_eq!(world.push(device(by), &push).counts(), [0, 1, 0, 0, 0, 0]);
        assert_eq!(world.value(&key), Some(value.clone()));
        assert_eq!(world.push(device(by), &push).counts(), [0, 0, 0, 1, 0, 0]);
        // A deletion that does not know of it loses.
        let late = world.push(device(4), &[deletion(&key, made)]);
        assert_eq!(late.counts(), [0, 0, 0, 1, 1, 0]);
        // One that does stands, whatever is repeated.
        for deletes in [4, by] {
            let seen = world.head.checkin;
            world.push(device(deletes), &[deletion(&key, seen)]);
            assert_eq!(world.push(device(by), &push).counts(), [0, 0, 0, 1, 0, 0]);
            assert_eq!(world.value(&key), None);
        }
    }
}

/// T-8: the value that a device acked in its own form is put back like any other.
#[test]
fn t8_an_acked_value_is_put_back_too() {
    let (mut world, key, made) = world_with(json!({"a": "long"}));
    world.push(device(1), &[deletion(&key, made)]);
    let entity = "record";
    let held = Canonical::parse(r#"{"a":"short"}"#).unwrap();
    let fingerprint = RecordFingerprint::of(entity, held.borrow());
    let row = (device(2), Key::parse(&key).unwrap());
    world.acked.insert(row, fingerprint);
    let push = [whole(&key, world.head.checkin, json!({"a": "short"}))];
    assert_eq!(world.push(device(2), &push).counts(), [0, 1, 0, 0, 0, 0]);
}
