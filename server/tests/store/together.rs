//! Many at once, and the power going out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use uuid::Uuid;

use crate::support::{Device, World, many, pending};

/// P-42, T-42: eight devices push at once while another pulls in small pages, sync after sync: it ends
/// with every record, none twice, and its windows had no hole.
pub(crate) async fn eight_push_while_another_pulls(world: World) {
    const ROUNDS: usize = 12;
    let done = Arc::new(AtomicBool::new(false));
    let writers = (0..8).map(|_| {
        let mut device = Device::new(&world);
        let clock = world.clock.clone();
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                clock.jump(if round % 3 == 0 {
                    -5_000_000
                } else {
                    1_000_000
                });
                device.open(3).await.unwrap();
                device.push(many(3)).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut reader = Device::new(&world);
    let pulling = tokio::spawn({
        let done = done.clone();
        async move {
            let mut last = false;
            let mut previous = String::new();
            loop {
                if !reader.open(0).await.unwrap().in_sync {
                    assert!(reader.max_checkin >= previous);
                    previous.clone_from(&reader.max_checkin);
                    reader.pull(5).await.unwrap();
                    assert!(reader.finish().await.unwrap().in_sync, "a hole in a window");
                }
                if last {
                    return reader;
                }
                last = done.load(Ordering::SeqCst);
            }
        }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let reader = pulling.await.unwrap();
    assert_eq!(reader.records.len(), 8 * 3 * ROUNDS);
    assert_eq!(reader.keys(), world.keys().await);
}

/// P-18: whether a session lives is decided in the mingle's own transaction: of a push and an
/// open that race, either the push is in the truth and answered, or it is gone and nothing is.
pub(crate) async fn a_superseded_push_is_all_or_nothing(world: World) {
    let mut answered = 0;
    let mut device = Device::new(&world);
    for _ in 0..20 {
        device.open(1).await.unwrap();
        let session = device.session.clone();
        let mut pusher = Device::new(&world);
        pusher.session = session;
        let push = tokio::spawn(async move { pusher.push(many(40)).await });
        device.open(1).await.unwrap();
        match push.await.unwrap() {
            Ok(summary) => answered += summary.created,
            Err(problem) => assert_eq!(problem.code.as_str(), "session_gone"),
        }
    }
    assert_eq!(world.live().await as u64, answered);
}

/// T-41: the files as they lie at any instant open again as the truth between two commits:
/// whatever was answered before is there, nothing is there in part, and the device goes on.
pub(crate) async fn a_crash_image_opens_between_two_commits(world: World) {
    const SIZE: usize = 50;
    let mut device = Device::new(&world);
    device.sync(json!([])).await;
    let stop = Arc::new(AtomicBool::new(false));
    let pushing = tokio::spawn({
        let stop = stop.clone();
        async move {
            let mut pushed = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let ids: Vec<Uuid> = (0..SIZE).map(|_| Uuid::new_v4()).collect();
                device.open(1).await.unwrap();
                let batch = ids.iter().map(|id| pending(*id, &json!({"id": id})));
                device.push(batch.collect()).await.unwrap();
                pushed.extend(ids);
            }
            (device, pushed)
        }
    });
    let mut images = Vec::new();
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(7)).await;
        // The log is read after the file: a checkpoint in between would be no crash's image.
        let before = world.live().await;
        images.push((before, world.image()));
    }
    stop.store(true, Ordering::SeqCst);
    let (mut device, pushed) = pushing.await.unwrap();
    for (before, image) in images {
        let after = World::from_image(&image, &world.clock).await;
        let live = after.live().await;
        assert!(live >= before, "{live} of {before} answered records");
        assert_eq!(live % SIZE, 0, "a push is there in part");
    }
    // With what the device still has pending it makes good what a crash has cost.
    let (_, image) = (0, world.image());
    let after = World::from_image(&image, &world.clock).await;
    device.service = after.service.clone();
    device.open(1).await.unwrap();
    let batch = pushed.iter().map(|id| pending(*id, &json!({"id": id})));
    for chunk in batch.collect::<Vec<_>>().chunks(1000) {
        device.push(json!(chunk)).await.unwrap();
    }
    assert_eq!(
        after.live().await,
        pushed.len(),
        "nothing lost, nothing doubled"
    );
    device.pull(1000).await.unwrap();
    assert!(device.finish().await.unwrap().in_sync);
}

/// T-44: a change that is dropped before its commit leaves nothing, and holds up nobody.
pub(crate) async fn a_dropped_call_leaves_nothing_or_all(world: World) {
    let mut device = Device::new(&world);
    for round in 0..10_u64 {
        device.open(1).await.unwrap();
        let before = world.live().await;
        let pushing = device.push(many(200));
        let _ = tokio::time::timeout(Duration::from_millis(round * 2), pushing).await;
        let live = world.live().await;
        assert!(
            live == before || live == before + 200,
            "{live} after {before}"
        );
    }
    device.open(1).await.unwrap();
    device.push(many(1)).await.unwrap();
}
