//! Whole-system tests of Tidemark: what they have in common. The tests themselves are in `tests/`.
//!
//! All but `simulation` and `calls` knows the server by its command line and its protocol only, and
//! all but these, `native` and `chaos` nothing of the engine. What is checked is worked out here (a
//! device's duties) or by the conformance kit (canonical JSON, fingerprints), never by the engine.
#![expect(
    clippy::missing_panics_doc,
    reason = "panicking is how a test's helper says that the test has failed"
)]

pub mod calls;
pub mod chaos;
pub mod client;
pub mod contract;
pub mod device;
pub mod events;
pub mod native;
pub mod network;
pub mod server;
pub mod simulation;
