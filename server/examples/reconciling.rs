//! What reconciling costs on a large truth, and what the sums by ranges of keys cost its pushes:
//! `cargo run --release -p tidemark-server --example reconciling [RECORDS]`. The last line is figures
//! as JSON.

use std::{error::Error, fmt::Write, time::Instant};

use serde_json::{Value, json};
use tidemark_engine::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use tidemark_protocol::ReconcileAnswer;
use tidemark_server::{
    session::{Caller, Service, Settings, SystemClock},
    store::Store,
};
use uuid::Uuid;

const BATCH: usize = 4000;

/// Pushes of each kind that are timed.
const TIMES: u32 = 10;

type Failure = Box<dyn Error>;

/// A device that holds what the truth holds, but for some records.
struct Device {
    service: Service,
    caller: Caller,
    id: Uuid,
    session: Value,
    last_sync: Value,
    held: Vec<(String, RecordFingerprint)>,
}

impl Device {
    fn new(service: &Service, user: &str) -> Self {
        Self {
            service: service.clone(),
            caller: Caller {
                user: user.to_owned(),
            },
            id: Uuid::new_v4(),
            session: Value::Null,
            last_sync: Value::Null,
            held: Vec::new(),
        }
    }

    async fn open(&mut self) -> Result<(), Failure> {
        let open = json!({"device_uuid": self.id, "mode": "repair", "last_sync": self.last_sync});
        let answer = self
            .service
            .open(&self.caller, serde_json::from_value(open)?);
        let answer = answer.await.map_err(|it| it.detail)?;
        self.session = json!(answer.sync_uuid);
        Ok(())
    }

    /// Makes a batch of records; how long the push took.
    async fn push(&mut self, count: usize) -> Result<f64, Failure> {
        let record = |_| json!({"key": Uuid::new_v4(), "is_pending": true, "value": {"text": "x".repeat(200)}});
        let records: Vec<Value> = (0..count).map(record).collect();
        let push = serde_json::from_value(json!({"sync_uuid": self.session, "records": records}))?;
        let begun = Instant::now();
        let answer = self.service.push(&self.caller, push).await;
        let took = begun.elapsed().as_secs_f64();
        let answer = serde_json::to_value(answer.map_err(|it| it.detail)?)?;
        let pull = serde_json::from_value(json!({"sync_uuid": self.session}))?;
        let pulled = self.service.pull(&self.caller, pull).await;
        for record in pulled.map_err(|it| it.detail)?.records {
            let print = record.fingerprint.unwrap_or_default().parse()?;
            self.held.push((record.key.to_string(), print));
        }
        let finish = json!({"sync_uuid": self.session, "last_update": answer["max_checkin"]});
        let finish = self
            .service
            .finish(&self.caller, serde_json::from_value(finish)?);
        finish.await.map_err(|it| it.detail)?;
        self.last_sync = answer["max_checkin"].clone();
        Ok(took)
    }

    fn within(&self, from: &str, to: Option<&str>) -> &[(String, RecordFingerprint)] {
        let start = self.held.partition_point(|(key, _)| key.as_str() < from);
        let end = to.map_or(self.held.len(), |to| {
            self.held.partition_point(|(key, _)| key.as_str() < to)
        });
        &self.held[start..end]
    }

    fn sum(held: &[(String, RecordFingerprint)]) -> DatastoreFingerprint {
        let mut sum = DatastoreFingerprint::EMPTY;
        for (key, print) in held {
            sum.insert(key, print);
        }
        sum
    }

    /// What it says of a range: items where they are few, else 64 parts.
    fn tell(&self, from: &str, to: Option<&str>, into: &mut Vec<Value>) {
        let held = self.within(from, to);
        if held.len() < 32 {
            into.push(json!({"from": from, "to": to, "items": held}));
            return;
        }
        let parts: Vec<_> = held.chunks(held.len().div_ceil(64)).collect();
        for (place, part) in parts.iter().enumerate() {
            let from = if place == 0 { from } else { &part[0].0 };
            let to = parts.get(place + 1).map_or(to, |next| Some(&next[0].0));
            into.push(json!({"from": from, "to": to, "count": part.len(),
                "fingerprint": Self::sum(part)}));
        }
    }

    async fn call(&self, ranges: &[Value]) -> Result<ReconcileAnswer, Failure> {
        let body = json!({"sync_uuid": self.session, "ranges": ranges});
        let answer = self
            .service
            .reconcile(&self.caller, serde_json::from_value(body)?);
        Ok(answer.await.map_err(|it| it.detail)?)
    }

    /// Reconciles to the end, and tells of it.
    async fn reconcile(&mut self, name: &str) -> Result<(), Failure> {
        let mut line = String::new();
        let (mut calls, mut bytes, mut found) = (0, 0, 0);
        let mut ranges = Vec::new();
        self.tell("", None, &mut ranges);
        let begun = Instant::now();
        while !ranges.is_empty() {
            let rest = ranges.split_off(ranges.len().min(4000));
            let asked = Instant::now();
            let answer = self.call(&ranges).await?;
            write!(line, " {:.0} ms", asked.elapsed().as_secs_f64() * 1e3)?;
            calls += 1;
            bytes += serde_json::to_string(&ranges)?.len() + serde_json::to_string(&answer)?.len();
            found += answer.records.len();
            ranges.clear();
            for theirs in &answer.ranges {
                let to = theirs.to.as_deref();
                let own = Self::sum(self.within(&theirs.from, to)).to_string();
                if theirs.fingerprint.as_ref() != Some(&own) {
                    self.tell(&theirs.from, to, &mut ranges);
                }
            }
            // What was told lies before what was not asked about yet.
            ranges.extend(rest);
        }
        let took = begun.elapsed().as_secs_f64() * 1e3;
        println!("{name}: {found} found in {calls} calls ({line}), {took:.0} ms, {bytes} bytes");
        Ok(())
    }
}

/// How long a call takes that compares one range, in milliseconds.
async fn compared(device: &Device, range: Value) -> Result<f64, Failure> {
    let begun = Instant::now();
    device.call(&[range]).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// All that a device holds, as one range.
fn all(device: &Device) -> Value {
    json!({"from": "", "to": null, "fingerprint": Device::sum(&device.held)})
}

/// How long pushes of a batch take in the mean, in milliseconds.
struct Pushes {
    /// To a truth that has no sums.
    plain: f64,
    /// To one that has.
    summed: f64,
    /// What folding it after each push takes: what a call that folds first takes beyond the same
    /// call right after it.
    fold: f64,
}

/// Pushes to both truths in turns, so that whatever else the machine does falls on both.
async fn pushes(plain: &mut Device, summed: &mut Device) -> Result<Pushes, Failure> {
    let mut mean = Pushes {
        plain: 0.0,
        summed: 0.0,
        fold: 0.0,
    };
    let share = 1.0 / f64::from(TIMES);
    for _ in 0..TIMES {
        plain.open().await?;
        mean.plain += plain.push(BATCH).await? * 1e3 * share;
        summed.open().await?;
        mean.summed += summed.push(BATCH).await? * 1e3 * share;
        summed.held.sort();
        summed.open().await?;
        let first = compared(summed, all(summed)).await?;
        let again = compared(summed, all(summed)).await?;
        mean.fold += (first - again).max(0.0) * share;
    }
    Ok(mean)
}

/// Fills a truth of somebody's own.
async fn filled(service: &Service, user: &str, records: usize) -> Result<Device, Failure> {
    let mut device = Device::new(service, user);
    let mut took = 0.0;
    for _ in 0..records / BATCH {
        device.open().await?;
        took += device.push(BATCH).await?;
    }
    println!("{user}: {records} records in batches of {BATCH}: {took:.1} s of pushes");
    Ok(device)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let records: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 1_000_000,
    };
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("truth.db").display());
    let store = Store::connect(&url).await?;
    let service = Service::new(store, Settings::default(), SystemClock);
    let mut plain = filled(&service, "without sums", records).await?;
    let mut device = filled(&service, "with sums", records).await?;

    device.held.sort();
    device.open().await?;
    let whole_ms = compared(&device, all(&device)).await?;
    let all_ms = compared(&device, all(&device)).await?;
    println!(
        "the fingerprint of one range of all: {all_ms:.1} ms; with the first fold {whole_ms:.0}"
    );
    let third = device.held.len() / 3;
    let middle = &device.held[third..third * 2];
    let range = json!({"from": middle[0].0, "to": device.held[third * 2].0,
        "fingerprint": Device::sum(middle)});
    let third_ms = compared(&device, range).await?;
    println!("of the middle third: {third_ms:.1} ms");
    for lacking in [0, 1, 100] {
        let held = device.held.clone();
        for number in 0..lacking {
            let place = (number * 7919 + 13) % device.held.len();
            device.held.remove(place);
        }
        device.reconcile(&format!("{lacking} differ")).await?;
        device.held = held;
    }

    let Pushes {
        plain: plain_ms,
        summed: push_ms,
        fold: fold_ms,
    } = pushes(&mut plain, &mut device).await?;
    println!(
        "a push of {BATCH} to a truth that has no sums: {plain_ms:.0} ms; to one that has: \
        {push_ms:.0} ms, and {fold_ms:.0} ms to fold it"
    );
    // Folded after each push, which is as often as can be asked for; the first fold spread over all pushes.
    let batches = u32::try_from(records / BATCH)?.max(1);
    let kept_ms = fold_ms + whole_ms / f64::from(batches);
    let percent = ((push_ms + kept_ms) / plain_ms - 1.0) * 100.0;
    let figures = json!({"plain_ms": plain_ms, "push_ms": push_ms, "fold_ms": fold_ms,
        "whole_ms": whole_ms, "all_ms": all_ms, "third_ms": third_ms, "percent": percent});
    println!("{figures}");
    Ok(())
}
