//! Refusals: of calls, of single records, and of what is somebody else's. Rules P-8 to P-10.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::run::Run;
use crate::talk::{made, name, shared, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-8"],
        "a refusal is application/problem+json with `status` and a stable `code`",
        problems,
    ),
    Check::of(
        &["P-9", "T-1", "T-22"],
        "a record that is wrong by itself is rejected alone, with key, index and problem",
        wrong_records,
    ),
    Check::of(
        &["P-9", "T-17", "P-11"],
        "a record of another entity is rejected with `entity`",
        wrong_entity,
    ),
    Check::of(
        &["P-10"],
        "another's session is as if it were not there",
        anothers_session,
    ),
    Check::of(
        &["P-10"],
        "another's datastore is as if it were not there",
        anothers_datastore,
    ),
];

fn problems(run: &Run) -> Checked {
    let caller = run.user()?;
    for (method, path, status, code) in [
        ("GET", "/v1/no/such/route", 404, "not_found"),
        ("GET", "/v1/sync/open", 405, "method_not_allowed"),
        ("POST", "/v1/sync/open", 400, "malformed"),
    ] {
        let answer = caller.send(method, path, &[], &[])?;
        answer.refused(status, code)?;
        answer.is(
            "/status",
            &json!(status),
            "the problem tells its status (RFC 9457)",
        )?;
        for member in ["type", "title", "detail"] {
            let told = &answer[member];
            let holds = told.is_null() || told.is_string();
            answer.demand(
                holds,
                &format!("`{member}`, where it is told, is a text (RFC 9457)"),
            )?;
        }
    }
    Ok(())
}

fn wrong_records(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let with_name = |more: Value| with(json!({"key": name(), "is_pending": true}), &more);
    let wrong = [
        (json!({"value": 1}), "bad_key"),
        (json!({"key": "", "value": 1}), "bad_key"),
        (with_name(json!({})), "bad_record"),
        (
            with_name(json!({"value": 1, "is_pending": "yes"})),
            "bad_record",
        ),
        (
            with_name(json!({"value": 1, "created": "now"})),
            "bad_record",
        ),
        (with_name(json!({"value": 1, "base": "then"})), "bad_record"),
        (
            with_name(json!({"value": 1, "fingerprint": "0".repeat(32)})),
            "bad_record",
        ),
        (
            json!({"key": name(), "value": {"a": 1}, "changed": ["a"]}),
            "need_whole",
        ),
    ];
    let mut records = vec![made(&json!("first"))];
    records.extend(wrong.iter().map(|(record, _)| record.clone()));
    records.push(made(&json!("last")));
    let answer = device.push(&records)?;
    answer.is("/created", &json!(2), "the good ones go in")?;
    let rejected = answer.list("/rejected")?;
    let why = format!("each of {} wrong records is rejected", wrong.len());
    answer.demand(rejected.len() == wrong.len(), &why)?;
    for (place, (record, code)) in wrong.iter().enumerate() {
        let at = |member: &str| format!("/rejected/{place}/{member}");
        answer.is(&at("index"), &json!(place + 1), "its place in the push")?;
        answer.is(
            &at("problem/code"),
            &json!(code),
            &format!("what is wrong with {record}"),
        )?;
        let key = if *code == "bad_key" {
            &rejected[place]["key"]
        } else {
            &record["key"]
        };
        answer.is(&at("key"), key, "the key that it was pushed under")?;
    }
    Ok(())
}

fn wrong_entity(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut pair = shared(&caller, &json!({"a": 1}))?;
    let other = json!({"key": pair.record["key"], "entity": "another kind", "value": {"a": 2},
        "base": pair.record["checkin"]});
    pair.one.start()?;
    let answer = pair.one.push(std::slice::from_ref(&other))?;
    let why = "an entity is fixed for the record's life";
    answer.is("/rejected/0/problem/code", &json!("entity"), why)?;
    pair.one.push(&[crate::talk::deletion(&pair.record)])?;
    let answer = pair.one.push(&[other])?;
    answer.is(
        "/rejected/0/problem/code",
        &json!("entity"),
        "its tombstone is of it, too",
    )
}

fn anothers_session(run: &Run) -> Checked {
    let (caller, stranger) = (run.user()?, run.another()?);
    let mut device = Device::new(&caller);
    device.start()?;
    let session = &device.session;
    for (phase, body) in [
        (
            "push",
            json!({"sync_uuid": session, "records": [made(&json!(1))]}),
        ),
        ("pull", json!({"sync_uuid": session, "cursor": null})),
        ("reconcile", json!({"sync_uuid": session, "ranges": []})),
        ("finish", json!({"sync_uuid": session, "last_update": null})),
        ("cancel", json!({"sync_uuid": session})),
    ] {
        stranger.call(phase, &body)?.refused(410, "session_gone")?;
    }
    let pushed = device.push(&[made(&json!(1))])?;
    pushed.is(
        "/created",
        &json!(1),
        "the session lives, and nothing was pushed into it",
    )
}

fn anothers_datastore(run: &Run) -> Checked {
    let (caller, stranger) = (run.user()?, run.another()?);
    let mut device = Device::new(&caller);
    let opened = device.start()?;
    let datastore = opened.text("/datastore")?;
    let mark = json!(name());
    device.push(&[made(&mark)])?;
    let open = json!({"device_uuid": device.uuid, "datastore": datastore, "pending": 1});
    stranger.call("open", &open)?.refused(404, "not_found")?;
    let path = format!("/v1/records?datastore={datastore}");
    stranger.get(&path)?.refused(404, "not_found")?;
    let mut other = Device::new(&stranger);
    let pulled = other.sync(&[])?;
    let none = pulled.records.iter().all(|it| it["value"] != mark);
    pulled.pull.demand(none, "nobody sees another's records")
}
