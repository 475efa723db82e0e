//! Windows, cursors, and records as they are shown; stamps as they are stored.

use std::string::ToString;

use serde_json::json;
use tidemark_protocol::{Code, Key, SessionId};

use super::world::{World, at, device, local};
use crate::fingerprint::DatastoreFingerprint;
use crate::truth::{Cursor, Place, Start, leaves_out_tombstones, show, show_gone};
use crate::version::{Stamp, Stamps};

fn session(number: u128) -> SessionId {
    SessionId::new(uuid::Uuid::from_u128(number))
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// T-31: a cursor goes on where its page ended; in a later session it moves the window's start,
/// and what that session pushed is sent all the same.
#[test]
fn t31_a_cursor_outlives_its_session() {
    let first = Start::of(session(1), Some(at(5)), None);
    assert_eq!(
        (&first.window, &first.pushed),
        (&Some(Place::after(at(5))), &None)
    );
    let window = first.window.as_ref().unwrap();
    assert!(!window.is_before(at(5), &key("z")) && window.is_before(at(6), &key("a")));

    // A page that ended among what was pushed, before the window's start.
    let cursor = first.cursor(session(1), at(3), key("k"));
    let same = Start::of(session(1), Some(at(5)), Some(cursor.clone()));
    assert_eq!(same.window, Some(Place::after(at(5))));
    assert!(same.pushed.as_ref().unwrap().is_before(at(3), &key("l")));
    assert!(!same.pushed.as_ref().unwrap().is_before(at(3), &key("k")));

    let cursor = same.cursor(session(1), at(7), key("k"));
    let later = Start::of(session(2), Some(at(5)), Some(cursor));
    assert_eq!(later.pushed, None);
    let window = later.window.unwrap();
    assert!(!window.is_before(at(7), &key("k")) && window.is_before(at(7), &key("ka")));
    assert!(!window.is_before(at(6), &key("z")));
    let empty = Start::of(session(1), None, None);
    assert_eq!((empty.window, empty.pushed), (None, None));
}

/// T-32: a cursor that this datastore never gave this device is malformed.
#[test]
fn t32_foreign_cursors_are_malformed() {
    let odd = key("k.-\u{1F30A}\"\\");
    for window in [
        None,
        Some(Place::after(at(5))),
        Some(Place {
            checkin: at(6),
            key: Some(key(".")),
        }),
    ] {
        let at_place = Place {
            checkin: at(7),
            key: Some(odd.clone()),
        };
        let cursor = Cursor {
            session: session(1),
            window,
            at: at_place,
        };
        let text = cursor.encode("home", device(1));
        assert_eq!(Cursor::decode(&text, "home", device(1), at(7)), Ok(cursor));
        let refused = [
            Cursor::decode(&text, "away", device(1), at(7)),
            Cursor::decode(&text, "home", device(2), at(7)),
            Cursor::decode(&text, "home", device(1), at(6)),
            Cursor::decode(&text[1..], "home", device(1), at(7)),
            Cursor::decode("", "home", device(1), at(7)),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().code, Code::Malformed);
        }
    }
}

/// T-33: only a device that says it holds nothing is spared the tombstones.
#[test]
fn t33_tombstones_are_left_out_for_an_empty_device_only() {
    let empty = Some(DatastoreFingerprint::EMPTY);
    assert!(leaves_out_tombstones(None, empty));
    assert!(!leaves_out_tombstones(None, None));
    assert!(!leaves_out_tombstones(Some(at(1)), empty));
    assert!(!leaves_out_tombstones(
        None,
        Some(DatastoreFingerprint([1; 32]))
    ));
}

/// T-34: a record is shown with what changed since the window's start, under the names that
/// this device knows, and with its value unless the device has just pushed it.
#[test]
fn t34_a_record_as_it_is_shown() {
    let mut world = World::new();
    let new = json!({"key": local(1), "is_pending": true, "value": {"a": 1, "b": 1}});
    let done = world.push(device(1), std::slice::from_ref(&new));
    let real = world.key_of(local(1)).unwrap();
    let version = world.newest(&real).unwrap().clone();
    let own = show(version.clone(), None, Some(&done.answers[0]), None);
    assert_eq!(
        (own.local_id, own.value.is_none(), own.deleted),
        (Some(local(1)), true, false)
    );
    assert_eq!(
        own.fingerprint,
        Some(version.content.as_ref().unwrap().fingerprint.to_string())
    );
    let others = show(version.clone(), None, None, None);
    assert_eq!((others.local_id, others.changed), (None, None));
    assert_eq!(others.value.unwrap().get(), r#"{"a":1,"b":1}"#);
    assert_eq!(
        show(version.clone(), None, None, Some(local(1))).local_id,
        Some(local(1))
    );

    let edit = json!({"key": real, "base": version.checkin, "changed": ["b"]});
    let done = world.push(device(2), &[edit]);
    let edited = world.newest(&real).unwrap().clone();
    let shown = show(
        edited.clone(),
        Some(version.checkin),
        Some(&done.answers[0]),
        None,
    );
    assert_eq!(shown.changed, Some(["b".to_string()].into()));
    assert_eq!(shown.value.unwrap().get(), r#"{"a":1}"#);
    assert_eq!(show(edited, None, None, None).changed, None);

    let gone = json!({"key": real, "base": world.head.checkin, "deleted": true});
    world.push(device(2), &[gone]);
    let shown = show(world.newest(&real).unwrap().clone(), None, None, None);
    assert!(shown.deleted && shown.value.is_none() && shown.fingerprint.is_none());

    let dead = json!({"key": local(2), "is_pending": true, "deleted": true});
    let done = world.push(device(1), &[dead]);
    let shown = show_gone(&done.answers[0], at(77));
    assert_eq!(
        (shown.key, shown.local_id),
        (local(2).into(), Some(local(2)))
    );
    assert_eq!((shown.deleted, shown.checkin), (true, at(77)));
}

/// T-35: stamps go to a column and back; where one commit stamped every field it is empty.
#[test]
fn t35_stamps_are_stored_compactly() {
    let stamp = |checkin, by| Stamp {
        checkin: at(checkin),
        device: device(by),
    };
    let mut stamps = Stamps::replaced(stamp(1, 1));
    assert_eq!(stamps.encode(stamp(1, 1)), "");
    assert_eq!(Stamps::decode("", stamp(1, 1)), Ok(stamps.clone()));
    for (number, field) in (2_i32..).zip(["", "a\"b", "\u{1F30A}", "a\"b"]) {
        stamps.touch(
            field,
            stamp(number.into(), if number % 2 == 0 { 1 } else { 2 }),
        );
    }
    let text = stamps.encode(stamp(9, 1));
    assert_eq!(Stamps::decode(&text, stamp(9, 1)), Ok(stamps.clone()));
    assert!(text.len() < 180, "{text}");
    for wrong in ["x", "[[],[0,1],{}]", "[[\"x\"],[0,1],{}]", "[]"] {
        assert!(Stamps::decode(wrong, stamp(1, 1)).is_err(), "{wrong}");
    }
    assert_eq!(stamps.of("a\"b"), stamp(5, 2));
    assert_eq!(stamps.changed_since(Some(at(1))).unwrap().len(), 3);
    assert_eq!(stamps.changed_since(Some(at(0))), None);
    assert_eq!(stamps.newest(), stamp(5, 2));
}
