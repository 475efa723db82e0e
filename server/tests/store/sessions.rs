//! From open to finish, and what stands in the way.

use serde_json::json;
use tidemark_server::session::{RecordsQuery, Settings};
use uuid::Uuid;

use crate::support::{Device, World, caller, many, pending, request, told, wire};

/// P-33: open, push, pull, finish: a record gets its key and reaches the other devices, its
/// `local_id` only the device that gave it.
pub(crate) async fn a_record_gets_its_key_and_reaches_another_device(world: World) {
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

/// P-4: checkins grow even when the machine's clock jumps back.
pub(crate) async fn checkins_grow_while_the_clock_jumps_back(world: World) {
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

/// P-17: opening a session ends the device's earlier one, and what it staged.
pub(crate) async fn an_open_ends_the_sessions_before_it(world: World) {
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

/// P-18: a session expires after its last call.
pub(crate) async fn a_session_expires_after_its_last_call(world: World) {
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

/// P-10: of another user's session or datastore nothing shows, not even that it exists.
pub(crate) async fn another_users_session_is_gone(world: World) {
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

/// T-41: what was answered is there after the server starts again, staged batches too.
pub(crate) async fn what_was_answered_is_there_after_reopening(world: World) {
    let mut device = Device::new(&world);
    device.open(1).await.unwrap();
    device.stage(0, many(3)).await.unwrap();
    device.service = world.served(Settings::default()).await;
    assert_eq!(device.push_as(1, many(2)).await.unwrap().created, 5);
    device.service = world.served(Settings::default()).await;
    assert_eq!(device.pull(2).await.unwrap().len(), 5);
    assert!(device.finish().await.unwrap().in_sync);
    assert!(world.dir.path().join("truth.db").exists());
}

/// P-19, P-21: phases ride together; one that fails leaves its problem under its name and the later
/// ones undone, and the carrying call succeeds.
pub(crate) async fn phases_ride_together(world: World) {
    let mut device = Device::new(&world);
    let mut body = device.open_request(3);
    body["push"] = json!({"records": many(3)});
    body["pull"] = json!({"cursor": null});
    body["finish"] = json!({"last_update": null});
    let answer = wire(&device.open_with(&body).await.unwrap());
    assert_eq!(answer["push"]["created"], 3);
    assert_eq!(answer["pull"]["records"].as_array().unwrap().len(), 3);
    assert_eq!(answer["finish"]["in_sync"], true, "told no fingerprint");

    let mut body = device.open_request(1);
    body["push"] = json!({"records": many(1)});
    body["pull"] = json!({"cursor": "no such cursor"});
    body["finish"] = json!({"last_update": null});
    let answer = wire(&device.open_with(&body).await.unwrap());
    assert_eq!(answer["push"]["created"], 1);
    assert_eq!(answer["pull"]["code"], "malformed");
    assert_eq!(answer["finish"], json!(null));

    let body = json!({"sync_uuid": device.session, "records": many(1),
        "pull": {"finish": {"last_update": null}}});
    let answer = device.service.push(&device.caller(), request(&body)).await;
    let answer = wire(&answer.unwrap());
    assert_eq!(answer["pull"]["finish"]["in_sync"], true);
}

/// P-21: nothing rides after a staged answer, nor on an open that opens no session.
pub(crate) async fn nothing_rides_where_nothing_is_done(world: World) {
    let mut device = Device::new(&world);
    let mut body = device.open_request(3);
    body["push"] = json!({"records": many(3), "more": true});
    body["pull"] = json!({"cursor": null});
    body["finish"] = json!({"last_update": null});
    let answer = wire(&device.open_with(&body).await.unwrap());
    assert_eq!(answer["push"], json!({"staged": 3}));
    assert_eq!(
        (&answer["pull"], &answer["finish"]),
        (&json!(null), &json!(null))
    );

    let mut empty = Device::of(&world.service, "bob");
    let mut body = empty.open_request(0);
    body["push"] = json!({"records": []});
    body["pull"] = json!({"cursor": null});
    let answer = wire(&empty.open_with(&body).await.unwrap());
    assert_eq!(answer["sync_uuid"], json!(null));
    assert_eq!(
        (&answer["push"], &answer["pull"]),
        (&json!(null), &json!(null))
    );
}

/// P-23: the attempt that got a session is kept: a late open and a copy of the device are told.
pub(crate) async fn late_opens_and_copies_are_refused(world: World) {
    let mut device = Device::new(&world);
    device.sync(many(2)).await;
    let late = device.open_request(1);
    let copied = (device.attempts.clone(), device.records.clone());
    device.open(1).await.unwrap();
    let problem = device.open_with(&late).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "stale_device", "a late open");

    device.attempts = device.attempts.split_off(device.attempts.len() - 1);
    device.open(1).await.unwrap();
    let answered = device.open_request(1);
    device.open_with(&answered).await.unwrap();
    let repeated = device.open_with(&answered).await.unwrap_err();
    assert_eq!(repeated.code.as_str(), "session_gone", "answered already");

    let mut copy = Device::new(&world);
    (copy.id, copy.last_sync) = (device.id, device.last_sync.clone());
    (copy.attempts, copy.records) = copied;
    let problem = copy.open(1).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "stale_device", "a copy from before");
    copy.id = Uuid::new_v4();
    copy.open(1).await.unwrap();
    assert_eq!(copy.push(many(1)).await.unwrap().created, 1);
}

/// P-24: an open that finds both sides in sync writes nothing, also where nothing was yet
/// synced, and names the head.
pub(crate) async fn an_empty_sync_writes_nothing(world: World) {
    let mut device = Device::new(&world);
    device.sync(many(20)).await;
    let before = world.image();
    for _ in 0..3 {
        let answer = device.open(0).await.unwrap();
        assert!(answer.in_sync && answer.sync_uuid.is_none());
        assert_eq!(answer.last_sync, Some(answer.max_checkin));
    }
    device.last_sync = None;
    assert!(device.open(0).await.unwrap().in_sync, "whatever it claims");
    assert!(before == world.image(), "the database was written");
}

/// P-47: a finish stores `last_sync`, and refuses one that this truth never issued.
pub(crate) async fn a_finish_tells_how_far(world: World) {
    let mut device = Device::new(&world);
    device.sync(many(3)).await;
    let first = device.last_sync.clone();
    device.open(1).await.unwrap();
    device.push(many(1)).await.unwrap();
    for wrong in ["2026-11-22T04:41:01.000123Z", "9999-11-22T04:41:01.000123Z"] {
        let mut body = device.finish_request();
        body["last_update"] = json!(wrong);
        let problem = device
            .service
            .finish(&device.caller(), request(&body))
            .await
            .unwrap_err();
        assert_eq!(problem.code.as_str(), "malformed");
    }
    let mut body = device.finish_request();
    body["last_update"] = json!(first);
    let answer = device
        .service
        .finish(&device.caller(), request(&body))
        .await
        .unwrap();
    assert_eq!(answer.last_sync.map(|checkin| checkin.to_string()), first);
    assert!(answer.in_sync, "it holds what the truth held then");
}

/// P-48: a finish whose fingerprint is not the expected one leaves the session open, and a
/// later pull in it starts at `last_update`.
pub(crate) async fn a_mismatch_leaves_the_session_open(world: World) {
    let mut device = Device::new(&world);
    device.open(2).await.unwrap();
    device.push(many(2)).await.unwrap();
    device.pull(10).await.unwrap();
    let mut body = device.finish_request();
    body["fingerprint"] = json!("1".repeat(64));
    let answer = device
        .service
        .finish(&device.caller(), request(&body))
        .await
        .unwrap();
    assert!(!answer.in_sync);
    device.push(many(1)).await.unwrap();
    device.pull(10).await.unwrap();
    assert_eq!(device.records.len(), 3);
    assert!(device.finish().await.unwrap().in_sync);
    assert_eq!(
        device.finish().await.unwrap_err().code.as_str(),
        "session_gone"
    );
}

/// P-20: the finish of the session before rides on the next open, is done before the open ends
/// that session, and never fails it.
pub(crate) async fn the_previous_finish_rides(world: World) {
    let mut device = Device::new(&world);
    device.open(2).await.unwrap();
    device.push(many(2)).await.unwrap();
    device.pull(10).await.unwrap();
    let finish = device.finish_request();
    device.last_sync = Some(device.max_checkin.clone());
    let mut body = device.open_request(0);
    body["previous"] = json!({"sync_uuid": device.session, "finish": finish});
    let answer = wire(&device.open_with(&body).await.unwrap());
    assert_eq!(answer["previous"]["in_sync"], true);
    assert_eq!(answer["in_sync"], true, "all in one round trip");

    let mut body = device.open_request(1);
    body["previous"] = json!({"sync_uuid": Uuid::new_v4(), "finish": {"last_update": null}});
    let answer = wire(&device.open_with(&body).await.unwrap());
    assert_eq!(answer["previous"]["code"], "session_gone");
    assert!(answer["sync_uuid"].is_string());
}

/// P-49: a cancelled session is over; what it staged is forgotten.
pub(crate) async fn a_cancelled_session_is_over(world: World) {
    let mut device = Device::new(&world);
    device.open(3).await.unwrap();
    device.stage(0, many(3)).await.unwrap();
    let body = json!({"sync_uuid": device.session});
    let answer = device
        .service
        .cancel(&device.caller(), request(&body))
        .await
        .unwrap();
    assert!(answer.cancelled);
    assert_eq!(
        device.push_as(1, many(1)).await.unwrap_err().code.as_str(),
        "session_gone"
    );
    assert_eq!(world.live().await, 0);
}

/// T-43: every commit is told once, with its device.
pub(crate) async fn commits_are_told(world: World) {
    let mut commits = world.commits().await;
    let mut device = Device::new(&world);
    let repeated = many(1);
    device.sync(repeated.clone()).await;
    device.open(1).await.unwrap();
    device.push(repeated).await.unwrap();
    let alert = told(&mut commits).unwrap();
    assert_eq!(alert.device_uuid.uuid(), device.id);
    assert_eq!(Some(alert.max_checkin.to_string()), device.last_sync);
    assert_eq!(
        told(&mut commits),
        None,
        "a push that changes nothing is no commit"
    );
}

/// P-28, P-30: what cannot be done yet is refused, never done otherwise; an unknown scheme is told.
pub(crate) async fn what_is_not_spoken_is_refused(world: World) {
    let mut device = Device::new(&world);
    for (member, value, code) in [
        ("mirror", json!(true), "malformed"),
        ("protocol", json!(2), "protocol"),
        ("datastore", json!("somebody's"), "not_found"),
    ] {
        let mut body = device.open_request(1);
        body[member] = value;
        let problem = device.open_with(&body).await.unwrap_err();
        assert_eq!(problem.code.as_str(), code, "{member}");
    }
    let records = world
        .service
        .records(&caller("ann"), RecordsQuery::default())
        .await
        .unwrap();
    assert!(records.records.is_empty());
}
