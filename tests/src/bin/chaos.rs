//! `chaos [--seconds N] [--seed N] [--disk DIR]`: native devices against the real server, while it is
//! killed, frozen and short of space. `script/chaos` builds and runs it, on a small disk of its own
//! where that can be had.

use std::time::Duration;

use tidemark_tests::chaos::{Plan, run};

fn asked() -> Option<Plan> {
    let mut plan = Plan {
        seed: fastrand::u64(..1 << 48),
        time: Duration::from_secs(20),
        disk: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next()?;
        match option.as_str() {
            "--seconds" => plan.time = Duration::from_secs(value.parse().ok()?),
            "--seed" => plan.seed = value.parse().ok()?,
            "--disk" => plan.disk = Some(value.into()),
            _ => return None,
        }
    }
    Some(plan)
}

fn main() {
    let Some(plan) = asked() else {
        eprintln!("chaos [--seconds N] [--seed N] [--disk DIR]");
        std::process::exit(1);
    };
    println!("{}", run(&plan));
}
