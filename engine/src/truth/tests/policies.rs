//! Who wins under which conflict policy.

use std::collections::BTreeMap;
use std::format;
use std::string::ToString;

use serde_json::{Value, json};
use tidemark_protocol::{Checkin, ConflictPolicy};

use super::pushed::{deletion, fields, whole, world_with};
use super::world::{Done, World, device};
use crate::truth::{Policies, Rules};

fn under(policy: &str) -> Rules {
    let policies = Policies {
        policy: Some(policy.parse().unwrap()),
        entities: BTreeMap::new(),
    };
    Rules {
        policies,
        ..Rules::default()
    }
}

/// Device 2 sets `a` and `b`, then device 3 sets `a` and `c`, both knowing the first version only.
fn race(policy: &str) -> (World, std::string::String, Checkin, Done) {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1, "c": 1}));
    world.rules = under(policy);
    world.push(
        device(2),
        &[fields(&key, made, &["a", "b"], json!({"a": 2, "b": 2}))],
    );
    let push = [fields(&key, made, &["a", "c"], json!({"a": 3, "c": 3}))];
    let done = world.push(device(3), &push);
    // Repeating it changes nothing, and stores nothing again.
    let again = world.push(device(3), &push);
    assert_eq!(
        (again.counts(), again.closed.commit),
        ([0, 0, 0, 1, 0, 0], None)
    );
    assert_eq!(done.conflicts.len(), 1);
    (world, key, made, done)
}

/// T-37: of a field that two devices changed the policy names the winner; the loser is kept
/// whole, and waits for a person only where no policy has decided. Other fields merge.
#[test]
fn t37_the_policy_names_the_winner() {
    let second = format!("device:{}", device(2));
    let third = format!("device:{}", device(3));
    let other = format!("device:{}", device(9));
    for (policy, wins, is_settled) in [
        ("merge", 3, false),
        ("store", 2, false),
        ("truth", 2, true),
        ("device", 3, true),
        (&*second, 2, true),
        (&*third, 3, true),
        (&*other, 3, false),
    ] {
        let (world, key, made, done) = race(policy);
        let value = json!({"a": wins, "b": 2, "c": 3});
        assert_eq!(world.value(&key), Some(value), "{policy}");
        let conflict = &done.conflicts[0];
        assert_eq!(conflict.is_settled, is_settled, "{policy}");
        assert_eq!(world.open, u64::from(!is_settled), "{policy}");
        assert_eq!(
            (&conflict.fields[..], conflict.base),
            (&["a".to_string()][..], Some(made))
        );
        assert_eq!(
            (conflict.truth_device, conflict.device_uuid),
            (device(2), device(3))
        );
        let sides = [&conflict.truth, &conflict.device]
            .map(|side| side.as_ref().unwrap().as_str().to_string());
        assert_eq!(
            sides,
            [r#"{"a":2,"b":2,"c":1}"#, r#"{"a":3,"b":1,"c":3}"#],
            "{policy}"
        );
        // Whoever pushed and whoever pulls are told of it alike.
        assert_eq!(done.answers[0].conflict, Some(conflict.id));
        assert_eq!(world.newest(&key).unwrap().conflict, Some(conflict.id));
    }
}

/// T-37: what loses whole leaves the record as it is; it takes a commit to list it.
#[test]
fn t37_an_edit_that_loses_whole_changes_nothing() {
    for policy in ["truth", "store"] {
        let (mut world, key, made) = world_with(json!({"a": 1}));
        world.rules = under(policy);
        world.push(device(2), &[whole(&key, made, json!({"a": 2}))]);
        let before = world.newest(&key).cloned();
        for number in 3..6 {
            let push = [whole(&key, made, json!({"a": number}))];
            let done = world.push(device(number), &push);
            assert_eq!(done.counts(), [0, 0, 0, 1, 1, 0]);
            assert!(done.closed.commit.is_some());
            assert_eq!(
                world.push(device(number), &push).counts(),
                [0, 0, 0, 1, 0, 0]
            );
        }
        assert_eq!(world.newest(&key).cloned(), before);
        assert_eq!(world.conflicts.len(), 3);
        // A value that is not an object is one field, and loses or wins as one.
        let done = world.push(device(7), &[whole(&key, made, json!([7]))]);
        assert_eq!(done.counts(), [0, 0, 0, 1, 1, 0]);
        assert!(done.conflicts[0].fields.is_empty());
        assert_eq!(world.value(&key), Some(json!({"a": 2})));
    }
}

/// T-37: under `device:<uuid>` one push may win one field and lose another.
#[test]
fn t37_each_field_has_its_own_winner() {
    let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
    world.rules = under(&format!("device:{}", device(2)));
    world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
    world.push(device(3), &[fields(&key, made, &["b"], json!({"b": 3}))]);
    let push = [whole(&key, made, json!({"a": 4, "b": 4}))];
    let done = world.push(device(4), &push);
    assert_eq!(done.counts(), [0, 0, 1, 0, 2, 0]);
    assert_eq!(world.value(&key), Some(json!({"a": 2, "b": 4})));
    let told = |field: &str| {
        let conflicts = done.conflicts.iter();
        let mut of_field = conflicts.filter(|it| it.fields == [field]);
        of_field
            .next()
            .map(|it| (it.id, it.truth_device, it.is_settled))
            .unwrap()
    };
    let (lost, won) = (told("a"), told("b"));
    assert_eq!((lost.1, lost.2), (device(2), true));
    assert_eq!((won.1, won.2), (device(3), false));
    // The device hears of what it lost, the others of what its push overrode.
    assert_eq!(done.answers[0].conflict, Some(lost.0));
    assert_eq!(world.newest(&key).unwrap().conflict, Some(won.0));
    assert_eq!(world.push(device(4), &push).counts(), [0, 0, 0, 1, 0, 0]);
}

/// T-37: policies are chosen by entity; a datastore's own word goes before the operator's.
#[test]
fn t37_policies_are_chosen_by_entity() {
    let set = |policy: Option<&str>, entities: &[(&str, &str)]| Policies {
        policy: policy.map(|policy| policy.parse().unwrap()),
        entities: entities
            .iter()
            .map(|(entity, policy)| (entity.to_string(), policy.parse().unwrap()))
            .collect(),
    };
    let operator = set(Some("store"), &[("note", "newest"), ("task", "device")]);
    let own = set(None, &[("note", "truth")]);
    let texts = |policies: &Policies| {
        ["note", "task", "else"].map(|entity| policies.of(entity).to_string())
    };
    assert_eq!(texts(&own.over(&operator)), ["truth", "device", "store"]);
    let own = set(Some("merge"), &[("note", "truth")]);
    assert_eq!(texts(&own.over(&operator)), ["truth", "merge", "merge"]);
    assert_eq!(Policies::default().of("note"), ConflictPolicy::Merge);

    let note = |value: Value| json!({"key": "one", "entity": "note", "value": value});
    let task = |value: Value| json!({"key": "two", "entity": "task", "value": value});
    let mut world = World::new();
    world.rules.policies = operator;
    world.push(device(1), &[note(json!(1)), task(json!(1))]);
    world.rules.policies = set(None, &[("note", "truth"), ("task", "device")]);
    world.push(device(2), &[note(json!(2)), task(json!(2))]);
    assert_eq!(world.value("one"), Some(json!(1)));
    assert_eq!(world.value("two"), Some(json!(2)));
}

/// When theirs was edited, and mine; who wins, and why. Theirs is pushed at nine, mine at ten.
const EDITED: [(&str, &str, i64, &str); 9] = [
    (AT_FIVE, "1970-01-01T06:00:00Z", MINE, "edited later"),
    ("1970-01-01T06:00:00Z", AT_FIVE, THEIRS, "edited earlier"),
    (
        "1970-01-01T06:00:00+02:00",
        "1970-01-01 05:00:00",
        MINE,
        "zones count",
    ),
    (AT_FIVE, AT_FIVE, MINE, "the later push wins a tie"),
    (
        AHEAD,
        "1970-01-01T09:59:00Z",
        MINE,
        "theirs is ahead of its commit",
    ),
    (BEFORE_NINE, AHEAD, MINE, "mine counts as now"),
    (AHEAD, BEFORE_NINE, THEIRS, "theirs counts as its commit"),
    (AT_FIVE, "", MINE, "without a time it was made now"),
    (
        "",
        BEFORE_NINE,
        THEIRS,
        "without a time theirs was made at its commit",
    ),
];
const AT_FIVE: &str = "1970-01-01T05:00:00Z";
const BEFORE_NINE: &str = "1970-01-01T08:59:00Z";
const AHEAD: &str = "2100-01-01T00:00:00Z";
const THEIRS: i64 = 2;
const MINE: i64 = 3;

/// T-38: `newest` goes by the wall clocks of both edits, and a clock that is ahead counts up to
/// its commit only.
#[test]
fn t38_the_newest_edit_wins() {
    const HOUR: i64 = 3_600_000_000;
    let edit = |key: &str, base, value: i64, updated: &str| {
        let mut edit = fields(key, base, &["a"], json!({"a": value}));
        if !updated.is_empty() {
            edit["updated"] = json!(updated);
        }
        edit
    };
    for (theirs, mine, wins, about) in EDITED {
        let (mut world, key, made) = world_with(json!({"a": 1}));
        world.rules = under("newest");
        world.now = 9 * HOUR;
        world.push(device(2), &[edit(&key, made, THEIRS, theirs)]);
        world.now = 10 * HOUR;
        let push = [edit(&key, made, MINE, mine)];
        let done = world.push(device(3), &push);
        assert_eq!(world.value(&key), Some(json!({"a": wins})), "{about}");
        let conflict = &done.conflicts[0];
        assert!(conflict.is_settled);
        let device_updated = conflict.device_updated.as_ref().map(ToString::to_string);
        assert_eq!(device_updated.is_none(), mine.is_empty());
        assert!(conflict.truth_updated.is_some());
        // The server's clock jumps, and the push is repeated: it is decided already.
        for now in [0, 20 * HOUR] {
            world.now = now;
            let again = world.push(device(3), &push);
            assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0], "{about}");
            assert_eq!(world.value(&key), Some(json!({"a": wins})), "{about}");
        }
    }
}

/// T-39: delete against edit: the edit survives under every policy, and a person may look.
#[test]
fn t39_an_edit_survives_a_deletion_under_any_policy() {
    let named = format!("device:{}", device(3));
    for policy in ["merge", "newest", "truth", "device", "store", &*named] {
        let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
        world.rules = under(policy);
        world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
        let late = world.push(device(3), &[deletion(&key, made)]);
        assert_eq!(late.counts(), [0, 0, 0, 1, 1, 0], "{policy}");
        assert_eq!((world.head.live, world.open), (1, 1), "{policy}");

        let (mut world, key, made) = world_with(json!({"a": 1, "b": 1}));
        world.rules = under(policy);
        world.push(device(2), &[fields(&key, made, &["a"], json!({"a": 2}))]);
        let seen = world.head.checkin;
        world.push(device(3), &[deletion(&key, seen)]);
        let late = world.push(device(4), &[fields(&key, made, &["a"], json!({"a": 4}))]);
        assert_eq!(late.counts(), [0, 0, 1, 0, 1, 0], "{policy}");
        assert_eq!(world.value(&key), Some(json!({"a": 4, "b": 1})), "{policy}");
        assert_eq!(late.conflicts[0].truth, None);
        assert_eq!(world.open, 1, "{policy}");
    }
}
