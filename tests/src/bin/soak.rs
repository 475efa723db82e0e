//! `soak [--minutes N] [--seed N] [--schedules N] [--threads N]`, or `soak --tell SEED`: random schedules of the
//! simulation until the time is over or one fails, on all cores. `script/soak` builds and runs
//! it.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use tidemark_tests::simulation::Course;

/// What was asked for.
struct Asked {
    minutes: f64,
    schedules: u64,
    threads: usize,
    /// The first seed; the others follow it.
    seed: u64,
    /// All that happens in the first schedule is told.
    tells: bool,
}

fn asked() -> Option<Asked> {
    let mut asked = Asked {
        minutes: 1.0,
        schedules: u64::MAX,
        threads: thread::available_parallelism().map_or(1, usize::from),
        seed: fastrand::u64(..1 << 48),
        tells: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next()?;
        match option.as_str() {
            "--minutes" => asked.minutes = value.parse().ok()?,
            "--schedules" => asked.schedules = value.parse().ok()?,
            "--threads" => asked.threads = value.parse().ok()?,
            "--tell" => {
                asked.tells = true;
                asked.seed = value.parse().ok()?;
            }
            "--seed" => asked.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(asked)
}

fn main() -> ExitCode {
    let Some(asked) = asked() else {
        eprintln!("soak [--minutes N] [--seed N] [--schedules N] [--threads N]");
        return ExitCode::FAILURE;
    };
    if asked.tells {
        println!("{:?}", Course::new().run(asked.seed, true));
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    let ends = Duration::from_secs_f64(asked.minutes * 60.0);
    let goes_on = |number| number < asked.schedules && began.elapsed() < ends;
    println!("schedules from the seed {} on", asked.seed);
    let (held, failures) = Course::on_threads(asked.threads, asked.seed, goes_on);
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "it is for people")]
    let rate = held.schedules as f64 / seconds;
    println!(
        "{held}; {seconds:.0} s on {} threads, {rate:.0} a second",
        asked.threads
    );
    for failure in &failures {
        let what: String = failure.what.chars().take(1000).collect();
        println!("TIDEMARK_SEED={} failed: {what}", failure.seed);
    }
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
