//! What the truth's store and its sessions promise, as plain functions over an opened world, so
//! that every back-end can be held to them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod sessions;
mod support;
