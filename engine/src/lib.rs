//! The mind of Tidemark: fingerprints, merge, the page store, the device and the truth, without I/O.
//!
//! Nothing in here reads a clock, draws a random number or waits on a device: all three
//! are arguments or ports that the embedding program gives.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod client;
pub mod faults;
pub mod fingerprint;
pub mod json;
pub mod key;
pub mod merge;
pub mod query;
pub mod sort;
pub mod store;
pub mod truth;
pub mod version;
