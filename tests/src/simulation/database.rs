//! The database of a thread's schedules: opened once, for connections and prepared statements cost
//! more than a schedule's own work, and emptied before each.

use std::path::{Path, PathBuf};

use sqlx::{
    ConnectOptions, Connection, Row, raw_sql,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tempfile::TempDir;
use tidemark_server::store::Store;

/// Gives back all pages that nothing is in, so that no schedule sees what was before it.
const SHRINK: &str = "pragma incremental_vacuum";

/// A database in a file, and the way past the server to what is in it.
pub(super) struct Database {
    /// Goes with the last handle on it.
    _directory: TempDir,
    pub(super) path: PathBuf,
    pub(super) store: Store,
    connection: Option<SqliteConnection>,
}

impl Database {
    pub(super) async fn new() -> Self {
        let directory = directory();
        let path = directory.path().join("truth.db");
        let store = open(&path).await;
        Self {
            _directory: directory,
            path,
            store,
            connection: None,
        }
    }

    /// A connection of its own.
    pub(super) async fn connection(&mut self) -> &mut SqliteConnection {
        if self.connection.is_none() {
            let options = SqliteConnectOptions::new()
                .filename(&self.path)
                .foreign_keys(false);
            self.connection = Some(options.connect().await.expect("the database opens"));
        }
        self.connection.as_mut().expect("it is connected")
    }

    /// The file is about to be another.
    pub(super) async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await.expect("the connection closes");
        }
    }

    /// Leaves nothing but the tables.
    pub(super) async fn empty(&mut self) {
        let connection = self.connection().await;
        let tables = sqlx::query(
            "select name from sqlite_schema where type = 'table' \
             and name not like 'sqlite%' and name not like '\\_%' escape '\\'",
        )
        .fetch_all(&mut *connection)
        .await
        .expect("the tables are listed");
        let deletes = tables
            .iter()
            .map(|row| format!("delete from \"{}\";", row.get::<String, _>("name")));
        let deletes: String = deletes.collect();
        let script = format!("begin immediate; {deletes} commit; {SHRINK}");
        raw_sql(sqlx::AssertSqlSafe(script))
            .execute(connection)
            .await
            .expect("the tables can be emptied");
    }
}

/// Opens the shipped store.
pub(super) async fn open(path: &Path) -> Store {
    let url = format!("sqlite:{}", path.display());
    Store::connect(&url).await.expect("the database opens")
}

/// In memory, where the machine has such a place: nothing here outlives the process.
fn directory() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.expect("a directory for databases")
}
