//! From open to finish, and what stands in the way.

use serde_json::json;
use uuid::Uuid;

use crate::support::{Device, World, many, pending, wire};

#[tokio::test]
async fn a_record_gets_its_key_and_reaches_another_device() {
    let world = World::new().await;
    let mut first = Device::new(&world);
    let local_id = Uuid::new_v4();
    let summary = first
        .sync(json!([pending(local_id, &json!({"a": 1}))]))
        .await;
    assert_eq!(summary.unwrap().created, 1);
    let key = first.local_ids[&local_id.to_string()].clone();

    let mut second = Device::new(&world);
    second.sync(json!([])).await;
    assert_eq!(second.keys(), first.keys());
    assert_eq!(second.values[&key], json!({"a": 1}));
    assert!(
        second.local_ids.is_empty(),
        "a local id is its device's own"
    );

    assert!(first.open(0).await.unwrap().in_sync);
}

#[tokio::test]
async fn pages_are_whole_and_in_order() {
    let world = World::new().await;
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

/// P-CHECKIN: checkins grow even when the machine's clock jumps back.
#[tokio::test]
async fn checkins_grow_while_the_clock_jumps_back() {
    let world = World::new().await;
    let mut device = Device::new(&world);
    let mut last = String::new();
    for round in 0..6 {
        world.clock.jump(if round % 2 == 0 {
            -3_600_000_000
        } else {
            60_000_000
        });
        device.sync(many(2)).await;
        let head = device.last_sync.clone().unwrap();
        assert!(head > last, "{head} after {last}");
        last = head;
    }
    assert_eq!(device.records.len(), 12);
}

#[tokio::test]
async fn an_open_ends_the_sessions_before_it() {
    let world = World::new().await;
    let mut device = Device::new(&world);
    device.open(1).await.unwrap();
    let earlier = device.session.clone();
    device.stage(0, many(3)).await.unwrap();
    device.open(1).await.unwrap();
    let newer = std::mem::replace(&mut device.session, earlier);
    let problem = device.push(many(1)).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "session_gone");
    device.session = newer;
    assert_eq!(
        device.push(many(1)).await.unwrap().created,
        1,
        "staged ones are forgotten"
    );
}

#[tokio::test]
async fn a_session_expires_after_its_last_call() {
    let world = World::new().await;
    let mut device = Device::new(&world);
    device.open(2).await.unwrap();
    world.clock.jump(599_000_000);
    device.stage(0, many(1)).await.unwrap();
    world.clock.jump(599_000_000);
    device.stage(1, many(1)).await.unwrap();
    assert_eq!(world.service.sweep().await.unwrap(), 0);
    world.clock.jump(601_000_000);
    let problem = device.push(many(1)).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "session_gone");
    assert_eq!(world.service.sweep().await.unwrap(), 1);
}

#[tokio::test]
async fn another_users_session_is_gone() {
    let world = World::new().await;
    let mut ann = Device::new(&world);
    ann.open(1).await.unwrap();
    let mut bob = Device::of(&world.service, "bob");
    bob.session.clone_from(&ann.session);
    let problem = bob.push(many(1)).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "session_gone");
    let datastore = ann.open(1).await.unwrap().datastore;
    let mut body = bob.open_request(0);
    body["datastore"] = json!(datastore);
    let problem = bob.open_with(&body).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "not_found");
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let world = World::new().await;
    let mut device = Device::new(&world);
    device.open(1).await.unwrap();
    device.stage(0, many(3)).await.unwrap();
    device.service = world.reopened().await;
    assert_eq!(device.push_as(1, many(2)).await.unwrap().created, 5);
    device.service = world.reopened().await;
    assert_eq!(device.pull(2).await.unwrap().len(), 5);
    assert!(device.finish().await.unwrap().in_sync);
    assert!(world.dir.path().join("truth.db").exists());
}
