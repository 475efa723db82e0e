//! The protocol over real HTTP, against the real server in a process of its own.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod alerts;
mod bodies;
mod command;
mod comparing;
mod conflicts;
mod conformance;
mod datastores;
mod devices;
mod failures;
mod held;
mod history;
mod merging;
mod oma;
mod one_way;
mod opening;
mod pulling;
mod pushing;
mod random;
mod reconciling;
mod restoring;
mod seed;
mod tables;
mod talk;
mod tokens;
mod truths;
mod upkeep;
mod values;
