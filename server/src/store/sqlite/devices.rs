//! Devices as their people see them, and what they set for them.

use sqlx::{Row, sqlite::SqliteRow};
use tidemark_engine::truth::{Fixed, undone_by};
use tidemark_protocol::{DeviceAnswer, DeviceId, Direction, Mode};

use super::{
    super::{Session, StoreError},
    Change, Snapshot, decode,
};

/// The devices of a datastore that were not forgotten.
macro_rules! devices {
    ($and:literal) => {
        concat!(
            "select device_uuid, name, last_sync, seen, direction, mirror, reset, fingerprint \
             from device where datastore = ?1 and forgotten = 0 ",
            $and
        )
    };
}

impl Snapshot {
    /// All devices, those seen last first.
    pub(crate) async fn devices(
        &mut self,
        datastore: &str,
    ) -> Result<Vec<DeviceAnswer>, StoreError> {
        let rows = sqlx::query(devices!("order by seen desc, device_uuid"))
            .bind(datastore)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(told).collect()
    }

    /// One of them.
    pub(crate) async fn device_told(
        &mut self,
        datastore: &str,
        device: DeviceId,
    ) -> Result<Option<DeviceAnswer>, StoreError> {
        let row = sqlx::query(devices!("and device_uuid = ?2"))
            .bind(datastore)
            .bind(device.to_string())
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(told).transpose()
    }
}

impl Change {
    /// Keeps what a device is called.
    pub(crate) async fn name_device(
        &mut self,
        datastore: &str,
        device: DeviceId,
        name: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("update device set name = ?3 where datastore = ?1 and device_uuid = ?2")
            .bind(datastore)
            .bind(device.to_string())
            .bind(name)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Keeps what is fixed for a device.
    pub(crate) async fn fix_device(
        &mut self,
        datastore: &str,
        device: DeviceId,
        fixed: Fixed,
    ) -> Result<(), StoreError> {
        let one_way = Some(fixed.direction).filter(|direction| *direction != Direction::Both);
        sqlx::query(
            "update device set direction = ?3, mirror = ?4, reset = ?5 \
             where datastore = ?1 and device_uuid = ?2",
        )
        .bind(datastore)
        .bind(device.to_string())
        .bind(one_way.map(Direction::as_str))
        .bind(fixed.mirror)
        .bind(fixed.reset.map(Mode::as_str))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// A session is in sync: what its device was reset to has been done, if it was that.
    pub(crate) async fn clear_reset(&mut self, session: &Session) -> Result<(), StoreError> {
        for reset in undone_by(session.mode) {
            sqlx::query(
                "update device set reset = null \
                 where datastore = ?1 and device_uuid = ?2 and reset = ?3",
            )
            .bind(&session.datastore)
            .bind(session.device.to_string())
            .bind(reset.as_str())
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    /// Forgets a device: its session, what it holds otherwise than the truth, and all that it told
    /// of itself. What it pushed stays, and so does whose it was.
    pub(crate) async fn forget_device(
        &mut self,
        datastore: &str,
        device: DeviceId,
    ) -> Result<(), StoreError> {
        let device = device.to_string();
        self.end_session_of(datastore, &device).await?;
        for statement in [
            "delete from client_state where datastore = ?1 and device = ?2",
            "update device set name = null, last_sync = null, fingerprint = null, \
             attempt = null, direction = null, mirror = 0, reset = null, seen = 0, \
             forgotten = 1 where datastore = ?1 and device_uuid = ?2",
        ] {
            sqlx::query(statement)
                .bind(datastore)
                .bind(&device)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }
}

/// What is fixed for a device.
pub(super) fn fixed(row: &SqliteRow) -> Result<Fixed, StoreError> {
    let known = |name: &str| Direction::named(name).ok_or("not a direction");
    let direction = decode::read_maybe(row, "direction", known)?;
    let known = |name: &str| Mode::named(name).ok_or("not a mode");
    Ok(Fixed {
        direction: direction.unwrap_or_default(),
        mirror: row.try_get("mirror")?,
        reset: decode::read_maybe(row, "reset", known)?,
    })
}

fn told(row: &SqliteRow) -> Result<DeviceAnswer, StoreError> {
    let Fixed {
        direction,
        mirror,
        reset,
    } = fixed(row)?;
    Ok(DeviceAnswer {
        device_uuid: decode::read(row, "device_uuid", DeviceId::parse)?,
        name: row.try_get("name")?,
        last_sync: decode::checkin_maybe(row, "last_sync")?,
        seen: decode::checkin(row, "seen")?,
        direction,
        mirror,
        reset,
        fingerprint: row.try_get("fingerprint")?,
    })
}
