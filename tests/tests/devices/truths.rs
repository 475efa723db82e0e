//! Devices that take the truth, push it, mirror it and sync one way, beside others that know of
//! nothing, against the shipped server: whatever a person wrote was in the truth, or waits on the
//! device with its problem; and all agree in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tidemark_engine::client::{Error, ErrorCode, SyncOptions, SyncReport};
use tidemark_protocol::{Direction, Mode};

use crate::{device::Device, world::World};

const STEPS: usize = 50;
/// How many schedules each run tries, beginning with this seed.
const SCHEDULES: std::ops::Range<u64> = 1..31;

fn mode(mode: Mode) -> SyncOptions {
    SyncOptions {
        mode,
        ..SyncOptions::default()
    }
}

/// D-49, D-50, D-51
#[tokio::test]
async fn a_pushed_truth_is_taken_and_what_waited_is_kept_for_its_person() {
    let world = World::start(7).await;
    let [one, other] = [Device::new(&world).await, Device::new(&world).await];
    for number in 0..30 {
        one.create(&json!({"n": number})).await;
    }
    one.sync().await.unwrap();
    other.sync().await.unwrap();
    let keys: Vec<String> = other.all().await.into_iter().map(|doc| doc.key).collect();
    // What the other has in the truth, and what waits there.
    other.put(&keys[0], &json!({"n": "theirs"})).await;
    other.sync().await.unwrap();
    other.put(&keys[1], &json!({"n": "waiting"})).await;
    other.create(&json!({"n": "made"})).await;
    // One pushes all but a few of its own.
    for key in &keys[10..] {
        one.change(key, None).await;
    }
    one.create(&json!({"n": "mine"})).await;
    let held = one.sync_as(mode(Mode::PushTruth)).await.unwrap_err();
    assert_eq!(held.code, ErrorCode::Airbag);
    let problem = held.problem.clone().unwrap();
    assert!(
        problem.deletes.is_some() && problem.live == Some(30),
        "{problem:?}"
    );
    let confirmed = SyncOptions {
        confirm: true,
        ..mode(Mode::PushTruth)
    };
    let report = one.sync_as(confirmed).await.unwrap();
    assert!(report.in_sync, "{report:?}");
    let truth = world.truth().await;
    assert_eq!(truth.len(), 11);
    assert!(truth.iter().all(|(_, value)| !value.contains("theirs")));

    let report = other.sync().await.unwrap();
    assert_eq!((report.mode.as_str(), report.rejected), ("pull_truth", 2));
    assert!(report.in_sync, "{report:?}");
    let waiting = other.pending().await;
    assert_eq!(waiting.len(), 2);
    for doc in &waiting {
        assert_eq!(doc.problem.as_ref().unwrap().0, "truth_pushed");
    }
    // Edited again, it goes.
    other.put(&keys[1], &json!({"n": "again"})).await;
    let report = other.sync().await.unwrap();
    assert_eq!((report.pushed, report.in_sync), (1, true), "{report:?}");
    let truth = world.truth().await;
    assert!(truth.iter().any(|(_, value)| value.contains("again")));
    assert!(one.sync().await.unwrap().in_sync);
}

/// D-55
#[tokio::test]
async fn what_the_airbag_holds_may_give_way_to_the_truth() {
    let world = World::start(8).await;
    let device = Device::new(&world).await;
    for number in 0..40 {
        device.create(&json!({"n": number})).await;
    }
    device.sync().await.unwrap();
    for doc in device.all().await {
        device.change(&doc.key, None).await;
    }
    let held = device.sync().await.unwrap_err();
    assert_eq!(held.code, ErrorCode::Airbag);
    assert_eq!(world.truth().await.len(), 40);
    let report = device.sync_as(mode(Mode::PullTruth)).await.unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!((report.rejected, device.all().await.len()), (40, 0));
    for doc in device.pending().await {
        device.undo(&doc.key).await;
    }
    assert_eq!(device.all().await.len(), 40);
    assert!(device.sync().await.unwrap().in_sync);
}

/// What a device's person wrote last into its own field, by the record's number.
#[derive(Default)]
struct Written {
    made: BTreeSet<u64>,
    fields: BTreeMap<u64, u64>,
}

struct Run {
    world: std::rc::Rc<World>,
    devices: Vec<Device>,
    written: Vec<Written>,
    /// Each member and value that was ever seen in the truth.
    seen: BTreeSet<String>,
    next: u64,
}

impl Run {
    fn any_way(&self) -> SyncOptions {
        let world = &self.world;
        let modes = [
            Mode::Auto,
            Mode::Auto,
            Mode::Repair,
            Mode::Slow,
            Mode::Refresh,
            Mode::PullTruth,
            Mode::PushTruth,
        ];
        let mode = modes[world.below(modes.len())];
        let direction = match (mode, world.below(5)) {
            (Mode::PullTruth | Mode::PushTruth, _) => Direction::Both,
            (_, 0) => Direction::Pull,
            (_, 1) => Direction::Push,
            _ => Direction::Both,
        };
        SyncOptions {
            mode,
            direction,
            mirror: direction != Direction::Both && mode == Mode::Auto && world.chance(50),
            confirm: world.chance(80),
        }
    }

    async fn write(&mut self, place: usize) {
        let device = &self.devices[place];
        let docs = device.all().await;
        let value = self.next;
        self.next += 1;
        if docs.is_empty() || self.world.chance(30) {
            device.create(&json!({"n": value})).await;
            self.written[place].made.insert(value);
            return;
        }
        let doc = &docs[self.world.below(docs.len())];
        let held: Value = serde_json::from_str(doc.value.as_str()).unwrap();
        let number = held["n"].as_u64().unwrap();
        let written = &mut self.written[place];
        if self.world.chance(15) {
            device.change(&doc.key, None).await;
            written.made.remove(&number);
            written.fields.remove(&number);
            return;
        }
        let mut fields = Map::new();
        fields.insert(format!("f{place}"), value.into());
        device.change(&doc.key, Some(&fields)).await;
        written.fields.insert(number, value);
    }

    async fn look(&mut self) {
        for (_, value) in self.world.truth().await {
            let record: Value = serde_json::from_str(&value).unwrap();
            for (field, value) in record.as_object().unwrap() {
                self.seen.insert(format!("{field}={value}"));
            }
        }
    }

    /// What was written was in the truth, or waits where it was written.
    async fn check_saved(&self, seed: u64) {
        for (place, written) in self.written.iter().enumerate() {
            let mut kept = self.seen.clone();
            for doc in self.devices[place].pending().await {
                let record: Value = serde_json::from_str(doc.value.as_str()).unwrap();
                for (field, value) in record.as_object().unwrap() {
                    kept.insert(format!("{field}={value}"));
                }
            }
            for number in &written.made {
                assert!(
                    kept.contains(&format!("n={number}")),
                    "seed {seed}: {number} is lost"
                );
            }
            for value in written.fields.values() {
                let field = format!("f{place}={value}");
                assert!(kept.contains(&field), "seed {seed}: {field} is lost");
            }
        }
    }
}

async fn run(seed: u64) {
    let world = World::start(seed).await;
    world.loss_percent.set([0, 10, 25][world.below(3)]);
    let mut devices = Vec::new();
    for _ in 0..3 {
        devices.push(Device::new(&world).await);
    }
    let mut run = Run {
        world,
        devices,
        written: (0..3).map(|_| Written::default()).collect(),
        seen: BTreeSet::new(),
        next: 1,
    };
    for _ in 0..STEPS {
        let place = run.world.below(3);
        match run.world.below(20) {
            0..8 => run.write(place).await,
            8 => run.devices[place].crash().await,
            9 => {
                run.devices[place].plan_fault();
                let _ = run.devices[place].sync_as(run.any_way()).await;
                run.devices[place].crash().await;
            }
            _ => {
                let _: Result<SyncReport, Error> = run.devices[place].sync_as(run.any_way()).await;
            }
        }
        run.look().await;
    }
    run.world.loss_percent.set(0);
    for round in 0..3 {
        for device in &mut run.devices {
            device.crash().await;
            let report = device.sync_as(SyncOptions {
                confirm: true,
                ..SyncOptions::default()
            });
            let report = report.await.unwrap();
            assert!(report.in_sync || round == 0, "seed {seed}: {report:?}");
        }
        run.look().await;
    }
    run.check_saved(seed).await;
    let truth = run.world.truth().await;
    for device in &run.devices {
        for doc in device.pending().await {
            let code = doc.problem.map(|(code, _)| code).unwrap_or_default();
            let is_ours = ["pull_truth", "truth_pushed", "deleted"].contains(&code.as_str());
            assert!(is_ours, "seed {seed}: {} waits, {code}", doc.value);
            device.undo(&doc.key).await;
        }
        let held = device.all().await.into_iter();
        let held: Vec<_> = held.map(|doc| (doc.key, doc.value.into_string())).collect();
        assert_eq!(held, truth, "seed {seed}: a device holds something else");
    }
    run.world.verify().await;
}

/// D-57
#[test]
fn however_the_truth_is_taken_and_pushed_nothing_is_lost() {
    super::on_each(SCHEDULES, run);
}
