//! SQLite in a file: one writer at a time (`BEGIN IMMEDIATE`), and readers that each see one
//! moment (write-ahead log).
//!
//! A bound limit is written `limit cast(?1 as integer)`: where SQLite sees that the limit is a
//! parameter it plans the statement again for each value, which costs more than most of them do.

mod acks;
mod compaction;
mod conflicts;
mod datastores;
mod decode;
mod devices;
mod due;
mod expiry;
mod mingle;
#[cfg(test)]
mod plans;
mod range_sums;
mod reconcile;
mod records;
mod refresh;
mod replacing;
mod sessions;
mod staged;
mod verify;
mod view;
mod window;

use std::{
    future::ready,
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{
    Connection, SqliteConnection, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use super::{
    StoreError,
    gate::{Gates, Passage},
};

pub(crate) use compaction::OldPlace;
pub(crate) use conflicts::ConflictsPart;
pub(crate) use expiry::Expired;
pub(crate) use range_sums::RangeSums;
pub(crate) use records::{HistoryPart, RecordsPart};
pub(crate) use window::WindowPart;

/// How many snapshots may be read at once.
const READERS_MAX: u32 = 4;

/// What the writer keeps of the file in memory, in KiB: the pages that a large push comes back
/// to, so that they are written to the log once.
const WRITER_CACHE: u32 = 16 * 1024;

/// What each reader keeps.
const READER_CACHE: u32 = 4 * 1024;

/// The log is cut back to this size once it has been copied into the file.
const LOG_BYTES_KEPT: u32 = 64 * 1024 * 1024;

/// Rows that wait between the database's thread and ours: each waking costs more than a row.
const ROWS_BUFFERED: usize = 1024;

/// What brings a database up to date.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// An open SQLite database.
#[derive(Clone)]
pub(super) struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens `PATH` or `:memory:`.
    pub(super) async fn connect(path: &str) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let one = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // A connection to a file does not go dead, and asking costs as much as a query.
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(ready(Ok(is_whole(connection)))));
        let writer = one
            .connect_with(
                options(path, WRITER_CACHE)
                    .create_if_missing(true)
                    // A pragma that writes: readers could not open a new file with it.
                    .auto_vacuum(SqliteAutoVacuum::Incremental),
            )
            .await
            .map_err(failed)?;
        MIGRATIONS.run(&writer).await?;
        // A database in memory belongs to its one connection.
        let readers = if path == ":memory:" {
            writer.clone()
        } else {
            SqlitePoolOptions::new()
                .max_connections(READERS_MAX)
                .test_before_acquire(false)
                .before_acquire(|connection, _| Box::pin(ready(Ok(is_whole(connection)))))
                .connect_with(options(path, READER_CACHE).read_only(true))
                .await
                .map_err(failed)?
        };
        Ok(Self { writer, readers })
    }

    /// Opens a database that is there, of this version, and never writes to it.
    pub(super) async fn to_read(path: &str) -> Result<Self, StoreError> {
        let one = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options(path, WRITER_CACHE).pragma("query_only", "on"))
            .await
            .map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source,
            })?;
        let newest: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations")
            .fetch_one(&one)
            .await
            .map_err(|_| StoreError::Version(path.to_owned()))?;
        if newest != MIGRATIONS.iter().map(|migration| migration.version).max() {
            return Err(StoreError::Version(path.to_owned()));
        }
        Ok(Self {
            writer: one.clone(),
            readers: one,
        })
    }

    pub(super) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            tx: self.readers.begin().await?,
        })
    }

    pub(super) async fn change(&self, gates: Gates) -> Result<Change, StoreError> {
        let tx = self.writer.begin_with("begin immediate").await?;
        Ok(Change {
            snapshot: Snapshot { tx },
            gates,
        })
    }

    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.readers).await?;
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// One moment of the database, for reading. Dropping it ends it.
pub(crate) struct Snapshot {
    tx: Transaction<'static, sqlx::Sqlite>,
}

/// One change of the database: all of it is written at the commit, or none. Dropping it
/// without a commit forgets it. There is one at a time.
pub(crate) struct Change {
    snapshot: Snapshot,
    gates: Gates,
}

impl Change {
    /// Makes the change durable and visible.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.gates.pass(Passage::Commit).await;
        self.snapshot.tx.commit().await?;
        self.gates.pass(Passage::Committed).await;
        Ok(())
    }
}

impl Deref for Change {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }
}

/// Whether a connection can be used on. Where a change fails for want of space, SQLite takes it back
/// by itself, and the driver goes on believing in it: every later change would fail.
fn is_whole(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

fn options(path: &str, cache_kib: u32) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new();
    let options = if path == ":memory:" {
        options.in_memory(true)
    } else {
        options.filename(path).journal_mode(SqliteJournalMode::Wal)
    };
    options
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", format!("-{cache_kib}"))
        .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string())
        .row_buffer_size(ROWS_BUFFERED)
}
