//! The batches of a push that is not closed yet, each kept as the text that it came as.

use sqlx::Row;

use super::{
    super::{Session, StoreError},
    Change, Snapshot, decode,
};

impl Snapshot {
    /// The places of the batches that a session staged, in order.
    pub(crate) async fn staged_seqs(&mut self, session: &Session) -> Result<Vec<u32>, StoreError> {
        let seqs = sqlx::query_scalar(
            "select seq from staged where datastore = ?1 and sync_uuid = ?2 order by seq",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(seqs)
    }

    /// One staged batch: the JSON array of its records.
    pub(crate) async fn staged(
        &mut self,
        session: &Session,
        seq: u32,
    ) -> Result<String, StoreError> {
        let row = sqlx::query(
            "select records from staged where datastore = ?1 and sync_uuid = ?2 and seq = ?3",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .bind(seq)
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(row.try_get("records")?)
    }
}

impl Change {
    /// Stages a batch, in place of one sent earlier as the same `seq`; how many records the
    /// session has staged.
    pub(crate) async fn stage(
        &mut self,
        session: &Session,
        seq: u32,
        count: usize,
        records: &str,
    ) -> Result<u64, StoreError> {
        sqlx::query(
            "insert into staged (datastore, sync_uuid, seq, count, records) \
             values (?1, ?2, ?3, ?4, ?5) on conflict (datastore, sync_uuid, seq) \
             do update set count = excluded.count, records = excluded.records",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .bind(seq)
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .bind(records)
        .execute(&mut *self.tx)
        .await?;
        let row = sqlx::query(
            "select coalesce(sum(count), 0) as total from staged \
             where datastore = ?1 and sync_uuid = ?2",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .fetch_one(&mut *self.tx)
        .await?;
        decode::count(&row, "total")
    }

    /// Forgets what a session staged.
    pub(crate) async fn unstage(&mut self, session: &Session) -> Result<(), StoreError> {
        let staged = "delete from staged where datastore = ?1 and sync_uuid = ?2";
        self.run_for(session, staged).await
    }
}
