//! What may be forgotten: the bounds that retention, devices and open sessions set together.
//!
//! It looks at times and checkins only; the server finds the rows and drops them, each batch in
//! a transaction in which these bounds were worked out anew. It never sees a value.

use alloc::vec::Vec;
use core::time::Duration;

use tidemark_protocol::Checkin;

use crate::faults::{Fault, is_planted};

/// How long what the truth no longer needs is kept all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Values that were superseded: history, and the truth at earlier moments.
    pub history: Duration,
    /// Tombstones, and how long a device may stay away and still get its windowed sync. No
    /// shorter than `history`: a tombstone is the end of its record's history.
    pub tombstones: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            history: Duration::from_secs(30 * DAY),
            tombstones: Duration::from_secs(90 * DAY),
        }
    }
}

/// A device, as far as it holds anything back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Up to where it has applied everything, by its last finish that came through.
    pub last_sync: Option<Checkin>,
    /// When it last opened or finished, in microseconds since 1970.
    pub seen: i64,
}

/// An open session, as far as it holds anything back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Where its window starts.
    pub last_sync: Option<Checkin>,
    /// The moment that it pulls.
    pub max_checkin: Checkin,
}

/// A superseded version: it was live from `checkin` until `superseded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// The commit that made it.
    pub checkin: Checkin,
    /// The commit that ended it.
    pub superseded: Checkin,
    /// The device that made it has not synced past it and may say it again: the value tells
    /// that it is a repeat.
    pub is_repeatable: bool,
    /// An unsettled conflict has it as its base.
    pub is_conflict_base: bool,
}

/// What of one datastore may be forgotten. A bound of `None`: nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Values superseded at or before this, unless [`Self::needs_value`].
    pub values: Option<Checkin>,
    /// Versions superseded at or before this, whole, and the fingerprints of the commits that
    /// had followers by then.
    pub fingerprints: Option<Checkin>,
    /// Tombstones at or before this, each with its record's history.
    pub tombstones: Option<Checkin>,
    /// A device that was not seen after this holds nothing back: when it comes again it is
    /// repaired.
    pub away_since: i64,
    /// The moments that somebody stands at, in order: sessions pull as of one, and a device's
    /// edits have the one that it synced to as their base.
    pins: Vec<Checkin>,
}

impl Bounds {
    /// The bounds at the server's time `now`, with the datastore's lock held.
    pub fn of(
        now: i64,
        retention: Retention,
        forgotten: Option<Checkin>,
        devices: &[Holder],
        sessions: &[Reader],
    ) -> Self {
        let history = before(now, retention.history);
        let away = before(now, retention.tombstones.max(retention.history));
        let away = if is_planted(Fault::TombstoneTooSoon) {
            now
        } else {
            away
        };
        let counts = |device: &&Holder| {
            device.seen > away && device.last_sync.is_none_or(|at| Some(at) >= forgotten)
        };
        let devices: Vec<&Holder> = devices.iter().filter(counts).collect();

        let synced = devices.iter().filter_map(|device| device.last_sync);
        let pulled = sessions.iter().map(|session| session.max_checkin);
        let opened = sessions.iter().filter_map(|session| session.last_sync);
        let mut pins: Vec<Checkin> = synced.clone().chain(pulled).chain(opened).collect();
        pins.sort_unstable();
        pins.dedup();

        let values = Checkin::from_micros(history).ok();
        // It has pulled, or pushed, and its finish was lost: it may stand anywhere.
        let is_unsettled = devices.iter().any(|device| device.last_sync.is_none());
        let starts = sessions
            .iter()
            .map(|session| session.last_sync.unwrap_or(session.max_checkin));
        let oldest = synced.chain(starts).min();
        let fingerprints = values
            .filter(|_| !is_unsettled)
            .map(|values| oldest.map_or(values, |oldest| oldest.min(values)));
        let is_beginning = sessions.iter().any(|session| session.last_sync.is_none());
        let opened = sessions.iter().filter_map(|session| session.last_sync);
        let tombstones = Checkin::from_micros(away)
            .ok()
            .filter(|_| !is_beginning)
            .map(|away| opened.min().map_or(away, |opened| opened.min(away)));
        Self {
            values,
            fingerprints,
            tombstones,
            away_since: away,
            pins,
        }
    }

    /// Whether somebody may still ask for a superseded version's value.
    pub fn needs_value(&self, version: &Superseded) -> bool {
        let first = self.pins.partition_point(|pin| *pin < version.checkin);
        let is_stood_at = self
            .pins
            .get(first)
            .is_some_and(|pin| *pin < version.superseded);
        is_stood_at || version.is_repeatable || version.is_conflict_base
    }
}

fn before(now: i64, span: Duration) -> i64 {
    now.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}
