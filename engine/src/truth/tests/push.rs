//! The rules of a push, one after the other.

use std::string::ToString;
use std::vec::Vec;

use serde_json::{Value, json};
use tidemark_protocol::Key;

use super::pushed::{BORN, deletion, fields, new, whole, world_with};
use super::world::{World, at, device, local};
use crate::truth::Held;

/// T-2: a pending record gets its derived key, and pushing its `local_id` again, by its device
/// or by a copy, changes nothing.
#[test]
fn t2_a_local_id_makes_one_record_however_often_it_is_pushed() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    let millis = tidemark_protocol::Timestamp::parse(BORN).unwrap().millis();
    assert_eq!(
        key,
        crate::key::derived_key(local(1).uuid(), millis).to_string()
    );
    assert_eq!(world.newest(&key).unwrap().created.as_str(), BORN);
    for by in [1, 1, 2] {
        let again = world.push(device(by), &[new(local(1), json!({"a": 1}))]);
        assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
        assert_eq!(again.closed.commit, None);
        assert_eq!(again.answers[0].local_id, Some(local(1)));
        assert_eq!(again.answers[0].key.as_str(), key);
    }
    assert_eq!((world.head.checkin, world.head.live), (made, 1));
}

/// T-2: a repeated `local_id` updates the record that it made, and reverts nobody's later
/// change.
#[test]
fn t2_a_repeated_local_id_updates_and_reverts_nothing() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    let again = world.push(device(1), &[new(local(1), json!({"a": 1, "b": 7}))]);
    assert_eq!(again.counts(), [0, 0, 1, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 7})));
}

/// T-2: what another device's first push made is compared with, but not known.
#[test]
fn t2_a_copy_does_not_know_what_the_first_device_made_of_its_record() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(3), &[fields(&key, made, &["b"], json!({"b": 3}))]);
    let copy = world.push(device(2), &[new(local(1), json!({"a": 9, "b": 1}))]);
    assert_eq!(world.value(&key), Some(json!({"a": 9, "b": 3})));
    assert_eq!(copy.conflicts[0].fields, ["a"]);
    let again = world.push(device(2), &[new(local(1), json!({"a": 9, "b": 1}))]);
    assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-80: who gives back all that it holds may be an older copy of itself: what it did since is not
/// reverted by what it lacks, and what differs is kept as a conflict.
#[test]
fn t80_an_older_copy_that_refreshes_reverts_nothing() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    let later = fields(&key, made, &["a", "c"], json!({"a": 2, "c": 2}));
    world.push(device(1), &[later]);
    world.doubted_up_to = Some(world.head.checkin);
    let copy = || whole(&key, made, json!({"a": 1, "b": 1}));
    assert_eq!(
        world.push(device(1), &[copy()]).counts(),
        [0, 0, 0, 1, 0, 0]
    );
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 1, "c": 2})));
    let edited = whole(&key, made, json!({"a": 3, "b": 3}));
    let done = world.push(device(1), &[edited]);
    assert_eq!(world.value(&key), Some(json!({"a": 3, "b": 3, "c": 2})));
    assert_eq!(done.conflicts[0].fields, ["a"]);
    // Of a time that this truth has lost, its own earlier changes are known.
    let lost = at(made.micros() + 1_000_000);
    let newest = whole(&key, lost, json!({"a": 4, "b": 4}));
    let done = world.push(device(1), &[newest]);
    assert_eq!(
        (done.conflicts.len(), world.value(&key)),
        (0, Some(json!({"a": 4, "b": 4})))
    );
}

/// T-103: what another copy has pushed under a local id, at a truth that was restored, this one does not
/// know: what it lacks of it was not removed.
#[test]
fn t103_another_copys_first_push_is_not_known() {
    let (mut world, _, _) = world_with(json!({"a": 1, "b": 1}));
    world.doubted_up_to = Some(world.head.checkin);
    world.is_copy = true;
    let older = [new(local(1), json!({"a": 1}))];
    let done = world.push(device(1), &older);
    assert_eq!(done.conflicts[0].fields, ["b"]);
    let kept = done.conflicts[0].truth.as_ref().unwrap().as_str();
    assert_eq!(kept, r#"{"a":1,"b":1}"#);

    // The device itself has removed it.
    let (mut world, key, _) = world_with(json!({"a": 1, "b": 1}));
    let done = world.push(device(1), &older);
    assert_eq!(
        (done.conflicts.len(), world.value(&key)),
        (0, Some(json!({"a": 1})))
    );
}

/// T-3: the same record gets the same key again from a truth that lost the mapping, and is not
/// doubled where it lost only that.
#[test]
fn t3_a_lost_mapping_doubles_nothing() {
    let (mut world, key, _) = world_with(json!({"a": 1}));
    world.local_keys.clear();
    let again = world.push(device(1), &[new(local(1), json!({"a": 1}))]);
    assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
    assert_eq!(world.key_of(local(1)), Some(key.clone()));

    let mut empty = World::new();
    empty.push(device(1), &[new(local(1), json!({"a": 1}))]);
    assert_eq!(empty.key_of(local(1)), Some(key.clone()));

    world.local_keys.clear();
    world.push(device(1), &[deletion(&key, world.head.checkin)]);
    let gone = world.push(device(1), &[new(local(1), json!({"a": 1}))]);
    assert_eq!((gone.counts(), world.head.live), ([0, 0, 0, 1, 0, 0], 0));
}

/// T-3: a derived key that belongs to another local id is not shared.
#[test]
fn t3_a_taken_key_is_refused() {
    let (mut world, key, _) = world_with(json!({"a": 1}));
    let mut row = world.local_keys.remove(&local(1)).unwrap();
    row.local_id = local(2);
    world.local_keys.insert(local(2), row);
    let done = world.push(device(1), &[new(local(1), json!({"a": 5}))]);
    assert_eq!(done.rejected(), [(0, "bad_key".to_string())]);
    assert_eq!(world.value(&key), Some(json!({"a": 1})));
}

/// T-4: with `changed`, those fields change; a listed field without a value is removed.
#[test]
fn t4_changed_names_what_changed() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1, "c": 1}));
    let push = [fields(&key, made, &["a", "b"], json!({"a": 2, "c": 9}))];
    let done = world.push(device(2), &push);
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "c": 1})));
    assert_eq!(world.push(device(2), &push).counts(), [0, 0, 0, 1, 0, 0]);
    let none = world.push(device(2), &[fields(&key, made, &[], json!({}))]);
    assert_eq!(none.counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-5: without `changed`, what differs from the base changed; others' fields stay.
#[test]
fn t5_a_whole_value_is_compared_with_its_base() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1, "c": 1}));
    world.push(
        device(2),
        &[fields(&key, made, &["a", "n"], json!({"a": 2, "n": 2}))],
    );
    let done = world.push(device(3), &[whole(&key, made, json!({"a": 1, "b": 3}))]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 3, "n": 2})));
}

/// T-5: where the base is not kept, every field that differs from the truth changed.
#[test]
fn t5_without_its_base_a_whole_value_changes_every_field() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(2), &[fields(&key, made, &["b"], json!({"b": 2}))]);
    let done = world.push(device(3), &[json!({"key": key, "value": {"a": 3}})]);
    assert_eq!(world.value(&key), Some(json!({"a": 3})));
    assert_eq!(done.conflicts[0].fields, ["a", "b"]);
    assert_eq!(
        done.conflicts[0].truth.as_ref().unwrap().as_str(),
        r#"{"a":1,"b":2}"#
    );
}

/// T-6: own stamps never conflict: an edit after a lost answer is applied, also one back to the
/// old value.
#[test]
fn t6_a_devices_newer_word_stands() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    for value in [2, 3, 1, 2] {
        let done = world.push(device(2), &[whole(&key, made, json!({"a": value}))]);
        assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
        assert_eq!(world.value(&key), Some(json!({"a": value})));
    }
}

/// T-7: what the device already said is a repeat, whatever came after.
#[test]
fn t7_repeats_change_nothing() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    let pushes = [
        fields(&key, made, &["a"], json!({"a": 2})),
        whole(&key, made, json!({"a": 2, "b": 1})),
    ];
    world.push(device(2), &pushes[..1]);
    world.push(
        device(3),
        &[fields(&key, world.head.checkin, &["a"], json!({"a": 3}))],
    );
    for push in pushes {
        let again = world.push(device(2), &[push]);
        assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
        assert_eq!(world.value(&key), Some(json!({"a": 3, "b": 1})));
    }
    let more = world.push(device(2), &[whole(&key, made, json!({"a": 2, "b": 2}))]);
    assert_eq!(more.counts(), [0, 0, 1, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 3, "b": 2})));
}

/// T-7: a value that it said before its last word is a new word.
#[test]
fn t7_only_the_last_word_is_a_repeat() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 3}))]);
    world.push(
        device(3),
        &[fields(&key, world.head.checkin, &["a"], json!({"a": 4}))],
    );
    let done = world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2})));
}

/// T-8: a value equal to the truth's is `unchanged`, however it came to be, and writes nothing.
#[test]
fn t8_what_equals_the_truth_is_unchanged() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    let head = world.head.checkin;
    let done = world.push(
        device(3),
        &[json!({"key": key, "base": made, "value": {"b": 1.0, "a": 2}, "updated": BORN})],
    );
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0]);
    assert_eq!((done.closed.commit, world.head.checkin), (None, head));
}

/// T-8: a value equal to the last one before a tombstone brings nothing back.
#[test]
fn t8_what_equals_the_last_value_stays_deleted() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(device(2), &[deletion(&key, made)]);
    for push in [
        new(local(1), json!({"a": 1})),
        whole(&key, made, json!({"a": 1})),
        fields(&key, made, &["a"], json!({"a": 1})),
    ] {
        assert_eq!(world.push(device(1), &[push]).counts(), [0, 0, 0, 1, 0, 0]);
        assert_eq!(world.value(&key), None);
    }
}

/// T-9: two devices change one field: the later push wins, the loser is stored once.
#[test]
fn t9_the_later_push_wins_and_the_loser_is_kept() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1, "c": 1}));
    world.push(
        device(2),
        &[fields(&key, made, &["a", "b"], json!({"a": 2, "b": 2}))],
    );
    let push = [fields(&key, made, &["a", "c"], json!({"a": 3, "c": 3}))];
    let done = world.push(device(3), &push);
    assert_eq!(done.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 3, "b": 2, "c": 3})));
    let conflict = &done.conflicts[0];
    assert_eq!(
        (&conflict.fields[..], conflict.base),
        (&["a".to_string()][..], Some(made))
    );
    assert_eq!(
        conflict.truth.as_ref().unwrap().as_str(),
        r#"{"a":2,"b":2,"c":1}"#
    );
    assert_eq!(
        conflict.device.as_ref().unwrap().as_str(),
        r#"{"a":3,"b":1,"c":3}"#
    );
    assert_eq!(
        (conflict.truth_device, conflict.device_uuid),
        (device(2), device(3))
    );
    assert_eq!(done.answers[0].conflict, Some(conflict.id));
    assert_eq!(world.newest(&key).unwrap().conflict, Some(conflict.id));
    assert_eq!(world.push(device(3), &push).counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-9: the same push may override twice, and each loser is kept. (Found by a random schedule:
/// the two conflicts had one name.)
#[test]
fn t9_a_push_that_overrides_again_keeps_that_loser_too() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 9}))]);
    world.push(device(4), &[fields(&key, made, &["b"], json!({"b": 5}))]);
    let push = [fields(&key, made, &["a", "b"], json!({"a": 9, "b": 3}))];
    assert_eq!(world.push(device(3), &push).counts(), [0, 0, 1, 0, 1, 0]);
    world.push(
        device(4),
        &[fields(&key, world.head.checkin, &["a"], json!({"a": 26}))],
    );
    let again = world.push(device(3), &push);
    assert_eq!(
        (again.counts(), &again.conflicts[0].fields[..]),
        ([0, 0, 1, 0, 1, 0], &["a".to_string()][..])
    );
    assert_eq!(world.push(device(3), &push).counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-9: the same value given twice is no conflict; a removed field keeps its stamp.
#[test]
fn t9_same_values_agree_and_removals_count() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    let same = world.push(
        device(3),
        &[fields(&key, made, &["a", "b"], json!({"a": 2}))],
    );
    assert_eq!(same.counts(), [0, 0, 1, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2})));
    let back = world.push(device(2), &[fields(&key, made, &["b"], json!({"b": 5}))]);
    assert_eq!(back.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 5})));
}

/// T-10: a value that is not an object is one field, and replacing a value whole stamps every
/// field.
#[test]
fn t10_a_value_that_is_no_object_is_one_field() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(device(2), &[whole(&key, made, json!("text"))]);
    assert_eq!(world.value(&key), Some(json!("text")));
    let unedited = world.push(device(3), &[whole(&key, made, json!({"a": 1}))]);
    assert_eq!(unedited.counts(), [0, 0, 0, 1, 0, 0]);
    let edited = world.push(device(3), &[fields(&key, made, &["a"], json!({"a": 3}))]);
    assert_eq!(edited.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 3})));
    assert!(edited.conflicts[0].fields.is_empty());
    let again = world.push(device(2), &[whole(&key, made, json!("text"))]);
    assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);
    let known = world.push(device(2), &[whole(&key, world.head.checkin, json!([1]))]);
    assert_eq!(known.counts(), [0, 1, 0, 0, 0, 0]);
}

/// T-16: several records for one key, or for a key and its `local_id`, become one version in
/// the order of their places; of two whole ones that differ the earlier is kept.
#[test]
fn t16_several_records_of_one_key_become_one_version() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    let push = [
        new(local(1), json!({"a": 2, "b": 1})),
        fields(&key, made, &["b"], json!({"b": 3})),
        whole(&key, made, json!({"a": 2, "b": 4})),
        fields(&key, made, &["b"], json!({"b": 5})),
    ];
    let done = world.push(device(1), &push);
    assert_eq!(done.counts(), [0, 1, 0, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 5})));
    assert_eq!(world.versions[&Key::parse(&key).unwrap()].len(), 2);
    assert_eq!(
        done.conflicts[0].device.as_ref().unwrap().as_str(),
        r#"{"a":2,"b":3}"#
    );
    assert_eq!(
        (done.answers.len(), done.answers[0].local_id),
        (1, Some(local(1)))
    );
    assert_eq!(done.answers[0].whole, None);
    assert_eq!(world.push(device(1), &push).counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-16: the same holds within one local id that is new, whatever `created` each tells.
#[test]
fn t16_one_local_id_twice_in_a_push_is_one_record() {
    let mut world = World::new();
    let mut other = new(local(1), json!({"a": 1}));
    other["created"] = json!("2020-01-01T00:00:00Z");
    let same = new(local(1), json!({"a": 1}));
    let done = world.push(device(1), &[same.clone(), other]);
    assert_eq!((done.counts(), world.head.live), ([1, 0, 0, 0, 0, 0], 1));
    let gone = json!({"key": local(2), "is_pending": true, "deleted": true});
    let made = new(local(2), json!({"a": 1}));
    let done = world.push(device(1), &[made, gone, same]);
    assert_eq!((done.counts(), world.head.live), ([0, 0, 0, 2, 0, 0], 1));
}

/// T-17: an entity is for life, also across a deletion and within one push.
#[test]
fn t17_the_entity_is_fixed() {
    let mut world = World::new();
    let todo = json!({"key": "k", "entity": "todo", "value": {"a": 1}});
    world.push(device(1), &[todo]);
    let made = world.head.checkin;
    let list = json!({"key": "k", "entity": "list", "base": made, "value": {"a": 2}});
    for _ in 0..2 {
        let done = world.push(device(1), std::slice::from_ref(&list));
        assert_eq!(done.rejected(), [(0, "entity".to_string())]);
        world.push(device(1), &[deletion("k", made)]);
    }
    let right = json!({"key": "k", "entity": "todo", "base": made, "value": {"a": 3}});
    let done = world.push(device(1), &[right, list]);
    assert_eq!(done.rejected(), [(1, "entity".to_string())]);
    assert_eq!(world.newest("k").unwrap().entity, "todo");
}

/// T-18: the airbag holds a push that deletes too much, whole, until it is confirmed.
#[test]
fn t18_the_airbag_holds_an_emptied_device() {
    let mut world = World::new();
    let named = |number: usize| std::format!("k{number}");
    let records: Vec<Value> = (0..100)
        .map(|number| whole(&named(number), at(0), json!(number)))
        .collect();
    world.push(device(1), &records);
    let base = world.head.checkin;
    let delete = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| deletion(&named(number), base))
            .collect()
    };
    let mut push = delete(21);
    push.push(whole("k99", base, json!("edited")));
    let before = world.clone();
    let held = world.try_push(device(1), &push, false).unwrap_err();
    assert_eq!(
        held,
        Held {
            deletes: 21,
            changes: 1,
            live: 100
        }
    );
    assert_eq!(
        (world.head, &world.versions),
        (before.head, &before.versions)
    );
    assert_eq!(
        world
            .try_push(device(1), &delete(20), false)
            .unwrap()
            .counts()[1],
        20
    );
    assert_eq!(
        world.try_push(device(1), &push, true).unwrap().counts()[1],
        2
    );
    let few = world
        .clone()
        .try_push(device(1), &delete(40), false)
        .map(|done| done.counts());
    assert_eq!(few, Ok([0, 19, 0, 21, 0, 0]));
}

/// T-19: the new checkin is later than the head even when the server's clock jumps back, and
/// is used only if something changes.
#[test]
fn t19_checkins_grow_whatever_the_clock_says() {
    let mut world = World::new();
    let steps = [(1_000, 1_000), (5, 1_001), (1_001, 1_002), (9_000, 9_000)];
    for (number, (now, checkin)) in (0..).zip(steps) {
        world.now = now;
        world.push(device(1), &[new(local(number), json!(1))]);
        assert_eq!(world.head.checkin, at(checkin));
        world.push(device(1), &[new(local(number), json!(1))]);
        assert_eq!(world.head.checkin, at(checkin));
    }
}

/// T-78: behind the head the clock tells nothing, and the new checkin is none that can be told
/// beforehand; a truth restored from a backup does not give out again what it gave out before.
#[test]
fn t78_behind_the_head_checkins_are_skipped_at_random() {
    let next = |now, random| {
        let mut world = World::new();
        world.now = 5_000;
        world.push(device(1), &[new(local(1), json!(1))]);
        (world.now, world.random) = (now, random);
        world.push(device(1), &[new(local(2), json!(1))]);
        world.head.checkin
    };
    for now in [0, 4_999, 5_000] {
        assert_eq!(next(now, 0), at(5_001));
        assert_eq!(next(now, 1_023), at(6_024));
        assert_eq!(next(now, u64::MAX), at(6_024));
    }
    assert_eq!(next(5_001, 700), at(5_001), "the clock's own time");
}

/// T-20: giving back what the device acked to hold instead of the truth's value is no change.
#[test]
fn t20_a_shortened_value_given_back_is_no_change() {
    let (mut world, key, made) = world_with(json!({"a": "long", "b": 1}));
    let short = crate::version::Content::of(
        "record",
        crate::json::Canonical::parse(r#"{"a":"lo","b":1}"#).unwrap(),
    );
    world
        .acked
        .insert((device(2), Key::parse(&key).unwrap()), short.fingerprint);
    let given = world.push(device(2), &[whole(&key, made, json!({"a": "lo", "b": 1}))]);
    assert_eq!(given.counts(), [0, 0, 0, 1, 0, 0]);
    let edit = world.push(device(2), &[whole(&key, made, json!({"a": "lo", "b": 2}))]);
    assert_eq!(edit.counts(), [0, 1, 0, 0, 0, 0]);
}

/// T-20: nor where somebody else has deleted the record since: it stays deleted, without a conflict.
#[test]
fn t20_a_shortened_value_brings_nothing_back() {
    let (mut world, key, made) = world_with(json!({"a": "long"}));
    let short = crate::json::Canonical::parse(r#"{"a":"lo"}"#).unwrap();
    let short = crate::version::Content::of("record", short);
    world
        .acked
        .insert((device(2), Key::parse(&key).unwrap()), short.fingerprint);
    world.push(device(1), &[deletion(&key, made)]);
    let given = world.push(device(2), &[whole(&key, made, json!({"a": "lo"}))]);
    assert_eq!(given.counts(), [0, 0, 0, 1, 0, 0]);
    assert_eq!(world.value(&key), None);
}

/// T-22: a bad record is rejected alone; the rest of its push goes in.
#[test]
fn t22_one_bad_record_stops_nothing_else() {
    let mut world = World::new();
    let bad = json!({"key": "", "value": 1});
    let done = world.push(device(1), &[bad.clone(), new(local(1), json!(1)), bad]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 2]);
    let places = [(0, "bad_key".to_string()), (2, "bad_key".to_string())];
    assert_eq!(done.rejected(), places);
    assert_eq!(done.answers.len(), 1);
}
