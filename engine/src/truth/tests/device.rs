//! What is fixed for a device, and what its opens come to. Rules T-90, T-91.

use alloc::{borrow::Cow, format};

use tidemark_protocol::{
    Code, DeviceDescription, DeviceId, DeviceRequest, Direction, Mode, OpenRequest,
};
use uuid::Uuid;

use crate::truth::{Fixed, undone_by};

const DIRECTIONS: [Direction; 3] = [Direction::Both, Direction::Pull, Direction::Push];
const MODES: [Mode; 7] = [
    Mode::Auto,
    Mode::Fast,
    Mode::Repair,
    Mode::Slow,
    Mode::Refresh,
    Mode::PullTruth,
    Mode::PushTruth,
];

fn open(direction: Direction, mode: Mode) -> OpenRequest {
    let device = DeviceId::new(Uuid::from_u128(7));
    let text = format!("{{\"device_uuid\":\"{device}\"}}");
    let request: OpenRequest = serde_json::from_str(&text).unwrap();
    OpenRequest {
        direction,
        mode,
        ..request
    }
}

fn fixed(direction: Direction) -> Fixed {
    Fixed {
        direction,
        ..Fixed::default()
    }
}

/// T-90: an open that names no direction gets the fixed one, and one that names the other is refused;
/// so is a mode that only goes the other way.
#[test]
fn a_fixed_direction_holds() {
    for kept in DIRECTIONS {
        for asked in DIRECTIONS {
            let request = open(asked, Mode::Auto);
            let applied = fixed(kept).applied(&request);
            let is_other = kept != asked && kept != Direction::Both && asked != Direction::Both;
            match applied {
                Ok(applied) => {
                    let expected = if asked == Direction::Both {
                        kept
                    } else {
                        asked
                    };
                    assert_eq!(applied.direction, expected);
                    let is_same = expected == asked;
                    assert_eq!(matches!(applied, Cow::Borrowed(_)), is_same);
                    assert!(!is_other);
                }
                Err(problem) => {
                    assert_eq!(problem.code, Code::Forbidden);
                    assert!(is_other);
                }
            }
        }
        for mode in MODES {
            let refused = fixed(kept).applied(&open(Direction::Both, mode)).is_err();
            let only_the_other_way = matches!(
                (kept, mode),
                (Direction::Pull, Mode::PushTruth) | (Direction::Push, Mode::PullTruth)
            );
            assert_eq!(refused, only_the_other_way, "{kept:?} {mode:?}");
        }
    }
    let mirrored = Fixed {
        mirror: true,
        ..fixed(Direction::Pull)
    };
    let request = open(Direction::Both, Mode::Auto);
    assert!(mirrored.applied(&request).unwrap().mirror);
}

/// T-90: a device fixes its direction by itself, and does not lift what its people have set.
#[test]
fn a_device_describes_itself() {
    let told = |direction, mirror| DeviceDescription {
        name: None,
        direction,
        mirror,
    };
    let new = Fixed::default();
    assert_eq!(new.described(None), Ok(new));
    let pulls = new.described(Some(&told(Some(Direction::Pull), Some(true))));
    let pulls = pulls.unwrap();
    assert_eq!((pulls.direction, pulls.mirror), (Direction::Pull, true));
    for nothing in [told(None, None), told(Some(Direction::Both), Some(false))] {
        assert_eq!(pulls.described(Some(&nothing)), Ok(pulls));
    }
    let other = pulls.described(Some(&told(Some(Direction::Push), None)));
    assert_eq!(other.unwrap_err().code, Code::Forbidden);
    let alone = new.described(Some(&told(None, Some(true))));
    assert_eq!(alone.unwrap_err().code, Code::Malformed);
}

/// T-91: a device that was reset gets that mode whatever it asks, unless it asks for more; only that it
/// starts again from the truth it must ask for by itself.
#[test]
fn a_reset_device_gets_that_mode() {
    for reset in [Mode::Repair, Mode::Refresh, Mode::PullTruth] {
        let device = Fixed {
            reset: Some(reset),
            ..Fixed::default()
        };
        for asked in MODES {
            let request = open(Direction::Both, asked);
            let does_it = undone_by(asked).contains(&reset);
            match device.applied(&request) {
                Ok(applied) if does_it => assert_eq!(applied.mode, asked),
                Ok(applied) => assert_eq!(applied.mode, reset),
                Err(problem) => {
                    assert_eq!(problem.code, Code::TruthPushed);
                    assert_eq!((reset, does_it), (Mode::PullTruth, false));
                }
            }
        }
    }
}

/// T-90, T-91: what cannot be is refused, and nothing of it is set.
#[test]
fn what_people_set_is_checked() {
    let request = |direction, mirror, reset| DeviceRequest {
        name: None,
        direction,
        mirror,
        reset,
    };
    let new = Fixed::default();
    for wrong in [
        request(None, Some(true), None),
        request(Some(Direction::Both), Some(true), None),
        request(None, None, Some(Some(Mode::Fast))),
        request(None, None, Some(Some(Mode::PushTruth))),
        request(Some(Direction::Push), None, Some(Some(Mode::PullTruth))),
    ] {
        assert_eq!(new.set(&wrong).unwrap_err().code, Code::Malformed);
    }
    let mirror = new.set(&request(Some(Direction::Push), Some(true), None));
    let mirror = mirror.unwrap();
    assert_eq!((mirror.direction, mirror.mirror), (Direction::Push, true));
    let lifted = mirror.set(&request(Some(Direction::Both), None, None));
    assert_eq!(lifted, Ok(new));
    let reset = new.set(&request(None, None, Some(Some(Mode::Refresh))));
    let reset = reset.unwrap();
    assert_eq!(reset.reset, Some(Mode::Refresh));
    assert_eq!(reset.set(&DeviceRequest::default()), Ok(reset));
    assert_eq!(reset.set(&request(None, None, Some(None))), Ok(new));
}
