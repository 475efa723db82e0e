//! The calls of a sync session: open, push, pull, finish, cancel, with phases riding together,
//! and the read-only view of the truth. What enters is a decoded request and who asks; what
//! leaves is an answer or a problem.
//!
//! No HTTP and no SQL in here, and no rule of merging: the store loads and writes, the engine
//! decides.

mod settings;

use std::sync::Arc;

use serde::Serialize;
use tidemark_protocol::{
    CancelAnswer, CancelRequest, Checkin, Code, DeviceId, FinishAnswer, FinishRequest, OpenAnswer,
    OpenRequest, Problem, PullAnswer, PullRequest, PushAnswer, PushRequest, ServerRecord,
};
use tokio::sync::broadcast;

pub use settings::{Clock, Settings, SystemClock};

use crate::store::Store;

/// Who is asking: the `sub` of a token that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: String,
}

/// One commit to a truth, told to whoever listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The datastore.
    pub datastore: String,
    /// The commit's checkin, now the head.
    pub checkin: Checkin,
    /// The device whose push it was.
    pub device: DeviceId,
}

/// What to read of the truth, outside of any session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordsQuery {
    /// The datastore; `None` means the caller's own.
    pub datastore: Option<String>,
    /// Only this kind of record.
    pub entity: Option<String>,
    /// Where the page before ended; it also holds the page's moment.
    pub cursor: Option<String>,
    /// Records wanted: at least 1, cut to `pull_records`.
    pub limit: Option<u32>,
    /// The truth as it was then; `None` means now. A cursor's own moment goes before it.
    pub at: Option<Checkin>,
}

/// One page of the truth at one moment, ordered by key.
#[derive(Clone, Debug, Serialize)]
pub struct RecordsPage {
    /// The live records.
    pub records: Vec<ServerRecord>,
    /// Where to go on; `None`: that was all.
    pub cursor: Option<String>,
    /// Records still to come after this page.
    pub remaining: u64,
}

/// The sessions of every datastore in one store. Clones share it.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    settings: Settings,
    clock: Box<dyn Clock>,
    commits: broadcast::Sender<Commit>,
}

impl Service {
    /// Serves the sessions of a store.
    pub fn new(store: Store, settings: Settings, clock: impl Clock) -> Self {
        let (commits, _) = broadcast::channel(1024);
        Self {
            inner: Arc::new(Inner {
                store,
                settings,
                clock: Box::new(clock),
                commits,
            }),
        }
    }

    /// The bounds of one call, for whoever reads bodies.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Opens a session, or tells that none is needed; works off what rides.
    ///
    /// # Errors
    /// `protocol`, `stale_device`, `session_gone`, `not_found`, `not_supported`, `malformed`.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn open(&self, _: &Caller, _: OpenRequest) -> Result<OpenAnswer, Problem> {
        Err(unbuilt())
    }

    /// Stages or mingles a batch; works off what rides.
    ///
    /// # Errors
    /// `session_gone`, `too_large`, `airbag`.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn push(&self, _: &Caller, _: PushRequest) -> Result<PushAnswer, Problem> {
        Err(unbuilt())
    }

    /// Gives a page of the window; works off what rides.
    ///
    /// # Errors
    /// `session_gone`; `malformed` for a cursor never given out.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn pull(&self, _: &Caller, _: PullRequest) -> Result<PullAnswer, Problem> {
        Err(unbuilt())
    }

    /// Ends a session, if both sides hold the same.
    ///
    /// # Errors
    /// `session_gone`; `malformed` for a `last_update` that this truth never issued.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn finish(&self, _: &Caller, _: FinishRequest) -> Result<FinishAnswer, Problem> {
        Err(unbuilt())
    }

    /// Forgets a session and what it staged.
    ///
    /// # Errors
    /// `session_gone`.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn cancel(&self, _: &Caller, _: CancelRequest) -> Result<CancelAnswer, Problem> {
        Err(unbuilt())
    }

    /// A page of the live truth, now or at an earlier checkin.
    ///
    /// # Errors
    /// `not_found`; `malformed` for a cursor never given out.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn records(&self, _: &Caller, _: RecordsQuery) -> Result<RecordsPage, Problem> {
        Err(unbuilt())
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// `busy`, when it does not.
    pub async fn ready(&self) -> Result<(), Problem> {
        self.inner.store.ready().await.map_err(|error| {
            tracing::error!(%error, "the store does not answer");
            Problem::new(Code::Busy, "The database does not answer; try again later.")
        })
    }

    /// Every commit from now on. A listener that lags loses the oldest.
    pub fn commits(&self) -> broadcast::Receiver<Commit> {
        self.inner.commits.subscribe()
    }

    /// Ends the sessions that expired.
    ///
    /// # Errors
    /// The store's.
    #[expect(clippy::unused_async, reason = "its body follows")]
    pub async fn sweep(&self) -> Result<u64, crate::store::StoreError> {
        let _ = self.inner.clock.now_micros();
        Ok(0)
    }

    /// Waits for what runs and closes the store; calls after it fail with `busy`.
    pub async fn close(&self) {
        self.inner.store.close().await;
    }
}

fn unbuilt() -> Problem {
    Problem::new(Code::NotSupported, "Sessions are not built yet.")
}
