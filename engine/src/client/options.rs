//! What callers ask for: options and operations. Plain data.

use alloc::{rc::Rc, string::String, vec::Vec};
use core::cell::Cell;

use tidemark_protocol::{Direction, Mode};

use super::Error;

/// How a local database is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The declared indexes; a changed list rebuilds what changed.
    pub indexes: Vec<DeclaredIndex>,
    /// The datastore to bind to at the first sync; `None`: the user's own.
    pub datastore: Option<String>,
    /// What the server is told of this device, as JSON text: PROTOCOL.md's `device`.
    pub device: Option<String>,
}

/// One index: records of an entity, ordered by these fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeclaredIndex {
    /// What kind of record.
    pub entity: String,
    /// The fields, as `orderBy` names them: `list`, `updated`, `value.updated`.
    pub fields: Vec<String>,
}

/// One write. Keys are the app's: a `local_id` goes on working after its real key arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Makes records; each gets a fresh `local_id`. Answers one document each, in order.
    Create {
        /// What kind of record.
        entity: Rc<str>,
        /// JSON text of an array of the values.
        values: String,
    },
    /// Sets and removes fields of an object; `not_found` where there is no record.
    Update {
        /// What kind of record.
        entity: Rc<str>,
        /// Which record.
        key: String,
        /// JSON text of an object: the fields to set.
        fields: String,
        /// The fields to remove.
        removed: Vec<String>,
    },
    /// Replaces the whole value; makes the record under this very key where there is none.
    Put {
        /// What kind of record.
        entity: Rc<str>,
        /// Which record.
        key: String,
        /// JSON text of the value.
        value: String,
    },
    /// Deletes a record; answers no document. Nothing happens where there is no record.
    Delete {
        /// What kind of record.
        entity: Rc<str>,
        /// Which record.
        key: String,
    },
    /// Drops a record's local edits; answers what is then seen of it, if anything.
    Undo {
        /// What kind of record.
        entity: Rc<str>,
        /// Which record.
        key: String,
    },
}

/// How to sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// The wanted mode; `auto` leaves it to the server.
    pub mode: Mode,
    /// Which way records flow this time.
    pub direction: Direction,
    /// With one direction: make the receiving side equal to the sending one.
    pub mirror: bool,
    /// The person has confirmed what the airbag held.
    pub confirm: bool,
}

impl SyncOptions {
    /// Whether the direction goes with the rest.
    pub(super) fn check(self) -> Result<(), Error> {
        let mistake = match (self.direction, self.mode) {
            (Direction::Both, _) if self.mirror => "`mirror` wants a direction: `pull` or `push`",
            (Direction::Pull, Mode::PushTruth) => "`push_truth` cannot flow by `pull` alone",
            (Direction::Push, Mode::PullTruth) => "`pull_truth` cannot flow by `push` alone",
            _ => return Ok(()),
        };
        Err(Error::invalid(mistake))
    }
}

/// A flag that stops a sync between two steps; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Rc<Cell<bool>>);

impl Cancel {
    /// Asks the sync to stop: it does so before its next call.
    pub fn cancel(&self) {
        self.0.set(true);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.get()
    }
}
