//! What JavaScript calls: the classes that the package's TypeScript wraps. They turn arguments
//! and answers and decide nothing.
//!
//! Records cross as text; options, status, reports and errors as plain objects. Every method
//! that waits takes what it needs before its promise begins and borrows nothing of the object
//! meanwhile: JavaScript may call another method, or free it, at any time.

mod answer;
mod batch;
mod database;
mod operations;
mod options;
mod work;

pub use batch::CoreBatch;
pub use database::{Core, SyncHandle, destroy_core, open_core};
pub use operations::{Operations, Writing};
pub use work::Reading;

pub(crate) use answer::plain;
