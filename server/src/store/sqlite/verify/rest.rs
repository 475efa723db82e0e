//! What refers to what: heads, devices, sessions and what they keep, conflicts, owners.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::{super::StoreError, Report, Row, Snapshot};

/// A statement that names the rows of datastore ?1 that are wrong.
struct Check {
    select: &'static str,
    wrong: &'static str,
    mend: &'static str,
}

/// A record that a table keeps for a session which is over.
macro_rules! left_behind {
    ($table:literal, $wrong:literal) => {
        Check {
            select: concat!(
                "select 'session ' || sync_uuid || ', record ' || key from ",
                $table,
                " where datastore = ?1 and not exists (select 1 from session where session.sync_uuid = ",
                $table,
                ".sync_uuid and session.datastore = ?1)"
            ),
            wrong: $wrong,
            mend: concat!("delete the row from `", $table, "`"),
        }
    };
}

const CHECKS: [Check; 15] = [
    Check {
        select: "select 'its row' from datastore where id = ?1 \
            and head is not (select max(checkin) from commits where datastore = ?1)",
        wrong: "its head is not its newest commit",
        mend: "set `head` to the newest checkin in `commits`",
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 and head < max( \
            coalesce(forgotten, head), coalesce(history_from, head), \
            coalesce(fingerprints_from, head), coalesce(truth_pushed, head), \
            coalesce(conflicts_changed, head))",
        wrong: "`forgotten`, or another of its bounds, is later than the head",
        mend: "set it to the head at most",
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 and conflicts_open <> \
            (select count(*) from conflict where datastore = ?1 and settled is null)",
        wrong: "the number of its unsettled conflicts is not `conflicts_open`",
        mend: "set `conflicts_open` to how many rows of `conflict` are not settled",
    },
    Check {
        select: "select 'owner ' || owner from datastore where id = ?1 and not exists \
            (select 1 from member where datastore = ?1 and user = owner)",
        wrong: "its owner is no member of it",
        mend: "insert them into `member` as `owner`",
    },
    Check {
        select: "select 'device ' || device_uuid from device where datastore = ?1 \
            and last_sync is not null and not exists (select 1 from commits \
            where commits.datastore = ?1 and commits.checkin = device.last_sync)",
        wrong: "its `last_sync` is no commit",
        mend: "set it to the newest commit before it; the device tells its own when it opens",
    },
    Check {
        select: "select 'session ' || sync_uuid from session where datastore = ?1 \
            and not exists (select 1 from device where device.datastore = ?1 \
            and device.device_uuid = session.device)",
        wrong: "its device is not known",
        mend: "delete the row: the device opens another",
    },
    Check {
        select: "select 'session ' || sync_uuid from session where datastore = ?1 \
            and (not exists (select 1 from commits where commits.datastore = ?1 \
              and commits.checkin = session.max_checkin) \
            or last_sync is not null and not exists (select 1 from commits \
              where commits.datastore = ?1 and commits.checkin = session.last_sync) \
            or last_sync > max_checkin)",
        wrong: "its window does not reach from one commit to a later one",
        mend: "delete the row: the device opens another",
    },
    Check {
        select: "select 'session ' || sync_uuid || ', batch ' || seq from staged \
            where datastore = ?1 and not exists (select 1 from session \
            where session.sync_uuid = staged.sync_uuid and session.datastore = ?1)",
        wrong: "it is staged for a session that is over",
        mend: "delete the row from `staged`: the device has its records still",
    },
    left_behind!("pushed", "it is to be answered in a session that is over"),
    left_behind!("acked", "it was acked in a session that is over"),
    left_behind!("reconciled", "it was reconciled in a session that is over"),
    Check {
        select: "select 'device ' || device || ', record ' || key from client_state \
            where datastore = ?1 and not exists (select 1 from device \
            where device.datastore = ?1 and device.device_uuid = client_state.device)",
        wrong: "it is kept of a device that is not known",
        mend: "delete the row from `client_state`",
    },
    Check {
        select: "select 'device ' || device || ', record ' || key from client_state \
            where datastore = ?1 and checkin > (select head from datastore where id = ?1)",
        wrong: "what the device holds of it is later than the head",
        mend: "delete the row from `client_state`: the device is asked again",
    },
    Check {
        select: "select 'conflict ' || id from conflict where datastore = ?1 \
            and not exists (select 1 from commits where commits.datastore = ?1 \
            and commits.checkin = conflict.checkin)",
        wrong: "it is of a checkin that is no commit",
        mend: "set its `checkin` to the newest commit before it",
    },
    Check {
        select: "select 'conflict ' || id from conflict where datastore = ?1 \
            and settled is null and not exists (select 1 from version \
              where version.datastore = ?1 and version.key = conflict.key) \
            and not exists (select 1 from local_key where local_key.datastore = ?1 \
              and local_key.local_id = conflict.key)",
        wrong: "it waits for a person, and its record is not known",
        mend: "restore the record from a backup, or set `settled` to the head",
    },
];

/// All tables whose rows belong to a datastore.
const TABLES: [&str; 13] = [
    "member",
    "commits",
    "version",
    "local_key",
    "device",
    "client_state",
    "session",
    "staged",
    "pushed",
    "acked",
    "conflict",
    "reconciled",
    "range_sum",
];

impl Snapshot {
    pub(super) async fn verify_rest(
        &mut self,
        row: &Row,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        for check in &CHECKS {
            let mut places = sqlx::query_scalar::<_, String>(check.select)
                .bind(&row.id)
                .fetch(&mut *self.tx);
            while let Some(place) = places.try_next().await? {
                report.say(place, check.wrong, check.mend);
            }
        }
        Ok(())
    }

    /// Rows of datastores that there are not.
    pub(super) async fn verify_strangers(
        &mut self,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        for table in TABLES {
            // From one datastore to the next, not row by row.
            let statement = format!(
                "with recursive named (id) as (select min(datastore) from {table} \
                 union all select (select min(datastore) from {table} where datastore > named.id) \
                 from named where named.id is not null) \
                 select id from named where id is not null \
                 and id not in (select id from datastore)"
            );
            let mut strangers =
                sqlx::query_scalar::<_, String>(AssertSqlSafe(statement)).fetch(&mut *self.tx);
            while let Some(id) = strangers.try_next().await? {
                let mend = "restore the datastore's row from a backup, or delete these";
                report.say(
                    format!("table {table}"),
                    format!("it has rows of a datastore {id}, which is not there"),
                    mend,
                );
            }
        }
        Ok(())
    }
}
