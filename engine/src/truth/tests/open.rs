//! Open, finish, acks and expected fingerprints.

use std::format;
use std::string::ToString;

use serde_json::{Value, json};
use tidemark_protocol::{Ack, Checkin, Code, Direction, FinishRequest, Key, Mode, OpenRequest};
use uuid::Uuid;

use super::world::{at, device};
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::truth::{
    Compared, Exception, FinishView, Flow, Mark, OpenView, Opened, Pulled, acknowledge, check,
    expected, is_in_sync, last_sync_after, open,
};

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `json!` is written where it is used"
)]
fn request(members: Value) -> OpenRequest {
    let mut request = json!({"device_uuid": device(1)});
    request
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    serde_json::from_value(request).unwrap()
}

fn sum(byte: u8) -> DatastoreFingerprint {
    DatastoreFingerprint([byte; 32])
}

/// The truth at checkin 9 holds `sum(9)`, at the device's `last_sync` `sum(5)`.
fn view() -> OpenView {
    OpenView {
        head: at(9),
        attempt: Some(Uuid::from_u128(1)),
        seen: Some(at(5)),
        is_issued: true,
        forgotten: None,
        mark: None,
        flow: Flow::default(),
        expected_at_head: sum(9),
        expected_at_last_sync: Some(sum(5)),
    }
}

fn attempts(numbers: &[u128]) -> Value {
    numbers
        .iter()
        .map(|number| json!(Uuid::from_u128(*number)))
        .collect()
}

/// T-23: an open must name the attempt that the server kept, and not be that attempt again.
#[test]
fn t23_late_and_copied_devices_are_refused() {
    let code = |numbers: &[u128], view: &OpenView| {
        open(&request(json!({"attempts": attempts(numbers)})), view).map_err(|problem| problem.code)
    };
    assert!(code(&[1, 2], &view()).is_ok());
    assert!(code(&[1, 2, 3], &view()).is_ok());
    assert_eq!(code(&[1], &view()), Err(Code::SessionGone));
    assert_eq!(code(&[2, 1], &view()), Err(Code::SessionGone));
    assert_eq!(code(&[2, 3], &view()), Err(Code::StaleDevice));
    assert_eq!(code(&[], &view()), Err(Code::StaleDevice));
    let new = OpenView {
        attempt: None,
        ..view()
    };
    assert!(code(&[], &new).is_ok() && code(&[4, 5], &new).is_ok());
    let Ok(Opened::Session { attempt, .. }) = code(&[1, 2, 3], &view()) else {
        panic!("opens")
    };
    assert_eq!(attempt, Some(Uuid::from_u128(3)));
}

/// T-24: nothing pending and the fingerprint expected at the head: in sync, whatever
/// `last_sync` is claimed.
#[test]
fn t24_an_empty_sync_needs_no_session() {
    let head = json!({"attempts": attempts(&[1, 2]), "fingerprint": sum(9)});
    assert_eq!(open(&request(head.clone()), &view()), Ok(Opened::InSync));
    let restored = OpenView {
        is_issued: false,
        ..view()
    };
    assert_eq!(open(&request(head.clone()), &restored), Ok(Opened::InSync));
    for more in [json!({"pending": 1}), json!({"push": {"records": [{}]}})] {
        let mut head = head.clone();
        head.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        assert!(matches!(
            open(&request(head), &view()),
            Ok(Opened::Session { .. })
        ));
    }
}

/// T-25: `auto` becomes `repair` where the fingerprint is not the expected one; `repair` is taken
/// at its word, be the fingerprint that of the head; `fast` too, and the fingerprint is for the log.
#[test]
fn t25_a_differing_fingerprint_is_repaired() {
    let opened = |mode: &str, fingerprint: Option<DatastoreFingerprint>| {
        let members = json!({"attempts": attempts(&[1, 2]), "last_sync": at(5), "mode": mode,
            "fingerprint": fingerprint});
        match open(&request(members), &view()) {
            Ok(Opened::Session {
                mode,
                is_suspect,
                last_sync,
                ..
            }) if last_sync == Some(at(5)) => (mode, is_suspect),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(opened("auto", None), (Mode::Fast, false));
    assert_eq!(opened("auto", Some(sum(5))), (Mode::Fast, false));
    assert_eq!(opened("auto", Some(sum(4))), (Mode::Repair, true));
    assert_eq!(opened("fast", Some(sum(4))), (Mode::Fast, true));
    for fingerprint in [None, Some(sum(4)), Some(sum(5)), Some(sum(9))] {
        assert_eq!(opened("repair", fingerprint).0, Mode::Repair);
    }
    let garbled = request(json!({"attempts": attempts(&[1, 2]), "fingerprint": "00"}));
    assert_eq!(open(&garbled, &view()).unwrap_err().code, Code::Malformed);
}

/// T-26: a `last_sync` that this truth never issued is looked at first: the device gives back all
/// that it holds, and is sent all that there is.
#[test]
fn t26_a_restored_truth_is_refreshed() {
    let restored = OpenView {
        is_issued: false,
        expected_at_last_sync: None,
        ..view()
    };
    let mode = |claim: serde_json::Value, view: &OpenView| {
        let opened = open(&request(claim), view).unwrap();
        let Opened::Session {
            mode,
            last_sync,
            leaves_out_tombstones,
            ..
        } = opened
        else {
            panic!("{opened:?}");
        };
        assert_eq!((last_sync, leaves_out_tombstones), (None, false));
        mode
    };
    for numbers in [&[1, 2][..], &[7]] {
        for told in ["auto", "fast", "repair"] {
            let claim = json!({"attempts": attempts(numbers), "last_sync": at(99), "mode": told});
            assert_eq!(mode(claim, &restored), Mode::Refresh);
        }
    }
    let asked = json!({"attempts": attempts(&[1, 2]), "last_sync": at(5), "mode": "refresh"});
    assert_eq!(mode(asked, &view()), Mode::Refresh);
    let late = json!({"attempts": attempts(&[2]), "last_sync": at(5), "mode": "refresh"});
    assert!(open(&request(late), &view()).is_err());
}

/// T-66: a device that may have missed a deletion which was forgotten, or is held to a fingerprint
/// that was dropped, is repaired, whatever it asks for; a window alone never brings it in sync.
#[test]
fn t66_a_device_from_before_forgotten_is_repaired() {
    let forgetful = OpenView {
        attempt: None,
        forgotten: Some(at(6)),
        ..view()
    };
    let mode = |members: Value, view: &OpenView| match open(&request(members), view) {
        Ok(Opened::Session { mode, .. }) => mode,
        other => panic!("{other:?}"),
    };
    for members in [
        json!({"last_sync": at(5)}),
        json!({"last_sync": at(5), "mode": "fast"}),
        json!({"last_sync": at(5), "fingerprint": sum(5), "pending": 3}),
        json!({"fingerprint": sum(3)}),
        json!({}),
    ] {
        assert_eq!(mode(members, &forgetful), Mode::Repair);
    }
    let remembering = OpenView {
        forgotten: None,
        ..forgetful
    };
    let known = json!({"last_sync": at(5), "fingerprint": sum(5), "pending": 3});
    assert_eq!(mode(known, &remembering), Mode::Fast);
    for members in [json!({"last_sync": at(6)}), json!({"last_sync": at(7)})] {
        assert_eq!(mode(members, &forgetful), Mode::Fast);
    }
    let beginning = OpenView {
        expected_at_last_sync: Some(DatastoreFingerprint::EMPTY),
        ..forgetful
    };
    for last_sync in [None, Some(at(1))] {
        let nothing = json!({"last_sync": last_sync, "fingerprint": DatastoreFingerprint::EMPTY});
        assert_eq!(
            mode(nothing, &beginning),
            Mode::Fast,
            "it has nothing to revive"
        );
    }
    let new = OpenView {
        seen: None,
        ..forgetful
    };
    assert_eq!(
        mode(json!({}), &new),
        Mode::Fast,
        "told nothing, taken as empty"
    );
    assert_eq!(mode(json!({"fingerprint": sum(3)}), &new), Mode::Repair);
    let dropped = OpenView {
        forgotten: None,
        expected_at_last_sync: None,
        ..view()
    };
    let claim = json!({"attempts": attempts(&[1, 2]), "last_sync": at(5), "pending": 1});
    assert_eq!(mode(claim, &dropped), Mode::Repair);
    let same = json!({"attempts": attempts(&[1, 2]), "last_sync": at(5), "fingerprint": sum(9)});
    assert_eq!(open(&request(same), &dropped), Ok(Opened::InSync));
}

/// T-27: a version that is not spoken is refused with a stable code, and so is what contradicts
/// itself; every mode that is asked for is given.
#[test]
fn t27_what_contradicts_itself_is_refused() {
    let old = check(&request(json!({"protocol": 2}))).unwrap_err();
    assert_eq!(old.code, Code::Protocol);
    let nil = json!({"device_uuid": Uuid::nil()});
    assert_eq!(check(&request(nil)).unwrap_err().code, Code::Malformed);
    assert_eq!(check(&request(json!({"mode": "push_truth"}))), Ok(()));
    for (mode, direction, mirror) in [
        (Mode::Auto, Direction::Both, true),
        (Mode::PushTruth, Direction::Pull, false),
        (Mode::PullTruth, Direction::Push, true),
    ] {
        let wrong = Flow::of(mode, direction, mirror).unwrap_err();
        assert_eq!(wrong.code, Code::Malformed, "{mode:?}");
    }
    for (mode, direction, mirror) in [
        (Mode::Auto, Direction::Pull, true),
        (Mode::Slow, Direction::Push, false),
        (Mode::PushTruth, Direction::Push, true),
        (Mode::PullTruth, Direction::Pull, true),
    ] {
        let flow = Flow::of(mode, direction, mirror).unwrap();
        assert_eq!((flow.direction, flow.mirror), (direction, mirror));
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `json!` is written where it is used"
)]
fn mode_of(members: Value, view: &OpenView) -> Result<(Mode, Option<Checkin>), Code> {
    let mut told = json!({"attempts": attempts(&[1, 2])});
    let more = members.as_object().unwrap().clone();
    told.as_object_mut().unwrap().extend(more);
    match open(&request(told), view) {
        Ok(Opened::Session {
            mode, last_sync, ..
        }) => Ok((mode, last_sync)),
        Ok(Opened::InSync) => panic!("in sync"),
        Err(problem) => Err(problem.code),
    }
}

/// T-82: what compares all, or replaces a side, is never decided by the server, and always given
/// to who asks for it, be it with the fingerprint of the head; a mirror is never merely windowed.
#[test]
fn t82_a_mode_that_is_asked_for_is_given() {
    let asked = |mode: &str, view: &OpenView| {
        let same = json!({"mode": mode, "last_sync": at(5), "fingerprint": sum(9)});
        mode_of(same, view).unwrap()
    };
    let restored = OpenView {
        is_issued: false,
        expected_at_last_sync: None,
        ..view()
    };
    for (mode, given, over_restored) in [
        ("pull_truth", (Mode::PullTruth, None), Mode::PullTruth),
        (
            "push_truth",
            (Mode::PushTruth, Some(at(5))),
            Mode::PushTruth,
        ),
        ("slow", (Mode::Slow, Some(at(5))), Mode::Refresh),
    ] {
        assert_eq!(asked(mode, &view()), given);
        // What it held at a moment that was lost nobody can compare.
        assert_eq!(asked(mode, &restored), (over_restored, None));
    }
    for direction in [Direction::Pull, Direction::Push] {
        let flow = Flow {
            direction,
            mirror: true,
        };
        let mirror = OpenView { flow, ..view() };
        for mode in ["auto", "fast", "repair"] {
            assert_eq!(asked(mode, &mirror), (Mode::Repair, Some(at(5))));
        }
        let one_way = OpenView {
            flow: Flow {
                mirror: false,
                ..flow
            },
            ..view()
        };
        let same = json!({"attempts": attempts(&[1, 2]), "fingerprint": sum(9)});
        assert_eq!(open(&request(same), &one_way), Ok(Opened::InSync));
    }
}

/// T-83: after a device has replaced the truth, whoever comes from before has to pull it first:
/// with a `last_sync` from before, or none while it holds data, or none and no fingerprint where it
/// was seen before. Who did it never has to.
#[test]
fn t83_who_comes_from_before_a_replaced_truth_pulls_it_first() {
    let mark = |device, checkin| OpenView {
        mark: Some(Mark {
            checkin: at(checkin),
            device,
        }),
        ..view()
    };
    let other = mark(device(2), 7);
    for mode in ["auto", "fast", "repair", "refresh", "slow", "push_truth"] {
        for claim in [
            json!({"mode": mode, "last_sync": at(6), "fingerprint": sum(1)}),
            json!({"mode": mode, "fingerprint": sum(1)}),
            json!({"mode": mode}),
        ] {
            assert_eq!(mode_of(claim.clone(), &other), Err(Code::TruthPushed));
            assert!(mode_of(claim, &mark(device(1), 7)).is_ok(), "its own mark");
        }
        let since = json!({"mode": mode, "last_sync": at(7)});
        assert!(mode_of(since, &other).is_ok());
        let empty = json!({"mode": mode, "fingerprint": DatastoreFingerprint::EMPTY});
        assert!(mode_of(empty, &other).is_ok());
        let seen_since = OpenView {
            seen: Some(at(8)),
            ..other
        };
        assert!(mode_of(json!({"mode": mode}), &seen_since).is_ok());
    }
    let pulls = json!({"mode": "pull_truth", "last_sync": at(5)});
    assert_eq!(mode_of(pulls, &other), Ok((Mode::PullTruth, None)));
    let same = json!({"attempts": attempts(&[1, 2]), "last_sync": at(5), "fingerprint": sum(9)});
    assert_eq!(open(&request(same), &other), Ok(Opened::InSync));
    // Of a claim that was never issued the place is compared.
    let restored = OpenView {
        is_issued: false,
        expected_at_last_sync: None,
        ..other
    };
    let before = json!({"last_sync": at(6)});
    assert_eq!(mode_of(before, &restored), Err(Code::TruthPushed));
    let later = json!({"last_sync": at(99)});
    assert_eq!(mode_of(later, &restored), Ok((Mode::Refresh, None)));
}

/// T-28: `last_update` is a checkin that this truth issued, at most the session's
/// `max_checkin`; `null` leaves the stored one.
#[test]
fn t28_a_finish_tells_what_was_issued() {
    let finish = |last_update: Option<i64>, is_issued| {
        let last_update = last_update.map(at);
        let request = FinishRequest {
            last_update,
            ..FinishRequest::default()
        };
        let view = FinishView {
            max_checkin: at(9),
            is_issued,
            last_sync: Some(at(5)),
            flow: Flow::default(),
        };
        last_sync_after(&request, &view).map_err(|problem| problem.code)
    };
    assert_eq!(finish(Some(9), true), Ok(Some(at(9))));
    assert_eq!(finish(None, true), Ok(Some(at(5))));
    assert_eq!(finish(Some(10), true), Err(Code::Malformed));
    assert_eq!(finish(Some(8), false), Err(Code::Malformed));
    // What others did up to there it was not sent.
    let one_way = FinishView {
        max_checkin: at(9),
        is_issued: true,
        last_sync: Some(at(5)),
        flow: Flow {
            direction: Direction::Push,
            mirror: false,
        },
    };
    let request = FinishRequest {
        last_update: Some(at(9)),
        ..FinishRequest::default()
    };
    assert_eq!(last_sync_after(&request, &one_way), Ok(Some(at(5))));
    let told = |text: Option<std::string::String>| {
        is_in_sync(
            &FinishRequest {
                fingerprint: text,
                ..FinishRequest::default()
            },
            sum(5),
        )
    };
    assert_eq!(told(Some(sum(5).to_string())), Ok(true));
    assert_eq!(told(Some(sum(6).to_string())), Ok(false));
    assert_eq!(told(None), Ok(true));
    assert!(told(Some("?".to_string())).is_err());
}

fn record(byte: u8) -> RecordFingerprint {
    RecordFingerprint([byte; 16])
}

fn pulled(checkin: i64) -> Pulled {
    Pulled {
        key: Key::parse("k").unwrap(),
        checkin: at(checkin),
        fingerprint: Some(record(7)),
        before: Some(record(3)),
    }
}

fn ack(fingerprint: Option<u8>, rejected: Option<&str>) -> Ack {
    Ack {
        key: "k".to_string(),
        fingerprint: fingerprint.map(|byte| record(byte).to_string()),
        rejected: rejected.map(ToString::to_string),
    }
}

/// T-29: an exception is kept only where the history does not tell what a device holds.
#[test]
fn t29_acks_leave_exceptions_only() {
    let last_sync = Some(at(5));
    let kept =
        |pulled, ack: Option<Ack>, sends| acknowledge(&pulled, ack.as_ref(), sends, last_sync);
    assert_eq!(kept(pulled(5), None, false), None);
    assert_eq!(kept(pulled(5), Some(ack(Some(7), None)), true), None);
    let held = |exception: Option<Exception>| {
        let exception = exception.unwrap();
        (exception.held, exception.is_owed)
    };
    assert_eq!(held(kept(pulled(6), None, false)), (Some(record(7)), false));
    assert_eq!(
        held(kept(pulled(5), Some(ack(Some(8), None)), true)),
        (Some(record(8)), false)
    );
    assert_eq!(
        held(kept(pulled(5), Some(ack(None, Some("no"))), true)),
        (Some(record(3)), true)
    );
    assert_eq!(held(kept(pulled(5), None, true)), (Some(record(3)), true));
    assert_eq!(
        held(acknowledge(&pulled(5), None, false, None)),
        (Some(record(7)), false)
    );
}

/// T-30: expected is the truth as of a checkin, but for what the device holds otherwise or
/// beyond it, until the truth holds a newer version.
#[test]
fn t30_expected_is_the_truth_but_for_the_exceptions() {
    let of = |pairs: &[(&str, u8)]| {
        let mut sum = DatastoreFingerprint::EMPTY;
        for (key, byte) in pairs {
            sum.insert(key, &record(*byte));
        }
        sum
    };
    let exception = |held| Exception {
        key: Key::parse("k").unwrap(),
        checkin: at(7),
        held,
        is_owed: false,
    };
    let truth = of(&[("j", 1), ("k", 2)]);
    let version = |checkin, byte: Option<u8>| {
        let fingerprint = byte.map(record);
        Some(Compared {
            checkin: at(checkin),
            fingerprint,
        })
    };
    let beyond = exception(Some(record(9)));
    assert_eq!(
        expected(truth, [(&beyond, version(5, Some(2)))]),
        of(&[("j", 1), ("k", 9)])
    );
    assert_eq!(
        expected(truth, [(&beyond, version(7, Some(2)))]),
        of(&[("j", 1), ("k", 9)])
    );
    assert_eq!(expected(truth, [(&beyond, version(8, Some(2)))]), truth);
    let made = of(&[("j", 1)]);
    assert_eq!(expected(made, [(&beyond, None)]), of(&[("j", 1), ("k", 9)]));
    let deleted = exception(None);
    assert_eq!(expected(truth, [(&deleted, version(5, Some(2)))]), made);
    let text = format!("{}", expected(made, [(&deleted, version(8, None))]));
    assert_eq!(text, made.to_string());
}
