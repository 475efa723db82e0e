//! A push: staged in batches, mingled as one.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Device, World, many, pending, request, told, wire};

/// P-31: staged batches and the closing one are mingled in one commit, in (seq, position) order
/// whatever the order of their arrival; sending a `seq` again replaces it.
pub(crate) async fn batches_are_one_push(world: World) {
    let mut device = Device::new(&world);
    device.open(9).await.unwrap();
    let id = Uuid::new_v4();
    let version = |n: u32| json!([pending(id, &json!({"n": n}))]);
    device.stage(2, version(2)).await.unwrap();
    device.stage(0, many(5)).await.unwrap();
    device.stage(0, version(0)).await.unwrap();
    let staged = wire(
        &device
            .stage(3, json!([{"key": "", "value": 1}]))
            .await
            .unwrap(),
    );
    assert_eq!(staged, json!({"staged": 3}));
    let summary = device.push_as(1, version(1)).await.unwrap();
    assert_eq!((summary.received, summary.created), (2, 1));
    assert_eq!(summary.rejected[0].index, 3, "counted through the batches");
    let records = device.pull(10).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(
        device.values.values().next(),
        None,
        "its own last word is left out"
    );
    let page = world
        .service
        .records(&device.caller(), request_none())
        .await
        .unwrap();
    assert_eq!(page.records[0].value.as_ref().unwrap().get(), "{\"n\":2}");
    assert!(device.finish().await.unwrap().in_sync);
}

/// P-31, P-40: a push of more records than are compared at once is still one commit, and a record
/// pushed in its first and its last batch is one record.
pub(crate) async fn a_large_push_is_one_commit(world: World) {
    let mut commits = world.commits().await;
    let mut device = Device::new(&world);
    device.open(5000).await.unwrap();
    let id = Uuid::new_v4();
    for seq in 0..3 {
        let mut batch = many(1999).as_array().unwrap().clone();
        batch.push(pending(id, &json!({"seq": seq})));
        device.stage(seq, json!(batch)).await.unwrap();
    }
    let summary = device.push_as(3, json!([])).await.unwrap();
    assert_eq!(summary.created, 3 * 1999 + 1);
    assert_eq!(
        summary.conflicts, 2,
        "two whole values were replaced by a later one"
    );
    assert!(told(&mut commits).is_some());
    assert_eq!(told(&mut commits), None);
    device.pull(2000).await.unwrap();
    assert!(device.finish().await.unwrap().in_sync);
}

/// P-41: the airbag looks at the whole push; held, nothing of it is written, and the same push
/// passes once it is confirmed.
pub(crate) async fn the_airbag_holds_the_whole_push(world: World) {
    let mut device = Device::new(&world);
    device.sync(many(60)).await;
    let base = device.last_sync.clone();
    let deletions: Vec<Value> = device
        .records
        .keys()
        .take(30)
        .map(|key| json!({"key": key, "deleted": true, "base": base}))
        .collect();
    device.open(30).await.unwrap();
    device.stage(0, json!(deletions[..15])).await.unwrap();
    let problem = device.push_as(1, json!(deletions[15..])).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "airbag");
    assert_eq!((problem.deletes, problem.live), (Some(30), Some(60)));
    assert_eq!(world.live().await, 60);
    let body = json!({"sync_uuid": device.session, "seq": 1, "records": deletions[15..],
        "confirm": true});
    let answer = wire(
        &device
            .service
            .push(&device.caller(), request(&body))
            .await
            .unwrap(),
    );
    assert_eq!(answer["updated"], 30);
    assert_eq!(world.live().await, 30);
}

/// P-9: a record wrong by itself is rejected alone; the rest of its batch is in the truth.
pub(crate) async fn a_wrong_record_stops_nothing_else(world: World) {
    let mut device = Device::new(&world);
    device.open(3).await.unwrap();
    let records = json!([
        {"key": "a", "value": {"a": 1}}, {"key": 7, "value": 1},
        {"key": "b", "value": {"x": 1}, "changed": ["x"]}, {"key": "c", "value": "\u{0}"},
    ]);
    let summary = device.push(records).await.unwrap();
    assert_eq!((summary.created, summary.rejected.len()), (2, 2));
    device.pull(10).await.unwrap();
    assert!(device.finish().await.unwrap().in_sync);
}

/// P-6, P-7: odd names and values come back as they are.
pub(crate) async fn odd_names_and_values_come_back(world: World) {
    let mut writer = Device::new(&world);
    let names = [
        "\u{0}",
        "a\u{0}b",
        " ",
        "\"",
        "\\",
        "é",
        "日本",
        "\u{10FFFF}",
        "'; drop",
        "%_",
        "1",
        "null",
    ];
    let values = json!([null, true, 0, -0.0, 1e21, 5e-324, "", "\u{0}", "\\u0000", [], {},
        {"": {"__proto__": [1.5]}}]);
    let records: Vec<Value> = names
        .iter()
        .zip(values.as_array().unwrap())
        .map(|(name, value)| json!({"key": name, "entity": name, "value": value}))
        .collect();
    let summary = writer.sync(json!(records)).await.unwrap();
    assert_eq!(
        summary.created,
        names.len() as u64,
        "{:?}",
        summary.rejected
    );
    let mut reader = Device::new(&world);
    reader.sync(json!([])).await;
    for (name, value) in names.iter().zip(values.as_array().unwrap()) {
        let told = &reader.values[*name];
        assert!(
            told == value || (told == &json!(0) && value == &json!(-0.0)),
            "{name:?}"
        );
    }
    let long: String = "é".repeat(100_000);
    writer
        .sync(json!([{"key": "k".repeat(255), "value": {"long": long}}]))
        .await;
    reader.sync(json!([])).await;
    assert_eq!(reader.values[&"k".repeat(255)], json!({"long": long}));
}

/// P-44: a key that is not known is created; delete, edit and undelete pass through; tombstones
/// are sent to those who held the record.
pub(crate) async fn deletions_reach_the_others(world: World) {
    let mut one = Device::new(&world);
    let mut other = Device::new(&world);
    one.sync(json!([{"key": "a", "value": 1}, {"key": "b", "value": 2}]))
        .await;
    other.sync(json!([])).await;
    let base = one.last_sync.clone();
    one.sync(json!([{"key": "a", "deleted": true, "base": base}]))
        .await;
    other.open(0).await.unwrap();
    let told = other.pull(10).await.unwrap();
    assert!(told.len() == 1 && told[0].deleted);
    assert!(other.finish().await.unwrap().in_sync);
    let mut fresh = Device::new(&world);
    fresh.open(0).await.unwrap();
    assert_eq!(
        fresh.pull(10).await.unwrap().len(),
        1,
        "no tombstones for who holds nothing"
    );
    assert!(fresh.finish().await.unwrap().in_sync);
}

fn request_none() -> tidemark_server::session::RecordsQuery {
    tidemark_server::session::RecordsQuery::default()
}
