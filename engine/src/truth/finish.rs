//! How a session ends: what is stored as the device's `last_sync`, and whether it is in sync.

use tidemark_protocol::{Checkin, Code, FinishRequest, Problem};

use super::flow::Flow;
use super::open::read_fingerprint;
use crate::fingerprint::DatastoreFingerprint;

/// What the truth knows of a session that finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishView {
    /// Where the session's pulls end.
    pub max_checkin: Checkin,
    /// This truth issued the told `last_update`, or none was told.
    pub is_issued: bool,
    /// The `last_sync` stored for the device so far; of a session that sends nothing down, its
    /// own.
    pub last_sync: Option<Checkin>,
    /// Which way records flow.
    pub flow: Flow,
}

/// Checks a finish: the `last_sync` to store, up to which mappings are now confirmed.
///
/// # Errors
/// `malformed`: `last_update` was never issued, or lies beyond what the session could pull.
pub fn last_sync_after(
    request: &FinishRequest,
    view: &FinishView,
) -> Result<Option<Checkin>, Problem> {
    let Some(last_update) = request.last_update else {
        return Ok(view.last_sync);
    };
    if !view.is_issued || last_update > view.max_checkin {
        let detail = "`last_update` is a checkin that this session was sent, at most its \
                      `max_checkin`";
        return Err(Problem::new(Code::Malformed, detail));
    }
    if !view.flow.sends_down() {
        // What others did up to there it was not sent.
        return Ok(view.last_sync);
    }
    Ok(Some(last_update))
}

/// Whether the device holds what is expected of it at its new `last_sync`. A device that tells
/// no fingerprint is taken at its word.
///
/// # Errors
/// `malformed`: the fingerprint is not 64 hexadecimal digits.
pub fn is_in_sync(
    request: &FinishRequest,
    expected: DatastoreFingerprint,
) -> Result<bool, Problem> {
    let told = read_fingerprint(request.fingerprint.as_deref())?;
    Ok(told.is_none_or(|told| told == expected))
}
