//! Open sessions, and what is kept for them. Nothing of it is ever lost: a device whose session is
//! gone opens another.

use super::check::{Check, is_no_commit, is_no_hex, is_no_uuid};

/// What a table keeps for sessions that are over.
macro_rules! left_behind {
    ($table:literal, $what:literal, $wrong:literal) => {
        Check {
            select: concat!(
                "select 'session ' || sync_uuid || ",
                $what,
                " from ",
                $table,
                " where datastore = ?1 and not exists (select 1 from session \
                  where session.sync_uuid = ",
                $table,
                ".sync_uuid and session.datastore = ?1)"
            ),
            wrong: $wrong,
            mend: concat!(
                "delete the row from `",
                $table,
                "`: the device has its own still"
            ),
            repair: Some(concat!(
                "delete from ",
                $table,
                " where datastore = ?1 and not exists (select 1 from session \
                  where session.sync_uuid = ",
                $table,
                ".sync_uuid and session.datastore = ?1)"
            )),
        }
    };
}

/// A session that cannot go on.
macro_rules! unusable {
    ($wrong:literal, $($condition:tt)*) => {
        Check {
            select: concat!(
                "select 'session ' || sync_uuid from session where datastore = ?1 and (",
                $($condition)*, ")"
            ),
            wrong: $wrong,
            mend: "delete its row from `session`: the device opens another",
            repair: Some(concat!(
                "delete from session where datastore = ?1 and (", $($condition)*, ")"
            )),
        }
    };
}

pub(super) const CHECKS: [Check; 10] = [
    unusable!(
        "its device is not known, or somebody else's",
        "not exists (select 1 from device where device.datastore = ?1 \
         and device.device_uuid = session.device and device.user = session.user)"
    ),
    unusable!("its name cannot be read", is_no_uuid!("sync_uuid")),
    unusable!(
        "its window does not reach from one commit to a later one",
        is_no_commit!("last_sync"),
        " or ",
        is_no_commit!("max_checkin"),
        " or ",
        is_no_commit!("doubted_up_to"),
        " or ",
        is_no_commit!("since"),
        " or ",
        is_no_commit!("common"),
        " or ",
        is_no_commit!("from_checkin"),
        " or ",
        is_no_commit!("pulled_checkin"),
        " or max_checkin < max(coalesce(last_sync, max_checkin), \
           coalesce(doubted_up_to, max_checkin), coalesce(pulled_checkin, max_checkin)) \
         or from_checkin is null and from_key is not null \
         or pulled_checkin is null and pulled_key is not null or remaining < 0"
    ),
    unusable!(
        "its mode or its direction is none",
        "mode not in ('fast', 'repair', 'slow', 'refresh', 'pull_truth', 'push_truth') \
         or direction not in ('both', 'pull', 'push') or mirror not in (0, 1) \
         or mirror = 1 and direction = 'both' or deleted < 0 or is_copy not in (0, 1)"
    ),
    Check {
        select: "select 'session ' || sync_uuid || ', batch ' || seq from staged \
            where datastore = ?1 and (not json_valid(records) \
            or json_type(records) is not 'array' or json_array_length(records) <> count)",
        wrong: "it holds other than the records that were counted",
        mend: "delete the session's row: the device opens another, and sends them again",
        repair: Some(
            "delete from session where datastore = ?1 and sync_uuid in ( \
             select sync_uuid from staged where datastore = ?1 and (not json_valid(records) \
             or json_type(records) is not 'array' or json_array_length(records) <> count))",
        ),
    },
    Check {
        select: concat!(
            "select 'session ' || sync_uuid || ', record ' || key from pushed \
             where datastore = ?1 and (",
            is_no_hex!("fingerprint", "32"),
            " or ",
            is_no_uuid!("local_id"),
            " or conflict is not null and not exists (select 1 from conflict as kept \
               where kept.datastore = ?1 and kept.id = pushed.conflict) \
             or checkin is not null and not exists (select 1 from version \
               where version.datastore = ?1 and version.key = pushed.key \
               and version.checkin = pushed.checkin))"
        ),
        wrong: "it is to be answered with what there is not",
        mend: "delete the session's row: the device opens another, and pushes it again",
        repair: None,
    },
    left_behind!(
        "staged",
        "', batch ' || seq",
        "it is staged for a session that is over"
    ),
    left_behind!(
        "pushed",
        "', record ' || key",
        "it is to be answered in a session that is over"
    ),
    left_behind!(
        "acked",
        "', record ' || key",
        "it was acked in a session that is over"
    ),
    left_behind!(
        "reconciled",
        "', record ' || key",
        "it was reconciled in a session that is over"
    ),
];
