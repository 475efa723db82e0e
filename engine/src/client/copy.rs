//! A copy of a whole database as bytes: to keep, or to carry to another browser.
//!
//! It holds all that the database does, what waits to be pushed too, as it was at one moment, but for a
//! pull under way. Where it is taken up it is another device, that knows what this one knew: the truth
//! mingles what both push, and a record that both still have under its first id is one.
//!
//! ```text
//! copy   "tidemark copy 1\n" · root record · n: how many pages · n × (page id · page)
//! ```
//!
//! Root record and pages are bytes with their length before them, each with a checksum of its own
//! ([`Root`], [`Page`]). So nothing here calls the server, and what is damaged is told.

use alloc::{rc::Rc, vec::Vec};
use core::cell::Cell;

use super::codec::{Reader, Unreadable, put_bytes, put_number};
use super::database::Written;
use super::root::Root;
use super::shared::{Current, Shared, outrun};
use super::{Environment, Error, ErrorCode};
use crate::sort::sort_by;
use crate::store::{Committed, Page, PageId, PageSource, Pages, StoreError, Tree, TreeError};

const MAGIC: &[u8] = b"tidemark copy 1\n";
/// What every version of a copy begins with.
const FAMILY: &[u8] = b"tidemark copy ";
/// A part of a copy is about as long, in bytes.
const PART_BYTES: usize = 1024 * 1024;
/// How many pages are read at once.
const PAGES_READ: usize = 64;
/// How often a copy is begun anew because other tabs have taken its pages away.
const BEGINS_MAX: u32 = 5;

/// What was taken up from a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Records as the server had confirmed them.
    pub confirmed: u64,
    /// Records with edits that no answer had confirmed.
    pub pending: u64,
}

impl<E: Environment> Shared<E> {
    /// All of one moment, in parts. What is damaged is mended first.
    pub(super) async fn export(&self) -> Result<Vec<Vec<u8>>, Error> {
        for _ in 0..BEGINS_MAX {
            let moment = self.current();
            if let Some(parts) = self.export_at(&moment).await? {
                return Ok(parts);
            }
            if !self.is_overtaken(&moment).await? {
                self.apply(&mut |database| database.mend(&[])).await?;
            }
        }
        Err(outrun())
    }

    /// `None`: some of it is not there any more, or damaged.
    async fn export_at(&self, moment: &Current) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let ids = self
            .look_at(moment, |view| Ok(page_ids(view.root, &view.pages)?))
            .await;
        let ids = match ids {
            Err(error) if error.code == ErrorCode::Busy => return Ok(None),
            ids => ids?,
        };
        let mut parts = Vec::new();
        let mut part = Vec::from(MAGIC);
        put_bytes(&mut part, &moment.root.encode());
        put_number(&mut part, ids.len() as u64);
        for ids in ids.chunks(PAGES_READ) {
            let pages = self.pages().read(ids).await.map_err(StoreError::from)?;
            for (id, page) in ids.iter().zip(pages) {
                let Some(page) = page.and_then(|page| Page::checked(id, page)) else {
                    return Ok(None);
                };
                part.extend_from_slice(&id.0);
                put_bytes(&mut part, page.bytes());
                if part.len() >= PART_BYTES {
                    parts.push(core::mem::take(&mut part));
                }
            }
        }
        parts.push(part);
        Ok(Some(parts))
    }

    /// Takes up a copy, where nothing is held yet.
    pub(super) async fn import(&self, copy: &[u8]) -> Result<Imported, Error> {
        let (root, pages) = read(copy)?;
        self.check_datastore(&root)?;
        let imported = Imported {
            confirmed: root.confirmed.len(),
            pending: root.overlay.len(),
        };
        let turn = self.writing.hold().await;
        loop {
            self.reload().await?;
            let current = self.current();
            if !is_bare(&current.root) {
                return Err(Error::invalid(
                    "the database holds something already: take the copy up in one of another name",
                ));
            }
            let written = taken_up(&current, root.clone(), pages.clone());
            if self.commit(&current, written).await? == Committed::Done {
                break;
            }
        }
        drop(turn);
        let declared = self.options.borrow().indexes.clone();
        self.apply(&mut |database| database.declare(&declared))
            .await?;
        Ok(imported)
    }

    /// Nobody's records come into a database that was opened for another datastore.
    fn check_datastore(&self, root: &Root) -> Result<(), Error> {
        match (&self.options.borrow().datastore, &root.datastore) {
            (Some(wanted), Some(of)) if wanted != of => Err(Error::new(
                ErrorCode::WrongUser,
                "the copy belongs to another datastore",
            )),
            _ => Ok(()),
        }
    }
}

/// Whether nobody has ever written to it, nor synced.
fn is_bare(root: &Root) -> bool {
    root.trees().iter().all(|tree| tree.is_empty())
        && root.datastore.is_none()
        && root.last_sync.is_none()
        && root.staged.is_none()
}

/// The copy as the next root of a bare database, which stays the device that it is: nothing of a pull under
/// way, nor of the sessions that the other one has opened.
fn taken_up(current: &Current, mut root: Root, pages: Vec<(PageId, Page)>) -> Written {
    root.device = current.root.device;
    root.freed = current.root.freed.clone();
    root.attempts.clear();
    root.staged = None;
    Written {
        root,
        pages,
        freed: Vec::new(),
    }
}

/// The pages of all trees, each once.
fn page_ids(root: &Root, pages: &dyn PageSource) -> Result<Vec<PageId>, TreeError> {
    let mut ids = Vec::new();
    for tree in root.trees() {
        ids.append(&mut Tree::page_ids(tree, pages)?);
    }
    Ok(ids)
}

/// The pages that a copy brings, and no others. Each is looked at once, unless they lead round in circles.
struct Brought<'a> {
    pages: &'a [(PageId, Page)],
    looks: Cell<usize>,
}

impl PageSource for Brought<'_> {
    fn page(&self, id: &PageId) -> Option<Page> {
        self.looks.set(self.looks.get().checked_sub(1)?);
        let place = self.pages.binary_search_by(|(brought, _)| brought.cmp(id));
        Some(self.pages[place.ok()?].1.clone())
    }
}

/// Reads a copy, and looks whether it is whole.
fn read(copy: &[u8]) -> Result<(Root, Vec<(PageId, Page)>), Error> {
    let Some(rest) = copy.strip_prefix(MAGIC) else {
        return Err(Error::invalid(if copy.starts_with(FAMILY) {
            "the copy was made by a newer version of Tidemark"
        } else {
            "this is no copy of a database"
        }));
    };
    let damaged = || Error::invalid("the copy is damaged, or not all of it is there");
    let (root, mut pages) = read_parts(rest)
        .map_err(|_| damaged())?
        .ok_or_else(damaged)?;
    sort_by(&mut pages, |(one, _), (other, _)| one.cmp(other));
    let brought = Brought {
        pages: &pages,
        looks: Cell::new(pages.len()),
    };
    let wanted = page_ids(&root, &brought).map_err(|_| damaged())?;
    if wanted.len() != pages.len() {
        return Err(damaged());
    }
    Ok((root, pages))
}

/// `None`: a checksum is wrong.
#[expect(clippy::type_complexity, reason = "what it is read to")]
fn read_parts(bytes: &[u8]) -> Result<Option<(Root, Vec<(PageId, Page)>)>, Unreadable> {
    let mut reader = Reader::new(bytes);
    let Some(root) = Root::decode(reader.bytes()?)? else {
        return Ok(None);
    };
    let mut pages = Vec::new();
    for _ in 0..reader.number()? {
        let id = PageId(reader.array()?);
        let Some(page) = Page::checked(&id, Rc::from(reader.bytes()?)) else {
            return Ok(None);
        };
        pages.push((id, page));
    }
    Ok(reader.is_empty().then_some((root, pages)))
}
