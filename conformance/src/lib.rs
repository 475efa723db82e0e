//! The conformance kit: calls a server of the sync protocol (`docs/protocol.md`) as devices would,
//! and says of each rule that can be seen from there whether it holds.
//!
//! It never imports the engine, the protocol's types or anything else of this project: requests and
//! judgements are plain JSON, canonical text and hashes are libraries', so that a mistake which a
//! server shares with the project's own code is found all the same. For that, other tests take its
//! canonical text and fingerprints too.

mod check;
mod checks;
mod device;
pub mod fingerprint;
mod http;
mod ranges;
mod report;
mod run;
mod talk;

pub use report::{Line, Outcome, Report};
pub use run::{Error, Options, check};

/// The IDs of the rules that are checked, in the order of the chapters, each once.
pub fn rules() -> Vec<&'static str> {
    let mut rules: Vec<&str> = Vec::new();
    for check in checks::CHAPTERS.iter().flat_map(|(_, checks)| *checks) {
        for rule in check.rules {
            if !rules.contains(rule) {
                rules.push(rule);
            }
        }
    }
    rules
}
