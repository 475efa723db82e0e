//! The requests of a commit: all issued at once, the first of which decides.

use idb::{
    CursorDirection, KeyRange, Query, Request as _,
    request::{AddStoreRequest, OpenKeyCursorStoreRequest},
};
use js_sys::{Reflect, Uint8Array};
use tidemark_engine::sort::sort_by;
use tidemark_engine::store::{Commit, PageId, Revision};
use wasm_bindgen::JsValue;

use super::{
    PAGES, ROOTS, ROOTS_KEPT,
    failure::{self, Failure},
    indexeddb::{key, store},
    transaction::Running,
};

/// What tells whether a commit stands on the newest root.
#[derive(Clone, Copy)]
pub(super) enum Deciding {
    /// The browser, by giving the new root this key.
    Next(Revision),
    /// A look at the newest root's key.
    Newest,
}

/// The requests that callbacks are set on, to be kept until the transaction ends.
pub(super) type Kept = (Option<AddStoreRequest>, Option<OpenKeyCursorStoreRequest>);

/// Writes the root, and calls back with the revision that decides, or with none.
pub(super) fn issue_root(
    running: &Running,
    commit: &Commit,
    deciding: Deciding,
    decide: impl FnOnce(Option<Revision>) + 'static,
) -> Result<Kept, Failure> {
    let roots = store(running, ROOTS)?;
    let bytes = Uint8Array::from(&*commit.root);
    let write = || {
        let kept = match deciding {
            Deciding::Next(_) => {
                let mut added = roots.add(&bytes, None)?;
                added.on_success(move |event| {
                    decide(result(&event).and_then(|key| revision(&key)));
                });
                (Some(added), None)
            }
            Deciding::Newest => {
                let newest = Some(CursorDirection::Prev);
                let mut newest = roots.open_key_cursor(None, newest)?;
                newest.on_success(move |event| {
                    decide(result(&event).and_then(|cursor| revision(&member(&cursor, "key")?)));
                });
                roots.add(&bytes, Some(&revision_key(commit.revision)))?;
                (None, Some(newest))
            }
        };
        if let Some(expected) = commit.expected
            && (!commit.pages.is_empty() || commit.revision.0.is_multiple_of(ROOTS_KEPT))
        {
            // The one before stays, for when the new one is damaged.
            roots.delete(before_revision(expected)?)?;
        }
        Ok(kept)
    };
    write().map_err(|error: idb::Error| failure::request(&error))
}

/// All root records older than this one.
pub(super) fn before_revision(revision: Revision) -> Result<Query, idb::Error> {
    KeyRange::upper_bound(&revision_key(revision), Some(true)).map(Query::KeyRange)
}

fn result<E: idb::Event<Target: idb::Request>>(event: &E) -> Option<JsValue> {
    event.target().ok()?.result().ok()
}

/// Writes and deletes a commit's pages; nothing of it is waited for.
pub(super) fn issue_pages(running: &Running, commit: &Commit) -> Result<(), Failure> {
    let pages = store(running, PAGES)?;
    let write = || {
        for (id, bytes) in &commit.pages {
            pages.add(&Uint8Array::from(&**bytes), Some(&key(id)))?;
        }
        for (first, last) in runs(&commit.freed) {
            pages.delete(between(first, last)?)?;
        }
        Ok(())
    };
    write().map_err(|error: idb::Error| failure::request(&error))
}

/// The ids as runs of numbers that follow each other, first and last. Pages that one commit made
/// are mostly freed together, and a request costs as much as the page it deletes.
fn runs(ids: &[PageId]) -> Vec<(PageId, PageId)> {
    let mut numbers: Vec<u128> = ids.iter().map(|id| u128::from_be_bytes(id.0)).collect();
    sort_by(&mut numbers, u128::cmp);
    let mut runs: Vec<(PageId, PageId)> = Vec::new();
    let mut last = None;
    for number in numbers {
        let id = PageId(number.to_be_bytes());
        match runs.last_mut() {
            Some(run) if last.is_some_and(|last: u128| number - last <= 1) => run.1 = id,
            _ => runs.push((id, id)),
        }
        last = Some(number);
    }
    runs
}

fn between(first: PageId, last: PageId) -> Result<Query, idb::Error> {
    if first == last {
        return Ok(Query::Key(key(&first)));
    }
    KeyRange::bound(&key(&first), &key(&last), None, None).map(Query::KeyRange)
}

/// A member of an object; `None` also of what is none, as the cursor of an empty store.
pub(super) fn member(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "revisions are below 2^53, as the port promises"
)]
fn revision_key(revision: Revision) -> JsValue {
    (revision.0 as f64).into()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only whole numbers below 2^53 are ever stored"
)]
pub(super) fn revision(key: &JsValue) -> Option<Revision> {
    Some(Revision(key.as_f64()? as u64))
}
