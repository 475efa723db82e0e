//! Whether a device gets a session, needs none, or is refused.

use tidemark_protocol::{Checkin, Code, Mode, OpenRequest, PROTOCOL_VERSION, Problem};
use uuid::Uuid;

use super::flow::Flow;
use super::replacing::Mark;
use super::settle::SETTLER;
use crate::faults::{Fault, is_planted};
use crate::fingerprint::DatastoreFingerprint;

/// What the truth knows of a device that opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenView {
    /// The truth's newest commit.
    pub head: Checkin,
    /// The attempt of the last open that got a session; `None`: the device is new.
    pub attempt: Option<Uuid>,
    /// When the device last opened or finished, by the datastore's clock; `None`: it is new.
    pub seen: Option<Checkin>,
    /// This truth issued the claimed `last_sync`, or none was claimed.
    pub is_issued: bool,
    /// Tombstones up to here have been dropped.
    pub forgotten: Option<Checkin>,
    /// A device has replaced the truth.
    pub mark: Option<Mark>,
    /// Which way records are to flow.
    pub flow: Flow,
    /// What is expected of the device at the head.
    pub expected_at_head: DatastoreFingerprint,
    /// What is expected of it at its `last_sync` (of none: at the beginning, when the truth was
    /// empty); `None`: not known any more, or never was.
    pub expected_at_last_sync: Option<DatastoreFingerprint>,
}

/// What an open that is not refused comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Both sides hold the same and nothing is pending: no session, and nothing is written.
    InSync,
    /// A session.
    Session {
        /// What was asked for, where that is more than the server would decide by itself; else
        /// `fast`; `repair` where a window does not tell the device all, or a side is made equal
        /// to the other; `refresh` where the truth was restored from an older backup than the
        /// device has seen.
        mode: Mode,
        /// Where the pull starts. Mappings up to there are confirmed by the claim.
        last_sync: Option<Checkin>,
        /// The attempt to keep as the device's last one that got a session.
        attempt: Option<Uuid>,
        /// The device's fingerprint is not the expected one: for the log.
        is_suspect: bool,
        /// The device holds nothing yet, so that tombstones are left out.
        leaves_out_tombstones: bool,
    },
}

/// What no datastore needs to be looked at for: the protocol version, and who asks.
///
/// # Errors
/// `protocol`, or `malformed` (the nil UUID is no device).
pub fn check(request: &OpenRequest) -> Result<(), Problem> {
    if request.protocol != PROTOCOL_VERSION {
        let detail = "this server speaks version 1 of the protocol: update the app or the server";
        return Err(Problem::new(Code::Protocol, detail));
    }
    if request.device_uuid == SETTLER {
        let detail = "`device_uuid` is a UUID that the device has drawn, not the nil one";
        return Err(Problem::new(Code::Malformed, detail));
    }
    Ok(())
}

/// Decides on an open.
///
/// # Errors
/// `malformed` (the fingerprint), `session_gone`, `stale_device` or `truth_pushed`.
pub fn open(request: &OpenRequest, view: &OpenView) -> Result<Opened, Problem> {
    let fingerprint = read_fingerprint(request.fingerprint.as_deref())?;
    if view.is_issued {
        check_attempts(&request.attempts, view.attempt)?;
    }
    let pushes = request
        .push
        .as_ref()
        .is_some_and(|push| !push.records.is_empty());
    // Who asks for more doubts that the fingerprint is that of what the device holds.
    let is_doubted = !matches!(request.mode, Mode::Auto | Mode::Fast) || view.flow.mirror;
    let holds_head = fingerprint == Some(view.expected_at_head);
    if request.pending == 0 && !pushes && holds_head && !is_doubted {
        return Ok(Opened::InSync);
    }
    let missed = view
        .mark
        .filter(|mark| mark.is_missed_by(request, fingerprint, view.seen));
    if missed.is_some() {
        let detail = "another device has replaced all that is in this datastore: set aside what \
                      is pending, and open with the mode `pull_truth`";
        return Err(Problem::new(Code::TruthPushed, detail));
    }
    let is_suspect = fingerprint.is_some() && fingerprint != view.expected_at_last_sync;
    let is_behind = needs_repair(request, view, fingerprint);
    let mode = match request.mode {
        asked @ (Mode::PullTruth | Mode::PushTruth) => asked,
        _ if !view.is_issued => Mode::Refresh,
        asked @ (Mode::Refresh | Mode::Slow) => asked,
        Mode::Auto if is_suspect => Mode::Repair,
        _ if is_doubted || is_behind => Mode::Repair,
        _ => Mode::Fast,
    };
    let last_sync = match mode {
        // All that the truth has is pulled, deletions too.
        Mode::Refresh | Mode::PullTruth => None,
        _ => request.last_sync.filter(|_| view.is_issued),
    };
    Ok(Opened::Session {
        mode,
        last_sync,
        attempt: request.attempts.last().copied(),
        is_suspect: is_suspect || !view.is_issued,
        leaves_out_tombstones: mode != Mode::Refresh
            && super::window::leaves_out_tombstones(request.last_sync, fingerprint),
    })
}

/// Whether a window does not tell the device all: a deletion that it has not seen was
/// forgotten, or the fingerprint that it would be held to. A first pull that was interrupted
/// holds what the truth had when the device was last seen; a device that tells no fingerprint
/// is taken at its word that it holds nothing.
fn needs_repair(
    request: &OpenRequest,
    view: &OpenView,
    fingerprint: Option<DatastoreFingerprint>,
) -> bool {
    let Some(expected) = view.expected_at_last_sync else {
        return true;
    };
    if fingerprint == Some(expected) && expected == DatastoreFingerprint::EMPTY {
        return false;
    }
    let knows_up_to = match (request.last_sync, fingerprint) {
        (Some(last_sync), _) => Some(last_sync),
        (None, Some(_)) => view.seen,
        (None, None) => view.seen.or(view.forgotten),
    };
    knows_up_to < view.forgotten
}

/// Reads a datastore fingerprint as a device sends it.
///
/// # Errors
/// `malformed`: not 64 hexadecimal digits.
pub(super) fn read_fingerprint(
    text: Option<&str>,
) -> Result<Option<DatastoreFingerprint>, Problem> {
    let read = text.map(str::parse).transpose();
    read.map_err(|_| Problem::new(Code::Malformed, "`fingerprint` is 64 hexadecimal digits"))
}

/// An open that nobody waits for any more, or that an older copy of the device sends, is
/// refused: the kept attempt must be among the told ones, and not be this open's own.
fn check_attempts(attempts: &[Uuid], kept: Option<Uuid>) -> Result<(), Problem> {
    let Some(kept) = kept.filter(|_| !is_planted(Fault::AttemptsIgnored)) else {
        return Ok(());
    };
    if attempts.last() == Some(&kept) {
        let detail = "this open has been answered already: open again with a new attempt";
        return Err(Problem::new(Code::SessionGone, detail));
    }
    if !attempts.contains(&kept) {
        let detail = "this open is late, or comes from an older copy of the device: a copy takes \
                      a new `device_uuid` and goes on from its own `last_sync`";
        return Err(Problem::new(Code::StaleDevice, detail));
    }
    Ok(())
}
