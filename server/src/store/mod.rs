//! Where the truth is kept: the contract of every back-end. SQL lives in the back-ends only.

mod error;
mod finding;
mod gate;
mod rows;
mod sqlite;

pub use error::StoreError;
pub use finding::{Finding, Repair, Verified};
pub use gate::{Gate, Passage};
pub(crate) use rows::{Datastore, Device, KeptConflict, KeptVersion, Session, Shown};
pub(crate) use sqlite::{
    Change, ConflictsPart, Expired, HistoryPart, OldPlace, RangeSums, RecordsPart, Snapshot,
    WindowPart,
};

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Store {
    backend: sqlite::Sqlite,
    gates: gate::Gates,
}

impl Store {
    /// Opens a database, makes it if it is missing, and brings its tables up to date:
    /// `sqlite:PATH` or `sqlite::memory:`.
    ///
    /// # Errors
    /// An unknown scheme, or a database that cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            backend: sqlite::Sqlite::connect(path_in(url)?).await?,
            gates: gate::Gates::default(),
        })
    }

    /// The same, of a database that is there already.
    ///
    /// # Errors
    /// There is none, besides those of [`Self::connect`].
    pub async fn existing(url: &str) -> Result<Self, StoreError> {
        there(url)?;
        Self::connect(url).await
    }

    /// The same, only to look at: nothing is ever written, tables are not brought up to date.
    ///
    /// # Errors
    /// There is none, or it is of another version.
    pub async fn to_read(url: &str) -> Result<Self, StoreError> {
        let backend = sqlite::Sqlite::to_read(there(url)?).await?;
        Ok(Self {
            backend,
            gates: gate::Gates::default(),
        })
    }

    /// Looks at every row of one moment, and tells what no server wrote, in memory that does not
    /// grow with the database. Others go on meanwhile.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn verify(
        &self,
        mut tell: impl FnMut(Finding) + Send,
    ) -> Result<Verified, StoreError> {
        let mut snapshot = self.backend.snapshot().await?;
        snapshot.verify(&mut tell).await
    }

    /// Mends what a verification found, in one short change.
    ///
    /// # Errors
    /// The database could not be written.
    pub async fn repair(&self, repair: &Repair) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        change.repair(repair).await?;
        change.commit().await
    }

    /// The same database behind a gate, for simulations.
    #[must_use]
    pub fn behind(self, gate: impl Gate) -> Self {
        Self {
            gates: gate::Gates::new(gate),
            ..self
        }
    }

    /// One moment of the database, for reading.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.gates.pass(Passage::Snapshot).await;
        self.backend.snapshot().await
    }

    /// One change, alone among changes; it sees all commits before it.
    pub(crate) async fn change(&self) -> Result<Change, StoreError> {
        self.gates.pass(Passage::Change).await;
        self.backend.change(self.gates.clone()).await
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
fn path_in(url: &str) -> Result<&str, StoreError> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        return Err(StoreError::Scheme(url.to_owned()));
    };
    Ok(path.strip_prefix("//").unwrap_or(path))
}

/// The path of a database that is there.
fn there(url: &str) -> Result<&str, StoreError> {
    let path = path_in(url)?;
    if std::path::Path::new(path).exists() {
        Ok(path)
    } else {
        Err(StoreError::Missing(path.to_owned()))
    }
}
