//! The rules of the truth, each named by a test, against a world that keeps rows in memory.

mod compaction;
mod deletions;
mod device;
mod open;
mod overriding;
mod policies;
mod pull;
mod push;
mod pushed;
mod random;
mod reconciling;
mod records;
mod settling;
mod world;
