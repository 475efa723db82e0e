//! What the client tells of itself: state, reports, events. Plain data, for the app to show.

use alloc::{string::String, vec::Vec};

use tidemark_protocol::Mode;

use super::Error;

/// What a sync is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing.
    #[default]
    Idle,
    /// Asking for a session.
    Opening,
    /// Sending changes.
    Pushing,
    /// Fetching changes.
    Pulling,
    /// Telling what was applied.
    Finishing,
    /// Comparing by fingerprints.
    Reconciling,
    /// Not before `retry_at`, or not before somebody signs in or answers the airbag.
    Waiting,
}

/// How far a phase is, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Done so far.
    pub done: u64,
    /// In all, as far as known.
    pub total: u64,
}

/// The client's state, cheap to get at any time. Whether there is a network is for the
/// embedding program to add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// What is going on.
    pub phase: Phase,
    /// Records not yet in the truth.
    pub pending: u64,
    /// The checkin up to which everything is applied.
    pub last_sync: Option<String>,
    /// Whether the last finished sync proved both sides equal; unknown before the first.
    pub in_sync: Option<bool>,
    /// How far the phase is.
    pub progress: Option<Progress>,
    /// Why the last sync failed.
    pub error: Option<Error>,
    /// Milliseconds since 1970 before which another try makes no sense.
    pub retry_at: Option<i64>,
}

/// What one call of `sync` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Both sides hold the same data, proved by fingerprint.
    pub in_sync: bool,
    /// The mode that the server decided.
    pub mode: String,
    /// Records sent and taken.
    pub pushed: u64,
    /// Records and tombstones that came and changed something here.
    pub pulled: u64,
    /// Records that went away here.
    pub deleted: u64,
    /// Conflicts that the server stored for what was pushed.
    pub conflicts: u64,
    /// Records that the server refused; they stay pending with their problem.
    pub rejected: u64,
    /// Calls to the server.
    pub round_trips: u64,
    /// Bytes of bodies sent, as on the wire.
    pub bytes_sent: u64,
    /// Bytes of bodies received, as on the wire.
    pub bytes_received: u64,
    /// Milliseconds it took by the wall clock.
    pub ms: u64,
    /// The checkin up to which everything is applied; empty before there is one.
    pub last_sync: String,
}

/// What happened, for whoever watches; drained with `take_events`, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// What the app sees changed with this revision of the root.
    Change {
        /// The newest revision.
        revision: u64,
    },
    /// Records got their real keys.
    Remap(Vec<Remapped>),
    /// [`Status`] changed.
    Status,
    /// Records were set aside: each stays pending with its problem.
    Rejected(Vec<String>),
    /// Conflicts of these ids wait for a person, and did not before.
    Conflict(Vec<String>),
    /// Part of the local database was damaged on the disk. What was in step with the server comes
    /// back with the next sync.
    Damaged {
        /// How many edits were lost that no sync had sent, in all since the last one in step.
        lost: u64,
    },
    /// The server held what would delete too much.
    Airbag {
        /// In which mode it was asked for, and may be confirmed.
        mode: Mode,
        /// How many records it would delete.
        deletes: u64,
        /// How many it would change.
        changes: u64,
        /// How many live in the truth.
        live: u64,
    },
}

/// A record that got its real key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remapped {
    /// The key it had.
    pub local_id: String,
    /// The key it has now.
    pub key: String,
    /// What kind of record it is.
    pub entity: String,
}

/// What a local database is and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// This installation.
    pub device_uuid: String,
    /// The datastore it belongs to, once known.
    pub datastore: Option<String>,
    /// The checkin up to which everything is applied.
    pub last_sync: Option<String>,
    /// Records held as the server confirmed them.
    pub confirmed: u64,
    /// Records with edits that no answer has confirmed.
    pub pending: u64,
    /// Of those, the ones set aside with a problem.
    pub rejected: u64,
    /// Decisions on conflicts that the server does not have.
    pub decisions: u64,
    /// Fingerprint of the confirmed records, 64 hex digits.
    pub fingerprint: String,
    /// Revision of the root.
    pub revision: u64,
}
