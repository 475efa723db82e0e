//! Reconcile: ranges, what is decided of a record that differs, and what becomes of what was
//! asked for.

mod talk;
mod verdicts;

use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use serde_json::{Value, json};
use tidemark_protocol::{Checkin, Code, Key, ReconcileRange};

use super::pushed::{deletion, fields, whole, world_with};
use super::world::{World, at, device};
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::truth::{
    Choice, Compared, Comparing, Deviations, Difference, Evidence, Exception, Flow, Holding, Item,
    Span, Step, Sum, Told, Verdict, differences, narrowed, read_ranges,
};

fn key(number: usize) -> Key {
    Key::parse(&format!("{number:06}")).unwrap()
}

fn print(byte: u8) -> RecordFingerprint {
    RecordFingerprint([byte; 16])
}

fn all() -> Span {
    Span {
        from: String::new(),
        to: None,
    }
}

fn range(members: Value) -> ReconcileRange {
    serde_json::from_value(members).unwrap()
}

/// What a repair makes of a record that differs.
fn verdict_of(one: &Difference, was_held: bool) -> Verdict {
    let evidence = Evidence {
        was_held,
        ..Evidence::default()
    };
    one.verdict(Comparing::History, Flow::default(), evidence)
}

/// T-72: ranges are read strictly: what is wrong with one is told, and none is taken.
#[test]
fn t72_ranges_that_are_none_are_refused() {
    let zeros = DatastoreFingerprint::EMPTY;
    let hex = "0".repeat(32);
    let told = |range: Value| {
        let more = json!({"fingerprint": zeros});
        let mut range = range;
        range
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        range
    };
    for (ranges, wrong) in [
        (
            vec![json!({"from": "a", "to": "b"})],
            "`fingerprint` or `items`",
        ),
        (
            vec![told(json!({"from": "b", "to": "b"}))],
            "`to` comes after",
        ),
        (vec![told(json!({"to": ""}))], "`to` comes after"),
        (vec![told(json!({"from": "x".repeat(256)}))], "255 bytes"),
        (
            vec![told(json!({})), told(json!({"from": "b"}))],
            "range 1: it begins before",
        ),
        (
            vec![
                told(json!({"from": "b", "to": "d"})),
                told(json!({"from": "c", "to": "e"})),
            ],
            "begins before",
        ),
        (vec![json!({"fingerprint": "0"})], "64 hexadecimal"),
        (vec![json!({"items": [["a", "0"]]})], "32 hexadecimal"),
        (vec![json!({"from": "b", "items": [["a", hex]]})], "outside"),
        (vec![json!({"to": "a", "items": [["a", hex]]})], "outside"),
        (vec![json!({"items": [["a", hex], ["a", hex]]})], "order"),
        (vec![json!({"items": [["b", hex], ["a", hex]]})], "order"),
        (vec![told(json!({"to": "a"})); 3], "begins before"),
        (vec![json!({}); 4], "at most 3 ranges"),
    ] {
        let read = read_ranges(ranges.into_iter().map(range).collect(), 3);
        let problem = read.unwrap_err();
        assert_eq!(problem.code, Code::Malformed);
        let detail = problem.detail;
        assert!(detail.contains(wrong), "{detail}");
    }
    let good = vec![
        range(told(json!({"from": "", "to": "b"}))),
        range(json!({"from": "b", "to": "c", "items": [["b", hex]]})),
        range(json!({"from": "d", "to": null, "items": []})),
    ];
    let read = read_ranges(good, 3).unwrap();
    assert_eq!(read[0].holding, Holding::Fingerprint(zeros));
    assert_eq!(read[2].holding, Holding::Items(Vec::new()));
}

fn items(count: usize) -> Vec<Item> {
    (0..count).map(|number| (key(number), print(1))).collect()
}

/// T-73: a range that differs comes back as parts of an even count, at most 64 and none smaller
/// than 16, that cover it; below 32 records as items.
#[test]
fn t73_a_range_is_cut_evenly() {
    let nobody = Deviations::default();
    for count in [0, 1, 31, 32, 33, 47, 48, 100, 1023, 1024, 1025, 5000] {
        let items = items(count);
        let span = Span {
            from: "0".to_string(),
            to: Some("9".to_string()),
        };
        let ranges = narrowed(span.clone(), &nobody.items(&span, items.clone()));
        assert_eq!(ranges[0].from, "0");
        assert_eq!(ranges.last().unwrap().to.as_deref(), Some("9"));
        if count < 32 {
            assert_eq!(ranges.len(), 1);
            assert_eq!(ranges[0].items.as_ref().unwrap().len(), count);
            continue;
        }
        let counts: Vec<u64> = ranges.iter().map(|range| range.count.unwrap()).collect();
        assert_eq!(counts.iter().sum::<u64>(), count as u64);
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!((2..=64).contains(&counts.len()) && *least >= 16 && most - least <= 1);
        assert!(counts.len() == 64 || *most < 32, "{counts:?}");
        let told = read_ranges(ranges, 64).unwrap();
        assert!(
            told.windows(2)
                .all(|two| two[0].span.to.as_deref() == Some(&two[1].span.from))
        );
        for Told { span, holding } in told {
            let inside = items.iter().filter(|(key, _)| span.holds(key.as_str()));
            assert_eq!(holding, Holding::Fingerprint(Sum::of(inside).fingerprint));
        }
    }
}

/// T-74: what the device lacks it is sent; what it holds in an old version it is sent, or drops; what
/// the truth never held it sends.
#[test]
fn t74_each_record_that_differs_is_decided() {
    let expected = Deviations::default().items(
        &all(),
        vec![(key(1), print(1)), (key(2), print(2)), (key(4), print(4))],
    );
    let told = [(key(0), print(9)), (key(2), print(2)), (key(4), print(3))];
    let found = differences(expected, &told);
    let keys: Vec<&Key> = found.iter().map(|one| &one.key).collect();
    assert_eq!(keys, [&key(0), &key(1), &key(4)]);
    let verdicts = |was_held| {
        let verdict = |one: &Difference| verdict_of(one, was_held && one.told.is_some());
        found.iter().map(verdict).collect::<Vec<_>>()
    };
    assert_eq!(
        verdicts(true),
        [Verdict::Drop, Verdict::Record, Verdict::Record]
    );
    assert_eq!(
        verdicts(false),
        [Verdict::Send, Verdict::Record, Verdict::Send]
    );
    let nothing = Told {
        span: all(),
        holding: Holding::Items(Vec::new()),
    };
    assert_eq!(nothing.step(Sum::default()), Step::Same);
    let huge = Sum {
        count: 5000,
        fingerprint: DatastoreFingerprint([1; 32]),
    };
    assert_eq!(nothing.step(huge), Step::Narrow);
    assert_eq!(nothing.step(Sum { count: 5, ..huge }), Step::Decide);
}

/// T-75: expected of a range is what the device is expected to hold of it: what it acked in a form
/// of its own, or never took, is no difference, until the truth holds a newer version.
#[test]
fn t75_what_was_acked_otherwise_is_no_difference() {
    let exception = |number, held| Exception {
        key: key(number),
        checkin: at(5),
        held,
        is_owed: false,
    };
    let compared = |checkin, fingerprint| {
        Some(Compared {
            checkin: at(checkin),
            fingerprint,
        })
    };
    let deviations = Deviations::new(vec![
        (exception(4, Some(print(44))), compared(6, Some(print(4)))),
        (exception(2, Some(print(22))), compared(5, Some(print(2)))),
        (exception(1, None), compared(5, Some(print(1)))),
        (exception(3, Some(print(33))), compared(5, None)),
    ]);
    let truth = vec![(key(1), print(1)), (key(2), print(2)), (key(4), print(4))];
    let held = [(key(2), print(22)), (key(3), print(33)), (key(4), print(4))];
    let sum = deviations.over(&all(), Sum::of(&truth));
    assert_eq!(sum, Sum::of(&held));
    let expected = deviations.items(&all(), truth);
    assert_eq!(differences(expected.clone(), &held), []);
    assert!(deviations.has_held(&key(4), print(44)) && deviations.has_held(&key(2), print(22)));
    assert!(!deviations.has_held(&key(1), print(1)) && !deviations.has_held(&key(2), print(44)));
    let told: Vec<_> = narrowed(all(), &expected)[0].items.clone().unwrap();
    assert_eq!(told.len(), 3);
    let part = Span {
        from: key(3).to_string(),
        to: Some(key(4).to_string()),
    };
    assert_eq!(deviations.over(&part, Sum::default()), Sum::of(&held[1..2]));
}

/// A world with a record of two fields that device 1 made, and asked for: its key and first version.
fn asking() -> (World, String, Checkin) {
    let (mut world, name, made) = world_with(json!({"a": 1, "b": 1}));
    world.asked_for = vec![Key::parse(&name).unwrap()];
    (world, name, made)
}

/// T-76: what was asked for is a change where nobody else has changed the record since its base; where
/// somebody has, or the base is not kept, the truth stays and it is the loser of a conflict.
#[test]
fn t76_what_was_asked_for_reverts_nobody() {
    let lost = json!({"a": 7, "b": 1});
    let (mut world, name, made) = asking();
    let done = world.push(device(2), &[whole(&name, made, lost.clone())]);
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.value(&name), Some(lost.clone()));

    let theirs = |change: &dyn Fn(&mut World, &str, Checkin)| {
        let (mut world, name, made) = asking();
        change(&mut world, &name, made);
        let before = world.value(&name);
        let push = [whole(&name, made, lost.clone())];
        let done = world.push(device(2), &push);
        assert_eq!(done.counts(), [0, 0, 0, 1, 1, 0], "{before:?}");
        assert_eq!(world.value(&name), before);
        assert_eq!(done.answers[0].conflict, Some(done.conflicts[0].id));
        let again = world.push(device(2), &push);
        assert_eq!(again.counts(), [0, 0, 0, 1, 0, 0], "once");
        (world, name, done.conflicts[0].id)
    };
    let other_field = |world: &mut World, name: &str, made| {
        world.push(device(3), &[fields(name, made, &["b"], json!({"b": 2}))]);
    };
    let (mut world, name, id) = theirs(&other_field);
    world.settle(id, Choice::Device);
    assert_eq!(
        world.value(&name),
        Some(lost.clone()),
        "a person may still take it"
    );
    let (mut world, name, id) = theirs(&|world, name, made| {
        world.push(device(3), &[deletion(name, made)]);
    });
    world.settle(id, Choice::Device);
    assert_eq!(world.value(&name), Some(lost.clone()));
    theirs(&|world, name, made| {
        world.push(device(1), &[whole(name, made, json!({"a": 2, "b": 1}))]);
        world
            .versions
            .get_mut(&Key::parse(name).unwrap())
            .unwrap()
            .remove(0);
    });

    // Its own pushes since are known to it, and its newer word stands.
    let (mut world, name, made) = asking();
    world.push(device(2), &[fields(&name, made, &["b"], json!({"b": 3}))]);
    let done = world.push(device(2), &[whole(&name, made, json!({"a": 7, "b": 3}))]);
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.value(&name), Some(json!({"a": 7, "b": 3})));

    // What the truth holds already is no conflict.
    let (mut world, name, made) = asking();
    world.push(device(3), &[whole(&name, made, lost.clone())]);
    let done = world.push(device(2), &[whole(&name, made, lost.clone())]);
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0]);
    // An edit of the same session is an edit like any other.
    let done = world.push(device(2), &[fields(&name, made, &["b"], json!({"b": 9}))]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0]);
}
