//! Runs schedules, one after the other on a thread, or on many threads at once.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use tokio::runtime::{Builder, Runtime};

use super::{Ended, Tally, database::Database, schedule};

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
            Err(panic) => Ended {
                verdict: Err(format!("it panicked: {}", message(&*panic))),
                trace: 0,
                tally: Tally::default(),
            },
        }
    }

    /// Runs schedules on so many threads, as long as `goes_on` says so of the number of the next
    /// and nothing has failed; what was done where it held, and what did not.
    pub fn on_threads(
        threads: usize,
        first: u64,
        goes_on: impl Fn(u64) -> bool + Sync,
    ) -> (Tally, Vec<Failure>) {
        let (next, held) = (AtomicU64::new(0), Mutex::new(Tally::default()));
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
                        let ended = course.run(seed, false);
                        match ended.verdict {
                            Ok(()) => *held.lock().expect("no thread panics") += ended.tally,
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
            held.into_inner().expect("no thread panics"),
            failures.into_inner().expect("no thread panics"),
        )
    }
}

/// What somebody said who panicked.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

impl Default for Course {
    fn default() -> Self {
        Self::new()
    }
}
