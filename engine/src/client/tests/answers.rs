//! What the server that a test plays says, as the protocol has it.

use alloc::{borrow::ToOwned, format, string::String};
use std::string::ToString;

use serde_json::{Value, json};

use super::world::{Tab, reply};
use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;

pub(super) const SESSION: &str = "5e551050-0000-4000-8000-000000000001";

pub(super) fn checkin(second: u32) -> String {
    format!("2026-11-22T04:41:{second:02}.000000Z")
}

pub(super) fn opened(max_checkin: u32) -> Value {
    json!({
        "sync_uuid": SESSION, "datastore": "ours", "last_sync": null,
        "max_checkin": checkin(max_checkin), "mode": "fast", "in_sync": false,
        "conflicts": {"open": 0, "changed": null},
        "limits": {"push_records": 2000, "pull_records": 2000, "body_bytes": 8_388_608},
    })
}

pub(super) fn mingled(count: usize, max_checkin: u32) -> Value {
    json!({
        "received": count, "created": count, "updated": 0, "merged": 0, "unchanged": 0,
        "conflicts": 0, "rejected": [], "max_checkin": checkin(max_checkin),
    })
}

pub(super) fn record(key: &str, value: &Value, at: u32) -> Value {
    let canonical = Canonical::parse(&value.to_string()).unwrap();
    let fingerprint = RecordFingerprint::of("todo", canonical.borrow());
    json!({
        "key": key, "entity": "todo", "value": value, "is_pending": false,
        "created": "2026-11-22T04:41:01Z", "updated": "2026-11-22T04:41:01Z",
        "checkin": checkin(at), "fingerprint": fingerprint.to_string(),
    })
}

pub(super) fn page(records: &[Value]) -> Value {
    json!({"records": records, "cursor": null, "remaining": 0})
}

pub(super) fn finished() -> Value {
    json!({"in_sync": true, "last_sync": checkin(9)})
}

/// A device that holds one record from an earlier sync, and the key of it.
pub(super) async fn synced(tab: &Tab) -> (crate::client::Client<Tab>, String) {
    let client = tab.open().await;
    tab.plays(|path, _| match path {
        "/v1/sync/open" => {
            let mut answer = opened(2);
            answer["pull"] = page(&[record("k1", &json!({"a": 1, "b": 1}), 2)]);
            reply(200, &answer)
        }
        _ => reply(200, &finished()),
    });
    client.syncs().await.unwrap();
    tab.0.calls.borrow_mut().clear();
    (client, "k1".to_owned())
}
