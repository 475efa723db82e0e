//! Open, finish, acks and expected fingerprints.

use std::format;
use std::string::ToString;

use serde_json::{Value, json};
use tidemark_protocol::{Ack, Code, FinishRequest, Key, Mode, OpenRequest};
use uuid::Uuid;

use super::world::{at, device};
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::truth::{
    Compared, Exception, FinishView, OpenView, Opened, Pulled, acknowledge, expected, is_in_sync,
    last_sync_after, open, refuse_unsupported,
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

/// T-27: what this server does not do is refused with a stable code, never done otherwise.
#[test]
fn t27_other_modes_and_directions_are_refused() {
    for mode in ["slow", "pull_truth", "push_truth"] {
        let refused = refuse_unsupported(&request(json!({"mode": mode}))).unwrap_err();
        assert_eq!((refused.code, refused.status), (Code::NotSupported, 501));
    }
    for members in [
        json!({"direction": "pull"}),
        json!({"direction": "push", "mirror": true}),
    ] {
        let refused = refuse_unsupported(&request(members)).unwrap_err();
        assert_eq!(refused.code, Code::NotSupported);
    }
    let old = refuse_unsupported(&request(json!({"protocol": 2}))).unwrap_err();
    assert_eq!(old.code, Code::Protocol);
    for mode in ["auto", "fast", "repair", "refresh"] {
        assert_eq!(refuse_unsupported(&request(json!({"mode": mode}))), Ok(()));
    }
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
        };
        last_sync_after(&request, &view).map_err(|problem| problem.code)
    };
    assert_eq!(finish(Some(9), true), Ok(Some(at(9))));
    assert_eq!(finish(None, true), Ok(Some(at(5))));
    assert_eq!(finish(Some(10), true), Err(Code::Malformed));
    assert_eq!(finish(Some(8), false), Err(Code::Malformed));
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
