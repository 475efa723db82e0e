//! What compaction and verification cost on 100,000 versions, and what a push waits meanwhile:
//! `cargo run --release -p tidemark-server --example compaction [VERSIONS]`.

use std::{error::Error, time::Duration, time::Instant};

use serde_json::{Value, json};
use tidemark_server::{
    session::{Caller, Retention, Service, Settings, SystemClock},
    store::Store,
};
use uuid::Uuid;

const BATCH: usize = 2000;

/// A device that keeps only what it needs to go on.
struct Device {
    service: Service,
    id: Uuid,
    attempt: Option<Uuid>,
    last_sync: Value,
}

impl Device {
    fn new(service: &Service) -> Self {
        Self {
            service: service.clone(),
            id: Uuid::new_v4(),
            attempt: None,
            last_sync: Value::Null,
        }
    }

    /// Open, push and finish; the keys of what was pushed.
    async fn sync(&mut self, records: &[Value]) -> Result<Vec<Value>, Box<dyn Error>> {
        let caller = Caller {
            user: "ann".to_owned(),
        };
        let mut attempts: Vec<Uuid> = self.attempt.into_iter().collect();
        attempts.push(Uuid::new_v4());
        self.attempt = attempts.last().copied();
        let open = json!({"device_uuid": self.id, "attempts": attempts,
            "last_sync": self.last_sync, "pending": records.len(),
            "push": {"records": records}, "pull": {}});
        let answer = self.service.open(&caller, serde_json::from_value(open)?);
        let answer = serde_json::to_value(answer.await.map_err(|it| it.detail)?)?;
        self.last_sync = answer["push"]["max_checkin"].clone();
        let finish = json!({"sync_uuid": answer["sync_uuid"], "last_update": self.last_sync});
        let finished = self
            .service
            .finish(&caller, serde_json::from_value(finish)?);
        finished.await.map_err(|it| it.detail)?;
        let told = answer["pull"]["records"].as_array();
        let keys = told.into_iter().flatten().map(|it| it["key"].clone());
        Ok(keys.collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let versions: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 100_000,
    };
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("truth.db").display());
    let retention = Retention {
        history: Duration::ZERO,
        tombstones: Duration::from_hours(1),
    };
    let settings = Settings {
        retention,
        ..Settings::default()
    };
    let service = Service::new(Store::connect(&url).await?, settings, SystemClock);

    // A tenth are records, which are edited nine times.
    let mut device = Device::new(&service);
    let mut keys = Vec::new();
    for _ in 0..versions / 10 / BATCH {
        let record = |_| json!({"key": Uuid::new_v4(), "is_pending": true, "value": {"text": "x".repeat(250)}});
        let records: Vec<Value> = (0..BATCH).map(record).collect();
        keys.extend(device.sync(&records).await?);
    }
    for round in 0..9 {
        for keys in keys.chunks(BATCH) {
            let base = &device.last_sync;
            let edit = |key: &Value| json!({"key": key, "base": base, "changed": ["at"], "value": {"at": round}});
            let edits: Vec<Value> = keys.iter().map(edit).collect();
            device.sync(&edits).await?;
        }
    }
    verify(&service, &url).await?;
    compact(&service, &mut device).await?;
    let begun = Instant::now();
    let dropped = service.compact().await?;
    println!("one more pass: {:.2?}, dropped {dropped}", begun.elapsed());
    verify(&service, &url).await
}

/// Compacts while a device pushes one record after another.
async fn compact(service: &Service, device: &mut Device) -> Result<(), Box<dyn Error>> {
    let task = tokio::spawn({
        let service = service.clone();
        async move {
            let (mut pass, mut steps, begun) = (service.compaction(), Vec::new(), Instant::now());
            loop {
                let step = Instant::now();
                let goes_on = pass.step().await?;
                steps.push(step.elapsed());
                if !goes_on {
                    return Ok::<_, tidemark_server::store::StoreError>((
                        pass.dropped(),
                        steps,
                        begun.elapsed(),
                    ));
                }
                tokio::time::sleep(step.elapsed()).await;
            }
        }
    });
    let mut waits = Vec::new();
    while !task.is_finished() {
        let push = Instant::now();
        let record = json!({"key": Uuid::new_v4(), "is_pending": true, "value": 1});
        device.sync(&[record]).await?;
        waits.push(push.elapsed());
    }
    let (dropped, steps, took) = task.await??;
    println!("dropped {dropped}");
    println!("in {took:.2?}; {} steps: {}", steps.len(), spread(steps));
    println!("{} syncs meanwhile: {}", waits.len(), spread(waits));
    Ok(())
}

async fn verify(service: &Service, url: &str) -> Result<(), Box<dyn Error>> {
    service.ready().await.map_err(|it| it.detail)?;
    let store = Store::to_read(url).await?;
    let begun = Instant::now();
    let verified = store.verify(|finding| println!("{finding}")).await?;
    println!("verify: {verified}, in {:.2?}", begun.elapsed());
    store.close().await;
    Ok(())
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!(
        "median {:.2?}, 99 % {:.2?}, longest {:.2?}",
        at(50),
        at(99),
        at(100)
    )
}
