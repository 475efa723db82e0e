//! The trees under one root: reading them as one moment, and changing them as one commit.
//!
//! All of it is synchronous and may be called again when lacking pages have come; `client` is
//! the one that waits. What the rows mean is said in `record`, what a write or a sync makes of
//! them in `write`, `pulled` and `publish`.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::ops::Bound;

use uuid::Uuid;

use super::aliases::{alias_row, alias_text, handle_row, read_alias_text};
use super::by_row::ByRow;
use super::codec::Unreadable;
use super::indexes::IndexEdits;
use super::record::{Confirmed, Edit, split_row_key};
use super::root::{Root, Staged};
use super::{Error, ErrorCode};
use crate::faults::{Fault, is_planted};
use crate::store::{
    Cursor, Direction, Edit as TreeEdit, KeyRange, Page, PageId, PageSource, TreeError, Workspace,
};
use tidemark_protocol::Checkin;

/// Why something cannot be read or planned, for now or for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Pages are lacking or damaged.
    Tree(TreeError),
    /// The call is wrong, or cannot be done.
    Failed(Error),
}

impl From<TreeError> for Stop {
    fn from(error: TreeError) -> Self {
        Self::Tree(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unreadable> for Stop {
    #[cold]
    #[inline(never)]
    fn from(error: Unreadable) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Unreadable> for Error {
    #[cold]
    #[inline(never)]
    fn from(error: Unreadable) -> Self {
        Self::caused(ErrorCode::Storage, &error)
    }
}

/// Overlay rows to write; `None` takes a row away.
pub(super) type Rows = ByRow<Option<Edit>>;

/// Pages from wherever they are.
#[derive(Clone, Copy)]
pub(super) struct Source<'v>(&'v dyn PageSource);

impl PageSource for Source<'_> {
    fn page(&self, id: &PageId) -> Option<Page> {
        self.0.page(id)
    }
}

/// One moment of the database.
#[derive(Clone, Copy)]
pub(super) struct View<'v> {
    pub(super) root: &'v Root,
    pub(super) pages: Source<'v>,
}

impl<'v> View<'v> {
    pub(super) fn new(root: &'v Root, pages: &'v dyn PageSource) -> Self {
        Self {
            root,
            pages: Source(pages),
        }
    }

    /// The edit in an overlay row.
    pub(super) fn edit(&self, row: &[u8]) -> Result<Option<Edit>, Stop> {
        let bytes = self.root.overlay.get(&self.pages, row)?;
        Ok(Edit::decode_some(bytes.as_ref())?)
    }

    /// The record in a confirmed row.
    pub(super) fn confirmed(&self, row: &[u8]) -> Result<Option<Confirmed>, Stop> {
        let bytes = self.root.confirmed.get(&self.pages, row)?;
        Ok(Confirmed::decode_some(bytes.as_ref())?)
    }

    /// What a `local_id` of this device became.
    pub(super) fn alias(&self, key: &str) -> Result<Option<String>, Stop> {
        let Ok(local_id) = Uuid::try_parse(key) else {
            return Ok(None);
        };
        let found = self.root.aliases.get(&self.pages, &alias_row(local_id))?;
        Ok(found.map(|bytes| read_alias_text(&bytes)).transpose()?)
    }

    /// The handle that a record had here before it was deleted.
    pub(super) fn handle_of_deleted(&self, key: &str) -> Result<Option<Uuid>, Stop> {
        let found = self.root.aliases.get(&self.pages, &handle_row(key))?;
        Ok(found
            .map(|bytes| Uuid::from_slice(&bytes).map_err(|_| Unreadable))
            .transpose()?)
    }

    /// Up to `limit` overlay rows after this one, in order.
    pub(super) fn edits_after(
        &self,
        row: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Edit)>, Stop> {
        let from = row.map_or(Bound::Unbounded, |row| Bound::Excluded(row.to_vec()));
        self.edits_in(
            KeyRange {
                from,
                to: Bound::Unbounded,
            },
            limit,
        )
    }

    /// Up to `limit` overlay rows of a range, in order.
    pub(super) fn edits_in(
        &self,
        range: KeyRange,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Edit)>, Stop> {
        let mut cursor =
            Cursor::new(&self.root.overlay, range, Direction::Ascending).reading_far_ahead();
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(entry) = cursor.next(&self.pages)? else {
                break;
            };
            found.push((entry.key.to_vec(), Edit::decode(&entry.value)?));
        }
        Ok(found)
    }
}

/// A commit in the making.
pub(super) struct Database<'s> {
    pub(super) root: Root,
    pub(super) plain: Workspace<'s>,
    /// The confirmed trees change here, so that what they replace is told apart: while a pull
    /// is staged, the published trees still need it.
    pub(super) deep: Workspace<'s>,
    /// Replaced pages of published trees, that readers may still want.
    replaced: Vec<PageId>,
    /// Pages that no reader can want.
    freed_now: Vec<PageId>,
}

/// What a commit writes.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) root: Root,
    pub(super) pages: Vec<(PageId, Page)>,
    pub(super) freed: Vec<PageId>,
}

/// How long freed pages stay on the disk for readers of older roots, in milliseconds.
const FREED_KEPT_MS: i64 = 60_000;
/// More freed pages than this are not kept: each root record lists them.
const FREED_PAGES_KEPT: usize = 256;
/// No commit has to take more of the old ones off the disk than this.
const FREED_AT_ONCE: usize = 32;

impl<'s> Database<'s> {
    pub(super) fn new(root: Root, pages: &'s dyn PageSource, mut seeds: [[u8; 12]; 2]) -> Self {
        if is_planted(Fault::FreedPageReused) {
            // Few names, so that those of freed pages are soon given again.
            seeds = seeds.map(|seed| [seed[0], seed[1] & 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        Self {
            root,
            plain: Workspace::new(pages, seeds[0]),
            deep: Workspace::new(pages, seeds[1]),
            replaced: Vec::new(),
            freed_now: Vec::new(),
        }
    }

    /// What lies there now, this change included.
    pub(super) fn view(&self) -> View<'_> {
        View::new(&self.root, self)
    }

    /// Writes overlay rows, with their index entries and the count of those set aside.
    pub(super) fn write_edits(&mut self, rows: &Rows) -> Result<(), Stop> {
        let keys: Vec<&[u8]> = rows.rows().collect();
        let before = self.root.overlay.get_many(&self.plain, &keys)?;
        let mut edits = Vec::with_capacity(rows.len());
        let mut index = IndexEdits::new(&self.root.indexes);
        let mut set_aside = self.root.set_aside;
        for ((row, after), before) in rows.iter().zip(before) {
            let before = Edit::decode_some(before.as_ref())?;
            if let Some(edit) = &before {
                index.remove_edit(row, edit)?;
                set_aside = set_aside.saturating_sub(u64::from(edit.set_aside.is_some()));
            }
            if let Some(edit) = after {
                index.add_edit(row, edit)?;
                set_aside += u64::from(edit.set_aside.is_some());
            }
            edits.push(TreeEdit {
                key: row.to_vec(),
                value: after.as_ref().map(Edit::encode),
            });
        }
        let index = index.finish();
        self.plain.apply(&mut self.root.overlay, &edits.into())?;
        self.plain.apply(&mut self.root.overlay_index, &index)?;
        self.root.set_aside = set_aside;
        Ok(())
    }

    /// Notes what `local_id`s became.
    pub(super) fn write_aliases(&mut self, aliases: &[(Uuid, String)]) -> Result<(), Stop> {
        if is_planted(Fault::AliasNotWritten) {
            return Ok(());
        }
        let mut edits = Vec::with_capacity(aliases.len());
        for (local_id, key) in aliases {
            edits.push(TreeEdit::put(alias_row(*local_id), alias_text(key)));
        }
        self.plain.apply(&mut self.root.aliases, &edits.into())?;
        Ok(())
    }

    /// Stages a pull, or goes on with the one that stands at this cursor.
    pub(super) fn begin_staged(
        &mut self,
        start: Option<Checkin>,
        cursor: Option<&str>,
    ) -> Result<(), Stop> {
        match &self.root.staged {
            Some(staged) if staged.cursor == cursor.unwrap_or_default() => {}
            None if cursor.is_none() => {
                self.root.staged = Some(Staged {
                    confirmed: self.root.confirmed.clone(),
                    index: self.root.confirmed_index.clone(),
                    start,
                    cursor: String::new(),
                    freed: Vec::new(),
                    made: Vec::new(),
                });
            }
            _ => return Err(superseded().into()),
        }
        Ok(())
    }

    /// The staged records of these rows.
    pub(super) fn staged_records<K: AsRef<[u8]>>(
        &self,
        rows: &[K],
    ) -> Result<Vec<Option<Confirmed>>, Stop> {
        let tree = self
            .root
            .staged
            .as_ref()
            .map_or(&self.root.confirmed, |s| &s.confirmed);
        let found = tree.get_many(&self.deep, rows)?;
        let mut records = Vec::with_capacity(found.len());
        for bytes in &found {
            records.push(Confirmed::decode_some(bytes.as_ref())?);
        }
        Ok(records)
    }

    /// Writes staged rows over what `before` says lies there: both in the order of keys.
    pub(super) fn write_staged(
        &mut self,
        before: &[Option<Confirmed>],
        after: &[(&[u8], Option<Confirmed>)],
    ) -> Result<(), Stop> {
        let mut edits = Vec::with_capacity(after.len());
        let mut index = IndexEdits::new(&self.root.indexes);
        let mut handles = Vec::new();
        for ((row, after), before) in after.iter().zip(before) {
            if let Some(record) = before {
                index.remove_record(row, record)?;
                if let (Some(handle), None) = (record.handle, after) {
                    let (_, key) = split_row_key(row)?;
                    handles.push(TreeEdit::put(handle_row(key), *handle.as_bytes()));
                }
            }
            if let Some(record) = after {
                index.add_record(row, record)?;
            }
            let value = after.as_ref().map(Confirmed::encode);
            edits.push(TreeEdit {
                key: row.to_vec(),
                value,
            });
        }
        let index = index.finish();
        let Some(staged) = &mut self.root.staged else {
            return Err(superseded().into());
        };
        self.deep.apply(&mut staged.confirmed, &edits.into())?;
        self.deep.apply(&mut staged.index, &index)?;
        self.plain.apply(&mut self.root.aliases, &handles.into())?;
        Ok(())
    }

    /// Notes where the staged pull goes on.
    pub(super) fn keep_cursor(&mut self, cursor: &str) {
        if let Some(staged) = &mut self.root.staged {
            cursor.clone_into(&mut staged.cursor);
        }
    }

    /// What is staged becomes what everybody sees.
    pub(super) fn publish_staged(&mut self) {
        if let Some(staged) = self.root.staged.take() {
            self.root.confirmed = staged.confirmed;
            self.root.confirmed_index = staged.index;
            self.replaced.extend(staged.freed);
        }
    }

    /// Forgets a staged pull.
    pub(super) fn drop_staged(&mut self) {
        if let Some(staged) = self.root.staged.take() {
            self.freed_now.extend(staged.made);
        }
    }

    /// Only the newest attempt at a session may write: another tab may have begun its own.
    pub(super) fn check_fence(&self, attempt: Uuid) -> Result<(), Stop> {
        if self.root.attempts.last() == Some(&attempt) {
            Ok(())
        } else {
            Err(superseded().into())
        }
    }
}

impl PageSource for Database<'_> {
    fn page(&self, id: &PageId) -> Option<Page> {
        self.plain.page(id).or_else(|| self.deep.page(id))
    }
}

impl Database<'_> {
    /// What is to be committed.
    pub(super) fn finish(self, now_millis: i64) -> Written {
        let Self {
            mut root,
            plain,
            deep,
            mut replaced,
            mut freed_now,
        } = self;
        let (plain, deep) = (plain.finish(), deep.finish());
        replaced.extend(plain.freed);
        match &mut root.staged {
            None => replaced.extend(deep.freed),
            Some(staged) => {
                for id in deep.freed {
                    let is_ours = staged.made.contains(&id);
                    let list = if is_ours {
                        &mut freed_now
                    } else {
                        &mut staged.freed
                    };
                    list.push(id);
                }
                for (id, _) in &deep.pages {
                    staged.made.push(*id);
                }
            }
        }
        if is_planted(Fault::FreedPageReused) {
            freed_now.append(&mut replaced);
        }
        root.freed.add(now_millis, replaced);
        freed_now.append(&mut root.freed.release(
            now_millis,
            FREED_KEPT_MS,
            FREED_PAGES_KEPT,
            FREED_AT_ONCE,
        ));
        let mut pages = plain.pages;
        pages.extend(deep.pages);
        Written {
            root,
            pages,
            freed: freed_now,
        }
    }
}

#[cold]
#[inline(never)]
fn superseded() -> Error {
    Error::new(
        ErrorCode::Busy,
        "another tab has begun to sync this database",
    )
}
