//! Writes what the engine decided on a push. One statement a table, whatever the number of
//! records; the batch crosses as one bound JSON text, which `jsonb_each` reads once: what `json_each`
//! gives of it is text again, to be read anew for each column.

use serde::Serialize;
use tidemark_engine::{
    truth::{Answer, Commit, LocalKey, NewVersion, Writes},
    version::Stamp,
};
use tidemark_protocol::{Checkin, DeviceId};

use super::{
    super::{Session, StoreError},
    Change,
};

/// Ends the versions `[key, checkin]`.
pub(super) const SUPERSEDE: &str = "\
    update version set superseded = ?3 where (datastore, key, checkin) in \
    (select ?1, value ->> 0, value ->> 1 from jsonb_each(?2))";

/// Keeps `[key, local_id, whole, conflict]`, with the live version as it is now.
pub(super) const KEEP_ANSWERS: &str = "\
    insert into pushed (datastore, sync_uuid, key, local_id, fingerprint, conflict, \
    checkin, fresh) \
    select ?1, ?2, answer.value ->> 0, answer.value ->> 1, answer.value ->> 2, \
    answer.value ->> 3, version.checkin, coalesce(version.checkin = ?4, 0) \
    from jsonb_each(?3) as answer \
    left join version on version.datastore = ?1 and version.key = answer.value ->> 0 \
    and version.superseded is null where true \
    on conflict (datastore, sync_uuid, key) do update set \
    local_id = coalesce(local_id, excluded.local_id), \
    fingerprint = excluded.fingerprint, \
    conflict = coalesce(conflict, excluded.conflict), \
    checkin = excluded.checkin, fresh = excluded.fresh";

impl Change {
    /// Writes what was decided for a slice of a session's push, as part of the commit `made`.
    pub(crate) async fn write(
        &mut self,
        session: &Session,
        made: Stamp,
        tick: u64,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        self.write_truth(&session.datastore, made, tick, writes)
            .await?;
        // What the window does not hold is sent before it.
        let fresh = session.flow.sends_down().then_some(made.checkin);
        self.keep_answers(session, fresh, &writes.answers).await
    }

    /// Writes what was decided, as part of the commit `made`, where no session waits for it.
    pub(crate) async fn write_truth(
        &mut self,
        datastore: &str,
        made: Stamp,
        tick: u64,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        self.supersede(datastore, made.checkin, &writes.versions)
            .await?;
        self.insert_versions(datastore, made, tick, &writes.versions)
            .await?;
        self.insert_local_keys(datastore, &writes.local_keys)
            .await?;
        self.insert_conflicts(datastore, made.checkin, &writes.conflicts)
            .await
    }

    /// Closes a push that changed the truth: its commit becomes the head.
    pub(crate) async fn commit_push(
        &mut self,
        datastore: &str,
        device: DeviceId,
        commit: &Commit,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update datastore set head = ?2, fingerprint = ?3, live = ?4, \
             conflicts_open = conflicts_open + ?5 - ?6, \
             conflicts_changed = case when ?5 + ?6 > 0 then ?2 else conflicts_changed end \
             where id = ?1",
        )
        .bind(datastore)
        .bind(commit.checkin.micros())
        .bind(commit.fingerprint.to_string())
        .bind(number(commit.live))
        .bind(number(commit.conflicts))
        .bind(number(commit.settled))
        .execute(&mut *self.tx)
        .await?;
        sqlx::query(
            "insert into commits (datastore, checkin, device, fingerprint) \
             values (?1, ?2, ?3, ?4)",
        )
        .bind(datastore)
        .bind(commit.checkin.micros())
        .bind(device.to_string())
        .bind(commit.fingerprint.to_string())
        .execute(&mut *self.tx)
        .await?;
        sqlx::query("update device set tick = tick + 1 where datastore = ?1 and device_uuid = ?2")
            .bind(datastore)
            .bind(device.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn supersede(
        &mut self,
        datastore: &str,
        by: Checkin,
        versions: &[NewVersion],
    ) -> Result<(), StoreError> {
        let rows = versions.iter().filter_map(|new| {
            let supersedes = new.supersedes?;
            Some((&new.version.key, supersedes.micros()))
        });
        let Some(rows) = batch(rows)? else {
            return Ok(());
        };
        sqlx::query(SUPERSEDE)
            .bind(datastore)
            .bind(rows)
            .bind(by.micros())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn insert_versions(
        &mut self,
        datastore: &str,
        made: Stamp,
        tick: u64,
        versions: &[NewVersion],
    ) -> Result<(), StoreError> {
        let rows = versions.iter().map(|NewVersion { version, .. }| {
            let content = version.content.as_ref();
            (
                &version.key,
                &version.entity,
                content.map(|content| content.value.as_str()),
                &version.created,
                &version.updated,
                version.stamps.encode(version.made()),
                content.map(|content| content.fingerprint),
                version.conflict.map(|conflict| conflict.to_string()),
            )
        });
        let Some(rows) = batch(rows)? else {
            return Ok(());
        };
        sqlx::query(
            "insert into version (datastore, key, checkin, entity, value, created, updated, \
             stamps, fingerprint, conflict, deleted, device, device_tick) \
             select ?1, value ->> 0, ?3, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
             value ->> 5, value ->> 6, value ->> 7, value ->> 2 is null, ?4, ?5 \
             from jsonb_each(?2)",
        )
        .bind(datastore)
        .bind(rows)
        .bind(made.checkin.micros())
        .bind(made.device.to_string())
        .bind(number(tick))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn insert_local_keys(
        &mut self,
        datastore: &str,
        local_keys: &[LocalKey],
    ) -> Result<(), StoreError> {
        let rows = local_keys.iter().map(|row| {
            let first = row.first.map(Checkin::micros);
            (row.local_id, &row.key, row.device, first)
        });
        let Some(rows) = batch(rows)? else {
            return Ok(());
        };
        sqlx::query(
            "insert into local_key (datastore, local_id, key, device, checkin) \
             select ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 from jsonb_each(?2)",
        )
        .bind(datastore)
        .bind(rows)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Forgets what was decided about all that a session has pushed: its device has heard of it.
    pub(crate) async fn forget_answers(&mut self, session: &Session) -> Result<(), StoreError> {
        let pushed = "delete from pushed where datastore = ?1 and sync_uuid = ?2";
        self.run_for(session, pushed).await
    }

    /// Keeps how the session's pulls answer, with the truth's version after this push: in the
    /// window are those that were made just now.
    async fn keep_answers(
        &mut self,
        session: &Session,
        fresh: Option<Checkin>,
        answers: &[Answer],
    ) -> Result<(), StoreError> {
        let rows = answers.iter().map(|answer| {
            let conflict = answer.conflict.map(|conflict| conflict.to_string());
            (&answer.key, answer.local_id, answer.whole, conflict)
        });
        let Some(rows) = batch(rows)? else {
            return Ok(());
        };
        sqlx::query(KEEP_ANSWERS)
            .bind(&session.datastore)
            .bind(session.id.to_string())
            .bind(rows)
            .bind(fresh.map(Checkin::micros))
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

/// The rows as one JSON array; `None`: there are none to write.
pub(super) fn batch<T: Serialize>(
    rows: impl Iterator<Item = T>,
) -> Result<Option<String>, StoreError> {
    let rows: Vec<T> = rows.collect();
    if rows.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(&rows)
        .map(Some)
        .map_err(|error| StoreError::Corrupt {
            what: "batch",
            detail: error.to_string(),
        })
}

/// A count as a column: `SQLite`'s integers are signed.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
