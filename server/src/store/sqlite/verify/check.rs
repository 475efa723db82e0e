//! What one statement finds: rows of a datastore that are wrong, and how they are mended.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::{
    super::{super::Repair, StoreError},
    Report, Row, Snapshot, conflicts, datastores, devices, sessions,
};

/// A statement that names the rows of datastore ?1 that are wrong.
pub(super) struct Check {
    pub(super) select: &'static str,
    pub(super) wrong: &'static str,
    pub(super) mend: &'static str,
    /// What mends them all for certain, whatever else is wrong: of datastore ?1.
    pub(super) repair: Option<&'static str>,
}

/// Whether a column, where it is not null, is no lower-case hexadecimal number of so many digits.
macro_rules! is_no_hex {
    ($column:literal, $digits:literal) => {
        concat!(
            "(length(",
            $column,
            ") <> ",
            $digits,
            " or ",
            $column,
            " glob '*[^0-9a-f]*')"
        )
    };
}

/// Whether a column, where it is not null, is no UUID.
macro_rules! is_no_uuid {
    ($column:literal) => {
        concat!(
            "(length(",
            $column,
            ") <> 36 or ",
            $column,
            " not glob '????????-????-????-????-*' \
             or ",
            $column,
            " glob '*[^-0-9a-f]*')"
        )
    };
}

/// Whether a column, where it is not null, is no commit of datastore ?1.
macro_rules! is_no_commit {
    ($column:literal) => {
        concat!(
            "(",
            $column,
            " is not null and not exists (select 1 from commits \
             where commits.datastore = ?1 and commits.checkin = ",
            $column,
            "))"
        )
    };
}

pub(super) use {is_no_commit, is_no_hex, is_no_uuid};

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
    /// What refers to what: heads, devices, sessions and what they keep, conflicts, owners.
    pub(super) async fn verify_rest(
        &mut self,
        row: &Row,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        let checks = [
            &datastores::CHECKS[..],
            &devices::CHECKS,
            &sessions::CHECKS,
            &conflicts::CHECKS,
        ];
        for check in checks.into_iter().flatten() {
            let mut places = sqlx::query_scalar::<_, String>(check.select)
                .bind(&row.id)
                .fetch(&mut *self.tx);
            while let Some(place) = places.try_next().await? {
                let repair = check.repair.map(|statement| Repair::of(&row.id, statement));
                report.say_with(place, check.wrong, check.mend, repair);
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
