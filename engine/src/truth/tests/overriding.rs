//! A truth that a device replaces, or that mirrors one: nobody's change stands against it.

use std::format;
use std::string::ToString;
use std::vec::Vec;

use serde_json::{Value, json};
use tidemark_protocol::{Code, DEFAULT_ENTITY, Direction, Key, Mode, Problem, Rejection};

use super::pushed::{deletion, fields, new, whole, world_with};
use super::world::{World, at, device, local};
use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;
use crate::truth::{Airbag, Claim, Flow, Held, LocalKey, Named, Weighs, rejected_ids};

const MIRROR: Flow = Flow {
    direction: Direction::Push,
    mirror: true,
};

fn replacing(mut world: World) -> World {
    world.mode = Mode::PushTruth;
    world
}

/// T-84: what is pushed becomes the truth as it is, whatever its base and whoever changed it since,
/// without a conflict; what is deleted lives again, what is forgotten is made; a part of a value is
/// not enough.
#[test]
fn t84_a_replaced_truth_is_just_what_was_pushed() {
    let (mut world, key, made) = world_with(json!({"a": 1}));
    world.push(
        device(2),
        &[fields(&key, made, &["a", "b"], json!({"a": 2, "b": 2}))],
    );
    let mut world = replacing(world);
    let stale = [whole(&key, made, json!({"a": 1}))];
    let held = world.try_push(device(1), &stale, false).unwrap_err();
    assert_eq!(
        (held.deletes, held.changes, held.live),
        (0, 1, 1),
        "however little"
    );
    let done = world.try_push(device(1), &stale, true).unwrap();
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 1})));
    let again = world.try_push(device(1), &stale, true).unwrap();
    assert_eq!(
        (again.counts(), again.closed.commit),
        ([0, 0, 0, 1, 0, 0], None)
    );

    world.push_confirmed(2, &[deletion(&key, made)]);
    assert_eq!(world.value(&key), None);
    world.head.forgotten = Some(world.head.checkin);
    let long_gone = whole("long gone", made, json!(1));
    let part = fields(&key, made, &["a"], json!({"a": 5}));
    let done = world.push_confirmed(1, &[long_gone, part]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 1]);
    assert_eq!(done.rejected(), [(1, "need_whole".to_string())]);
    let done = world.push_confirmed(1, &[whole(&key, made, json!({"a": 1}))]);
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 1})));
    assert!(world.conflicts.is_empty());

    // The device's own form of a value is what it holds: no exception to that here.
    let print = world
        .newest(&key)
        .unwrap()
        .content
        .as_ref()
        .unwrap()
        .fingerprint;
    world
        .acked
        .insert((device(1), Key::parse(&key).unwrap()), print);
    world.push_confirmed(2, &[whole(&key, made, json!({"a": 7}))]);
    world.push_confirmed(1, &[whole(&key, made, json!({"a": 1}))]);
    assert_eq!(world.value(&key), Some(json!({"a": 1})));
}

/// T-85: what lives and is not named is deleted, and counted by the airbag alone; what is named in
/// a record that was rejected is left as it is, be it by its local id.
#[test]
fn t85_what_a_replacing_push_does_not_name_is_deleted() {
    let key = |text: &str| Key::parse(text).unwrap();
    let rejection = |key: Option<&str>| Rejection {
        key: key.map(ToString::to_string),
        index: 0,
        problem: Problem::new(Code::BadRecord, ""),
    };
    let id = local(3).to_string();
    let rejected = [
        rejection(Some("bad")),
        rejection(Some(&id)),
        rejection(None),
    ];
    assert_eq!(rejected_ids(&rejected), [local(3)]);
    let row = LocalKey {
        local_id: local(3),
        key: Some(key("mapped")),
        device: device(1),
        first: Some(at(1)),
    };
    let claims = [Claim::deleting(key("named"), None)];
    let named = Named::of(&claims, &rejected, [row].to_vec());
    let live = ["bad", "mapped", "named", "other", &id].map(key);
    let missing: Vec<_> = named.missing(live.to_vec(), at(1));
    let missing: Vec<_> = missing.iter().map(|claim| claim.key().as_str()).collect();
    assert_eq!(missing, ["other"]);

    let mut world = World::new();
    let many: Vec<Value> = (0..30)
        .map(|number| new(local(number), json!({"n": number})))
        .collect();
    world.push(device(2), &many);
    let before = world.head.live;
    let mut world = replacing(world);
    world.clears = true;
    let keeps = [new(local(1), json!({"n": 1})), new(local(99), json!(99))];
    let held = world.try_push(device(1), &keeps, false).unwrap_err();
    assert_eq!((held.deletes, held.changes, held.live), (29, 0, before));
    let done = world.push_confirmed(1, &keeps);
    // Nobody pushed the deletions.
    assert_eq!(done.counts(), [1, 0, 0, 1, 0, 0]);
    assert_eq!((done.answers.len(), world.head.live), (2, 2));
    assert!(world.conflicts.is_empty());
    assert_eq!(world.push_confirmed(1, &keeps).closed.commit, None);
}

/// T-86: where the truth mirrors a device, a deletion beats an edit, an edit wins its fields under
/// any policy, and what was asked for stands whole; what loses is kept, and waits for nobody.
#[test]
fn t86_nobodys_change_stands_against_a_mirrored_device() {
    let settled = |world: &World| {
        assert!(world.conflicts.values().all(|conflict| conflict.is_settled));
        world.conflicts.len()
    };
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.rules.policies.policy = Some("truth".parse().unwrap());
    world.push(
        device(2),
        &[fields(&key, made, &["a", "b"], json!({"a": 2, "b": 2}))],
    );
    world.flow = MIRROR;
    let edit = fields(&key, made, &["a"], json!({"a": 3}));
    let done = world.push(device(1), &[edit]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 3, "b": 2})));

    // It still holds the old value: the truth takes it back.
    world.asked_for = [Key::parse(&key).unwrap()].to_vec();
    let stale = whole(&key, made, json!({"a": 1, "b": 1}));
    let done = world.push(device(1), std::slice::from_ref(&stale));
    assert_eq!(done.counts(), [0, 1, 0, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 1, "b": 1})));
    let kept = done.conflicts[0].truth.as_ref().unwrap().as_str();
    assert_eq!(kept, r#"{"a":3,"b":2}"#);
    assert_eq!(
        world.push(device(1), std::slice::from_ref(&stale)).counts(),
        [0, 0, 0, 1, 0, 0]
    );

    let edited = world.head.checkin;
    world.flow = Flow::default();
    world.push(device(2), &[fields(&key, edited, &["a"], json!({"a": 9}))]);
    world.flow = MIRROR;
    let gone = world.push(device(1), &[deletion(&key, edited)]);
    assert_eq!(gone.counts(), [0, 1, 0, 0, 1, 0]);
    assert_eq!(world.value(&key), None);
    assert_eq!(settled(&world), 3);
    // What the truth has deleted it asks for, too.
    let done = world.push(device(1), &[stale]);
    assert_eq!(
        (done.counts()[1], world.value(&key)),
        (1, Some(json!({"a": 1, "b": 1})))
    );
    // Without anybody's change in between nothing is a conflict.
    let known = world.head.checkin;
    let before = world.conflicts.len();
    world.push(device(1), &[deletion(&key, known)]);
    assert_eq!(world.conflicts.len(), before);
}

/// T-87: where changes are worked out by comparing, the airbag counts them together with the
/// deletions; where the truth is replaced it holds whatever is not confirmed.
#[test]
fn t87_the_airbag_counts_changes_where_all_is_compared() {
    let much = Held {
        deletes: 10,
        changes: 15,
        live: 100,
    };
    let airbag = Airbag::default();
    assert!(!airbag.holds(much, Weighs::Deletions));
    assert!(airbag.holds(much, Weighs::Changes));
    let little = Held {
        deletes: 0,
        changes: 0,
        live: 100,
    };
    assert!(!airbag.holds(little, Weighs::Changes));
    assert!(airbag.holds(little, Weighs::Everything));
    assert_eq!(Flow::default().weighs(Mode::Slow), Weighs::Changes);
    assert_eq!(MIRROR.weighs(Mode::Repair), Weighs::Changes);
    assert_eq!(Flow::default().weighs(Mode::Refresh), Weighs::Deletions);

    let mut world = World::new();
    let value = |number: u128, text: &str| json!({"n": format!("{text} {number}")});
    let many = |text: &str| -> Vec<Value> {
        (0..40)
            .map(|number| new(local(number), value(number, text)))
            .collect()
    };
    world.push(device(1), &many("one"));
    world.push(device(1), &many("two"));
    for (mode, flow) in [(Mode::Slow, Flow::default()), (Mode::Repair, MIRROR)] {
        (world.mode, world.flow) = (mode, flow);
        let held = world
            .try_push(device(1), &many("three"), false)
            .unwrap_err();
        assert_eq!((held.deletes, held.changes, held.live), (0, 40, 40));
        assert!(held.problem().detail.contains("change 40 of 40"));
    }
    assert_eq!(world.push_confirmed(1, &many("three")).counts()[1], 40);
}

/// T-86: what a mirrored device has said before it says anew: that others have deleted or changed the
/// record since, and the device never heard of it, makes a repeat of nothing.
#[test]
fn t86_a_mirrored_device_that_says_again_what_it_said_is_no_repeat() {
    let made = new(local(1), json!({"a": 1}));
    let mut world = World::new();
    world.push(device(1), std::slice::from_ref(&made));
    let key = world.key_of(local(1)).unwrap();
    let created = world.head.checkin;
    world.push(device(2), &[deletion(&key, created)]);
    world.flow = MIRROR;
    let done = world.push(device(1), std::slice::from_ref(&made));
    assert_eq!(done.counts(), [0, 1, 0, 0, 1, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 1})));
    let again = world.push(device(1), &[made]);
    assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0]);

    // The same of a field.
    let base = world.head.checkin;
    let edit = fields(&key, base, &["a"], json!({"a": 2}));
    world.push(device(1), std::slice::from_ref(&edit));
    for is_deleted in [true, false] {
        let known = world.head.checkin;
        let theirs = if is_deleted {
            deletion(&key, known)
        } else {
            fields(&key, known, &["a"], json!({"a": 3}))
        };
        world.flow = Flow::default();
        world.push(device(2), &[theirs]);
        world.flow = MIRROR;
        world.push(device(1), std::slice::from_ref(&edit));
        assert_eq!(world.value(&key), Some(json!({"a": 2})));
    }
    assert!(world.conflicts.values().all(|conflict| conflict.is_settled));

    // What nobody else has changed is no conflict, with or without a base.
    let before = world.conflicts.len();
    world.push(device(1), &[new(local(1), json!({"a": 5}))]);
    let base = world.head.checkin;
    world.push(device(1), &[whole(&key, base, json!({"a": 6}))]);
    assert_eq!(world.value(&key), Some(json!({"a": 6})));
    // Nor where the base is kept no longer.
    let newest = world.head.checkin;
    let versions = world.versions.get_mut(&Key::parse(&key).unwrap()).unwrap();
    versions.retain(|version| version.checkin == newest);
    world.push(device(1), &[whole(&key, created, json!({"a": 7}))]);
    assert_eq!(world.value(&key), Some(json!({"a": 7})));
    assert_eq!(world.conflicts.len(), before);
}

/// T-86: a mirrored device that gives a record back in the form in which it keeps it has not changed it,
/// until somebody else has.
#[test]
fn t86_a_mirrored_device_reformats_nothing() {
    let (mut world, key, made) = world_with(json!({"text": "as it is"}));
    let form = json!({"text": "as it"});
    let print = Canonical::parse(&form.to_string()).unwrap();
    let print = RecordFingerprint::of(DEFAULT_ENTITY, print.borrow());
    world
        .acked
        .insert((device(2), Key::parse(&key).unwrap()), print);
    world.flow = MIRROR;
    let given_back = [whole(&key, made, form.clone())];
    let done = world.push(device(2), &given_back);
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0]);
    world.flow = Flow::default();
    world.push(device(1), &[deletion(&key, made)]);
    world.flow = MIRROR;
    let done = world.push(device(2), &given_back);
    assert_eq!((done.counts()[1], world.value(&key)), (1, Some(form)));
}

/// T-102: a device that replaces the truth has changed only the fields that are others now.
#[test]
fn t102_what_an_override_leaves_as_it_was_is_nobodys_change() {
    for flow in [Flow::default(), MIRROR] {
        let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
        if flow == MIRROR {
            world.flow = flow;
        } else {
            world = replacing(world);
        }
        let pushed = [whole(&key, made, json!({"a": 1, "b": 2}))];
        world.push_confirmed(3, &pushed);
        (world.mode, world.flow) = (Mode::Fast, Flow::default());
        // Device 2 has not heard of it.
        let mine = fields(&key, made, &["a"], json!({"a": 7}));
        let done = world.push(device(2), &[mine]);
        assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0], "{flow:?}");
        assert_eq!(world.value(&key), Some(json!({"a": 7, "b": 2})));
        let theirs = fields(&key, made, &["b"], json!({"b": 7}));
        let done = world.push(device(2), &[theirs]);
        assert_eq!(done.conflicts.len(), 1, "{flow:?}");
    }
}
