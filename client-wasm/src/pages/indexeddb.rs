//! The engine's port on IndexedDB: calls of one transaction each.

use std::{cell::Cell, rc::Rc};

use idb::{CursorDirection, ObjectStore, Query, Request as _};
use js_sys::Uint8Array;
use tidemark_engine::store::{Commit, Committed, PageId, Pages, PagesError, Revision, RootRecord};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbTransactionMode;

use super::{
    Durability, PAGES, ROOTS,
    commit::{Deciding, before_revision, issue_pages, issue_root, member, revision},
    failure::{self, Failure},
    handle::{Handle, Scope},
    open,
    transaction::{End, Running},
};
use crate::signal::Signalled;

/// Pages in an IndexedDB database. A clone is the same handle.
#[derive(Clone)]
pub struct IndexedDbPages(Rc<Inner>);

struct Inner {
    handle: Handle,
    on_commit: Box<dyn Fn(Revision)>,
}

impl IndexedDbPages {
    /// Opens the database, making it where there is none. `on_commit` is called after each
    /// commit that is done, before the answer is seen.
    ///
    /// # Errors
    ///
    /// `PrivateMode` where the browser keeps no data, `Blocked` while another tab holds an old
    /// version, `Quota`, or whatever else the browser says.
    pub async fn open(
        name: &str,
        durability: Durability,
        on_commit: Box<dyn Fn(Revision)>,
    ) -> Result<Self, PagesError> {
        let handle = Handle::open(name, durability).await?;
        Ok(Self(Rc::new(Inner { handle, on_commit })))
    }

    /// Closes the handle for good: every later call answers `Closed`.
    pub fn close(&self) {
        self.0.handle.close();
    }

    /// Deletes the database of this name, whoever has it open.
    ///
    /// # Errors
    ///
    /// `Blocked` where another tab does not let go of it.
    pub async fn delete(name: &str) -> Result<(), PagesError> {
        open::delete(name).await
    }
}

impl Inner {
    fn begin(
        &self,
        scope: Scope,
        mode: IdbTransactionMode,
    ) -> Result<(Running, Signalled<End>), Failure> {
        Ok(Running::watch(self.handle.begin(scope, mode)?))
    }

    /// The newest root record, or the newest before a revision.
    async fn root(&self, before: Option<Revision>) -> Result<Option<RootRecord>, Failure> {
        let (running, end) = self.begin(Scope::Roots, IdbTransactionMode::Readonly)?;
        let roots = store(&running, ROOTS)?;
        let open = || {
            let older = match before {
                Some(revision) => Some(before_revision(revision)?),
                None => None,
            };
            roots.open_cursor(older, Some(CursorDirection::Prev))
        };
        let mut newest = open().map_err(|error: idb::Error| failure::request(&error))?;
        let ended = running.ended();
        newest.on_success(move |_| ended.give(End::Done));
        match end.await {
            End::Done => Ok(newest.result().ok().as_ref().and_then(root_record)),
            End::Aborted(exception) => Err(failure::ended(exception)),
        }
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, Failure> {
        let (running, end) = self.begin(Scope::Pages, IdbTransactionMode::Readonly)?;
        let found = get_last(&running, PAGES, ids.iter().map(key), end).await?;
        Ok(found.iter().map(page).collect())
    }

    /// Takes the browser's word for the revision first. Where that differs, which a browser that
    /// counts an aborted commit would make so for ever, and where there is nothing to count on
    /// from, the newest root is looked at.
    async fn commit(&self, commit: &Commit) -> Result<Committed, Failure> {
        if let Some(expected) = commit.expected
            && self
                .attempt(commit, Deciding::Next(expected.next()))
                .await?
                == Committed::Done
        {
            return Ok(Committed::Done);
        }
        self.attempt(commit, Deciding::Newest).await
    }

    /// Issues every request of the commit at once. The first one tells the revision, and its
    /// callback lets the others stand or takes them back: nothing is awaited in between.
    async fn attempt(&self, commit: &Commit, deciding: Deciding) -> Result<Committed, Failure> {
        let writes_pages = !commit.pages.is_empty() || !commit.freed.is_empty();
        let scope = if writes_pages {
            Scope::Both
        } else {
            Scope::Roots
        };
        let (running, end) = self.begin(scope, IdbTransactionMode::Readwrite)?;
        let stale = Rc::new(Cell::new(false));
        let (found_stale, handle) = (Rc::clone(&stale), running.handle());
        let due = match deciding {
            Deciding::Next(revision) => Some(revision),
            Deciding::Newest => commit.expected,
        };
        let decide = move |found: Option<Revision>| {
            if found == due {
                // A root alone is committed as soon by the browser itself.
                if writes_pages {
                    drop(handle.commit());
                }
            } else {
                found_stale.set(true);
                drop(handle.abort());
            }
        };
        let issued = issue_root(&running, commit, deciding, decide).and_then(|requests| {
            if writes_pages {
                issue_pages(&running, commit)?;
            }
            Ok(requests)
        });
        let _requests = match issued {
            Ok(requests) => requests,
            Err(failure) => {
                // It aborts by itself where the browser has done so already.
                drop(running.handle().abort());
                return Err(failure);
            }
        };
        match end.await {
            End::Done => Ok(Committed::Done),
            End::Aborted(_) if stale.get() => Ok(Committed::Stale),
            End::Aborted(exception) => Err(failure::ended(exception)),
        }
    }

    /// After a handle that died during a commit: what became of it.
    async fn settle(&self, commit: &Commit, error: PagesError) -> Result<Committed, PagesError> {
        let root = self.root(None).await.map_err(Failure::into_error)?;
        match root {
            Some(root) if root.revision == commit.revision && root.bytes == commit.root => {
                Ok(Committed::Done)
            }
            root if root.as_ref().map(|root| root.revision) == commit.expected => {
                self.commit(commit).await.map_err(Failure::into_error)
            }
            // Others went on since: whether ours was among them cannot be told.
            _ => Err(error),
        }
    }
}

impl Pages for IndexedDbPages {
    async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        match self.0.root(None).await {
            Err(Failure::Lost { .. }) => {
                self.0.handle.reopen().await?;
                self.0.root(None).await.map_err(Failure::into_error)
            }
            answer => answer.map_err(Failure::into_error),
        }
    }

    async fn root_before(&self, revision: Revision) -> Result<Option<RootRecord>, PagesError> {
        let before = self.0.root(Some(revision)).await;
        before.map_err(Failure::into_error)
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, PagesError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        match self.0.read(ids).await {
            Err(Failure::Lost { .. }) => {
                self.0.handle.reopen().await?;
                self.0.read(ids).await.map_err(Failure::into_error)
            }
            answer => answer.map_err(Failure::into_error),
        }
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        let answer = match self.0.commit(commit).await {
            Err(Failure::Lost { begun, error }) => {
                self.0.handle.reopen().await?;
                if begun {
                    self.0.settle(commit, error).await
                } else {
                    self.0.commit(commit).await.map_err(Failure::into_error)
                }
            }
            answer => answer.map_err(Failure::into_error),
        };
        if answer == Ok(Committed::Done) {
            (self.0.on_commit)(commit.revision);
        }
        answer
    }
}

/// Gets all these keys in one transaction. Requests of a transaction are answered in order, so
/// only the last one needs a callback.
async fn get_last(
    running: &Running,
    name: &str,
    keys: impl IntoIterator<Item = JsValue>,
    end: Signalled<End>,
) -> Result<Vec<JsValue>, Failure> {
    let store = store(running, name)?;
    let mut requests = keys
        .into_iter()
        .map(|key| store.get(Query::Key(key)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failure::request(&error))?;
    if let Some(last) = requests.last_mut() {
        let ended = running.ended();
        last.on_success(move |_| ended.give(End::Done));
    }
    match end.await {
        End::Done => requests
            .iter()
            .map(|request| request.result().map_err(|error| failure::request(&error)))
            .collect(),
        End::Aborted(exception) => Err(failure::ended(exception)),
    }
}

pub(super) fn store(running: &Running, name: &str) -> Result<ObjectStore, Failure> {
    running
        .transaction()
        .object_store(name)
        .map_err(|error| failure::request(&error))
}

pub(super) fn key(id: &PageId) -> JsValue {
    Uint8Array::from(&id.0[..]).into()
}

fn page(value: &JsValue) -> Option<Rc<[u8]>> {
    value
        .dyn_ref::<Uint8Array>()
        .map(|bytes| Rc::from(bytes.to_vec()))
}

/// The root record that a cursor stands on; where something else lies there, one of no bytes.
fn root_record(cursor: &JsValue) -> Option<RootRecord> {
    let bytes = member(cursor, "value")?;
    Some(RootRecord {
        revision: revision(&member(cursor, "key")?)?,
        bytes: bytes.dyn_ref().map(Uint8Array::to_vec).unwrap_or_default(),
    })
}
