//! Compaction while there is something else to do: in small parts, beside devices that sync.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tidemark_protocol::Mode;
use tidemark_server::{
    session::{Dropped, ROWS_MAX, Retention},
    store::Store,
};
use uuid::Uuid;

use crate::support::{Device, World, many, pending};

const HOUR: i64 = 3_600_000_000;

/// T-66: a device that was away for longer than deletions are remembered is repaired; one that holds
/// all is in sync.
pub(crate) async fn a_device_from_before_forgotten_is_repaired(world: World) {
    let retention = Retention {
        history: Duration::ZERO,
        tombstones: Duration::from_hours(2),
    };
    let service = world.keeping(retention).await;
    let mut ann = Device::of(&service, "ann");
    ann.sync(many(3)).await;
    let mut late = Device::of(&service, "ann");
    late.sync(json!([])).await;
    let key = ann.keys().pop_first().unwrap();
    let base = ann.last_sync.clone();
    ann.sync(json!([{"key": key, "deleted": true, "base": base}]))
        .await;
    world.clock.jump(HOUR);
    assert_eq!(service.compact().await.unwrap().tombstones, 0);
    late.open(0).await.unwrap();
    late.push(json!([])).await.unwrap();
    world.clock.jump(2 * HOUR);
    assert_eq!(service.compact().await.unwrap().tombstones, 1);
    for pending in [0, 2] {
        assert_eq!(late.open(pending).await.unwrap().mode, Mode::Repair);
    }
    assert!(ann.open(0).await.unwrap().in_sync);
    let mut new = Device::of(&service, "ann");
    new.sync(json!([])).await;
    assert_eq!(new.keys(), ann.keys());
}

/// T-63: an expired session goes a part at a time, and is not alive again in between, whatever
/// the clock shows.
pub(crate) async fn an_expired_session_goes_in_parts(world: World) {
    let service = world.forgetful().await;
    let mut device = Device::of(&service, "ann");
    device.open(1).await.unwrap();
    for seq in 0..20 {
        device.stage(seq, many(2)).await.unwrap();
    }
    world.clock.jump(HOUR);
    let mut pass = service.compaction();
    assert!(pass.step().await.unwrap());
    assert_eq!(pass.dropped(), Dropped::default());
    let staged = world.sql("select count(*) from staged").await;
    assert_eq!(staged, ["12"]);
    world.clock.jump(-HOUR);
    let gone = device.push_as(20, many(1)).await.unwrap_err();
    assert_eq!(gone.code.as_str(), "session_gone");
    while pass.step().await.unwrap() {}
    assert_eq!(pass.dropped().sessions, 1);
    assert_eq!(world.sql("select count(*) from staged").await, ["0"]);
    assert_eq!(world.sql("select count(*) from session").await, ["0"]);
    assert_eq!(device.sync(many(2)).await.unwrap().created, 2);
}

/// T-64: compaction runs over and over while devices push, delete and pull in small pages: every
/// sync ends in sync, each step takes no more rows than it may, and at every moment the truth
/// is sound.
pub(crate) async fn compaction_runs_while_devices_sync(world: World) {
    const ROUNDS: usize = 25;
    let retention = Retention {
        history: Duration::ZERO,
        tombstones: Duration::from_hours(1),
    };
    let service = world.keeping(retention).await;
    let done = Arc::new(AtomicBool::new(false));
    let devices = (0..4).map(|number| {
        let mut device = Device::of(&service, "ann");
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                let base = device.last_sync.clone();
                let mut records = many(3).as_array().unwrap().clone();
                let known: Vec<String> = device.keys().into_iter().take(6).collect();
                for (at, key) in known.iter().enumerate() {
                    let fields = json!({"at": round * 100 + at, format!("by{number}"): round});
                    let changed: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
                    records.push(if at == 0 && round % 3 == 0 {
                        json!({"key": key, "deleted": true, "base": base})
                    } else {
                        json!({"key": key, "value": fields, "changed": changed, "base": base})
                    });
                }
                device.open(records.len() as u64).await.unwrap();
                device.push(json!(records)).await.unwrap();
                device.pull(7).await.unwrap();
                assert!(device.finish().await.unwrap().in_sync, "round {round}");
            }
        })
    });
    let devices: Vec<_> = devices.collect();
    let compacting = tokio::spawn({
        let (service, done) = (service.clone(), done.clone());
        let verifying = Store::to_read(&world.url).await.unwrap();
        async move {
            let mut total = Dropped::default();
            while !done.load(Ordering::SeqCst) {
                let mut pass = service.compaction();
                let mut before = pass.dropped();
                while pass.step().await.unwrap() {
                    let now = pass.dropped();
                    assert!(now.values - before.values <= u64::from(ROWS_MAX));
                    assert!(now.versions - before.versions <= u64::from(ROWS_MAX));
                    before = now;
                }
                total.values += pass.dropped().values;
                total.versions += pass.dropped().versions;
                let verified = verifying.verify(|finding| panic!("{finding}")).await;
                assert!(verified.unwrap().versions > 0);
            }
            total
        }
    });
    for device in devices {
        device.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let total = compacting.await.unwrap();
    assert_eq!(world.verified().await, Vec::<String>::new());
    assert!(total.values > 0 && total.versions > 0, "{total:?}");
    let mut reader = Device::of(&service, "ann");
    reader.sync(json!([])).await;
    assert_eq!(reader.keys(), world.keys().await);
}

/// T-64: a pass that is stopped after any step leaves a truth that is whole, and another pass goes
/// on with it.
pub(crate) async fn compaction_may_stop_anywhere(world: World) {
    let service = world.forgetful().await;
    let mut ann = Device::of(&service, "ann");
    ann.sync(many(700)).await;
    let at = |at: usize| json!({"name": "again", "at": at});
    for round in 0..2 {
        let base = ann.last_sync.clone();
        let keys = ann.keys().into_iter();
        let edits = keys.map(|key| json!({"key": key, "base": base, "value": at(round)}));
        let edits: Vec<_> = edits.collect();
        ann.sync(json!(edits)).await;
    }
    let keys: Vec<_> = ann.keys().into_iter().take(100).collect();
    let base = ann.last_sync.clone();
    let dead = keys
        .iter()
        .map(|key| json!({"key": key, "base": base, "deleted": true}));
    ann.sync(dead.collect()).await;
    let mut steps = 0;
    loop {
        let mut pass = service.compaction();
        let mut goes_on = true;
        for _ in 0..=steps % 5 {
            goes_on = pass.step().await.unwrap();
        }
        steps += 1;
        assert!(ann.open(0).await.unwrap().in_sync);
        let mut new = Device::of(&service, "ann");
        new.sync(json!([])).await;
        assert_eq!(new.keys(), ann.keys());
        assert_eq!(world.verified().await, Vec::<String>::new(), "step {steps}");
        if !goes_on && pass.dropped() == Dropped::default() {
            break;
        }
    }
    assert_eq!(world.sql("select count(*) from version").await, ["600"]);
}

/// T-60, T-62: what nobody needs is kept all the same for as long as the operator says.
pub(crate) async fn retention_keeps_what_nobody_needs(world: World) {
    let retention = Retention {
        history: Duration::from_hours(2),
        tombstones: Duration::from_hours(5),
    };
    let service = world.keeping(retention).await;
    let mut ann = Device::of(&service, "ann");
    let record = pending(Uuid::new_v4(), &json!({"at": 1}));
    ann.sync(json!([record])).await;
    let key = ann.keys().pop_first().unwrap();
    let base = ann.last_sync.clone();
    ann.sync(json!([{"key": key, "base": base, "value": {"at": 2}}]))
        .await;
    let base = ann.last_sync.clone();
    ann.sync(json!([{"key": key, "base": base, "deleted": true}]))
        .await;
    world.clock.jump(HOUR);
    assert_eq!(service.compact().await.unwrap(), Dropped::default());
    world.clock.jump(2 * HOUR);
    let dropped = service.compact().await.unwrap();
    assert_eq!(
        (dropped.values, dropped.versions, dropped.tombstones),
        (2, 2, 0)
    );
    world.clock.jump(3 * HOUR);
    let dropped = service.compact().await.unwrap();
    assert_eq!((dropped.versions, dropped.tombstones), (0, 1));
}
