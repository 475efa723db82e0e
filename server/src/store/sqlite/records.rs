//! The live truth as of one checkin, ordered by key; and the kept versions of one key.

use sqlx::sqlite::SqliteRow;
use tidemark_engine::{truth::View, version::Version};
use tidemark_protocol::{Checkin, Key};

use super::{
    super::{KeptVersion, Shown, StoreError},
    Snapshot, decode, view, window,
};

/// A part of the live truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordsPart<'a> {
    /// Where.
    pub(crate) datastore: &'a str,
    /// As of when.
    pub(crate) at: Checkin,
    /// Only this kind.
    pub(crate) entity: Option<&'a str>,
    /// Only keys after this one.
    pub(crate) after: &'a str,
    /// At most so many records.
    pub(crate) records_max: u32,
    /// No further record once the values have reached so many bytes.
    pub(crate) bytes_max: u64,
}

/// A part of a record's history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryPart<'a> {
    /// Where.
    pub(crate) datastore: &'a str,
    /// The record.
    pub(crate) key: &'a Key,
    /// Only versions after this checkin; `None`: all.
    pub(crate) after: Option<Checkin>,
    /// At most so many.
    pub(crate) records_max: u32,
    /// No further one once the values have reached so many bytes.
    pub(crate) bytes_max: u64,
}

macro_rules! history_from {
    () => {
        " from version where datastore = ?1 and key = ?2 and checkin > ?3 \
          and (deleted = 1 or value is not null) "
    };
}

/// [`Snapshot::history`]. A version whose value was dropped is not kept.
pub(super) const HISTORY: &str = concat!(
    "select *",
    history_from!(),
    "order by checkin limit cast(?4 as integer)"
);

/// How many [`HISTORY`] finds.
pub(super) const HISTORY_COUNT: &str = concat!("select count(*) as count", history_from!());

macro_rules! live_from {
    () => {
        " from version indexed by sqlite_autoindex_version_1 \
          where datastore = ?1 and key > ?2 and checkin <= ?3 \
          and (superseded is null or superseded > ?3) and deleted = 0 \
          and (?4 is null or entity = ?4) "
    };
}

/// [`Snapshot::records`].
pub(super) const RECORDS: &str = concat!(
    "select *",
    live_from!(),
    "order by key limit cast(?5 as integer)"
);

/// How many [`RECORDS`] finds.
pub(super) const RECORDS_COUNT: &str = concat!("select count(*) as count", live_from!());

impl Snapshot {
    /// A page of the live truth.
    pub(crate) async fn records(
        &mut self,
        part: RecordsPart<'_>,
    ) -> Result<Vec<Shown>, StoreError> {
        let rows = sqlx::query(RECORDS)
            .bind(part.datastore)
            .bind(part.after)
            .bind(part.at.micros())
            .bind(part.entity)
            .bind(part.records_max)
            .fetch(&mut *self.tx);
        let shown = |row: &SqliteRow| {
            let version = view::version(row)?;
            Ok(Shown {
                version,
                pushed: None,
                unconfirmed: None,
            })
        };
        window::collect(rows, part.bytes_max, shown, Shown::bytes).await
    }

    /// How many records the live truth holds after a key.
    pub(crate) async fn count_records(&mut self, part: RecordsPart<'_>) -> Result<u64, StoreError> {
        let row = sqlx::query(RECORDS_COUNT)
            .bind(part.datastore)
            .bind(part.after)
            .bind(part.at.micros())
            .bind(part.entity)
            .fetch_one(&mut *self.tx)
            .await?;
        decode::count(&row, "count")
    }

    /// A page of a record's kept versions, oldest first.
    pub(crate) async fn history(
        &mut self,
        part: HistoryPart<'_>,
    ) -> Result<Vec<KeptVersion>, StoreError> {
        let rows = sqlx::query(HISTORY)
            .bind(part.datastore)
            .bind(part.key.as_str())
            .bind(part.after.map_or(i64::MIN, Checkin::micros))
            .bind(part.records_max)
            .fetch(&mut *self.tx);
        let kept = |row: &SqliteRow| {
            let version = view::version(row)?;
            let superseded = decode::checkin_maybe(row, "superseded")?;
            Ok(KeptVersion {
                version,
                superseded,
            })
        };
        window::collect(rows, part.bytes_max, kept, KeptVersion::bytes).await
    }

    /// How many versions of a record are kept after a checkin.
    pub(crate) async fn count_history(&mut self, part: HistoryPart<'_>) -> Result<u64, StoreError> {
        let row = sqlx::query(HISTORY_COUNT)
            .bind(part.datastore)
            .bind(part.key.as_str())
            .bind(part.after.map_or(i64::MIN, Checkin::micros))
            .fetch_one(&mut *self.tx)
            .await?;
        decode::count(&row, "count")
    }

    /// The newest version of a record: the live one, or the tombstone.
    pub(crate) async fn newest(
        &mut self,
        datastore: &str,
        key: &Key,
    ) -> Result<Option<Version>, StoreError> {
        let row = sqlx::query(
            "select * from version where datastore = ?1 and key = ?2 \
             order by checkin desc limit 1",
        )
        .bind(datastore)
        .bind(key.as_str())
        .fetch_optional(&mut *self.tx)
        .await?;
        row.as_ref().map(view::version).transpose()
    }

    /// All that is kept of one record, as the engine looks at it.
    pub(crate) async fn view_of(&mut self, datastore: &str, key: &Key) -> Result<View, StoreError> {
        let all = HistoryPart {
            datastore,
            key,
            after: None,
            records_max: u32::MAX,
            bytes_max: u64::MAX,
        };
        let mut view = View::new();
        for kept in self.history(all).await? {
            view.add(kept.version);
        }
        for id in self
            .conflict_ids(datastore, &serde_json::json!([[key]]))
            .await?
        {
            view.add_conflict(id);
        }
        Ok(view)
    }
}
