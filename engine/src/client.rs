//! The device's side: the local database, and the sync that brings it in step with the truth.
//!
//! It is written against [`Environment`] (pages, transport, clock, randomness) and does no I/O
//! itself. It is single-threaded: nothing here is `Send`, and no borrow is held over an await.
//! [`Client`] is the face; below it, `shared` alone waits for pages, `session` alone calls the
//! server, and everything else is plans over trees: what a write does (`write`), what a pulled
//! page does (`pulled`), what becomes of edits when the truth moves (`rebase`, `publish`).

mod aliases;
mod backoff;
mod batch;
mod by_row;
mod codec;
mod conflicts;
mod copy;
mod database;
mod declare;
mod doc;
mod error;
mod follow;
mod group;
mod ids;
mod indexes;
mod lock;
mod mend;
mod options;
mod outgoing;
mod plain;
mod ports;
mod prepare;
mod publish;
mod pulled;
mod read;
mod rebase;
mod reconcile;
mod record;
mod reply;
mod root;
mod session;
mod shared;
mod status;
mod wire;
mod write;

use alloc::{
    boxed::Box,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::RefCell;

use tidemark_protocol::Timestamp;

pub use backoff::Backoff;
pub use batch::Batch;
pub use conflicts::Choice;
pub use copy::Imported;
pub use doc::{Doc, State, write_docs};
pub use error::{Details, Error, ErrorCode};
pub use follow::{Delta, Follow};
pub use options::{Cancel, DeclaredIndex, Operation, Options, SyncOptions};
pub use ports::{Environment, Reply, Transport, TransportError};
pub use status::{Event, Info, Phase, Progress, Remapped, Status, SyncReport};

use crate::query::{Position, Query};
use database::Rows;
use group::Queue;
use prepare::Prepared;
use read::Finding;
use shared::Shared;

/// How many ends of answers are remembered, for queries that go on `after` a row.
const POSITIONS_KEPT: usize = 64;

/// An open local database. Cheap to clone; all clones are the same one.
pub struct Client<E: Environment> {
    inner: Rc<Inner<E>>,
}

struct Inner<E: Environment> {
    shared: Shared<E>,
    queue: Queue,
    /// Where the last rows of earlier answers stood.
    positions: RefCell<Vec<Remembered>>,
}

/// Where a query's last row stood, for the query that goes on after it.
struct Remembered {
    entity: String,
    query: Query,
    key: String,
    position: Position,
}

impl<E: Environment> Clone for Client<E> {
    fn clone(&self) -> Self {
        Self {
            inner: Rc::clone(&self.inner),
        }
    }
}

impl<E: Environment> Client<E> {
    /// Opens the database, making it if there is none. Declared indexes that are not there yet
    /// are built, others dropped.
    ///
    /// # Errors
    /// Where the pages cannot be read, or were written by a newer version.
    pub async fn open(environment: E, options: Options) -> Result<Self, Error> {
        let shared = Shared::open(environment, options).await?;
        let inner = Inner {
            shared,
            queue: Queue::default(),
            positions: RefCell::default(),
        };
        let client = Self {
            inner: Rc::new(inner),
        };
        let declared = client.shared().options.borrow().indexes.clone();
        client
            .shared()
            .apply(&mut |database| database.declare(&declared))
            .await?;
        Ok(client)
    }

    /// Does these writes in one commit, all or none of them; gives the documents that each made
    /// or changed. Writes that wait for a commit under way go together in the next one. The
    /// future must be driven to its end.
    ///
    /// # Errors
    /// `invalid` and `not_found` for wrong operations, `quota` and the like where the pages
    /// cannot be written; then nothing was.
    pub async fn write(&self, operations: Vec<Operation>) -> Result<Vec<Vec<Doc>>, Error> {
        let prepared = self.prepare(operations)?;
        self.inner
            .queue
            .write(self.shared(), prepared, self.now())
            .await
    }

    /// Begins a batch at the newest moment.
    ///
    /// # Errors
    /// Never as yet.
    #[expect(
        clippy::unused_async,
        reason = "a batch may have to wait for its moment one day"
    )]
    pub async fn begin(&self) -> Result<Batch<E>, Error> {
        Ok(Batch::new(self.clone()))
    }

    /// The records of these keys, in their order. A `local_id` goes on working after its
    /// record got its key.
    ///
    /// # Errors
    /// Where the pages cannot be read.
    pub async fn get_many(&self, entity: &str, keys: &[String]) -> Result<Vec<Option<Doc>>, Error> {
        let (entity, rows) = (Rc::from(entity), Rows::default());
        self.shared()
            .look(|view| read::get_many(view, &rows, &entity, keys))
            .await
    }

    /// The records that a query finds: API.md's `Query` as JSON text, or nothing.
    ///
    /// # Errors
    /// `invalid` for a query that is not understood; or where the pages cannot be read.
    pub async fn find(&self, entity: &str, query: &str) -> Result<Vec<Doc>, Error> {
        let query = Query::parse(query)?;
        let name: Rc<str> = Rc::from(entity);
        let remembered = self.remembered(entity, &query);
        let found = self
            .shared()
            .look_from(
                || Finding::new(Rc::clone(&name)),
                |finding, view| finding.advance(view, &query, remembered.as_ref()),
            )
            .await?;
        if let (Some(_), Some(last)) = (query.limit, found.last()) {
            self.remember(entity, query, last);
        }
        Ok(found)
    }

    /// Follows a query: its answer, and then what each change of the database does to it.
    pub fn follow(&self, entity: &str, query: String) -> Follow<E> {
        Follow::new(self.clone(), entity, query)
    }

    /// How a query is answered, as JSON: by which declared index, whether that leaves ranges to read
    /// or all, whether rows come in order, and which fields are checked on each.
    ///
    /// # Errors
    /// `invalid` for a query that is not understood.
    pub fn explain(&self, entity: &str, query: &str) -> Result<String, Error> {
        let query = Query::parse(query)?;
        let current = self.shared().current();
        Ok(read::explain(&current.root, entity, &query))
    }

    /// How many records a query finds.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn count(&self, entity: &str, query: &str) -> Result<u64, Error> {
        let parsed = Query::parse(query)?;
        let is_all = parsed.filters.is_empty() && parsed.limit.is_none() && parsed.after.is_none();
        if is_all {
            let shared = self.shared();
            return shared.look(|view| read::count_all(view, entity)).await;
        }
        Ok(self.find(entity, query).await?.len() as u64)
    }

    /// The records that no answer has confirmed, deleted ones too.
    ///
    /// # Errors
    /// Where the pages cannot be read.
    pub async fn pending(&self) -> Result<Vec<Doc>, Error> {
        self.shared().look(read::pending).await
    }

    /// The conflicts that wait for a person, as the server told them last, each as JSON text and
    /// in no order. A decided one is not among them.
    ///
    /// # Errors
    /// Where the pages cannot be read.
    pub async fn conflicts(&self) -> Result<Vec<String>, Error> {
        self.shared().look(conflicts::open).await
    }

    /// Settles a conflict: kept here at once, sent with the next sync, and what it changes comes
    /// back with that. Until it is sent, another choice takes its place.
    ///
    /// # Errors
    /// `not_found` where no conflict has this id, `invalid` for a value that is no JSON.
    pub async fn resolve(&self, id: &str, choice: &Choice) -> Result<(), Error> {
        let body = choice.body()?;
        self.shared()
            .apply(&mut |database| conflicts::decide(database, id, &body))
            .await
    }

    /// Names the datastore to belong to, if this database belongs to none yet; `None`: the
    /// user's own. It counts from the next sync on.
    pub fn set_datastore(&self, datastore: Option<String>) {
        self.shared().options.borrow_mut().datastore = datastore;
    }

    /// Brings both sides in step. Syncs of one client come one after the other; only one tab
    /// is to sync a database at a time.
    ///
    /// # Errors
    /// The three classes: passing (`offline`, `busy`), signed out (`unauthenticated`), and
    /// refused (`airbag`, `wrong_user`, …). What was done until then stays done.
    pub async fn sync(&self, options: SyncOptions, cancel: &Cancel) -> Result<SyncReport, Error> {
        options.check()?;
        let _turn = self.shared().syncing.hold().await;
        let began = self.shared().environment.now_millis();
        let mut report = SyncReport::default();
        let outcome = session::sync(self.shared(), options, cancel, &mut report).await;
        let ended = self.shared().environment.now_millis();
        report.ms = u64::try_from(ended.saturating_sub(began)).unwrap_or(0);
        let last_sync = self.shared().current().root.last_sync;
        report.last_sync = last_sync.map(|at| at.to_string()).unwrap_or_default();
        match outcome {
            Ok(()) => {
                self.shared().note_outcome(Ok(report.in_sync));
                Ok(report)
            }
            Err(error) => {
                self.shared().note_outcome(Err(&error));
                Err(error)
            }
        }
    }

    /// Another tab committed: goes on from its root. True: it is a newer one.
    ///
    /// # Errors
    /// Where the pages cannot be read.
    pub async fn refresh(&self) -> Result<bool, Error> {
        self.shared().reload().await
    }

    /// Whether the airbag holds what is edited here: another sync of the same edits makes no sense
    /// before a person has answered, by one that is confirmed or takes the truth.
    pub fn is_held(&self) -> bool {
        self.shared().held.get() == Some(self.shared().current().root.edit)
    }

    /// Another tab's sync was held by the airbag, or is not any more.
    pub fn hold(&self, is_held: bool) {
        self.shared().hold(is_held);
    }

    /// All that this database holds at one moment, as bytes in parts that belong together: see
    /// [`Self::import`].
    ///
    /// # Errors
    /// Where the pages cannot be read, `busy` where other tabs change them too fast.
    pub async fn export(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.shared().export().await
    }

    /// Takes up what [`Self::export`] gave, here or elsewhere, what waits to be pushed too. This stays the
    /// device that it is.
    ///
    /// # Errors
    /// `invalid` where the database is not empty, or the bytes are no whole copy; `wrong_user` for one of
    /// another datastore than this database was opened for; `quota` and the like. Then nothing was taken.
    pub async fn import(&self, copy: &[u8]) -> Result<Imported, Error> {
        let _turn = self.shared().syncing.hold().await;
        self.shared().import(copy).await
    }

    /// What is going on.
    pub fn status(&self) -> Status {
        self.shared().status.borrow().clone()
    }

    /// What this database is and holds.
    pub fn info(&self) -> Info {
        let current = self.shared().current();
        let root = &current.root;
        let confirmed = root.confirmed.summary();
        Info {
            device_uuid: root.device.to_string(),
            datastore: root.datastore.clone(),
            last_sync: root.last_sync.map(|at| at.to_string()),
            confirmed: confirmed.count,
            pending: root.overlay.len(),
            rejected: root.set_aside,
            decisions: root.decisions.len(),
            fingerprint: confirmed.sum.to_string(),
            revision: self.revision(),
        }
    }

    /// Whether records were lost to damage of the disk, and the next sync is to bring them back.
    pub fn is_damaged(&self) -> bool {
        self.shared().is_damaged()
    }

    /// The revision of the newest root known here.
    pub fn revision(&self) -> u64 {
        self.shared()
            .current()
            .revision
            .map_or(0, |revision| revision.0)
    }

    /// What happened since the last call, in order.
    pub fn take_events(&self) -> Vec<Event> {
        self.shared().take_events()
    }

    /// Calls back whenever there are events to take; the callback must not call the client
    /// back at once.
    pub fn on_event(&self, callback: Box<dyn Fn()>) {
        self.shared().listen(callback);
    }

    /// The environment that it was opened in.
    pub fn environment(&self) -> &E {
        &self.shared().environment
    }

    fn shared(&self) -> &Shared<E> {
        &self.inner.shared
    }

    fn now(&self) -> Rc<str> {
        let millis = self.shared().environment.now_millis();
        let epoch = || Timestamp::from_millis(0).ok();
        let now = Timestamp::from_millis(millis).ok().or_else(epoch);
        now.map_or_else(|| Rc::from(""), |now| now.as_str().into())
    }

    /// Reads operations strictly, once; new records get their ids.
    fn prepare(&self, operations: Vec<Operation>) -> Result<Vec<Prepared>, Error> {
        let now = self.shared().environment.now_millis();
        let random = u128::from_be_bytes(self.shared().random());
        let mut ids = self.shared().ids.borrow_mut();
        let mut prepared = Vec::with_capacity(operations.len());
        for operation in operations {
            prepared.push(prepare::prepare(operation, || ids.next(now, random))?);
        }
        Ok(prepared)
    }

    fn remembered(&self, entity: &str, query: &Query) -> Option<Position> {
        let after = query.after.as_deref()?;
        let positions = self.inner.positions.borrow();
        let is_it = |seen: &&Remembered| {
            seen.entity == entity
                && seen.key == after
                && seen.query.order == query.order
                && seen.query.filters == query.filters
        };
        positions
            .iter()
            .rev()
            .find(is_it)
            .map(|seen| seen.position.clone())
    }

    fn remember(&self, entity: &str, query: Query, last: &Doc) {
        let position = query.position(last);
        let (entity, key) = (entity.to_string(), last.key.clone());
        let mut positions = self.inner.positions.borrow_mut();
        if positions.len() == POSITIONS_KEPT {
            positions.remove(0);
        }
        positions.push(Remembered {
            entity,
            query,
            key,
            position,
        });
    }
}

#[cfg(test)]
mod tests;
