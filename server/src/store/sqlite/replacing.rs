//! A truth that a device replaces: what lives in it, walked through in parts, and who is told.

use sqlx::Row;
use tidemark_engine::truth::Mark;
use tidemark_protocol::Key;

use super::{
    super::{Session, StoreError},
    Change, decode,
};

/// The live records after ?2, in the order of keys.
pub(super) const LIVE_AFTER: &str = "\
    select key from version where datastore = ?1 and key > ?2 and superseded is null \
    and deleted = 0 order by key limit cast(?3 as integer)";

impl Change {
    /// At most so many live records after a key, in the order of keys.
    pub(crate) async fn live_after(
        &mut self,
        datastore: &str,
        after: &str,
        most: u32,
    ) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query(LIVE_AFTER)
            .bind(datastore)
            .bind(after)
            .bind(most)
            .fetch_all(&mut *self.tx)
            .await?;
        let keys = rows.iter().map(|row| decode::read(row, "key", Key::parse));
        keys.collect()
    }

    /// Keeps that a session's device has replaced the truth, and ends the sessions of all others.
    pub(crate) async fn mark(&mut self, session: &Session, mark: Mark) -> Result<(), StoreError> {
        sqlx::query("update datastore set truth_pushed = ?2, truth_pushed_by = ?3 where id = ?1")
            .bind(&session.datastore)
            .bind(mark.checkin.micros())
            .bind(mark.device.to_string())
            .execute(&mut *self.tx)
            .await?;
        let others =
            sqlx::query("select sync_uuid from session where datastore = ?1 and device <> ?2")
                .bind(&session.datastore)
                .bind(session.device.to_string())
                .fetch_all(&mut *self.tx)
                .await?;
        for other in &others {
            self.remove_session(&session.datastore, other.try_get("sync_uuid")?)
                .await?;
        }
        Ok(())
    }
}
