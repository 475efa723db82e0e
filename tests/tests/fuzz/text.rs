//! Everything that the protocol writes as text: requests, answers, records, cursors, times, names.

use serde::{Serialize, de::DeserializeOwned};
use tidemark_engine::{
    fingerprint::{DatastoreFingerprint, RecordFingerprint},
    truth::{Cursor, judge},
};
use tidemark_protocol as protocol;

use crate::corpus::{fuzz, texts};

/// What is read, and written again, is read as the same.
fn again<T: Serialize + DeserializeOwned>(text: &str) {
    if let Ok(read) = serde_json::from_str::<T>(text) {
        let written = serde_json::to_string(&read).expect("what was read can be written");
        let read: T = serde_json::from_str(&written).expect("what was written can be read");
        let twice = serde_json::to_string(&read).expect("what was read can be written");
        assert_eq!(twice, written);
    }
}

#[test]
fn any_message_is_read_or_refused() {
    let inputs = texts(&[
        r#"{"device_uuid":"00000000-0000-4000-8000-000000000001","attempts":[],"protocol":1,"mode":"auto","direction":"both","mirror":false,"last_sync":"2026-11-22T04:41:01.000001Z","pending":1,"fingerprint":"00","device":{"name":"x"},"push":{"seq":0,"records":[{"key":"k","value":{"a":1}}],"more":false,"confirm":true},"pull":{"cursor":null}}"#,
        r#"{"sync_uuid":"00000000-0000-4000-8000-000000000001","seq":1,"records":[{"key":"00000000-0000-4000-8000-000000000002","is_pending":true,"entity":"note","value":[1],"created":"2026-11-22T04:41:01Z","changed":["a"],"base":"2026-11-22T04:41:01.000001Z","deleted":true}],"more":true}"#,
        r#"{"sync_uuid":"00000000-0000-4000-8000-000000000001","cursor":"a.b","limit":5,"last_update":"2026-11-22T04:41:01.000001Z","count":1,"fingerprint":"00"}"#,
        r#"{"received":1,"created":1,"updated":0,"merged":0,"unchanged":0,"conflicts":0,"rejected":[{"key":null,"index":0,"problem":{"code":"bad_key","detail":"x"}}],"max_checkin":"2026-11-22T04:41:01.000001Z"}"#,
        r#"{"records":[{"key":"k","local_id":"00000000-0000-4000-8000-000000000002","entity":"note","value":{"a":1},"created":"2026-11-22T04:41:01Z","updated":"2026-11-22T04:41:01Z","is_pending":false,"checkin":"2026-11-22T04:41:01.000001Z","fingerprint":"00"}],"cursor":null,"remaining":0}"#,
        r#"{"choice":"truth","value":{"a":1},"policy":"device:00000000-0000-4000-8000-000000000001","policies":{"note":"newest"}}"#,
        r#"{"type":"about:blank","title":"t","status":423,"code":"airbag","detail":"d","deletes":1,"changes":2,"live":3}"#,
    ]);
    fuzz("message", 20_000, inputs, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        again::<protocol::OpenRequest>(&text);
        again::<protocol::OpenAnswer>(&text);
        again::<protocol::PushRequest>(&text);
        again::<protocol::PushAnswer>(&text);
        again::<protocol::PullRequest>(&text);
        again::<protocol::PullAnswer>(&text);
        again::<protocol::FinishRequest>(&text);
        again::<protocol::FinishAnswer>(&text);
        again::<protocol::CancelRequest>(&text);
        again::<protocol::SettleRequest>(&text);
        again::<protocol::ConflictsAnswer>(&text);
        again::<protocol::HistoryAnswer>(&text);
        again::<protocol::DatastoreRequest>(&text);
        again::<protocol::DeviceRecord>(&text);
        again::<protocol::ServerRecord>(&text);
        again::<protocol::Problem>(&text);
    });
}

/// P-9: a record is judged by itself, whatever it is.
#[test]
fn any_record_is_judged() {
    let inputs = texts(&[
        r#"{"key":"k","entity":"note","value":{"a":1,"b":null},"changed":["a","b"],"base":"2026-11-22T04:41:01.000001Z","updated":"2026-11-22T04:41:01+01:00"}"#,
        r#"{"key":"00000000-0000-4000-8000-000000000002","is_pending":true,"value":[],"created":"2026-11-22T04:41:01.123Z"}"#,
        r#"{"key":"k","deleted":true,"base":null}"#,
    ]);
    fuzz("record", 20_000, inputs, |bytes| {
        let _ = judge(3, &String::from_utf8_lossy(bytes));
    });
}

/// What is written of a text is read as the same.
#[test]
fn any_word_is_read_or_refused() {
    let inputs = texts(&[
        "2026-11-22T04:41:01.000001Z",
        "9999-12-31T23:59:59.999999Z",
        "2026-02-28T24:00:00-23:59",
        "00000000-0000-4000-8000-000000000001",
        "a6f1c2d3e4f5061728394a5b6c7d8e9f",
        "device:00000000-0000-4000-8000-000000000001",
        "e9d1d1c7.9f38acdc-0781-4037-9f64-778a6854f750.1795000000000012.1795000000000011.4.keyskeyt",
    ]);
    let device = protocol::DeviceId::parse("00000000-0000-4000-8000-000000000001");
    let device = device.expect("an id");
    let checkin = protocol::Checkin::parse("2026-11-22T04:41:01.000001Z").expect("a checkin");
    fuzz("word", 20_000, inputs, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(read) = protocol::Checkin::parse(&text) {
            assert_eq!(protocol::Checkin::parse(&read.to_string()), Ok(read));
        }
        if let Ok(read) = protocol::Key::parse(&text) {
            assert_eq!(read.as_str(), text);
        }
        let _ = protocol::Timestamp::parse(&text);
        let _ = (
            protocol::DeviceId::parse(&text),
            protocol::LocalId::parse(&text),
        );
        let _ = (
            protocol::SessionId::parse(&text),
            text.parse::<protocol::ConflictPolicy>(),
        );
        let _ = (
            text.parse::<RecordFingerprint>(),
            text.parse::<DatastoreFingerprint>(),
        );
        let _ = Cursor::decode(&text, "datastore", device, checkin);
    });
}
