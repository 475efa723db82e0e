//! What can go wrong with a store; the one mapping from the database driver's errors.

/// A store call failed. None of this is shown to devices: it is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database URL names no back-end that is built in.
    #[error("cannot open the database {0:?}: use sqlite:PATH or sqlite::memory:")]
    Scheme(String),
    /// There is no such database.
    #[error("there is no database {0:?}: name the one that the server has with --database")]
    Missing(String),
    /// Its tables are not those of this program.
    #[error(
        "the database {0:?} is of another version than this program: start its server, or run \
         `tidemark compact`, once with this one"
    )]
    Version(String),
    /// The database could not be opened.
    #[error("cannot open the database {path:?}: {source}")]
    Open {
        /// As given.
        path: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Its tables could not be brought up to date.
    #[error("cannot bring the database's tables up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row holds what this program never wrote.
    #[error("the database holds a {what} that cannot be read: {detail}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it is wrong.
        detail: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        let is_closed = matches!(
            self,
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        );
        // SQLITE_BUSY and SQLITE_LOCKED.
        is_closed || matches!(self.sqlite_code(), Some(5 | 6))
    }

    /// Whether the disk is full, read-only, gone or broken: the same call succeeds once an operator
    /// has seen to it.
    pub fn is_of_the_disk(&self) -> bool {
        // SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL and SQLITE_CANTOPEN.
        let is_refused = matches!(self.sqlite_code(), Some(8 | 10 | 13 | 14));
        is_refused || matches!(self, Self::Database(sqlx::Error::Io(_)))
    }

    /// What SQLite calls it; of its extended codes the first byte.
    fn sqlite_code(&self) -> Option<u32> {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return None;
        };
        let code: u32 = error.code()?.parse().ok()?;
        Some(code & 0xff)
    }
}
