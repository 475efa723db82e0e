//! The device's side: the local database, and the sync that brings it in step with the truth.
//!
//! It is written against [`Environment`] (pages, transport, clock, randomness) and does no I/O
//! itself. It is single-threaded: nothing here is `Send`, and no borrow is held over an await.
//!
//! The face for embedding programs, all on `Client<E: Environment>` (cheap to clone):
//!
//! ```text
//! async Client::open(environment: E, options: Options) -> Result<Client<E>, Error>
//! async write(operations: Vec<Operation>) -> Result<Vec<Vec<Doc>>, Error>   // an answer per operation
//! async begin() -> Result<Batch<E>, Error>
//!     async Batch::apply(operations) -> Result<Vec<Vec<Doc>>, Error>        // all or nothing
//!     async Batch::{get_many, find, count}                                  // see its own writes
//!     async Batch::commit(self) -> Result<Committed, Error>                 // Done | Stale: run it again
//! async get_many(entity, keys: &[String]) -> Result<Vec<Option<Doc>>, Error>
//! async find(entity, query: &str) -> Result<Vec<Doc>, Error>                // query: API.md's Query as JSON
//! async count(entity, query: &str) -> Result<u64, Error>                    // `each`: find by limit and after
//! async pending() -> Result<Vec<Doc>, Error>
//! fn status() -> Status        fn info() -> Info        fn revision() -> u64
//! fn take_events() -> Vec<Event>      fn on_event(callback: Box<dyn Fn()>)  // told when there are some
//! async refresh() -> Result<bool, Error>                                    // another tab committed
//! async sync(options: SyncOptions, cancel: &Cancel) -> Result<SyncReport, Error>
//! ```

mod doc;
mod error;
mod options;
mod ports;
mod status;

pub use doc::{Doc, State, write_docs};
pub use error::{Error, ErrorCode};
pub use options::{Cancel, DeclaredIndex, Operation, Options, SyncOptions};
pub use ports::{Environment, Reply, Transport, TransportError};
pub use status::{Event, Info, Phase, Progress, Remapped, Status, SyncReport};
