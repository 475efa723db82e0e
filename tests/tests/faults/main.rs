//! Shows that the simulation bites: each fault that can be planted is found by the schedule whose
//! seed stands in `docs/reliability.md`, and that schedule holds without it. The build that can
//! plant faults is this one only.

use std::{collections::BTreeMap, env, fs};

use tidemark_engine::faults::{Fault, MARK, plant};
use tidemark_tests::simulation::Course;

/// So many schedules may be needed to find a fault.
const SCHEDULES: u64 = 5_000;

const DOCUMENT: &str = include_str!("../../../docs/reliability.md");

/// The rows of the document's table: a fault's description, and its seed.
fn seeds() -> BTreeMap<&'static str, u64> {
    let rows = DOCUMENT.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (text, seed) = (cells.next()?, cells.next()?);
        Some((text, seed.parse().ok()?))
    });
    rows.collect()
}

#[test]
fn each_planted_fault_is_found() {
    let seeds = seeds();
    let mut course = Course::new();
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let text = fault.text();
        let seed = *seeds
            .get(text)
            .unwrap_or_else(|| panic!("no seed for: {text}"));
        assert!(seed <= SCHEDULES, "{text}");
        plant(Some(*fault));
        let with = course.run(seed, false).verdict;
        plant(None);
        let without = course.run(seed, false).verdict;
        assert_eq!(without, Ok(()), "{seed} fails without any fault");
        if with.is_ok() {
            missed.push(format!("{seed} does not find: {text}"));
        }
    }
    assert!(
        missed.is_empty(),
        "{missed:#?}: where the schedules have changed, `script/hunt` finds new seeds"
    );
    println!("{} faults were planted, and found", Fault::ALL.len());
}

/// What `tidy` looks for in what is shipped, and finds in none of it.
#[test]
fn a_build_with_planted_faults_is_marked() {
    let own = env::current_exe().expect("this test is a file");
    let bytes = fs::read(own).expect("it can be read");
    let names = Fault::ALL.iter().map(|fault| fault.text()).chain([MARK]);
    for name in names {
        assert!(bytes.windows(name.len()).any(|it| it == name.as_bytes()));
    }
}
