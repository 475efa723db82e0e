//! Shows that the simulation bites: each fault that can be planted is found by the schedule whose
//! seed is kept beside this file, and that schedule holds without it. The build that can plant
//! faults is this one only.
//!
//! `TIDEMARK_HUNT=WORDS` looks anew for a seed for each fault that is described with these words,
//! and prints its line; `TIDEMARK_HUNT=` looks for all.

use std::{collections::BTreeMap, env, fs, path::Path};

use tidemark_engine::faults::{Fault, MARK, plant};
use tidemark_tests::simulation::Course;

/// So many schedules are tried for a fault.
const SCHEDULES: u64 = 5_000;

const SEEDS: &str = include_str!("seeds.txt");

fn seeds() -> BTreeMap<&'static str, u64> {
    let lines = SEEDS.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(seed, text)| (text, seed.parse().expect("a seed")))
        .collect()
}

fn hunt(fault: Fault) -> Option<u64> {
    let mut course = Course::new();
    plant(Some(fault));
    let found = (1..=SCHEDULES).find(|seed| course.run(*seed, false).verdict.is_err());
    plant(None);
    found
}

#[test]
fn each_planted_fault_is_found() {
    if let Ok(words) = env::var("TIDEMARK_HUNT") {
        for fault in Fault::ALL.iter().filter(|it| it.text().contains(&words)) {
            let seed = hunt(*fault).map_or("none".to_owned(), |seed| seed.to_string());
            eprintln!("{seed} {}", fault.text());
        }
        return;
    }
    let seeds = seeds();
    assert_eq!(seeds.len(), Fault::ALL.len(), "a seed for each fault");
    let mut course = Course::new();
    for fault in Fault::ALL {
        let seed = seeds[fault.text()];
        assert!(seed <= SCHEDULES);
        plant(Some(*fault));
        let with = course.run(seed, false).verdict;
        plant(None);
        let without = course.run(seed, false).verdict;
        assert!(with.is_err(), "{seed} does not find: {}", fault.text());
        assert_eq!(without, Ok(()), "{seed} fails without any fault");
    }
}

/// Whether a file has the mark of a build with planted faults; none if there is no such file.
fn is_marked(file: &Path) -> Option<bool> {
    let bytes = fs::read(file).ok()?;
    Some(bytes.windows(MARK.len()).any(|it| it == MARK.as_bytes()))
}

#[test]
fn what_is_shipped_has_no_planted_faults() {
    let own = env::current_exe().expect("this test is a file");
    assert_eq!(
        is_marked(&own),
        Some(true),
        "the mark is what is looked for"
    );
    let target = own.ancestors().nth(3).expect("target/PROFILE/deps/TEST");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace");
    let shipped = [
        target.join("release/tidemark"),
        target.join("debug/tidemark"),
        target.join("debug/tidemark-under-test"),
        workspace.join("client-wasm/wasm/tidemark_bg.wasm"),
    ];
    for file in shipped {
        assert_ne!(is_marked(&file), Some(true), "{}", file.display());
    }
}
