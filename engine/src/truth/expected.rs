//! Which fingerprint a device should have, and where it may differ from the truth.
//!
//! What a device holds is told by its `last_sync` and the history. An [`Exception`] (a row of
//! `client_state`) is kept only where that does not tell it.

use tidemark_protocol::{Ack, Checkin, Key};

use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};

/// What a device holds of one key, where the history up to its `last_sync` does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The record.
    pub key: Key,
    /// The version that the device was sent; a newer one ends the exception.
    pub checkin: Checkin,
    /// What the device holds; `None`: nothing.
    pub held: Option<RecordFingerprint>,
    /// The device has not taken that version: it is offered again in the next session.
    pub is_owed: bool,
}

/// A version that a session was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The record.
    pub key: Key,
    /// The version.
    pub checkin: Checkin,
    /// Its fingerprint; `None`: a tombstone.
    pub fingerprint: Option<RecordFingerprint>,
    /// What the device held before: its exception, else the truth's as of the session's
    /// `last_sync`.
    pub before: Option<RecordFingerprint>,
}

/// What an ack, or its absence, says of a sent version. `sends_acks`: this session has sent
/// an ack, so that only acks count; else it acks all with its finish. `last_sync` is the one
/// stored with that finish. `None`: no exception, and one that was kept is dropped.
pub fn acknowledge(
    pulled: &Pulled,
    ack: Option<&Ack>,
    sends_acks: bool,
    last_sync: Option<Checkin>,
) -> Option<Exception> {
    let stored = match ack {
        Some(Ack {
            rejected: Some(_), ..
        }) => None,
        Some(Ack {
            fingerprint: Some(told),
            ..
        }) => told.parse().ok().map(Some),
        Some(_) | None if sends_acks && ack.is_none() => None,
        Some(_) | None => Some(pulled.fingerprint),
    };
    let is_told_by_history = last_sync.is_some_and(|last_sync| pulled.checkin <= last_sync);
    let exception = |held, is_owed| Exception {
        key: pulled.key.clone(),
        checkin: pulled.checkin,
        held,
        is_owed,
    };
    match stored {
        Some(held) if held == pulled.fingerprint && is_told_by_history => None,
        Some(held) => Some(exception(held, false)),
        None => Some(exception(pulled.before, true)),
    }
}

/// The version of an exception's key in the truth that a device is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The version.
    pub checkin: Checkin,
    /// Its fingerprint; `None`: a tombstone.
    pub fingerprint: Option<RecordFingerprint>,
}

/// The fingerprint expected of a device at a checkin: that of the truth as of it, but for the
/// device's exceptions, each with the version of its key as of that checkin, if there is one.
pub fn expected<'a>(
    truth: DatastoreFingerprint,
    exceptions: impl IntoIterator<Item = (&'a Exception, Option<Compared>)>,
) -> DatastoreFingerprint {
    let mut sum = truth;
    for (exception, compared) in exceptions {
        if compared.is_some_and(|compared| compared.checkin > exception.checkin) {
            continue;
        }
        let key = exception.key.as_str();
        if let Some(fingerprint) = compared.and_then(|compared| compared.fingerprint) {
            sum.remove(key, &fingerprint);
        }
        if let Some(fingerprint) = &exception.held {
            sum.insert(key, fingerprint);
        }
    }
    sum
}
