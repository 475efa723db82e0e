//! Drops what nothing needs any more: values, versions, fingerprints, tombstones. Each call is a
//! part of one short change; what it must not drop is told by the engine's bounds.
//!
//! Of a key's versions the oldest go first, so that what is kept is a chain without gaps.

use serde_json::json;
use sqlx::{Row, sqlite::SqliteRow};
use tidemark_engine::{
    fingerprint::DatastoreFingerprint,
    truth::{Holder, Reader, Superseded},
};
use tidemark_protocol::Checkin;

use super::{super::StoreError, Change, Snapshot, decode, range_sums::UNFOLD};

/// A place among superseded versions: when, and which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OldPlace(i64, i64);

impl OldPlace {
    /// Before all of them.
    pub(crate) const START: Self = Self(i64::MIN, i64::MIN);
    /// After all of them.
    pub(crate) const END: Self = Self(i64::MAX, i64::MAX);
}

/// What a batch dropped, and whether there is more of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Rows dropped, or emptied.
    pub(crate) rows: u64,
    /// Tombstones among them.
    pub(crate) tombstones: u64,
    /// The limit cut it.
    pub(crate) has_more: bool,
}

/// The superseded versions that have a value, after (?2, ?3), up to ?4.
pub(super) const OLD_VALUES: &str = "\
    select old.rowid as place, old.checkin, old.superseded, \
    exists (select 1 from device where device.datastore = ?1 \
      and device.device_uuid = old.device and device.seen > ?5 \
      and (device.last_sync is null or device.last_sync < old.checkin)) as is_repeatable, \
    exists (select 1 from conflict where conflict.datastore = ?1 and conflict.key = old.key \
      and conflict.settled is null and conflict.base >= old.checkin \
      and conflict.base < old.superseded) as is_conflict_base \
    from version old indexed by version_superseded \
    where old.datastore = ?1 and (old.value is null) = 0 \
    and old.superseded >= ?2 and old.superseded <= ?4 \
    and (old.superseded > ?2 or old.rowid > ?3) \
    order by old.superseded, old.rowid limit cast(?6 as integer)";

/// Empties the rows ?1.
pub(super) const DROP_VALUES: &str = "\
    update version set value = null where rowid in (select value from jsonb_each(?1))";

/// One half of the superseded versions up to ?2, but for the records of unsettled conflicts.
macro_rules! old_versions {
    ($is_empty:literal) => {
        concat!(
            "select old.rowid as place, old.superseded as superseded \
             from version old indexed by version_superseded \
             where old.datastore = ?1 and (old.value is null) = ",
            $is_empty,
            " and old.superseded <= ?2 and not exists (select 1 from conflict \
             where conflict.datastore = ?1 and conflict.key = old.key \
             and conflict.settled is null)"
        )
    };
}

/// Drops at most ?3 versions, whole.
pub(super) const DROP_VERSIONS: &str = concat!(
    "delete from version where rowid in (select place from (",
    old_versions!("0"),
    " union all ",
    old_versions!("1"),
    " order by superseded limit cast(?3 as integer)))"
);

/// The commit that ends a batch of ?4 from ?2 on; none: what is left before ?3 is less.
pub(super) const COMMITS_END: &str = "\
    select checkin from commits where datastore = ?1 and checkin >= ?2 and checkin < ?3 \
    order by checkin limit 1 offset ?4";

/// The newest commit at or before ?2.
pub(super) const COMMIT_AT: &str =
    "select max(checkin) as head from commits where datastore = ?1 and checkin <= ?2";

/// Drops the fingerprints of the commits from ?2 to before ?3, but for that of no records, ?4.
pub(super) const DROP_FINGERPRINTS: &str = "\
    update commits set fingerprint = null \
    where datastore = ?1 and checkin >= ?2 and checkin < ?3 and fingerprint <> ?4";

/// The tombstones up to ?2 that nobody waits for: no unsettled conflict, and no device that was
/// seen after ?3 and did not take it.
pub(super) const TOMBSTONES: &str = "\
    select dead.key, dead.checkin from version dead indexed by version_tombstone \
    where dead.datastore = ?1 and dead.deleted = 1 and dead.superseded is null \
    and dead.checkin <= ?2 and not exists (select 1 from conflict \
      where conflict.datastore = ?1 and conflict.key = dead.key and conflict.settled is null) \
    and not exists (select 1 from client_state state indexed by client_state_key \
      join device on device.datastore = ?1 and device.device_uuid = state.device \
      and device.seen > ?3 where state.datastore = ?1 and state.key = dead.key \
      and state.owed = 1) \
    order by dead.checkin limit cast(?4 as integer)";

/// Drops at most ?3 superseded versions of the keys ?2, of each the oldest first.
pub(super) const DROP_HISTORY: &str = "\
    delete from version where rowid in (select old.rowid from jsonb_each(?2) as dead \
    cross join version old on old.datastore = ?1 and old.key = dead.value ->> 0 \
    and old.superseded is not null limit cast(?3 as integer))";

/// Drops the tombstones ?2 themselves.
pub(super) const DROP_TOMBSTONES: &str = "\
    delete from version where (datastore, key, checkin) in \
    (select ?1, value ->> 0, value ->> 1 from jsonb_each(?2))";

/// Drops what devices held of the keys ?2 otherwise.
pub(super) const DROP_STATES: &str = "\
    delete from client_state indexed by client_state_key where datastore = ?1 \
    and key in (select value ->> 0 from jsonb_each(?2))";

const HISTORY_FROM: &str =
    "update datastore set history_from = max(coalesce(history_from, ?2), ?2) where id = ?1";
const FINGERPRINTS_FROM: &str = "update datastore set \
    fingerprints_from = max(coalesce(fingerprints_from, ?2), ?2) where id = ?1";
const FORGOTTEN: &str =
    "update datastore set forgotten = max(coalesce(forgotten, ?2), ?2) where id = ?1";

impl Snapshot {
    /// The next datastore by name.
    pub(crate) async fn datastore_after(
        &mut self,
        after: &str,
    ) -> Result<Option<String>, StoreError> {
        let next = sqlx::query_scalar("select min(id) from datastore where id > ?1")
            .bind(after)
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(next)
    }

    /// All devices of a datastore, as far as they hold anything back.
    pub(crate) async fn holders(&mut self, datastore: &str) -> Result<Vec<Holder>, StoreError> {
        let rows = sqlx::query("select last_sync, seen from device where datastore = ?1")
            .bind(datastore)
            .fetch_all(&mut *self.tx)
            .await?;
        let holders = rows.iter().map(|row| {
            Ok(Holder {
                last_sync: decode::checkin_maybe(row, "last_sync")?,
                seen: row.try_get("seen")?,
            })
        });
        holders.collect()
    }

    /// All sessions of a datastore, as far as they hold anything back.
    pub(crate) async fn readers(&mut self, datastore: &str) -> Result<Vec<Reader>, StoreError> {
        let rows = sqlx::query("select last_sync, max_checkin from session where datastore = ?1")
            .bind(datastore)
            .fetch_all(&mut *self.tx)
            .await?;
        let readers = rows.iter().map(|row| {
            Ok(Reader {
                last_sync: decode::checkin_maybe(row, "last_sync")?,
                max_checkin: decode::checkin(row, "max_checkin")?,
            })
        });
        readers.collect()
    }

    /// The commit that was the head at a moment.
    pub(crate) async fn head_at(
        &mut self,
        datastore: &str,
        at: Checkin,
    ) -> Result<Option<Checkin>, StoreError> {
        let row = sqlx::query(COMMIT_AT)
            .bind(datastore)
            .bind(at.micros())
            .fetch_one(&mut *self.tx)
            .await?;
        decode::checkin_maybe(&row, "head")
    }

    /// At most `limit` superseded versions after a place that still have a value, and the
    /// place after them; `None`: there are no more.
    pub(crate) async fn old_values(
        &mut self,
        datastore: &str,
        after: OldPlace,
        up_to: Checkin,
        away_since: i64,
        limit: u32,
    ) -> Result<(Vec<(i64, Superseded)>, Option<OldPlace>), StoreError> {
        let rows = sqlx::query(OLD_VALUES)
            .bind(datastore)
            .bind(after.0)
            .bind(after.1)
            .bind(up_to.micros())
            .bind(away_since)
            .bind(limit)
            .fetch_all(&mut *self.tx)
            .await?;
        let found: Vec<_> = rows.iter().map(old_value).collect::<Result<_, _>>()?;
        let is_cut = found.len() as u64 == u64::from(limit);
        let last = found.last().filter(|_| is_cut);
        let place = last.map(|(row, version)| OldPlace(version.superseded.micros(), *row));
        Ok((found, place))
    }
}

impl Change {
    /// Drops the values of these rows; moments before `history_from` are not whole any more.
    pub(crate) async fn drop_values(
        &mut self,
        datastore: &str,
        rows: &[i64],
        history_from: Checkin,
    ) -> Result<(), StoreError> {
        sqlx::query(DROP_VALUES)
            .bind(json!(rows).to_string())
            .execute(&mut *self.tx)
            .await?;
        self.move_bound(HISTORY_FROM, datastore, history_from).await
    }

    /// Drops the fingerprints of at most `limit` commits from `from` to before `up_to`, never a
    /// commit; those from the answered checkin on are kept. `None`: there were none to drop.
    pub(crate) async fn drop_fingerprints(
        &mut self,
        datastore: &str,
        from: Option<Checkin>,
        up_to: Checkin,
        limit: u32,
    ) -> Result<Option<(u64, Checkin)>, StoreError> {
        let from = from.map_or(i64::MIN, Checkin::micros);
        let end: Option<i64> = sqlx::query_scalar(COMMITS_END)
            .bind(datastore)
            .bind(from)
            .bind(up_to.micros())
            .bind(limit)
            .fetch_optional(&mut *self.tx)
            .await?;
        let end = match end {
            Some(end) => Checkin::from_micros(end).map_err(|it| decode::corrupt("checkin", it))?,
            None => up_to,
        };
        let rows = sqlx::query(DROP_FINGERPRINTS)
            .bind(datastore)
            .bind(from)
            .bind(end.micros())
            .bind(DatastoreFingerprint::EMPTY.to_string())
            .execute(&mut *self.tx)
            .await?
            .rows_affected();
        if rows == 0 {
            return Ok(None);
        }
        self.move_bound(FINGERPRINTS_FROM, datastore, end).await?;
        Ok(Some((rows, end)))
    }

    /// Drops at most `limit` versions superseded at or before a checkin, each key's oldest
    /// first. The fingerprints of the commits before it must be gone.
    pub(crate) async fn drop_versions(
        &mut self,
        datastore: &str,
        up_to: Checkin,
        limit: u32,
    ) -> Result<Batch, StoreError> {
        let rows = sqlx::query(DROP_VERSIONS)
            .bind(datastore)
            .bind(up_to.micros())
            .bind(limit)
            .execute(&mut *self.tx)
            .await?
            .rows_affected();
        if rows > 0 {
            for bound in [HISTORY_FROM, UNFOLD] {
                self.move_bound(bound, datastore, up_to).await?;
            }
        }
        Ok(Batch {
            rows,
            tombstones: 0,
            has_more: rows == u64::from(limit),
        })
    }

    /// Drops at most `limit` versions of records whose tombstones lie at or before a checkin:
    /// first their histories, then the tombstones. `forgotten` moves before the first of it goes.
    pub(crate) async fn drop_tombstones(
        &mut self,
        datastore: &str,
        up_to: Checkin,
        away_since: i64,
        limit: u32,
    ) -> Result<Batch, StoreError> {
        let rows = sqlx::query(TOMBSTONES)
            .bind(datastore)
            .bind(up_to.micros())
            .bind(away_since)
            .bind(limit)
            .fetch_all(&mut *self.tx)
            .await?;
        let dead: Vec<(&str, i64)> = rows
            .iter()
            .map(|row| Ok((row.try_get("key")?, row.try_get("checkin")?)))
            .collect::<Result<_, sqlx::Error>>()?;
        let Some((_, newest)) = dead.last() else {
            return Ok(Batch::default());
        };
        let newest = Checkin::from_micros(*newest).map_err(|it| decode::corrupt("checkin", it))?;
        for bound in [HISTORY_FROM, FORGOTTEN, UNFOLD] {
            self.move_bound(bound, datastore, newest).await?;
        }
        let keys = json!(dead).to_string();
        let history = sqlx::query(DROP_HISTORY)
            .bind(datastore)
            .bind(&keys)
            .bind(limit)
            .execute(&mut *self.tx)
            .await?
            .rows_affected();
        if history == u64::from(limit) {
            return Ok(Batch {
                rows: history,
                tombstones: 0,
                has_more: true,
            });
        }
        sqlx::query(DROP_STATES)
            .bind(datastore)
            .bind(&keys)
            .execute(&mut *self.tx)
            .await?;
        sqlx::query(DROP_TOMBSTONES)
            .bind(datastore)
            .bind(&keys)
            .execute(&mut *self.tx)
            .await?;
        let tombstones = dead.len() as u64;
        Ok(Batch {
            rows: history + tombstones,
            tombstones,
            has_more: tombstones == u64::from(limit),
        })
    }

    /// Gives at most `limit` free pages back to the file system, while more than an eighth of
    /// the file is free; how many.
    pub(crate) async fn shrink(&mut self, limit: u32) -> Result<u64, StoreError> {
        let pages: i64 = sqlx::query_scalar("pragma page_count")
            .fetch_one(&mut *self.tx)
            .await?;
        let free: i64 = sqlx::query_scalar("pragma freelist_count")
            .fetch_one(&mut *self.tx)
            .await?;
        let spare = free - pages / 8;
        if spare < i64::from(limit) {
            return Ok(0);
        }
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "pragma incremental_vacuum({limit})"
        )))
        .execute(&mut *self.tx)
        .await?;
        Ok(u64::from(limit))
    }

    /// Moves a bound of the datastore forwards; sums from before it are none any more.
    async fn move_bound(
        &mut self,
        bound: &'static str,
        datastore: &str,
        to: Checkin,
    ) -> Result<(), StoreError> {
        sqlx::query(bound)
            .bind(datastore)
            .bind(to.micros())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

fn old_value(row: &SqliteRow) -> Result<(i64, Superseded), StoreError> {
    let version = Superseded {
        checkin: decode::checkin(row, "checkin")?,
        superseded: decode::checkin(row, "superseded")?,
        is_repeatable: decode::column(row, "is_repeatable")?,
        is_conflict_base: decode::column(row, "is_conflict_base")?,
    };
    Ok((row.try_get("place")?, version))
}
