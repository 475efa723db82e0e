//! What may be forgotten.

use core::time::Duration;

use super::world::at;
use crate::truth::{Bounds, Holder, Reader, Retention, Superseded};

const NOW: i64 = 1000;

/// Keeps history for 100 and tombstones for 300 microseconds.
const RETENTION: Retention = Retention {
    history: Duration::from_micros(100),
    tombstones: Duration::from_micros(300),
};

fn synced(last_sync: i64) -> Holder {
    Holder {
        last_sync: Some(at(last_sync)),
        seen: NOW,
    }
}

fn bounds(devices: &[Holder], sessions: &[Reader]) -> Bounds {
    Bounds::of(NOW, RETENTION, Some(at(500)), devices, sessions)
}

fn version(checkin: i64, superseded: i64) -> Superseded {
    Superseded {
        checkin: at(checkin),
        superseded: at(superseded),
        is_repeatable: false,
        is_conflict_base: false,
    }
}

/// T-60: a value is needed as long as a device's edits may be based on it, a session pulls as of
/// it, its device may repeat it, or an unsettled conflict is based on it.
#[test]
fn t60_values_that_somebody_stands_at_are_needed() {
    let pull = Reader {
        last_sync: Some(at(600)),
        max_checkin: at(700),
    };
    let bounds = bounds(&[synced(800)], &[pull]);
    assert_eq!(bounds.values, Some(at(900)));
    for (checkin, superseded, is_needed) in [
        (600, 601, true),
        (599, 600, false),
        (601, 700, false),
        (650, 701, true),
        (701, 800, false),
        (701, 801, true),
        (800, 850, true),
        (801, 850, false),
    ] {
        let version = version(checkin, superseded);
        assert_eq!(bounds.needs_value(&version), is_needed, "{version:?}");
    }
    let repeat = Superseded {
        is_repeatable: true,
        ..version(1, 2)
    };
    let base = Superseded {
        is_conflict_base: true,
        ..version(1, 2)
    };
    assert!(bounds.needs_value(&repeat) && bounds.needs_value(&base));
}

/// T-61: fingerprints are kept from the oldest device's `last_sync` on; one that was away for
/// too long, or is before `forgotten`, will be repaired and holds nothing back.
#[test]
fn t61_the_oldest_device_holds_fingerprints_back() {
    let of = |devices: &[Holder], sessions: &[Reader]| bounds(devices, sessions).fingerprints;
    assert_eq!(of(&[], &[]), Some(at(900)));
    assert_eq!(of(&[synced(950)], &[]), Some(at(900)));
    assert_eq!(of(&[synced(870), synced(650)], &[]), Some(at(650)));
    let away = Holder {
        seen: 700,
        ..synced(650)
    };
    assert_eq!(of(&[synced(870), away], &[]), Some(at(870)));
    assert_eq!(of(&[synced(870), synced(499)], &[]), Some(at(870)));
    assert_eq!(of(&[synced(870), synced(500)], &[]), Some(at(500)));
    let unfinished = Holder {
        last_sync: None,
        seen: NOW,
    };
    assert_eq!(of(&[unfinished], &[]), None);
    let pull = |last_sync: Option<i64>| Reader {
        last_sync: last_sync.map(at),
        max_checkin: at(700),
    };
    assert_eq!(of(&[synced(870)], &[pull(Some(600))]), Some(at(600)));
    assert_eq!(of(&[synced(870)], &[pull(None)]), Some(at(700)));
}

/// T-62: tombstones outlive their retention while an open session's window holds them; they are
/// kept for as long as history at least.
#[test]
fn t62_tombstones_wait_for_windows() {
    let of = |sessions: &[Reader]| bounds(&[synced(650)], sessions).tombstones;
    assert_eq!(of(&[]), Some(at(700)));
    let pull = |last_sync: Option<i64>| Reader {
        last_sync: last_sync.map(at),
        max_checkin: at(990),
    };
    assert_eq!(of(&[pull(Some(950))]), Some(at(700)));
    assert_eq!(of(&[pull(Some(950)), pull(Some(600))]), Some(at(600)));
    assert_eq!(of(&[pull(None)]), None);

    let short = Retention {
        tombstones: Duration::ZERO,
        ..RETENTION
    };
    let kept = Bounds::of(NOW, short, None, &[], &[]);
    assert_eq!(kept.tombstones, Some(at(900)));
    let forever = Retention {
        history: Duration::MAX,
        tombstones: Duration::MAX,
    };
    let kept = Bounds::of(NOW, forever, None, &[], &[]);
    assert_eq!(
        (kept.values, kept.fingerprints, kept.tombstones),
        (None, None, None)
    );
}
