//! Compaction as the verbs run it: a pass that leaves the database to others half of the time.

use std::time::{Duration, Instant};

use crate::session::{Dropped, Service};
use crate::store::StoreError;

/// A pass after each such span of time, for ever; zero: never.
pub(super) async fn now_and_then(service: Service, every: Duration) {
    if every.is_zero() {
        return;
    }
    loop {
        tokio::time::sleep(every).await;
        match pass(&service).await {
            Ok(dropped) if dropped == Dropped::default() => {}
            Ok(dropped) => tracing::info!(%dropped, "compacted"),
            Err(error) => tracing::error!(%error, "compaction did not come to its end"),
        }
    }
}

/// One pass. After each change it rests for as long as that took: a writer in another process
/// has nothing but such gaps.
pub(super) async fn pass(service: &Service) -> Result<Dropped, StoreError> {
    let mut pass = service.compaction();
    loop {
        let begun = Instant::now();
        if !pass.step().await? {
            return Ok(pass.dropped());
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}
