//! What all handles of one client share, and the two ways to the trees: a look at one moment,
//! and a change in one commit. Only here is waited for pages.

use alloc::{boxed::Box, rc::Rc, string::ToString, vec::Vec};
use core::cell::{Cell, RefCell};

use uuid::Uuid;

use super::database::{Database, Stop, View, Written};
use super::ids::Ids;
use super::lock::Lock;
use super::root::Root;
use super::{Backoff, Environment, Error, ErrorCode, Event, Options, Phase, Status};
use crate::faults::{Fault, is_planted};
use crate::store::{
    Commit, Committed, PageId, Pages, PagesError, Revision, RootRecord, Store, StoreError,
    TreeError,
};

/// Memory for pages, in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// How often one change mends what it came upon.
const MENDS_MAX: u32 = 3;
/// How often a look starts again because its root was overtaken.
const RESTARTS_MAX: u32 = 100;
/// How often a change does: one that is given up is an error to whoever asked for it.
const TURNS_MAX: u32 = 1_000;

/// The pages of an environment, as the store takes them.
#[derive(Debug)]
pub(super) struct PagesOf<E>(Rc<E>);

impl<E: Environment> Pages for PagesOf<E> {
    async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        self.0.pages().root().await
    }

    // The future itself: one that awaits it would be compiled, too.
    fn root_before(
        &self,
        revision: Revision,
    ) -> impl Future<Output = Result<Option<RootRecord>, PagesError>> {
        self.0.pages().root_before(revision)
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, PagesError> {
        self.0.pages().read(ids).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        self.0.pages().commit(commit).await
    }
}

/// A root and its revision; `None`: nothing was ever committed.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) revision: Option<Revision>,
    pub(super) root: Root,
}

/// Looks at a moment; true: it is another than before.
type LookAt<'l> = dyn FnMut(View<'_>, bool) -> Result<(), Stop> + 'l;
/// Plans a change.
pub(super) type PlanOf<'p> = dyn FnMut(&mut Database<'_>) -> Result<(), Stop> + 'p;

/// Why a look or a plan came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// The pages.
    Pages(StoreError),
    /// What was asked for.
    Call(Error),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Pages(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Pages(error) => error.into(),
            Failed::Call(error) => error,
        }
    }
}

/// What the store does about a stop: it fetches what lacks; a failure ends the look.
fn stopped(outcome: Result<(), Stop>, failed: &mut Option<Error>) -> Result<(), TreeError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(Stop::Tree(lack)) => Err(lack),
        Err(Stop::Failed(error)) => {
            *failed = Some(error);
            Ok(())
        }
    }
}

#[cold]
#[inline(never)]
pub(super) fn outrun() -> Error {
    let message = "other tabs change the database faster than it can be read";
    Error::new(ErrorCode::Busy, message)
}

/// The store never ends a look well that was not called.
fn unasked() -> Error {
    Error::new(ErrorCode::Storage, "the local database was not read")
}

/// One open database.
pub(super) struct Shared<E: Environment> {
    pub(super) environment: Rc<E>,
    pub(super) options: RefCell<Options>,
    store: Store<PagesOf<E>>,
    current: RefCell<Rc<Current>>,
    /// Held from plan to commit.
    pub(super) writing: Lock,
    pub(super) syncing: Lock,
    pub(super) ids: RefCell<Ids>,
    pub(super) status: RefCell<Status>,
    pub(super) backoff: Cell<Backoff>,
    /// The attempt that the server answered with no session.
    pub(super) idle_attempt: Cell<Option<Uuid>>,
    /// All pages are to be read, once since the database was opened; true: the person doubts what
    /// they hold, too.
    pub(super) to_verify: Cell<Option<bool>>,
    /// The airbag holds what was edited up to this number.
    pub(super) held: Cell<Option<u64>>,
    events: RefCell<Vec<Event>>,
    listener: RefCell<Option<Rc<dyn Fn()>>>,
}

impl<E: Environment> Shared<E> {
    /// Reads the root; a database that never was begins with a device of its own.
    pub(super) async fn open(environment: E, options: Options) -> Result<Self, Error> {
        let environment = Rc::new(environment);
        let store = Store::new(PagesOf(Rc::clone(&environment)), CACHE_BYTES);
        let device = random_uuid(&*environment);
        let shared = Self {
            environment,
            options: RefCell::new(options),
            store,
            current: RefCell::new(Rc::new(Current {
                revision: None,
                root: Root::new(device),
            })),
            writing: Lock::default(),
            syncing: Lock::default(),
            ids: RefCell::default(),
            status: RefCell::default(),
            backoff: Cell::default(),
            idle_attempt: Cell::default(),
            to_verify: Cell::default(),
            held: Cell::default(),
            events: RefCell::default(),
            listener: RefCell::default(),
        };
        let is_there = shared.reload().await?;
        shared.to_verify.set(is_there.then_some(false));
        Ok(shared)
    }

    /// The disk itself.
    pub(super) fn pages(&self) -> &PagesOf<E> {
        self.store.pages()
    }

    /// The newest root known here.
    pub(super) fn current(&self) -> Rc<Current> {
        Rc::clone(&self.current.borrow())
    }

    /// Reads the newest root from the disk; true: it is another. Where that is damaged, an older one
    /// counts, and where none is left, all begins anew.
    pub(super) async fn reload(&self) -> Result<bool, Error> {
        let newest = self.store.root().await?;
        let revision = newest.as_ref().map(|newest| newest.revision);
        let current = self.current();
        if revision == current.revision {
            return Ok(false);
        }
        let Some(mut record) = newest.filter(|_| revision > current.revision) else {
            // The root that is known here was deleted by hand: it is written anew.
            let root = current.root.clone();
            self.current.replace(Rc::new(Current { revision, root }));
            return Ok(true);
        };
        let mut is_damaged = false;
        let mut root = loop {
            if let Some(root) = Root::decode(&record.bytes)? {
                break root;
            }
            is_damaged = true;
            match self.store.pages().root_before(record.revision).await? {
                Some(before) => record = before,
                None => break Root::new(self.random_uuid()),
            }
        };
        if is_damaged {
            // What the newest edits were, it alone knew.
            root.damage = Some(root.damage.unwrap_or(0) + 1);
        }
        self.install(revision, root);
        Ok(true)
    }

    /// Looks at one moment; `look` is called again when lacking pages have come.
    pub(super) async fn look<T>(
        &self,
        mut look: impl FnMut(View<'_>) -> Result<T, Stop>,
    ) -> Result<T, Error> {
        let mut answer = None;
        self.look_again(&mut |view, _| {
            answer = Some(look(view)?);
            Ok(())
        })
        .await?;
        answer.ok_or_else(unasked)
    }

    /// The same with something that goes on where it was, made anew for each moment.
    pub(super) async fn look_from<S, T>(
        &self,
        begin: impl Fn() -> S,
        mut look: impl FnMut(&mut S, View<'_>) -> Result<T, Stop>,
    ) -> Result<T, Error> {
        let (mut state, mut answer) = (begin(), None);
        self.look_again(&mut |view, is_another| {
            if is_another {
                state = begin();
            }
            answer = Some(look(&mut state, view)?);
            Ok(())
        })
        .await?;
        answer.ok_or_else(unasked)
    }

    /// Looks at one moment that must not be another; it may be gone from the disk.
    pub(super) async fn look_at<T>(
        &self,
        moment: &Current,
        mut look: impl FnMut(View<'_>) -> Result<T, Stop>,
    ) -> Result<T, Error> {
        let mut answer = None;
        self.look_only_at(moment, &mut |view, _| {
            answer = Some(look(view)?);
            Ok(())
        })
        .await?;
        answer.ok_or_else(unasked)
    }

    /// Plans a change on the newest root and commits it, again and again until nobody else was
    /// first. A change that changes nothing commits nothing.
    pub(super) async fn change<T>(
        &self,
        mut plan: impl FnMut(&mut Database<'_>) -> Result<T, Stop>,
    ) -> Result<T, Error> {
        let mut planned = None;
        self.apply(&mut |database| {
            planned = Some(plan(database)?);
            Ok(())
        })
        .await?;
        planned.ok_or_else(unasked)
    }

    /// As [`Self::change`], for plans that give no answer.
    pub(super) async fn apply(&self, plan: &mut PlanOf<'_>) -> Result<(), Error> {
        let _turn = self.writing.hold().await;
        self.change_again(plan).await
    }

    /// As [`Self::change`], for whoever holds the `writing` lock.
    pub(super) async fn change_in_turn<T>(
        &self,
        mut plan: impl FnMut(&mut Database<'_>) -> Result<T, Stop>,
    ) -> Result<T, Error> {
        let mut planned = None;
        self.change_again(&mut |database| {
            planned = Some(plan(database)?);
            Ok(())
        })
        .await?;
        planned.ok_or_else(unasked)
    }

    // What waits is compiled once each, whatever is looked for or planned: the callers above
    // keep the answers.

    pub(super) async fn look_again(&self, look: &mut LookAt<'_>) -> Result<(), Error> {
        for _ in 0..RESTARTS_MAX {
            let current = self.current();
            match self.look_once(&current, look).await {
                Err(Failed::Pages(StoreError::Unreadable(_))) => {
                    if !self.is_overtaken(&current).await? {
                        self.apply(&mut |database| database.mend(&[])).await?;
                    }
                }
                outcome => return Ok(outcome?),
            }
        }
        Err(outrun())
    }

    pub(super) async fn look_only_at(
        &self,
        moment: &Current,
        look: &mut LookAt<'_>,
    ) -> Result<(), Error> {
        let looked = self.look_once(moment, look).await;
        looked.map_err(|error| match error {
            Failed::Pages(StoreError::Unreadable(_)) => outrun(),
            error => error.into(),
        })
    }

    async fn look_once(&self, moment: &Current, look: &mut LookAt<'_>) -> Result<(), Failed> {
        let (mut failed, mut is_another) = (None, true);
        self.store
            .drive(&mut |pages| {
                let looked = look(View::new(&moment.root, pages), is_another);
                is_another = false;
                stopped(looked, &mut failed)
            })
            .await?;
        failed.map_or(Ok(()), |error| Err(Failed::Call(error)))
    }

    async fn change_again(&self, plan: &mut PlanOf<'_>) -> Result<(), Error> {
        let mut mend = |database: &mut Database<'_>| database.mend(&[]);
        let (mut mends, mut mended) = (false, 0);
        for _ in 0..TURNS_MAX {
            let current = self.current();
            let plan = if mends { &mut mend } else { &mut *plan };
            let written = match self.plan(&current, plan).await {
                Err(Failed::Pages(StoreError::Unreadable(_))) if mended < MENDS_MAX => {
                    mends = !self.is_overtaken(&current).await?;
                    mended += u32::from(mends);
                    continue;
                }
                planned => planned?,
            };
            match self.commit(&current, written).await {
                Ok(Committed::Done) if !mends => return Ok(()),
                Ok(Committed::Done) => mends = false,
                Ok(Committed::Stale) if is_planted(Fault::StaleIsDone) => return Ok(()),
                Ok(Committed::Stale) => {}
                Err(_) if is_planted(Fault::SavedBeforeItIs) => return Ok(()),
                Err(error) => return Err(error),
            }
            self.reload().await?;
        }
        Err(outrun())
    }

    /// Plans a change on this root.
    pub(super) async fn plan(
        &self,
        current: &Current,
        plan: &mut PlanOf<'_>,
    ) -> Result<Written, Failed> {
        let now_millis = self.environment.now_millis();
        let seeds = [self.random(), self.random()];
        let (mut failed, mut written) = (None, None);
        self.store
            .drive(&mut |pages| {
                let mut database = Database::new(current.root.clone(), pages, seeds);
                stopped(plan(&mut database), &mut failed)?;
                written = Some(database.finish(now_millis));
                Ok(())
            })
            .await?;
        match (failed, written) {
            (None, Some(written)) => Ok(written),
            (failed, _) => Err(Failed::Call(failed.unwrap_or_else(unasked))),
        }
    }

    /// Writes what was planned on `current`, and goes on from it.
    pub(super) async fn commit(
        &self,
        current: &Current,
        written: Written,
    ) -> Result<Committed, Error> {
        let Written { root, pages, freed } = written;
        let bytes = root.encode();
        if current.revision.is_some() && bytes == current.root.encode() {
            return Ok(Committed::Done);
        }
        let revision = match current.revision {
            Some(revision) => revision.next(),
            None => Revision::first(u64::from_be_bytes(self.random())),
        };
        let mut commit = Commit {
            expected: current.revision,
            revision,
            root: bytes,
            pages: Vec::with_capacity(pages.len()),
            freed,
        };
        for (id, page) in &pages {
            commit.pages.push((*id, Rc::clone(page.bytes())));
        }
        match self.store.commit(&commit).await {
            Ok(Committed::Done) => {}
            Ok(Committed::Stale) => return Ok(Committed::Stale),
            Err(error) => {
                // Only the answer may have been lost.
                let now = self.store.root().await.ok().flatten();
                let is_done = now
                    .is_some_and(|now| now.revision == commit.revision && now.bytes == commit.root);
                if !is_done {
                    return Err(error.into());
                }
            }
        }
        self.install(Some(revision), root);
        Ok(Committed::Done)
    }

    /// Goes on from this root, and tells what that changes.
    fn install(&self, revision: Option<Revision>, root: Root) {
        let before = self.current.replace(Rc::new(Current { revision, root }));
        let now = self.current();
        let (was, is) = (&before.root, &now.root);
        let is_seen = was.overlay != is.overlay
            || was.confirmed != is.confirmed
            || was.conflicts != is.conflicts
            || was.decisions != is.decisions;
        if is_seen {
            self.tell(Event::Change {
                revision: revision.map_or(0, |revision| revision.0),
            });
        }
        if let Some(lost) = is.damage
            && is.damage != was.damage
        {
            self.tell(Event::Damaged { lost });
        }
        self.update_status(&|status| {
            if now.root.damage.is_some() {
                status.error = Some(damaged());
            }
            status.pending = now.root.overlay.len();
            status.last_sync = now.root.last_sync.map(|at| at.to_string());
        });
    }

    pub(super) async fn is_overtaken(&self, current: &Current) -> Result<bool, Error> {
        self.reload().await?;
        Ok(self.current().revision != current.revision)
    }

    pub(super) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.environment.fill_random(&mut bytes);
        bytes
    }

    pub(super) fn random_uuid(&self) -> Uuid {
        random_uuid(&*self.environment)
    }

    /// Changes the status, and tells if it did.
    pub(super) fn update_status(&self, change: &dyn Fn(&mut Status)) {
        let before = self.status.borrow().to_json();
        change(&mut self.status.borrow_mut());
        // As the app sees it: that is written in any case.
        if self.status.borrow().to_json() != before {
            self.tell(Event::Status);
        }
    }

    /// Notes how a sync went, and when another makes sense.
    pub(super) fn note_outcome(&self, outcome: Result<bool, &Error>) {
        let mut backoff = self.backoff.get();
        let wait = match outcome {
            Ok(true) => {
                backoff.succeeded();
                None
            }
            // Both sides finished and differ: no reason to ask at once again.
            Ok(false) => Some(None),
            Err(error) if error.is_passing() => Some(error.retry_after_seconds),
            Err(_) => None,
        };
        let code = outcome.err().map(|error| error.code);
        if matches!(code, None | Some(ErrorCode::Airbag)) {
            self.hold(code.is_some());
        }
        let random = u32::from_be_bytes(self.random());
        let wait_ms = wait.map(|asked| backoff.failed(asked, random));
        self.backoff.set(backoff);
        let now = self.environment.now_millis();
        self.update_status(&|status| {
            let is_for_a_person =
                matches!(code, Some(ErrorCode::Unauthenticated | ErrorCode::Airbag));
            let waits = wait_ms.is_some() || is_for_a_person;
            status.phase = if waits { Phase::Waiting } else { Phase::Idle };
            status.progress = None;
            status.retry_at = wait_ms.map(|ms| now.saturating_add_unsigned(ms));
            status.error = outcome
                .err()
                .filter(|e| e.code != ErrorCode::Cancelled)
                .cloned();
            if let Ok(in_sync) = outcome {
                status.in_sync = Some(in_sync);
            }
        });
    }

    /// The airbag holds what was sent last, or nothing any more.
    pub(super) fn hold(&self, is_held: bool) {
        let sent = self.current().root.sent;
        self.held.set(is_held.then_some(sent));
    }

    pub(super) fn tell(&self, event: Event) {
        {
            // Of what only says that something is new, once is enough.
            let mut events = self.events.borrow_mut();
            match &event {
                Event::Status => events.retain(|told| !matches!(told, Event::Status)),
                Event::Change { .. } => events.retain(|told| !matches!(told, Event::Change { .. })),
                _ => {}
            }
            events.push(event);
        }
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener();
        }
    }

    pub(super) fn take_events(&self) -> Vec<Event> {
        self.events.take()
    }

    pub(super) fn listen(&self, listener: Box<dyn Fn()>) {
        self.listener.replace(Some(listener.into()));
    }
}

fn random_uuid(environment: &impl Environment) -> Uuid {
    let mut bytes = [0; 16];
    environment.fill_random(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

impl From<PagesError> for Error {
    fn from(error: PagesError) -> Self {
        let code = match &error {
            PagesError::Quota(_) => ErrorCode::Quota,
            PagesError::Closed(_) => ErrorCode::Closed,
            PagesError::Blocked(_) => ErrorCode::Blocked,
            PagesError::PrivateMode(_) => ErrorCode::PrivateMode,
            PagesError::Other(_) => ErrorCode::Storage,
        };
        Self::caused(code, &error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Pages(error) => error.into(),
            StoreError::Unreadable(_) => damaged(),
        }
    }
}

/// What was damaged on the disk is missing.
pub(super) fn damaged() -> Error {
    Error::new(
        ErrorCode::Damaged,
        "part of the local database was damaged on the disk",
    )
}
