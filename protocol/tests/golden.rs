//! A sample of each message, as it goes over the wire: what is read from it and written again says
//! the same. Files are added to `golden/v1`, never edited: a device of years ago still sends them.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidemark_protocol::{
    Alert, CancelAnswer, CancelRequest, ConflictSide, ConflictsAnswer, DatastoreAnswer,
    DatastoreRequest, DeviceRecord, FinishAnswer, FinishRequest, HistoryAnswer, OpenAnswer,
    OpenRequest, Problem, PullAnswer, PullRequest, PushAnswer, PushRequest, ReconcileAnswer,
    ReconcileRequest, ServerRecord, SettleAnswer, SettleRequest,
};

/// Reads a text as a message and writes it again.
fn again<T: DeserializeOwned + Serialize>(text: &str) -> serde_json::Result<String> {
    serde_json::to_string(&serde_json::from_str::<T>(text)?)
}

type Again = fn(&str) -> serde_json::Result<String>;

const MESSAGES: [(&str, Again); 35] = [
    ("open.request", again::<OpenRequest>),
    ("open.request.least", again::<OpenRequest>),
    ("open.answer", again::<OpenAnswer>),
    ("open.answer.in_sync", again::<OpenAnswer>),
    ("open.answer.one_way", again::<OpenAnswer>),
    ("push.request", again::<PushRequest>),
    ("push.answer", again::<PushAnswer>),
    ("push.answer.staged", again::<PushAnswer>),
    ("pull.request", again::<PullRequest>),
    ("pull.answer", again::<PullAnswer>),
    ("finish.request", again::<FinishRequest>),
    ("finish.answer", again::<FinishAnswer>),
    ("cancel.request", again::<CancelRequest>),
    ("cancel.answer", again::<CancelAnswer>),
    ("problem", again::<Problem>),
    ("problem.airbag", again::<Problem>),
    ("device_record.pending", again::<DeviceRecord>),
    ("device_record.changed", again::<DeviceRecord>),
    ("device_record.deleted", again::<DeviceRecord>),
    ("server_record", again::<ServerRecord>),
    ("server_record.given", again::<ServerRecord>),
    ("server_record.tombstone", again::<ServerRecord>),
    ("conflicts.answer", again::<ConflictsAnswer>),
    ("settle.request.take", again::<SettleRequest>),
    ("settle.request.value", again::<SettleRequest>),
    ("settle.answer", again::<SettleAnswer>),
    ("history.answer", again::<HistoryAnswer>),
    ("datastore.answer", again::<DatastoreAnswer>),
    ("datastore.answer.fingerprint", again::<DatastoreAnswer>),
    ("datastore.request", again::<DatastoreRequest>),
    ("reconcile.request", again::<ReconcileRequest>),
    ("reconcile.request.confirm", again::<ReconcileRequest>),
    ("reconcile.answer", again::<ReconcileAnswer>),
    ("reconcile.answer.deleted", again::<ReconcileAnswer>),
    ("alert", again::<Alert>),
];

#[test]
fn every_sample_is_read_and_written_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1");
    for (name, again) in MESSAGES {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let sample: Value = serde_json::from_str(&text).unwrap();
        let written: Value = serde_json::from_str(&again(&text).unwrap()).unwrap();
        assert_eq!(written, sample, "{name}");
    }
    let files: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let named = MESSAGES.map(|(name, _)| format!("{name}.json"));
    assert_eq!(files, named.into_iter().collect());
}

#[test]
fn what_a_later_protocol_adds_is_passed_over() {
    let text = r#"{"in_sync":true,"last_sync":null,"mood":{"good":[true]}}"#;
    assert!(serde_json::from_str::<FinishAnswer>(text).unwrap().in_sync);
    let text = r#"{"code":"a_code_of_tomorrow","status":418}"#;
    let problem: Problem = serde_json::from_str(text).unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.status),
        ("a_code_of_tomorrow", 418)
    );
}

#[test]
fn a_member_named_twice_is_refused() {
    let text = r#"{"sync_uuid":"8c1f2a3b-4d5e-4f60-8a7b-9c0d1e2f3a4b","cursor":null,"cursor":"x"}"#;
    assert!(serde_json::from_str::<PullRequest>(text).is_err());
}

#[test]
fn records_are_objects() {
    for (records, good) in [
        ("[]", true),
        ("[ {} ]", true),
        ("[{},7]", false),
        ("{}", false),
    ] {
        let text = format!(r#"{{"records":{records}}}"#);
        assert_eq!(
            serde_json::from_str::<PushRequest>(&text).is_ok(),
            good,
            "{records}"
        );
    }
}

#[test]
fn a_side_of_a_conflict_is_null_or_deleted() {
    let text = r#"{"id":"i","key":"k","entity":"e","fields":[],"base":null,"truth":null,"device":null,
        "deleted":"device","truth_device":"8c1f2a3b-4d5e-4f60-8a7b-9c0d1e2f3a4b",
        "device_uuid":"8c1f2a3b-4d5e-4f60-8a7b-9c0d1e2f3a4b","checkin":"2026-11-22T04:41:01.000123Z"}"#;
    let conflict: tidemark_protocol::Conflict = serde_json::from_str(text).unwrap();
    assert_eq!(conflict.side(ConflictSide::Truth), Some("null"));
    assert_eq!(conflict.side(ConflictSide::Device), None);
}
