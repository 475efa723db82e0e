//! What a pull shows: one moment, in pages, and an answer to everything pushed.

use serde_json::{Value, json};
use tidemark_server::session::{RecordsQuery, Settings};
use uuid::Uuid;

use crate::support::{Device, World, caller, many, pending, request, wire};

/// P-43: pages are whole and in the order of (checkin, key), and say how many remain.
pub(crate) async fn pages_are_whole_and_in_order(world: World) {
    let mut first = Device::new(&world);
    first.sync(many(250)).await;
    first.sync(many(1)).await;
    let mut second = Device::new(&world);
    let answer = second.open(0).await.unwrap();
    assert_eq!(wire(&answer)["mode"], "fast");
    let records = second.pull(100).await.unwrap();
    let places: Vec<_> = records.iter().map(|r| (r.checkin, r.key.clone())).collect();
    assert!(places.is_sorted());
    assert_eq!(records.len(), 251);
    assert!(second.finish().await.unwrap().in_sync);
}

/// P-42: a pull is the truth at `max_checkin`: what lands meanwhile is neither seen nor hidden.
pub(crate) async fn a_pull_is_one_moment(world: World) {
    let mut writer = Device::new(&world);
    let ids: Vec<Uuid> = (0..30).map(|_| Uuid::new_v4()).collect();
    let made: Value = ids
        .iter()
        .map(|id| pending(*id, &json!({"n": 0})))
        .collect();
    writer.sync(made).await;
    let mut reader = Device::new(&world);
    let opened = reader.open(0).await.unwrap();
    let mut cursor: Option<String> = None;
    let mut seen = Vec::new();
    for (round, id) in ids.iter().take(15).enumerate() {
        let key = &writer.local_ids[&id.to_string()];
        let base = writer.last_sync.clone();
        writer
            .sync(json!([{"key": key, "value": {"n": round + 1}, "base": base}]))
            .await;
        if round % 5 == 0 {
            let answer = reader.page(cursor.as_deref(), 10).await.unwrap();
            seen.extend(answer.records);
            cursor = answer.cursor;
        }
    }
    assert!(cursor.is_none());
    assert_eq!(seen.len(), 30);
    for record in &seen {
        assert_eq!(record.value.as_ref().unwrap().get(), "{\"n\":0}");
        assert!(record.checkin <= opened.max_checkin);
    }
    assert!(reader.finish().await.unwrap().in_sync);
    reader.sync(json!([])).await;
    assert_eq!(reader.fingerprint(), writer.fingerprint());
}

/// P-42: whatever was pushed and not rejected is answered, unchanged records and those that the
/// truth does not have too; `value` is left out where the device pushed it whole.
pub(crate) async fn every_push_is_answered(world: World) {
    let mut device = Device::new(&world);
    let ids: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
    let made: Value = ids
        .iter()
        .map(|id| pending(*id, &json!({"n": 0})))
        .collect();
    device.sync(made.clone()).await;
    let dead = Uuid::new_v4();
    device.open(7).await.unwrap();
    let mut records = made.as_array().unwrap().clone();
    records.push(json!({"key": dead, "is_pending": true, "deleted": true}));
    records.push(json!({"key": "never known", "deleted": true}));
    let summary = device.push(json!(records)).await.unwrap();
    assert_eq!((summary.received, summary.unchanged), (7, 7));
    for limit in [1, 2, 3, 100] {
        let records = device.pull(limit).await.unwrap();
        assert_eq!(records.len(), 7);
        assert!(records.is_sorted_by_key(|record| (record.checkin, record.key.clone())));
        let (gone, live): (Vec<_>, Vec<_>) = records.into_iter().partition(|one| one.deleted);
        assert_eq!((live.len(), gone.len()), (5, 2));
        assert!(
            live.iter()
                .all(|record| record.value.is_none() && record.local_id.is_some())
        );
        let gone: Vec<Value> = gone.iter().map(wire).collect();
        for record in &gone {
            assert_eq!(record["checkin"], json!(device.max_checkin));
        }
        let dead_one = gone
            .iter()
            .find(|record| record["key"] == json!(dead))
            .unwrap();
        assert_eq!(dead_one["local_id"], json!(dead));
        assert!(gone.iter().any(|record| record["key"] == "never known"));
    }
    assert!(device.finish().await.unwrap().in_sync);
}

/// P-45: a cursor goes on in a later session of its device, which is sent what it pushed all the
/// same; to another device it is nothing.
pub(crate) async fn a_cursor_outlives_its_session(world: World) {
    let mut writer = Device::new(&world);
    writer.sync(json!([{"key": "known", "value": 1}])).await;
    for _ in 0..4 {
        writer.sync(many(5)).await;
    }
    let mut reader = Device::new(&world);
    reader.open(0).await.unwrap();
    let page = reader.page(None, 8).await.unwrap();
    assert_eq!(page.remaining, 13);
    let cursor = page.cursor.unwrap();
    writer.sync(many(2)).await;

    reader.open(1).await.unwrap();
    let summary = reader
        .push(json!([{"key": "known", "value": 1}]))
        .await
        .unwrap();
    assert_eq!(summary.unchanged, 1);
    let mut got = Vec::new();
    let mut next = Some(cursor.clone());
    while let Some(cursor) = next {
        let page = reader.page(Some(&cursor), 4).await.unwrap();
        got.extend(
            page.records
                .into_iter()
                .map(|record| record.key.to_string()),
        );
        assert_eq!(page.remaining, 16 - got.len() as u64);
        next = page.cursor;
    }
    assert_eq!(got[0], "known", "what was pushed");
    assert_eq!(got.len(), 16, "and the rest");
    assert_eq!(reader.keys(), writer.keys());
    assert!(reader.finish().await.unwrap().in_sync);

    writer.open(1).await.unwrap();
    let problem = writer.page(Some(&cursor), 4).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "malformed");
}

/// P-12: a `local_id` is told until the device has confirmed the mapping, and to no other.
pub(crate) async fn a_local_id_is_told_until_confirmed(world: World) {
    let mut device = Device::new(&world);
    device.open(1).await.unwrap();
    device.push(many(1)).await.unwrap();
    device.open(0).await.unwrap();
    let told = device.pull(10).await.unwrap();
    assert!(told[0].local_id.is_some(), "its answer may have been lost");
    assert!(device.finish().await.unwrap().in_sync);

    let mut other = Device::new(&world);
    other.open(0).await.unwrap();
    assert!(other.pull(10).await.unwrap()[0].local_id.is_none());
    let key = told[0].key.to_string();
    let base = device.last_sync.clone();
    other
        .sync(json!([{"key": key, "value": {"name": "new"}, "base": base}]))
        .await;
    device.open(0).await.unwrap();
    let told = device.pull(10).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].local_id.is_none(), "confirmed by the finish");
}

/// P-46: what a device acks with another fingerprint is expected of it; what it rejects, or does
/// not ack, is offered again.
pub(crate) async fn acks_are_heeded(world: World) {
    let mut writer = Device::new(&world);
    writer.sync(many(3)).await;
    let mut reader = Device::new(&world);
    reader.open(0).await.unwrap();
    let records = reader.pull(10).await.unwrap();
    let keys: Vec<String> = records
        .iter()
        .map(|record| record.key.to_string())
        .collect();
    let short = "00112233445566778899aabbccddeeff";
    let acks = json!([
        {"key": keys[0], "fingerprint": records[0].fingerprint},
        {"key": keys[1], "fingerprint": short},
        {"key": keys[2], "rejected": "too long for this device"},
    ]);
    let body = json!({"sync_uuid": reader.session, "cursor": null, "acks": acks});
    reader
        .service
        .pull(&reader.caller(), request(&body))
        .await
        .unwrap();
    reader
        .records
        .insert(keys[1].clone(), short.parse().unwrap());
    reader.records.remove(&keys[2]);
    assert!(
        reader.finish().await.unwrap().in_sync,
        "expected, but for the exceptions"
    );
    assert!(reader.open(0).await.unwrap().in_sync);

    reader.open(1).await.unwrap();
    let again = reader.pull(10).await.unwrap();
    let again: Vec<String> = again.iter().map(|record| record.key.to_string()).collect();
    assert_eq!(again, [keys[2].clone()], "offered again");
    assert!(reader.finish().await.unwrap().in_sync, "taken this time");
    reader.open(1).await.unwrap();
    assert!(reader.pull(10).await.unwrap().is_empty());
    let stored = json!([{"key": keys[1], "value": {"name": "new"}, "base": reader.last_sync}]);
    reader.push(stored).await.unwrap();
    reader.pull(10).await.unwrap();
    assert!(
        reader.finish().await.unwrap().in_sync,
        "a newer version ends the exception"
    );
}

/// P-29: a batch and a page keep to the limits, by number and by bytes.
pub(crate) async fn limits_are_kept(world: World) {
    let mut settings = Settings::default();
    settings.limits.push_records = 10;
    settings.limits.pull_records = 4;
    settings.limits.body_bytes = 5_000;
    let service = world.served(settings).await;
    let mut device = Device::of(&service, "ann");
    device.open(1).await.unwrap();
    let problem = device.push(many(11)).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "too_large");
    device.push(many(10)).await.unwrap();
    assert_eq!(device.page(None, 100).await.unwrap().records.len(), 4);
    assert_eq!(
        device.page(None, 0).await.unwrap_err().code.as_str(),
        "malformed"
    );
    let long: Value = (0..3)
        .map(|_| pending(Uuid::new_v4(), &json!({"text": "x".repeat(4_000)})))
        .collect();
    device.push(long).await.unwrap();
    let mut other = Device::of(&service, "ann");
    other.open(0).await.unwrap();
    let records = other.pull(4).await.unwrap();
    assert_eq!(records.len(), 13);
    assert!(other.finish().await.unwrap().in_sync);
}

/// P-50: outside of sessions the truth is read as of one checkin, now or earlier, by key.
pub(crate) async fn records_are_one_moment(world: World) {
    let mut device = Device::new(&world);
    device.sync(many(10)).await;
    let early = device.last_sync.clone().unwrap();
    let key = device.records.keys().next().unwrap().clone();
    device
        .sync(json!([{"key": key, "deleted": true, "base": early},
            {"key": "b", "entity": "note", "value": 1}]))
        .await;
    let query = |cursor: Option<String>, at: Option<&str>, entity: Option<&str>| RecordsQuery {
        cursor,
        at: at.map(|at| request(&json!(at))),
        entity: entity.map(str::to_owned),
        limit: Some(3),
        ..RecordsQuery::default()
    };
    for (at, entity, count) in [
        (None, None, 10),
        (Some(early.as_str()), None, 10),
        (None, Some("note"), 1),
        (Some(early.as_str()), Some("note"), 0),
    ] {
        let mut keys = Vec::new();
        let mut page = query(None, at, entity);
        loop {
            let answer = device.service.records(&caller("ann"), page).await.unwrap();
            keys.extend(answer.records.iter().map(|record| record.key.clone()));
            assert_eq!(answer.remaining + keys.len() as u64, count);
            // A write between two pages is not seen.
            device
                .sync(json!([{"key": "zz", "value": keys.len()}]))
                .await;
            device
                .sync(json!([{"key": "zz", "deleted": true, "base": device.last_sync}]))
                .await;
            let Some(cursor) = answer.cursor else { break };
            page = query(Some(cursor), None, entity);
        }
        assert!(keys.is_sorted());
        assert_eq!(keys.len() as u64, count);
    }
    let wrong = query(Some("9.".to_owned()), None, None);
    let problem = device
        .service
        .records(&caller("ann"), wrong)
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "malformed");
}
