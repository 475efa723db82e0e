//! What a slice of a push touches, loaded for the engine: kept versions, local ids, conflicts.
//! One statement each, whatever the number of keys.

use futures_util::TryStreamExt;
use serde_json::json;
use sqlx::{Row, sqlite::SqliteRow};
use tidemark_engine::{
    fingerprint::RecordFingerprint,
    json::Canonical,
    truth::{Claim, LocalKey, View},
    version::{ConflictId, Content, Stamp, Stamps, Version},
};
use tidemark_protocol::{Checkin, DeviceId, Key, LocalId, Timestamp};

use super::{super::StoreError, Snapshot, decode};

/// For each wanted `[key, from]` the versions from the older of two on: the one that was live at
/// `from`, and the last that was no tombstone. Dropped values are no kept versions; an older one
/// never stands in for a version that was dropped.
pub(super) const VERSIONS: &str = "\
    select version.* from jsonb_each(?2) as wanted \
    cross join version on version.datastore = ?1 and version.key = wanted.value ->> 0 \
      and version.checkin >= case when wanted.value ->> 1 is null then -9223372036854775808 \
        else min( \
          coalesce((select case when base.superseded <= wanted.value ->> 1 \
              then wanted.value ->> 1 else base.checkin end \
            from version base where base.datastore = ?1 \
            and base.key = wanted.value ->> 0 and base.checkin <= wanted.value ->> 1 \
            order by base.checkin desc limit 1), wanted.value ->> 1), \
          coalesce((select living.checkin from version living where living.datastore = ?1 \
            and living.key = wanted.value ->> 0 and living.deleted = 0 \
            order by living.checkin desc limit 1), 9223372036854775807)) end \
    where version.deleted = 1 or version.value is not null";

/// So many names are looked up by one statement.
const NAMES_AT_ONCE: usize = 2000;

/// By these ids, and by these keys.
pub(super) const LOCAL_KEYS: &str = "\
    select local_id, key, device, checkin from local_key where datastore = ?1 \
    and local_id in (select value from jsonb_each(?2)) \
    union \
    select local_id, key, device, checkin from local_key where datastore = ?1 \
    and key in (select value from jsonb_each(?3))";

/// The conflicts of the wanted keys.
pub(super) const CONFLICTS: &str = "\
    select conflict.id from jsonb_each(?2) as wanted \
    cross join conflict on conflict.datastore = ?1 and conflict.key = wanted.value ->> 0";

/// What the device holds of the wanted keys in its own form.
pub(super) const ACKED: &str = "\
    select key, held from client_state where datastore = ?1 and device = ?3 \
    and owed = 0 and held is not null \
    and key in (select value ->> 0 from jsonb_each(?2))";

impl Snapshot {
    /// The rows of `local_key` for these ids, and those that lead to the keys that they would
    /// get, one each. A row may come twice.
    pub(crate) async fn local_keys(
        &mut self,
        datastore: &str,
        local_ids: &[LocalId],
        keys: &[Key],
    ) -> Result<Vec<LocalKey>, StoreError> {
        let mut known = Vec::new();
        for (local_ids, keys) in local_ids
            .chunks(NAMES_AT_ONCE)
            .zip(keys.chunks(NAMES_AT_ONCE))
        {
            let mut rows = sqlx::query(LOCAL_KEYS)
                .bind(datastore)
                .bind(json!(local_ids).to_string())
                .bind(json!(keys).to_string())
                .fetch(&mut *self.tx);
            while let Some(row) = rows.try_next().await? {
                known.push(local_key(&row)?);
            }
        }
        Ok(known)
    }

    /// The rows of `local_key` for these ids.
    pub(crate) async fn keys_of(
        &mut self,
        datastore: &str,
        local_ids: &[LocalId],
    ) -> Result<Vec<LocalKey>, StoreError> {
        let mut known = Vec::new();
        for local_ids in local_ids.chunks(NAMES_AT_ONCE) {
            let rows = sqlx::query(LOCAL_KEYS)
                .bind(datastore)
                .bind(json!(local_ids).to_string())
                .bind("[]")
                .fetch_all(&mut *self.tx)
                .await?;
            for row in &rows {
                known.push(local_key(row)?);
            }
        }
        Ok(known)
    }

    /// What the truth, and the pushing device, know of the records that these claims are about.
    pub(crate) async fn view(
        &mut self,
        datastore: &str,
        device: DeviceId,
        claims: &[Claim],
    ) -> Result<View, StoreError> {
        let wanted: Vec<(&Key, Option<i64>)> = claims
            .iter()
            .map(|claim| (claim.key(), claim.from().map(Checkin::micros)))
            .collect();
        let mut view = View::new();
        let wanted = json!(wanted);
        for id in self.conflict_ids(datastore, &wanted).await? {
            view.add_conflict(id);
        }
        let wanted = wanted.to_string();
        let mut rows = sqlx::query(VERSIONS)
            .bind(datastore)
            .bind(&wanted)
            .fetch(&mut *self.tx);
        while let Some(row) = rows.try_next().await? {
            view.add(version(&row)?);
        }
        drop(rows);
        let acked = sqlx::query(ACKED)
            .bind(datastore)
            .bind(&wanted)
            .bind(device.to_string())
            .fetch_all(&mut *self.tx)
            .await?;
        for row in &acked {
            let key = decode::read(row, "key", Key::parse)?;
            view.add_acked(key, decode::parsed(row, "held")?);
        }
        Ok(view)
    }

    /// The conflicts, settled or not, of the wanted `[key, …]`.
    pub(super) async fn conflict_ids(
        &mut self,
        datastore: &str,
        wanted: &serde_json::Value,
    ) -> Result<Vec<ConflictId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(CONFLICTS)
            .bind(datastore)
            .bind(wanted.to_string())
            .fetch_all(&mut *self.tx)
            .await?;
        let read = |id: &String| id.parse().map(ConflictId);
        let ids = ids.iter().map(read).collect::<Result<_, _>>();
        ids.map_err(|error| decode::corrupt("conflict id", error))
    }
}

fn local_key(row: &SqliteRow) -> Result<LocalKey, StoreError> {
    Ok(LocalKey {
        local_id: decode::read(row, "local_id", LocalId::parse)?,
        key: decode::read_maybe(row, "key", Key::parse)?,
        device: decode::read(row, "device", DeviceId::parse)?,
        first: decode::checkin_maybe(row, "checkin")?,
    })
}

/// A version, as the columns of its row have it.
pub(super) fn version(row: &SqliteRow) -> Result<Version, StoreError> {
    let made = Stamp {
        checkin: decode::checkin(row, "checkin")?,
        device: decode::read(row, "device", DeviceId::parse)?,
    };
    let stamps = decode::read(row, "stamps", |text| Stamps::decode(text, made))?;
    let value: Option<String> = row.try_get("value")?;
    let content = match value {
        Some(value) => Some(Content {
            value: Canonical::trusted(value),
            fingerprint: decode::parsed::<RecordFingerprint>(row, "fingerprint")?,
        }),
        None => None,
    };
    Ok(Version {
        key: decode::read(row, "key", Key::parse)?,
        checkin: made.checkin,
        entity: row.try_get("entity")?,
        content,
        created: decode::read(row, "created", Timestamp::parse)?,
        updated: decode::read(row, "updated", Timestamp::parse)?,
        device: made.device,
        stamps,
        conflict: decode::parsed_maybe(row, "conflict")?.map(ConflictId),
    })
}
