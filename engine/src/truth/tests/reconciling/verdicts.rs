//! What becomes of a record that differs, where one side is compared with what it held before, or
//! made equal to the other.

use std::vec;

use tidemark_protocol::{Direction, Mode};

use super::{key, print};
use crate::truth::tests::world::at;
use crate::truth::{Before, Compared, Comparing, Difference, Evidence, Exception, Flow, Verdict};

const NOTHING: Option<u8> = None;

fn flow(direction: Direction, mirror: bool) -> Flow {
    Flow { direction, mirror }
}

fn verdict(
    comparing: Comparing,
    flow: Flow,
    (told, truth, before): (Option<u8>, Option<u8>, Option<u8>),
) -> Verdict {
    let difference = Difference {
        key: key(1),
        told: told.map(print),
        truth: truth.map(print),
    };
    let evidence = Evidence {
        before: before.map(print),
        ..Evidence::default()
    };
    difference.verdict(comparing, flow, evidence)
}

/// T-88: what a device cannot tell is worked out from what it held at its `last_sync`: what differs
/// from that it changed, what is missing of it it deleted, and all else is the truth's to tell.
#[test]
fn t88_what_a_device_changed_is_told_by_what_it_held() {
    let slow = |record| verdict(Comparing::Since, Flow::default(), record);
    for (record, becomes) in [
        ((Some(1), Some(2), Some(1)), Verdict::Record),
        ((Some(1), None, Some(1)), Verdict::Drop),
        ((None, Some(2), None), Verdict::Record),
        ((Some(2), Some(1), Some(1)), Verdict::Send),
        ((Some(2), Some(3), Some(1)), Verdict::Send),
        ((Some(2), None, Some(1)), Verdict::Send),
        ((Some(2), None, None), Verdict::Send),
        ((None, Some(1), Some(1)), Verdict::Delete),
        ((None, Some(2), Some(1)), Verdict::Delete),
        // Both agree.
        ((Some(2), Some(2), Some(1)), Verdict::Record),
        ((None, None, Some(1)), Verdict::Drop),
    ] {
        assert_eq!(slow(record), becomes, "{record:?}");
    }
    let down = flow(Direction::Pull, false);
    let up = flow(Direction::Push, false);
    let edited = (Some(2), Some(3), Some(1));
    let stale = (Some(1), Some(3), Some(1));
    let gone = (NOTHING, Some(1), Some(1));
    for (flow, record, becomes) in [
        (down, edited, Verdict::Leave),
        (down, gone, Verdict::Leave),
        (down, stale, Verdict::Record),
        (up, edited, Verdict::Send),
        (up, gone, Verdict::Delete),
        (up, stale, Verdict::Leave),
    ] {
        assert_eq!(verdict(Comparing::Since, flow, record), becomes);
    }
}

/// T-88: what it held is the truth as of then, but for its exceptions; what it pushed itself since,
/// and was answered, it knew.
#[test]
fn t88_what_it_held_counts_its_exceptions() {
    let exception = |number, checkin, held: Option<u8>, is_owed| Exception {
        key: key(number),
        checkin: at(checkin),
        held: held.map(print),
        is_owed,
    };
    let compared = |checkin| {
        Some(Compared {
            checkin: at(checkin),
            fingerprint: Some(print(1)),
        })
    };
    let before = Before::new(
        Some(at(5)),
        vec![
            (exception(1, 3, Some(7), false), compared(3)),
            (exception(2, 3, Some(7), false), compared(4)),
            (exception(3, 8, Some(7), false), None),
            (exception(4, 9, None, true), compared(2)),
        ],
    );
    let held = |number, truth: Option<u8>| before.held(&key(number), truth.map(print));
    assert_eq!(held(1, Some(1)), Some(print(7)));
    assert_eq!(held(2, Some(1)), Some(print(1)), "it has ended");
    assert_eq!(held(3, None), Some(print(7)));
    assert_eq!(held(4, Some(1)), None);
    assert_eq!(held(5, Some(2)), Some(print(2)));
    let known = |number| before.known(&key(number));
    assert_eq!(
        (known(1), known(3), known(4)),
        (Some(at(5)), Some(at(8)), Some(at(5)))
    );
    assert_eq!(
        Before::default().held(&key(1), Some(print(1))),
        Some(print(1))
    );
}

/// T-89: a mirror brings one side's word to the other, whatever was held before; what this session
/// itself pushed its pull answers; one way without it leaves alone what would flow the other way.
#[test]
fn t89_a_mirror_makes_one_side_equal_to_the_other() {
    let down = flow(Direction::Pull, true);
    let up = flow(Direction::Push, true);
    for (record, becomes_down, becomes_up) in [
        ((Some(1), Some(2), Some(1)), Verdict::Record, Verdict::Send),
        ((Some(3), Some(2), Some(1)), Verdict::Record, Verdict::Send),
        ((Some(1), None, Some(1)), Verdict::Drop, Verdict::Send),
        ((None, Some(2), None), Verdict::Record, Verdict::Delete),
    ] {
        assert_eq!(verdict(Comparing::ToTruth, down, record), becomes_down);
        assert_eq!(verdict(Comparing::ToDevice, up, record), becomes_up);
    }
    for told in [Some(print(1)), None] {
        let difference = Difference {
            key: key(1),
            told,
            truth: Some(print(2)),
        };
        let pushed = Evidence {
            is_answered: true,
            ..Evidence::default()
        };
        let becomes = |comparing| difference.verdict(comparing, up, pushed);
        assert_eq!(becomes(Comparing::ToDevice), Verdict::Leave);
    }
    let one_way = |direction, told: Option<u8>, truth: Option<u8>, was_held| {
        let difference = Difference {
            key: key(1),
            told: told.map(print),
            truth: truth.map(print),
        };
        let evidence = Evidence {
            was_held,
            ..Evidence::default()
        };
        difference.verdict(Comparing::History, flow(direction, false), evidence)
    };
    assert_eq!(
        one_way(Direction::Pull, Some(9), Some(1), false),
        Verdict::Leave
    );
    assert_eq!(
        one_way(Direction::Pull, None, Some(1), false),
        Verdict::Record
    );
    assert_eq!(
        one_way(Direction::Push, Some(9), Some(1), false),
        Verdict::Send
    );
    assert_eq!(
        one_way(Direction::Push, Some(2), Some(1), true),
        Verdict::Leave
    );
    assert_eq!(
        one_way(Direction::Push, None, Some(1), false),
        Verdict::Leave
    );

    let both = Flow::default();
    for (mode, flow, is_told, comparing) in [
        (Mode::Repair, both, true, Comparing::History),
        (Mode::Slow, both, true, Comparing::Since),
        (Mode::Slow, both, false, Comparing::History),
        (Mode::Slow, up, true, Comparing::ToDevice),
        (Mode::Repair, down, true, Comparing::ToTruth),
    ] {
        assert_eq!(Comparing::of(mode, flow, is_told), comparing);
    }
}
