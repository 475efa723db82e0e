//! The live truth as of one checkin, ordered by key.

use tidemark_protocol::Checkin;

use super::{
    super::{Shown, StoreError},
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

macro_rules! live_from {
    () => {
        " from version indexed by sqlite_autoindex_version_1 \
          where datastore = ?1 and key > ?2 and checkin <= ?3 \
          and (superseded is null or superseded > ?3) and deleted = 0 \
          and (?4 is null or entity = ?4) "
    };
}

/// [`Snapshot::records`].
pub(super) const RECORDS: &str = concat!("select *", live_from!(), "order by key limit ?5");

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
        window::collect(rows, part.bytes_max, |row| {
            let version = view::version(row)?;
            Ok(Shown {
                version,
                pushed: None,
                unconfirmed: None,
            })
        })
        .await
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
}
