//! One record, judged by itself.

use std::format;
use std::string::{String, ToString};

use serde_json::json;
use tidemark_protocol::Code;

use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;
use crate::truth::{Change, Judged, Name, is_object, judge};

fn read(raw: &str) -> Result<Judged, (Option<String>, Code)> {
    judge(7, raw).map_err(|rejection| {
        assert_eq!(rejection.index, 7);
        assert!(!rejection.problem.detail.is_empty());
        (rejection.key, rejection.problem.code)
    })
}

/// T-1: a record is read strictly; what is wrong by itself is rejected with its key, its place
/// and a code.
#[test]
fn t1_wrong_records_are_rejected_by_themselves() {
    let bad_keys = [
        r#"{"value":1}"#,
        r#"{"key":5,"value":1}"#,
        r#"{"key":null,"value":1}"#,
        r#"{"key":"","value":1}"#,
        r#"{"key":"\ud800","value":1}"#,
        r#"{"key":"no-uuid","is_pending":true,"value":1}"#,
    ];
    for raw in bad_keys {
        assert_eq!(read(raw).unwrap_err().1, Code::BadKey, "{raw}");
    }
    let long = json!({"key": "k".repeat(256), "value": 1}).to_string();
    assert_eq!(read(&long).unwrap_err().1, Code::BadKey);
    let bad_records = [
        r#"{"key":"k"}"#,
        r#"{"key":"k","value":{"a":1,"a":2}}"#,
        r#"{"key":"k","value":1,"value":1}"#,
        r#"{"key":"k","value":1,"later":1,"later":2}"#,
        r#"{"key":"k","value":"\ud800"}"#,
        r#"{"key":"k","value":1e999}"#,
        r#"{"key":"k","value":1,"created":"yesterday"}"#,
        r#"{"key":"k","value":1,"updated":5}"#,
        r#"{"key":"k","value":1,"base":"2026-11-22T04:41:01Z"}"#,
        r#"{"key":"k","value":1,"deleted":"yes"}"#,
        r#"{"key":"k","value":1,"is_pending":1}"#,
        r#"{"key":"k","value":1,"entity":{}}"#,
        r#"{"key":"k","value":{},"changed":"a"}"#,
        r#"{"key":"k","value":{},"changed":[1]}"#,
        r#"{"key":"k","value":7,"changed":["a"]}"#,
        r#"{"key":"k","value":1,"fingerprint":"00"}"#,
        r#"{"key":"k","value":1,"fingerprint":"00000000000000000000000000000000"}"#,
        r#"{"key":"k","value":1"#,
        // What is wrong before the key hides it not.
        r#"{"value":1,"is_pending":"yes","key":"k"}"#,
        r#"{"value":1,"value":1,"deleted":7,"key":"k"}"#,
    ];
    for raw in bad_records {
        let wanted = Some("k".to_string());
        assert_eq!(read(raw).unwrap_err(), (wanted, Code::BadRecord), "{raw}");
    }
    let deep = format!(
        r#"{{"key":"k","value":{}{}}}"#,
        "[".repeat(2000),
        "]".repeat(2000)
    );
    assert_eq!(read(&deep).unwrap_err().1, Code::BadRecord);
}

/// T-1: what is right comes through, also what is odd.
#[test]
fn t1_right_records_are_read() {
    let id = "6F3B7C1E-0D55-4C0A-9A57-1F2E3D4C5B6A";
    let value = Canonical::parse(r#"{"b":1.0,"__proto__":null,"":[]}"#).unwrap();
    let fingerprint = RecordFingerprint::of("todo", value.borrow());
    let raw = format!(
        r#"{{"key":"{id}","is_pending":true,"entity":"todo","value":{{"b":1.0,"__proto__":null,
           "":[]}},"created":"2008-10-27 04:41:01","updated":"2008-10-27T04:41:01+01:00",
           "base":null,"changed":null,"fingerprint":"{fingerprint}","unknown":[1]}}"#
    );
    let judged = read(&raw).unwrap();
    let Name::Pending(local_id) = judged.name else {
        panic!("pending")
    };
    assert_eq!(local_id.to_string(), id.to_lowercase());
    assert_eq!(judged.created.unwrap().as_str(), "2008-10-27T04:41:01Z");
    let Change::Whole(content) = judged.change else {
        panic!("whole")
    };
    assert_eq!((content.value, content.fingerprint), (value, fingerprint));

    let null = read(r#"{"key":"k","value":null}"#).unwrap().change;
    assert!(matches!(null, Change::Whole(content) if content.value == Canonical::null()));
    let deleted = read(r#"{"key":"k","deleted":true,"value":{}}"#)
        .unwrap()
        .change;
    assert_eq!(deleted, Change::Deleted);
    let fields = read(r#"{"key":"k","changed":["b","a","b"],"value":{"b":1,"c":2}}"#).unwrap();
    let b = Canonical::parse("1").unwrap();
    assert_eq!(
        fields.change,
        Change::Fields([("a".into(), None), ("b".into(), Some(b))].into())
    );
    let removed = read(r#"{"key":"k","changed":["a"]}"#).unwrap().change;
    assert_eq!(removed, Change::Fields([("a".into(), None)].into()));
    assert!(is_object(" \n{}") && !is_object("[]") && !is_object("null"));
}
