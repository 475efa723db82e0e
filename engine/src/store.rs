//! The local store: an ordered map on immutable pages.
//!
//! A disk that can read pages by name and change some of them in one step ([`Pages`]) is
//! all that is asked of IndexedDB, of memory or of a file. On it stand copy-on-write
//! B+trees, any number under one root record. This module knows bytes: what a record, an
//! entity or an index is, is said elsewhere.

pub mod port;

mod memory;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use memory::{Fault, MemoryPages};
pub use port::{Commit, Committed, PageId, Pages, PagesError, Revision, RootRecord};
