//! SQLite in a file: one writer at a time (`BEGIN IMMEDIATE`), and readers that each see one
//! moment (write-ahead log).

use std::time::Duration;

use sqlx::{
    SqlitePool,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use super::StoreError;

/// How many snapshots may be read at once.
const READERS_MAX: u32 = 4;

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
            .max_lifetime(None);
        let writer = one
            .connect_with(
                options(path)
                    .create_if_missing(true)
                    // A pragma that writes: readers could not open a new file with it.
                    .auto_vacuum(SqliteAutoVacuum::Incremental),
            )
            .await
            .map_err(failed)?;
        sqlx::migrate!("migrations/sqlite").run(&writer).await?;
        // A database in memory belongs to its one connection.
        let readers = if path == ":memory:" {
            writer.clone()
        } else {
            SqlitePoolOptions::new()
                .max_connections(READERS_MAX)
                .connect_with(options(path).read_only(true))
                .await
                .map_err(failed)?
        };
        Ok(Self { writer, readers })
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

fn options(path: &str) -> SqliteConnectOptions {
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
}
