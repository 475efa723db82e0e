//! One schedule: random steps, then rest, then the verdict.

use serde_json::{Map, Value, json};
use sqlx::{Connection, Row, sqlite::SqliteConnection};

use crate::{
    device::{Device, Wrote},
    oracle::Oracle,
    world::World,
};

const STEPS: usize = 60;
const DEVICES_MAX: usize = 4;
const FIELDS: [&str; 3] = ["a", "b", "c"];

pub(crate) async fn run(seed: u64) {
    let world = World::start(seed).await;
    world.loss_percent.set([0, 5, 15, 30][world.below(4)]);
    let mut oracle = Oracle::default();
    let mut devices = vec![Device::new(&world).await, Device::new(&world).await];
    for _ in 0..STEPS {
        let place = world.below(devices.len());
        match world.below(100) {
            0..45 => write(&world, &devices[place], &mut oracle).await,
            45..75 => {
                // Somebody writes while the sync is under way.
                let device = &devices[place];
                let (_, ()) = tokio::join!(device.sync(), write(&world, device, &mut oracle));
            }
            75..80 => devices[place].crash().await,
            80..86 => {
                devices[place].plan_fault();
                let _ = devices[place].sync().await;
                devices[place].crash().await;
            }
            // A copy may go on from a moment whose fingerprint was forgotten: it must be repaired.
            86..88 if seed.is_multiple_of(2) => world.compact().await,
            86..88 if devices.len() < DEVICES_MAX => {
                let copy = devices[place].copy().await;
                devices.push(copy);
                oracle.has_copies = true;
            }
            88..90 if devices.len() < DEVICES_MAX => devices.push(Device::new(&world).await),
            90..93 => world.restart().await,
            93..95 => world.jump(),
            95..98 => devices[place].settle(world.below(7)).await,
            _ => world.deliver_late().await,
        }
    }
    rest(&world, &mut devices).await;
    let kept = set_aside(&devices).await + &conflicts(&world).await;
    let records = agree(&world, &devices).await;
    oracle.judge(&records, &kept);
    world.verify().await;
}

/// A person creates, changes or deletes something.
async fn write(world: &World, device: &Device, oracle: &mut Oracle) {
    let docs = device.all().await;
    let choice = world.below(10);
    if docs.is_empty() || choice < 3 {
        let (name, token) = (oracle.token(), oracle.token());
        let wrote = device.create(&json!({"name": name, "a": token})).await;
        oracle.wrote(&name, &token, None, wrote == Wrote::Surely);
        return;
    }
    let doc = &docs[world.below(docs.len())];
    if choice == 3 {
        let (wrote, seen) = device.change(&doc.key, None).await;
        if wrote != Wrote::Nothing {
            oracle.deleted(name_of(&seen), &seen, wrote == Wrote::Surely);
        }
        return;
    }
    let field = FIELDS[world.below(FIELDS.len())];
    let token = oracle.token();
    let mut fields = Map::new();
    fields.insert(field.to_owned(), Value::from(token.clone()));
    let (wrote, seen) = device.change(&doc.key, Some(&fields)).await;
    if wrote != Wrote::Nothing {
        let saw = seen[field].as_str().map(ToOwned::to_owned);
        oracle.wrote(name_of(&seen), &token, saw, wrote == Wrote::Surely);
    }
}

fn name_of(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

/// Changes stop, the network holds, and every device syncs twice.
async fn rest(world: &World, devices: &mut [Device]) {
    world.loss_percent.set(0);
    for device in devices.iter_mut() {
        // A fault that was planned and never hit is over now.
        device.crash().await;
    }
    for round in 0..2 {
        for device in devices.iter() {
            let report = device.sync().await.unwrap();
            assert!(report.in_sync || round == 0, "not in sync: {report:?}");
        }
    }
}

/// What copies of a device edit, and another of them deleted before the truth knew it, waits for the
/// person, who drops it; its texts.
async fn set_aside(devices: &[Device]) -> String {
    let mut texts = String::new();
    for device in devices {
        for doc in device.pending().await {
            let problem = doc.problem.as_ref().map(|(code, _)| code.as_str());
            assert_eq!(
                (problem, doc.is_pending),
                (Some("deleted"), true),
                "{doc:?}"
            );
            texts.push_str(doc.value.as_str());
            device.undo(&doc.key).await;
        }
    }
    texts
}

/// All hold what the truth holds, and nothing is pending.
async fn agree(world: &World, devices: &[Device]) -> Vec<Value> {
    let truth = world.truth().await;
    for device in devices {
        let held: Vec<(String, String)> = device
            .all()
            .await
            .into_iter()
            .map(|doc| (doc.key, doc.value.into_string()))
            .collect();
        assert_eq!(held, truth, "a device holds something else than the truth");
        let pending = device.pending().await;
        assert!(pending.is_empty(), "still pending: {pending:?}");
        assert_eq!(device.fingerprint(), devices[0].fingerprint());
        assert_eq!(device.conflicts().await, world.conflicts().await);
    }
    truth
        .iter()
        .map(|(_, value)| serde_json::from_str(value).unwrap())
        .collect()
}

/// The texts of all stored conflicts.
async fn conflicts(world: &World) -> String {
    let url = format!("sqlite:{}", world.database().display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let rows =
        sqlx::query("select coalesce(truth, '') || coalesce(device, '') as text from conflict")
            .fetch_all(&mut database)
            .await
            .unwrap();
    rows.iter()
        .map(|row| row.get::<String, _>("text"))
        .collect()
}
