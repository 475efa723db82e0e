//! What a device said of what it was sent, and the exceptions kept of it.

use serde_json::json;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use tidemark_engine::truth::{Compared, Exception, Pulled};
use tidemark_protocol::{Ack, Checkin, DeviceId, Key};

use super::{
    super::{Session, StoreError},
    Change, Snapshot, decode,
    due::{about, due, is_in_window},
    window::bound,
};

/// The versions that a session was sent up to (?8, ?9), or when it reconciled, of those made after
/// ?10.
macro_rules! sent {
    () => {
        concat!(
            "with sent (key, checkin) as ( \
               select key, checkin from version indexed by version_window where",
            is_in_window!(),
            "and (checkin, key) <= (?8, ?9) and checkin > ?10 \
             union select version.key, version.checkin from",
            due!(""),
            "and (version.checkin, version.key) <= (?8, ?9) and version.checkin > ?10 \
             union select told.key, told.checkin from reconciled told \
             cross join version on version.datastore = ?1 and version.key = told.key \
               and version.checkin = told.checkin \
               and (version.superseded is null or version.superseded > ?4) \
             where told.datastore = ?1 and told.sync_uuid = ?2 and told.asked = 0 \
               and told.checkin > ?10) "
        )
    };
}

/// [`Snapshot::pulled`].
pub(super) const PULLED: &str = concat!(
    sent!(),
    "select sent.key, sent.checkin, version.fingerprint, \
               acked.key is not null as is_acked, acked.fingerprint as stored, acked.rejected, \
               case when state.key is not null then state.held else ( \
                 select before.fingerprint from version before where before.datastore = ?1 \
                   and before.key = sent.key and before.checkin <= ?11 \
                 order by before.checkin desc limit 1) end as before \
             from sent cross join version on version.datastore = ?1 and version.key = sent.key \
               and version.checkin = sent.checkin \
             left join acked on acked.datastore = ?1 and acked.sync_uuid = ?2 \
               and acked.key = sent.key \
             left join client_state state on state.datastore = ?1 and state.device = ?3 \
               and state.key = sent.key \
             where sent.checkin > ?12 or acked.key is null \
               or acked.rejected is not null or acked.fingerprint is not version.fingerprint"
);

/// Drops the exceptions for whatever was sent.
pub(super) const DROP_EXCEPTIONS: &str = concat!(
    sent!(),
    "delete from client_state where datastore = ?1 and device = ?3 \
             and key in (select key from sent)"
);

/// [`Snapshot::exceptions`].
pub(super) const EXCEPTIONS: &str = "\
    select state.key, state.checkin, state.held, state.owed, \
    version.checkin as compared, version.fingerprint \
    from client_state state left join version on version.datastore = ?1 \
    and version.key = state.key and version.checkin = ( \
    select max(newest.checkin) from version newest where newest.datastore = ?1 \
    and newest.key = state.key and newest.checkin <= ?3) \
    where state.datastore = ?1 and state.device = ?2";

impl Snapshot {
    /// A device's exceptions, each with the version of its key as of a checkin (`None`: of the
    /// beginning), if there is one.
    pub(crate) async fn exceptions(
        &mut self,
        datastore: &str,
        device: DeviceId,
        at: Option<Checkin>,
    ) -> Result<Vec<(Exception, Option<Compared>)>, StoreError> {
        let rows = sqlx::query(EXCEPTIONS)
            .bind(datastore)
            .bind(device.to_string())
            .bind(at.map_or(i64::MIN, Checkin::micros))
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(exception).collect()
    }

    /// What the engine must decide on at a session's finish, each with its ack: of the versions
    /// sent, those made after `last_sync`, and if the session sends acks, those not acked as
    /// they were sent. Of all others there is nothing to say.
    pub(crate) async fn pulled(
        &mut self,
        session: &Session,
        last_sync: Option<Checkin>,
    ) -> Result<Vec<(Pulled, Option<Ack>)>, StoreError> {
        let last_sync = last_sync.map_or(i64::MIN, Checkin::micros);
        let made_after = if session.acked { i64::MIN } else { last_sync };
        let rows = about_sent(PULLED, session, made_after)
            .bind(session.last_sync.map_or(i64::MIN, Checkin::micros))
            .bind(last_sync)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(pulled).collect()
    }
}

impl Change {
    /// Keeps acks until the session's finish; a later one of the same record stands.
    pub(crate) async fn keep_acks(
        &mut self,
        session: &Session,
        acks: &[Ack],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into acked (datastore, sync_uuid, key, fingerprint, rejected) \
             select ?1, ?2, value ->> 'key', lower(value ->> 'fingerprint'), \
               value ->> 'rejected' from jsonb_each(?3) where true \
             on conflict (datastore, sync_uuid, key) do update set \
             fingerprint = excluded.fingerprint, rejected = excluded.rejected",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .bind(json!(acks).to_string())
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Replaces the exceptions for whatever the session was sent, and forgets its acks: they
    /// have been heeded.
    pub(crate) async fn keep_exceptions(
        &mut self,
        session: &Session,
        exceptions: &[Exception],
    ) -> Result<(), StoreError> {
        let device = session.device.to_string();
        let has_any: bool = sqlx::query_scalar(
            "select exists (select 1 from client_state where datastore = ?1 and device = ?2)",
        )
        .bind(&session.datastore)
        .bind(&device)
        .fetch_one(&mut *self.tx)
        .await?;
        if has_any {
            self.drop_exceptions(session).await?;
        }
        self.note_exceptions(session, exceptions).await?;
        if session.acked {
            let acked = "delete from acked where datastore = ?1 and sync_uuid = ?2";
            self.run_for(session, acked).await?;
        }
        Ok(())
    }

    /// Keeps what a device holds otherwise, or has not taken, over what was kept of those records.
    pub(crate) async fn note_exceptions(
        &mut self,
        session: &Session,
        exceptions: &[Exception],
    ) -> Result<(), StoreError> {
        let rows = exceptions.iter().map(|exception| {
            let Exception {
                key,
                checkin,
                held,
                is_owed,
            } = exception;
            (key, checkin.micros(), held, u8::from(*is_owed))
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            sqlx::query(
                "insert into client_state (datastore, device, key, checkin, held, owed) \
                 select ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3 \
                 from jsonb_each(?3) where true on conflict (datastore, device, key) \
                 do update set checkin = excluded.checkin, held = excluded.held, \
                 owed = excluded.owed",
            )
            .bind(&session.datastore)
            .bind(session.device.to_string())
            .bind(json!(rows).to_string())
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    async fn drop_exceptions(&mut self, session: &Session) -> Result<(), StoreError> {
        about_sent(DROP_EXCEPTIONS, session, i64::MIN)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

/// A statement about what a session was sent, of versions made after a checkin.
fn about_sent<'a>(
    statement: &'static str,
    session: &'a Session,
    made_after: i64,
) -> Query<'a, Sqlite, SqliteArguments> {
    let from = bound(session.from.as_ref());
    let up_to = bound(session.pulled.as_ref());
    about(statement, session)
        .bind(from.0)
        .bind(from.1)
        .bind(session.leaves_out_tombstones)
        .bind(up_to.0)
        .bind(up_to.1)
        .bind(made_after)
}

fn exception(row: &SqliteRow) -> Result<(Exception, Option<Compared>), StoreError> {
    let exception = Exception {
        key: decode::read(row, "key", Key::parse)?,
        checkin: decode::checkin(row, "checkin")?,
        held: decode::parsed_maybe(row, "held")?,
        is_owed: decode::column(row, "owed")?,
    };
    let Some(checkin) = decode::checkin_maybe(row, "compared")? else {
        return Ok((exception, None));
    };
    let fingerprint = decode::parsed_maybe(row, "fingerprint")?;
    let compared = Compared {
        checkin,
        fingerprint,
    };
    Ok((exception, Some(compared)))
}

fn pulled(row: &SqliteRow) -> Result<(Pulled, Option<Ack>), StoreError> {
    let key: Key = decode::read(row, "key", Key::parse)?;
    let is_acked: bool = decode::column(row, "is_acked")?;
    let ack = Ack {
        key: key.to_string(),
        fingerprint: decode::column(row, "stored")?,
        rejected: decode::column(row, "rejected")?,
    };
    let pulled = Pulled {
        key,
        checkin: decode::checkin(row, "checkin")?,
        fingerprint: decode::parsed_maybe(row, "fingerprint")?,
        before: decode::parsed_maybe(row, "before")?,
    };
    Ok((pulled, is_acked.then_some(ack)))
}
