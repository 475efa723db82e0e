//! The shipped client engine against the shipped server, in one process: several devices that
//! write, sync, crash and are copied, over a network that loses requests and answers and
//! delivers some late, with a server that is killed and whose clock jumps. An oracle that
//! knows only what the app wrote and saw then says whether anything was lost or doubled.
//!
//! A failing schedule prints its seed; `TIDEMARK_SEED=n` runs that one alone.

#![expect(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "it is all one test"
)]

use std::ops::Range;

mod device;
mod oracle;
mod putting_back;
mod schedule;
mod truths;
mod world;

/// How many schedules each run tries, beginning with this seed.
const SCHEDULES: Range<u64> = 1..61;

/// Runs a schedule for each of these seeds, or for the one that is told; says which fails.
fn on_each<F: Future<Output = ()>>(seeds: Range<u64>, run: impl Fn(u64) -> F) {
    let alone = std::env::var("TIDEMARK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seeds = alone.map_or(seeds, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(run(seed));
        }));
        assert!(
            outcome.is_ok(),
            "the schedule failed; run it again with TIDEMARK_SEED={seed}"
        );
    }
}

#[test]
fn nothing_is_lost_nothing_is_doubled_everyone_agrees() {
    on_each(SCHEDULES, schedule::run);
}
