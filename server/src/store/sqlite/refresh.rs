//! What a device is matched with that gives all it holds back: rare, and in proportion to all
//! that the truth holds.

use std::collections::HashSet;

use serde_json::json;
use sqlx::Row;
use tidemark_engine::fingerprint::RecordFingerprint;
use tidemark_protocol::{Checkin, Key};

use super::{
    super::{Session, StoreError},
    Change, decode,
};

impl Change {
    /// Which of these keys the truth has, or had, versions of.
    pub(crate) async fn known_keys(
        &mut self,
        datastore: &str,
        keys: &[&Key],
    ) -> Result<HashSet<Key>, StoreError> {
        let rows = sqlx::query(
            "select wanted.value as key from json_each(?2) wanted where exists \
             (select 1 from version where datastore = ?1 and key = wanted.value)",
        )
        .bind(datastore)
        .bind(json!(keys).to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        let keys = rows.iter().map(|row| decode::read(row, "key", Key::parse));
        keys.collect()
    }

    /// The live records of these fingerprints.
    pub(crate) async fn live_of_value(
        &mut self,
        datastore: &str,
        values: &[RecordFingerprint],
    ) -> Result<Vec<(Key, RecordFingerprint)>, StoreError> {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        let rows = sqlx::query(
            "select key, fingerprint from version where datastore = ?1 and superseded is null \
             and deleted = 0 and fingerprint in (select value from json_each(?2)) order by key desc",
        )
        .bind(datastore)
        .bind(json!(values).to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        let live = rows.iter().map(|row| {
            let key = decode::read(row, "key", Key::parse)?;
            Ok((key, decode::parsed(row, "fingerprint")?))
        });
        live.collect()
    }

    /// Forgets where the device was known to hold otherwise than the truth.
    pub(crate) async fn forget_exceptions(&mut self, session: &Session) -> Result<(), StoreError> {
        sqlx::query("delete from client_state where datastore = ?1 and device = ?2")
            .bind(&session.datastore)
            .bind(session.device.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Where the head was when a device first claimed a checkin that this truth never issued: now,
    /// if none has before.
    pub(crate) async fn came_back(
        &mut self,
        datastore: &str,
        head: Checkin,
    ) -> Result<Checkin, StoreError> {
        let row = sqlx::query(
            "update datastore set came_back = coalesce(came_back, ?2) where id = ?1 \
             returning came_back",
        )
        .bind(datastore)
        .bind(head.micros())
        .fetch_one(&mut *self.tx)
        .await?;
        decode::checkin(&row, "came_back")
    }

    /// Keeps what the truth has in common with the device of the session, and whether it is another
    /// copy of the one that came before.
    pub(crate) async fn keep_common(
        &mut self,
        session: &Session,
        common: Option<Checkin>,
        is_copy: bool,
    ) -> Result<(), StoreError> {
        sqlx::query("update session set common = ?2, is_copy = ?3 where sync_uuid = ?1")
            .bind(session.id.to_string())
            .bind(common.map(Checkin::micros))
            .bind(is_copy)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// What the truth has in common with the device of the session, and whether it is another copy
    /// of the one that came before.
    pub(crate) async fn common(
        &mut self,
        session: &Session,
    ) -> Result<(Option<Checkin>, bool), StoreError> {
        let row = sqlx::query("select common, is_copy from session where sync_uuid = ?1")
            .bind(session.id.to_string())
            .fetch_one(&mut *self.tx)
            .await?;
        Ok((
            decode::checkin_maybe(&row, "common")?,
            row.try_get("is_copy")?,
        ))
    }
}
