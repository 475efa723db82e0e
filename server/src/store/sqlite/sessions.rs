//! Devices and their sessions: who may go on, and what is staged.

use sqlx::{Row, sqlite::SqliteRow};
use tidemark_engine::faults::{Fault, is_planted};
use tidemark_engine::truth::{Flow, Place};
use tidemark_protocol::{Checkin, DeviceId, Direction, FinishRequest, Key, Mode, SessionId};

use crate::faults;

use super::{
    super::{Device, Session, StoreError},
    Change, Snapshot, decode, devices,
    mingle::number,
};

/// Confirms what the device has applied.
pub(super) const CONFIRM: &str = "\
    update local_key set confirmed = 1 \
    where datastore = ?1 and device = ?2 and confirmed = 0 and checkin <= ?3";

impl Snapshot {
    /// What is known of a device, if it ever had a session here.
    pub(crate) async fn device(
        &mut self,
        datastore: &str,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        let row = sqlx::query(
            "select user, last_sync, attempt, tick, seen, direction, mirror, reset, forgotten \
             from device where datastore = ?1 and device_uuid = ?2",
        )
        .bind(datastore)
        .bind(device.to_string())
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Device {
            user: row.try_get("user")?,
            last_sync: decode::checkin_maybe(&row, "last_sync")?,
            attempt: decode::parsed_maybe(&row, "attempt")?,
            tick: decode::count(&row, "tick")?,
            seen: decode::column(&row, "seen")?,
            fixed: devices::fixed(&row)?,
            is_forgotten: row.try_get("forgotten")?,
        }))
    }

    /// A user's session that was called after `touched_after`.
    pub(crate) async fn session(
        &mut self,
        id: SessionId,
        user: &str,
        touched_after: i64,
    ) -> Result<Option<Session>, StoreError> {
        let session_of = if is_planted(Fault::SessionOfAnother) {
            "select * from session where sync_uuid = ?1 and ?2 is not null and touched > ?3"
        } else {
            "select * from session where sync_uuid = ?1 and user = ?2 and touched > ?3"
        };
        let row = sqlx::query(session_of)
            .bind(faults::successor(id).to_string())
            .bind(user)
            .bind(touched_after)
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(session).transpose()
    }
}

impl Change {
    /// Opens a session, which ends the device's earlier one, and keeps what it tells of itself.
    pub(crate) async fn open_session(
        &mut self,
        session: &Session,
        user: &str,
        name: Option<&str>,
        attempt: Option<uuid::Uuid>,
    ) -> Result<(), StoreError> {
        let device = session.device.to_string();
        if let Some(earlier) = self.end_session_of(&session.datastore, &device).await? {
            faults::supersedes(session.id, &earlier);
        }
        sqlx::query(
            "insert into device (datastore, device_uuid, user, name, attempt, seen) \
             values (?1, ?2, ?3, ?4, ?5, ?6) \
             on conflict (datastore, device_uuid) do update set \
             name = coalesce(excluded.name, name), attempt = excluded.attempt, \
             seen = excluded.seen, forgotten = 0",
        )
        .bind(&session.datastore)
        .bind(&device)
        .bind(user)
        .bind(name)
        .bind(attempt.map(|attempt| attempt.to_string()))
        .bind(session.touched)
        .execute(&mut *self.tx)
        .await?;
        sqlx::query(
            "insert into session (sync_uuid, datastore, device, user, mode, last_sync, \
             max_checkin, tombstones, touched, doubted_up_to, direction, mirror, since) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )
        .bind(session.id.to_string())
        .bind(&session.datastore)
        .bind(&device)
        .bind(user)
        .bind(session.mode.as_str())
        .bind(session.last_sync.map(Checkin::micros))
        .bind(session.max_checkin.micros())
        .bind(!session.leaves_out_tombstones)
        .bind(session.touched)
        .bind(session.doubted_up_to.map(Checkin::micros))
        .bind(session.flow.direction.as_str())
        .bind(session.flow.mirror)
        .bind(session.since.map(Checkin::micros))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Ends a device's session, if it has one; which.
    pub(super) async fn end_session_of(
        &mut self,
        datastore: &str,
        device: &str,
    ) -> Result<Option<String>, StoreError> {
        let open: Option<String> = sqlx::query_scalar(
            "select sync_uuid from session where datastore = ?1 and device = ?2",
        )
        .bind(datastore)
        .bind(device)
        .fetch_optional(&mut *self.tx)
        .await?;
        if let Some(open) = &open {
            self.remove_session(datastore, open).await?;
        }
        Ok(open)
    }

    /// Keeps what changed of a session.
    pub(crate) async fn update_session(&mut self, session: &Session) -> Result<(), StoreError> {
        sqlx::query(
            "update session set last_sync = ?2, max_checkin = ?3, from_checkin = ?4, \
             from_key = ?5, pulled_checkin = ?6, pulled_key = ?7, remaining = ?8, acked = ?9, \
             touched = ?10, mode = ?11, deleted = ?12 where sync_uuid = ?1",
        )
        .bind(session.id.to_string())
        .bind(session.last_sync.map(Checkin::micros))
        .bind(session.max_checkin.micros())
        .bind(session.from.as_ref().map(|place| place.checkin.micros()))
        .bind(session.from.as_ref().and_then(place_key))
        .bind(session.pulled.as_ref().map(|place| place.checkin.micros()))
        .bind(session.pulled.as_ref().and_then(place_key))
        .bind(
            session
                .remaining
                .and_then(|count| i64::try_from(count).ok()),
        )
        .bind(session.acked)
        .bind(session.touched)
        .bind(session.mode.as_str())
        .bind(number(session.deleted))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Ends a session and forgets what it staged.
    pub(crate) async fn end_session(&mut self, session: &Session) -> Result<(), StoreError> {
        self.remove_session(&session.datastore, &session.id.to_string())
            .await
    }

    /// Stores what a device's finish told, and confirms the mappings up to `last_sync`.
    pub(crate) async fn finish_device(
        &mut self,
        session: &Session,
        last_sync: Option<Checkin>,
        request: &FinishRequest,
    ) -> Result<(), StoreError> {
        let device = session.device.to_string();
        sqlx::query(
            "update device set last_sync = coalesce(?3, last_sync), \
             fingerprint = coalesce(?4, fingerprint), seen = ?5 \
             where datastore = ?1 and device_uuid = ?2",
        )
        .bind(&session.datastore)
        .bind(&device)
        .bind(last_sync.map(Checkin::micros))
        .bind(&request.fingerprint)
        .bind(session.touched)
        .execute(&mut *self.tx)
        .await?;
        self.confirm_local_keys(&session.datastore, session.device, last_sync)
            .await
    }

    /// The device holds everything up to `last_sync`: it knows the keys of what it made till
    /// then.
    pub(crate) async fn confirm_local_keys(
        &mut self,
        datastore: &str,
        device: DeviceId,
        last_sync: Option<Checkin>,
    ) -> Result<(), StoreError> {
        let Some(last_sync) = last_sync else {
            return Ok(());
        };
        sqlx::query(CONFIRM)
            .bind(datastore)
            .bind(device.to_string())
            .bind(last_sync.micros())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Runs a statement on what is kept for a session: ?1 its datastore, ?2 its id.
    pub(super) async fn run_for(
        &mut self,
        session: &Session,
        statement: &'static str,
    ) -> Result<(), StoreError> {
        sqlx::query(statement)
            .bind(&session.datastore)
            .bind(session.id.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    pub(super) async fn remove_session(
        &mut self,
        datastore: &str,
        id: &str,
    ) -> Result<(), StoreError> {
        for statement in [
            "delete from staged where datastore = ?1 and sync_uuid = ?2",
            "delete from pushed where datastore = ?1 and sync_uuid = ?2",
            "delete from acked where datastore = ?1 and sync_uuid = ?2",
            "delete from reconciled where datastore = ?1 and sync_uuid = ?2",
            "delete from session where datastore = ?1 and sync_uuid = ?2",
        ] {
            sqlx::query(statement)
                .bind(datastore)
                .bind(id)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }
}

fn session(row: &SqliteRow) -> Result<Session, StoreError> {
    let tombstones: bool = row.try_get("tombstones")?;
    let remaining: Option<i64> = row.try_get("remaining")?;
    Ok(Session {
        id: decode::read(row, "sync_uuid", SessionId::parse)?,
        datastore: row.try_get("datastore")?,
        device: decode::read(row, "device", DeviceId::parse)?,
        mode: decode::read(row, "mode", |text| Mode::named(text).ok_or("not a mode"))?,
        flow: Flow {
            direction: decode::read(row, "direction", |text| {
                Direction::named(text).ok_or("not a direction")
            })?,
            mirror: row.try_get("mirror")?,
        },
        last_sync: decode::checkin_maybe(row, "last_sync")?,
        since: decode::checkin_maybe(row, "since")?,
        max_checkin: decode::checkin(row, "max_checkin")?,
        leaves_out_tombstones: !tombstones,
        doubted_up_to: decode::checkin_maybe(row, "doubted_up_to")?,
        from: place(row, "from_checkin", "from_key")?,
        pulled: place(row, "pulled_checkin", "pulled_key")?,
        remaining: remaining.and_then(|count| u64::try_from(count).ok()),
        acked: row.try_get("acked")?,
        deleted: decode::count(row, "deleted")?,
        touched: row.try_get("touched")?,
    })
}

fn place(
    row: &SqliteRow,
    checkin: &'static str,
    key: &'static str,
) -> Result<Option<Place>, StoreError> {
    let Some(checkin) = decode::checkin_maybe(row, checkin)? else {
        return Ok(None);
    };
    let key = decode::read_maybe(row, key, Key::parse)?;
    Ok(Some(Place { checkin, key }))
}

fn place_key(place: &Place) -> Option<&str> {
    place.key.as_ref().map(Key::as_str)
}
