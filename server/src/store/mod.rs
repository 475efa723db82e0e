//! Where the truth is kept: the contract of every back-end. SQL lives in the back-ends only.

mod error;
mod rows;
mod sqlite;

pub use error::StoreError;
pub(crate) use rows::{Datastore, Device, Session, Shown};
pub(crate) use sqlite::{Change, Expired, OldPlace, RecordsPart, Snapshot, WindowPart};

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Store {
    backend: sqlite::Sqlite,
}

impl Store {
    /// Opens a database, makes it if it is missing, and brings its tables up to date:
    /// `sqlite:PATH` or `sqlite::memory:`.
    ///
    /// # Errors
    /// An unknown scheme, or a database that cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(StoreError::Scheme(url.to_owned()));
        };
        Ok(Self {
            backend: sqlite::Sqlite::connect(file(path)).await?,
        })
    }

    /// The same, of a database that is there already.
    ///
    /// # Errors
    /// There is none, besides those of [`Self::connect`].
    pub async fn existing(url: &str) -> Result<Self, StoreError> {
        let path = url.strip_prefix("sqlite:").map(file);
        if let Some(path) = path.filter(|path| !std::path::Path::new(path).exists()) {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::connect(url).await
    }

    /// One moment of the database, for reading.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.backend.snapshot().await
    }

    /// One change, alone among changes; it sees all commits before it.
    pub(crate) async fn change(&self) -> Result<Change, StoreError> {
        self.backend.change().await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.backend.ready().await
    }

    /// Waits for what runs, then closes.
    pub async fn close(&self) {
        self.backend.close().await;
    }
}

/// The path in a URL of SQLite, with or without slashes before it.
fn file(path: &str) -> &str {
    path.strip_prefix("//").unwrap_or(path)
}
