//! How long the server's own work takes, without HTTP: pushes and pulls of many records on a
//! database in a temporary file. `cargo run --release --example sessions -- 10000`

use std::{error::Error, time::Instant};

use serde_json::{Value, json};
use tidemark_protocol::{OpenRequest, PullRequest, PushRequest};
use tidemark_server::{
    session::{Caller, Service, Settings, SystemClock},
    store::Store,
};
use uuid::Uuid;

const BATCH: usize = 2000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |count| count.parse())?;
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite:{}", directory.path().join("truth.db").display());
    let service = Service::new(
        Store::connect(&url).await?,
        Settings::default(),
        SystemClock,
    );
    let caller = Caller {
        user: "somebody".to_owned(),
    };
    let batches: Vec<String> = (0..count)
        .step_by(BATCH)
        .map(|from| batch(from, count))
        .collect();
    for round in ["push", "push again"] {
        let started = Instant::now();
        let session = open(&service, &caller).await?;
        for (seq, records) in batches.iter().enumerate() {
            let more = seq + 1 < batches.len();
            let body = format!(
                r#"{{"sync_uuid":{session},"seq":{seq},"more":{more},"records":{records}}}"#
            );
            let request: PushRequest = serde_json::from_str(&body)?;
            let call = Instant::now();
            service
                .push(&caller, request)
                .await
                .map_err(|problem| problem.detail)?;
            if !more {
                println!("  closing batch {:?}", call.elapsed());
            }
        }
        println!("{round} {count}: {:?}, {}", started.elapsed(), resident());
        pull(&service, &caller, &session, round).await?;
    }
    let session = open(&service, &caller).await?;
    pull(&service, &caller, &session, "a new device").await?;
    Ok(())
}

async fn open(service: &Service, caller: &Caller) -> Result<Value, Box<dyn Error>> {
    let request: OpenRequest = serde_json::from_str(
        &json!({"device_uuid": Uuid::new_v4(), "pending": 1, "fingerprint": "0".repeat(64)})
            .to_string(),
    )?;
    let answer = service
        .open(caller, request)
        .await
        .map_err(|problem| problem.detail)?;
    Ok(json!(answer.sync_uuid))
}

async fn pull(
    service: &Service,
    caller: &Caller,
    session: &Value,
    what: &str,
) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut cursor: Option<String> = None;
    let mut bytes = 0;
    loop {
        let request: PullRequest =
            serde_json::from_str(&json!({"sync_uuid": session, "cursor": cursor}).to_string())?;
        let answer = service
            .pull(caller, request)
            .await
            .map_err(|problem| problem.detail)?;
        bytes += serde_json::to_string(&answer)?.len();
        cursor = answer.cursor;
        if cursor.is_none() {
            break;
        }
    }
    println!(
        "pull after {what}: {:?}, {bytes} bytes, {}",
        started.elapsed(),
        resident()
    );
    Ok(())
}

fn batch(from: usize, count: usize) -> String {
    let records = (from..count.min(from + BATCH)).map(|at| {
        json!({
            "key": Uuid::from_u128(at as u128 * 0x9E37_79B9_7F4A_7C15), "is_pending": true,
            "value": {"name": format!("place {at}"), "country": "XX", "population": at,
                "loc": {"type": "Point", "coordinates": [f64::from(u32::try_from(at).unwrap_or(0)) / 7.0, 1.5]},
                "feature": "PPL", "text": "x".repeat(100)},
            "created": "2026-11-22T04:41:01.123Z", "updated": "2026-11-22T04:41:01.123Z",
        })
    });
    json!(records.collect::<Vec<_>>()).to_string()
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let wanted = ["VmRSS", "VmHWM"];
    let lines = status
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}
