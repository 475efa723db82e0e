//! The calls of a sync session: open, push, pull, finish, cancel, with phases riding together,
//! and the read-only view of the truth. What enters is a decoded request and who asks; what
//! leaves is an answer or a problem.
//!
//! No HTTP and no SQL in here, and no rule of merging: the store loads and writes, the engine
//! decides.

mod alerts;
mod clearing;
mod compaction;
mod conflicts;
mod datastores;
mod devices;
mod finish;
mod fold;
mod history;
mod open;
mod problem;
mod pull;
mod push;
mod reconcile;
mod records;
mod refresh;
mod ride;
mod settings;

use std::sync::Arc;

use serde::Serialize;
use tidemark_engine::truth::Rules;
use tidemark_protocol::{
    CancelAnswer, CancelRequest, Checkin, Code, ConflictsAnswer, DatastoreAnswer, DatastoreRequest,
    DeviceAnswer, DeviceId, DeviceRequest, DevicesAnswer, FinishAnswer, FinishRequest,
    ForgetAnswer, HistoryAnswer, OpenAnswer, OpenRequest, Problem, PullAnswer, PullRequest,
    PushAnswer, PushRequest, ReconcileAnswer, ReconcileRequest, ServerRecord, SessionId,
    SettleAnswer, SettleRequest,
};

pub use alerts::{Alerts, AlertsQuery};
pub use compaction::{Compaction, Dropped, ROWS_MAX};
pub use conflicts::ConflictsQuery;
pub use history::HistoryQuery;
pub use settings::{Clock, Retention, Settings, SystemClock};

use crate::store::{Datastore, Session, Snapshot, Store};
use alerts::Listeners;

/// Who is asking: the `sub` of a token that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: String,
}

/// One commit to a truth, to be told to whoever listens.
struct Commit {
    datastore: String,
    /// The commit's checkin, now the head.
    checkin: Checkin,
    /// The device whose push it was.
    device: DeviceId,
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
#[derive(Clone, Debug, Default, Serialize)]
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
    listeners: Listeners,
}

impl Service {
    /// Serves the sessions of a store.
    pub fn new(store: Store, settings: Settings, clock: impl Clock) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                settings,
                clock: Box::new(clock),
                listeners: Listeners::default(),
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
    pub async fn open(&self, caller: &Caller, request: OpenRequest) -> Result<OpenAnswer, Problem> {
        self.ride_open(caller, request).await
    }

    /// Stages or mingles a batch; works off what rides.
    ///
    /// # Errors
    /// `session_gone`, `too_large`, `airbag`.
    pub async fn push(&self, caller: &Caller, request: PushRequest) -> Result<PushAnswer, Problem> {
        self.ride_push(caller, request).await
    }

    /// Gives a page of the window; works off what rides.
    ///
    /// # Errors
    /// `session_gone`; `malformed` for a cursor never given out.
    pub async fn pull(&self, caller: &Caller, request: PullRequest) -> Result<PullAnswer, Problem> {
        self.ride_pull(caller, request).await
    }

    /// Ends a session, if both sides hold the same.
    ///
    /// # Errors
    /// `session_gone`; `malformed` for a `last_update` that this truth never issued.
    pub async fn finish(
        &self,
        caller: &Caller,
        request: FinishRequest,
    ) -> Result<FinishAnswer, Problem> {
        let session = ride::named(request.sync_uuid)?;
        self.finish_session(caller, session, request).await
    }

    /// Compares ranges of keys with what the device is expected to hold.
    ///
    /// # Errors
    /// `session_gone`; `malformed` for ranges that are none.
    pub async fn reconcile(
        &self,
        caller: &Caller,
        request: ReconcileRequest,
    ) -> Result<ReconcileAnswer, Problem> {
        self.reconcile_ranges(caller, request).await
    }

    /// Forgets a session and what it staged.
    ///
    /// # Errors
    /// `session_gone`.
    pub async fn cancel(
        &self,
        caller: &Caller,
        request: CancelRequest,
    ) -> Result<CancelAnswer, Problem> {
        self.cancel_session(caller, request).await
    }

    /// A page of the live truth, now or at an earlier checkin.
    ///
    /// # Errors
    /// `not_found`; `malformed` for a cursor never given out.
    pub async fn records(
        &self,
        caller: &Caller,
        query: RecordsQuery,
    ) -> Result<RecordsPage, Problem> {
        self.records_page(caller, query).await
    }

    /// The kept versions of one record, oldest first.
    ///
    /// # Errors
    /// `not_found`; `malformed` for a cursor never given out.
    pub async fn history(
        &self,
        caller: &Caller,
        key: &str,
        query: HistoryQuery,
    ) -> Result<HistoryAnswer, Problem> {
        self.history_page(caller, key, query).await
    }

    /// The conflicts of a datastore, in the order in which they were stored.
    ///
    /// # Errors
    /// `not_found`; `malformed` for a cursor never given out.
    pub async fn conflicts(
        &self,
        caller: &Caller,
        query: ConflictsQuery,
    ) -> Result<ConflictsAnswer, Problem> {
        self.conflicts_page(caller, query).await
    }

    /// Settles a conflict of the named datastore, or of the caller's own.
    ///
    /// # Errors
    /// `not_found`, `settled` (otherwise than asked for), `bad_record`, `forbidden`.
    pub async fn settle(
        &self,
        caller: &Caller,
        datastore: Option<&str>,
        id: &str,
        request: SettleRequest,
    ) -> Result<SettleAnswer, Problem> {
        self.settle_conflict(caller, datastore, id, request).await
    }

    /// What is set for a datastore, and how it stands.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn datastore(&self, caller: &Caller, id: &str) -> Result<DatastoreAnswer, Problem> {
        self.look_at_datastore(caller, id).await
    }

    /// Sets something for a datastore.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `malformed`.
    pub async fn change_datastore(
        &self,
        caller: &Caller,
        id: &str,
        request: DatastoreRequest,
    ) -> Result<DatastoreAnswer, Problem> {
        self.set_datastore(caller, id, request).await
    }

    /// The devices of a datastore, those seen last first.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn devices(
        &self,
        caller: &Caller,
        datastore: Option<&str>,
    ) -> Result<DevicesAnswer, Problem> {
        self.list_devices(caller, datastore).await
    }

    /// Sets something for a device of the named datastore, or of the caller's own.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `malformed`.
    pub async fn change_device(
        &self,
        caller: &Caller,
        datastore: Option<&str>,
        device: &str,
        request: DeviceRequest,
    ) -> Result<DeviceAnswer, Problem> {
        self.set_device(caller, datastore, device, &request).await
    }

    /// Forgets a device of the named datastore, or of the caller's own.
    ///
    /// # Errors
    /// `not_found`, `forbidden`.
    pub async fn forget_device(
        &self,
        caller: &Caller,
        datastore: Option<&str>,
        device: &str,
    ) -> Result<ForgetAnswer, Problem> {
        self.drop_device(caller, datastore, device).await
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

    /// Waits for what runs and closes the store; calls after it fail with `busy`.
    pub async fn close(&self) {
        self.inner.store.close().await;
    }

    /// The server's time as a point on a datastore's clock.
    fn now(&self) -> Result<Checkin, Problem> {
        Checkin::from_micros(self.inner.clock.now_micros()).map_err(|_| {
            tracing::error!("the server's clock shows no year between 0 and 9999");
            Problem::new(Code::Internal, "The server failed; its log says why.")
        })
    }

    /// A random number for a commit after this head, drawn where the clock stands behind it: only
    /// there it counts.
    fn random_behind(&self, now: Checkin, head: Checkin) -> u64 {
        if now > head {
            0
        } else {
            self.inner.clock.random_uuid().as_u64_pair().1
        }
    }

    fn expiry_micros(&self) -> i64 {
        i64::try_from(self.inner.settings.session_expiry.as_micros()).unwrap_or(i64::MAX)
    }

    /// The caller's session, if it has not ended; to be asked in the very transaction that
    /// relies on it.
    async fn alive(
        &self,
        snapshot: &mut Snapshot,
        caller: &Caller,
        id: SessionId,
        now: Checkin,
    ) -> Result<Session, Problem> {
        let touched_after = now.micros().saturating_sub(self.expiry_micros());
        let session = snapshot.session(id, &caller.user, touched_after).await?;
        session.ok_or_else(problem::session_gone)
    }

    /// What was set for a datastore, by its owner or else by the operator.
    fn rules(&self, datastore: &Datastore) -> Rules {
        let settings = &self.inner.settings;
        Rules {
            airbag: datastore.airbag.unwrap_or(settings.airbag),
            policies: datastore.policies.over(&settings.policies),
        }
    }

    fn tell(&self, commit: &Commit) {
        self.inner.listeners.tell(commit);
    }
}
