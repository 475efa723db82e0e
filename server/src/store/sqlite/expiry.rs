//! Ends expired sessions, a bounded part at a time.
//!
//! A session is marked as ended before the first of what it staged goes, so that it is never
//! alive in part, whatever the clock does meanwhile; its own row goes last.

use sqlx::Row;

use super::{super::StoreError, Change};

/// Staged batches are as large as a body may be: so few go at once.
const BATCHES_MAX: u32 = 8;

/// What one call of [`Change::expire`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// No session is left that was not called for so long.
    None,
    /// A part of one is gone.
    Part,
    /// One is gone.
    Whole,
}

impl Change {
    /// Ends one session that was not called after `touched_after`, or a part of it: at most
    /// `limit` rows a table.
    pub(crate) async fn expire(
        &mut self,
        touched_after: i64,
        limit: u32,
    ) -> Result<Expired, StoreError> {
        let row = sqlx::query(
            "select datastore, sync_uuid from session where touched <= ?1 order by touched limit 1",
        )
        .bind(touched_after)
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(row) = row else {
            return Ok(Expired::None);
        };
        let (datastore, id): (&str, &str) = (row.try_get("datastore")?, row.try_get("sync_uuid")?);
        sqlx::query("update session set touched = ?2 where sync_uuid = ?1")
            .bind(id)
            .bind(i64::MIN)
            .execute(&mut *self.tx)
            .await?;
        for (statement, limit) in [
            (
                "delete from staged where datastore = ?1 and sync_uuid = ?2 and seq in \
                 (select seq from staged where datastore = ?1 and sync_uuid = ?2 limit cast(?3 as integer))",
                limit.min(BATCHES_MAX),
            ),
            (
                "delete from pushed where datastore = ?1 and sync_uuid = ?2 and key in \
                 (select key from pushed where datastore = ?1 and sync_uuid = ?2 limit cast(?3 as integer))",
                limit,
            ),
            (
                "delete from acked where datastore = ?1 and sync_uuid = ?2 and key in \
                 (select key from acked where datastore = ?1 and sync_uuid = ?2 limit cast(?3 as integer))",
                limit,
            ),
            (
                "delete from reconciled where datastore = ?1 and sync_uuid = ?2 and key in \
                 (select key from reconciled where datastore = ?1 and sync_uuid = ?2 limit cast(?3 as integer))",
                limit,
            ),
        ] {
            let gone = sqlx::query(statement)
                .bind(datastore)
                .bind(id)
                .bind(limit)
                .execute(&mut *self.tx)
                .await?
                .rows_affected();
            if gone == u64::from(limit) {
                return Ok(Expired::Part);
            }
        }
        sqlx::query("delete from session where datastore = ?1 and sync_uuid = ?2")
            .bind(datastore)
            .bind(id)
            .execute(&mut *self.tx)
            .await?;
        Ok(Expired::Whole)
    }
}
