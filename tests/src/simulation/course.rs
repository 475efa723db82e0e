//! Runs schedules, one after the other on a thread, or on many threads at once.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use tokio::runtime::{Builder, Runtime};

use super::{Ended, database::Database, schedule};

/// A schedule that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Repeats it.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
}

/// A thread's means to run schedules: a runtime, and a database.
pub struct Course {
    runtime: Runtime,
    database: Option<Database>,
}

impl Course {
    /// Opens nothing yet.
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        Self {
            runtime,
            database: None,
        }
    }

    /// Runs the schedule of a seed. `told`: all that happens is written to stderr.
    pub fn run(&mut self, seed: u64, told: bool) -> Ended {
        let database = self.database.take();
        let running = AssertUnwindSafe(|| {
            self.runtime.block_on(Box::pin(async move {
                let database = match database {
                    Some(database) => database,
                    None => Database::new().await,
                };
                schedule::run(seed, database, told).await
            }))
        });
        match std::panic::catch_unwind(running) {
            Ok((ended, database)) => {
                self.database = Some(database);
                ended
            }
            Err(_) => Ended {
                verdict: Err("it panicked".to_owned()),
                trace: 0,
            },
        }
    }

    /// Runs schedules on so many threads, as long as `goes_on` says so of the number of the next
    /// and nothing has failed; how many held, and what did not.
    pub fn on_threads(
        threads: usize,
        first: u64,
        goes_on: impl Fn(u64) -> bool + Sync,
    ) -> (u64, Vec<Failure>) {
        let (next, held) = (AtomicU64::new(0), AtomicU64::new(0));
        let has_failed = AtomicBool::new(false);
        let failures = Mutex::new(Vec::new());
        // A schedule and the threads of its databases take turns, so they are quicker on one core:
        // half of the time went into waking a thread on another.
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let mut cores = cores.into_iter().cycle();
        thread::scope(|scope| {
            for _ in 0..threads {
                let core = cores.next();
                let (next, held, goes_on) = (&next, &held, &goes_on);
                let (has_failed, failures) = (&has_failed, &failures);
                scope.spawn(move || {
                    // Refused, it is slower and nothing else.
                    core.map(core_affinity::set_for_current);
                    let mut course = Self::new();
                    loop {
                        let number = next.fetch_add(1, Relaxed);
                        if has_failed.load(Relaxed) || !goes_on(number) {
                            return;
                        }
                        let seed = first.wrapping_add(number);
                        match course.run(seed, false).verdict {
                            Ok(()) => {
                                held.fetch_add(1, Relaxed);
                            }
                            Err(what) => {
                                has_failed.store(true, Relaxed);
                                let mut failures = failures.lock().expect("no thread panics");
                                failures.push(Failure { seed, what });
                            }
                        }
                    }
                });
            }
        });
        (
            held.into_inner(),
            failures.into_inner().expect("no thread panics"),
        )
    }
}

impl Default for Course {
    fn default() -> Self {
        Self::new()
    }
}
