//! The words of the Tidemark sync protocol, version 1: what a device and the server say to
//! each other, as `docs/protocol.md` states it.
//!
//! Every type here is a promise: it is what goes over the wire. Nothing in this crate decides,
//! stores or sends anything; `engine` gives the words their meaning.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod alert;
mod conflict;
mod datastore;
mod device;
mod finish;
mod history;
mod id;
mod limits;
mod open;
mod policy;
mod problem;
mod pull;
mod push;
mod reconcile;
mod record;
mod session;
mod time;

pub use alert::Alert;
pub use conflict::{Conflict, ConflictSide, ConflictsAnswer, SettleAnswer, SettleRequest};
pub use datastore::{AirbagThresholds, DatastoreAnswer, DatastoreRequest, RetentionPeriods};
pub use device::{DeviceAnswer, DeviceDescription, DeviceRequest, DevicesAnswer, ForgetAnswer};
pub use finish::{CancelAnswer, CancelRequest, FinishAnswer, FinishRequest};
pub use history::{HistoryAnswer, RecordVersion};
pub use id::{DeviceId, IdError, Key, LocalId, SessionId};
pub use limits::Limits;
pub use open::{ConflictSummary, Direction, Mode, OpenAnswer, OpenRequest, Previous};
pub use policy::{ConflictPolicy, UnknownPolicy};
pub use problem::{Code, Problem};
pub use pull::{Ack, PullAnswer, PullRequest};
pub use push::{PushAnswer, PushOutcome, PushRequest, PushSummary, Rejection};
pub use reconcile::{ReconcileAnswer, ReconcileRange, ReconcileRequest};
pub use record::{DEFAULT_ENTITY, DeviceRecord, ServerRecord};
pub use session::Ridden;
pub use time::{Checkin, Timestamp, TimestampError};

/// The protocol version spoken here; an open that names another is answered 426 `protocol`.
pub const PROTOCOL_VERSION: u32 = 1;
