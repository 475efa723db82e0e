//! What a store's failure is to a device: nothing that shows SQL, paths or another user's data.

use tidemark_protocol::{Code, Problem};

use crate::store::StoreError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "the database is busy");
            return Self::new(Code::Busy, "The database is busy; try again later.");
        }
        if error.is_of_the_disk() {
            tracing::error!(%error, "the database cannot be written or read: see to the disk");
            return Self::new(
                Code::Busy,
                "The server cannot reach its storage at the moment, or it is full; nothing was \
                 changed. Keep what you have, and try again later.",
            );
        }
        tracing::error!(%error, "the database failed");
        Self::new(Code::Internal, "The server failed; its log says why.")
    }
}

/// The session is over, or never was this user's: a device cannot tell which.
pub(super) fn session_gone() -> Problem {
    Problem::new(
        Code::SessionGone,
        "This session ended, expired, or was superseded by a newer one: open again.",
    )
}

pub(super) fn no_datastore() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such datastore, or you are not a member of it.",
    )
}

pub(super) fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}

pub(super) fn clock_ran_out() -> Problem {
    Problem::new(Code::Internal, "The datastore's clock has run out.")
}

pub(super) fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Malformed, detail)
}
