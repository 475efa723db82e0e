//! Conflicts as they are kept, and how one is settled.

use serde_json::json;
use sqlx::{Row, sqlite::SqliteRow};
use tidemark_engine::{json::Canonical, truth::Conflict, version::ConflictId};
use tidemark_protocol::{Checkin, DeviceId, Key, Timestamp};

use super::{
    super::{KeptConflict, StoreError},
    Change, Snapshot, decode, window,
};

/// A part of a datastore's conflicts, in the order of (checkin, id).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConflictsPart<'a> {
    /// Where.
    pub(crate) datastore: &'a str,
    /// The settled ones; else those that are not.
    pub(crate) is_settled: bool,
    /// Only those after this place.
    pub(crate) after: (i64, &'a str),
    /// At most so many.
    pub(crate) records_max: u32,
    /// No further one once the values have reached so many bytes.
    pub(crate) bytes_max: u64,
}

macro_rules! open_from {
    () => {
        " from conflict where datastore = ?1 and settled is null and (checkin, id) > (?2, ?3) "
    };
}

macro_rules! settled_from {
    () => {
        " from conflict where datastore = ?1 and settled is not null \
          and (checkin, id) > (?2, ?3) "
    };
}

/// The unsettled ones, and how many.
pub(super) const OPEN: [&str; 2] = [
    concat!(
        "select *",
        open_from!(),
        "order by checkin, id limit cast(?4 as integer)"
    ),
    concat!("select count(*) as count", open_from!()),
];

/// The settled ones, and how many.
pub(super) const SETTLED: [&str; 2] = [
    concat!(
        "select *",
        settled_from!(),
        "order by checkin, id limit cast(?4 as integer)"
    ),
    concat!("select count(*) as count", settled_from!()),
];

impl ConflictsPart<'_> {
    fn statements(&self) -> [&'static str; 2] {
        if self.is_settled { SETTLED } else { OPEN }
    }
}

impl Snapshot {
    /// A page of conflicts.
    pub(crate) async fn conflicts(
        &mut self,
        part: ConflictsPart<'_>,
    ) -> Result<Vec<KeptConflict>, StoreError> {
        let rows = sqlx::query(part.statements()[0])
            .bind(part.datastore)
            .bind(part.after.0)
            .bind(part.after.1)
            .bind(part.records_max)
            .fetch(&mut *self.tx);
        window::collect(rows, part.bytes_max, kept, KeptConflict::bytes).await
    }

    /// How many conflicts there are after the part's place.
    pub(crate) async fn count_conflicts(
        &mut self,
        part: ConflictsPart<'_>,
    ) -> Result<u64, StoreError> {
        let row = sqlx::query(part.statements()[1])
            .bind(part.datastore)
            .bind(part.after.0)
            .bind(part.after.1)
            .fetch_one(&mut *self.tx)
            .await?;
        decode::count(&row, "count")
    }

    /// One conflict, settled or not.
    pub(crate) async fn conflict(
        &mut self,
        datastore: &str,
        id: ConflictId,
    ) -> Result<Option<KeptConflict>, StoreError> {
        let row = sqlx::query("select * from conflict where datastore = ?1 and id = ?2")
            .bind(datastore)
            .bind(id.to_string())
            .fetch_optional(&mut *self.tx)
            .await?;
        row.as_ref().map(kept).transpose()
    }
}

impl Change {
    /// Marks a conflict as settled by a person at a commit.
    pub(crate) async fn settle(
        &mut self,
        datastore: &str,
        id: ConflictId,
        settled: Checkin,
        settled_as: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update conflict set settled = ?3, settled_as = ?4 where datastore = ?1 and id = ?2",
        )
        .bind(datastore)
        .bind(id.to_string())
        .bind(settled.micros())
        .bind(settled_as)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Stores conflicts as part of a commit.
    pub(super) async fn insert_conflicts(
        &mut self,
        datastore: &str,
        checkin: Checkin,
        conflicts: &[Conflict],
    ) -> Result<(), StoreError> {
        let rows = conflicts.iter().map(|conflict| {
            (
                conflict.id.to_string(),
                &conflict.key,
                &conflict.entity,
                json!(conflict.fields).to_string(),
                conflict.base.map(Checkin::micros),
                conflict.truth.as_ref().map(Canonical::as_str),
                conflict.device.as_ref().map(Canonical::as_str),
                conflict.truth_device,
                conflict.device_uuid,
                &conflict.truth_updated,
                &conflict.device_updated,
                u8::from(conflict.is_settled),
            )
        });
        let Some(rows) = super::mingle::batch(rows)? else {
            return Ok(());
        };
        sqlx::query(
            "insert into conflict (datastore, id, key, checkin, entity, fields, base, truth, \
             device, truth_device, device_uuid, truth_updated, device_updated, settled) \
             select ?1, value ->> 0, value ->> 1, ?3, value ->> 2, value ->> 3, value ->> 4, \
             value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, \
             case when value ->> 11 then ?3 end from jsonb_each(?2)",
        )
        .bind(datastore)
        .bind(rows)
        .bind(checkin.micros())
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }
}

fn kept(row: &SqliteRow) -> Result<KeptConflict, StoreError> {
    let side = |name| -> Result<Option<Canonical>, StoreError> {
        let value: Option<String> = row.try_get(name)?;
        Ok(value.map(Canonical::trusted))
    };
    let settled = decode::checkin_maybe(row, "settled")?;
    let conflict = Conflict {
        id: ConflictId(decode::parsed(row, "id")?),
        key: decode::read(row, "key", Key::parse)?,
        entity: row.try_get("entity")?,
        fields: decode::read(row, "fields", |text| serde_json::from_str(text))?,
        base: decode::checkin_maybe(row, "base")?,
        truth: side("truth")?,
        device: side("device")?,
        truth_device: decode::read(row, "truth_device", DeviceId::parse)?,
        truth_updated: decode::read_maybe(row, "truth_updated", Timestamp::parse)?,
        device_uuid: decode::read(row, "device_uuid", DeviceId::parse)?,
        device_updated: decode::read_maybe(row, "device_updated", Timestamp::parse)?,
        is_settled: settled.is_some(),
    };
    Ok(KeptConflict {
        conflict,
        stored: decode::checkin(row, "checkin")?,
        settled,
        settled_as: row.try_get("settled_as")?,
    })
}
