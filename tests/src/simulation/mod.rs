//! The deterministic simulation: the shipped client engine against the shipped server, in one
//! process, with everything around them lost, late, doubled, killed, copied and taken back.
//!
//! A seed goes in, a verdict comes out, and the same seed gives the same trace. What is judged
//! by (`oracle`, `truth`) is kept apart from what is judged.

mod course;
mod damage;
mod database;
mod device;
mod gate;
mod ledger;
mod manner;
mod marks;
mod meanings;
mod network;
mod oracle;
mod pages;
mod person;
mod random;
mod ruin;
mod schedule;
mod scribe;
mod server;
mod sessions;
mod tally;
mod truth;
mod turns;
mod wild;
mod world;

pub use course::{Course, Failure};
pub use tally::Tally;

/// Whether all is as it must be; what is not.
type Verdict = Result<(), String>;

/// How a schedule ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether all was as it must be; what was not.
    pub verdict: Result<(), String>,
    /// The hash of everything that was seen.
    pub trace: u64,
    /// How much was done.
    pub tally: Tally,
}
