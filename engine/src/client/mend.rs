//! Damage on the disk: what is left of a database when pages cannot be read.
//!
//! A damaged page is found by its checksum when it is read, or when all are ([`Shared::verify`]).
//! What it held is left out of its tree, in one commit; what can be worked out from the rest, as
//! the indexes, is made anew. Confirmed records that are missing then are no deletions: the
//! fingerprint is another, so the next sync compares by ranges and fetches them. Nothing here calls
//! the server.

use alloc::{borrow::ToOwned, vec::Vec};
use core::ops::Bound;

use super::database::{Database, Stop, View};
use super::record::{Confirmed, split_row_key};
use super::shared::Shared;
use super::{Environment, Error};
use crate::fingerprint::RecordFingerprint;
use crate::store::{Cursor, Direction, Edit as TreeEdit, KeyRange};

/// How many rows are verified at once.
const ROWS_VERIFIED: usize = 1_000;

impl Database<'_> {
    /// Leaves out what cannot be read, and these confirmed rows. `None`: nothing was to be left
    /// out; else how many edits were.
    pub(super) fn mend(&mut self, wrong: &[Vec<u8>]) -> Result<Option<u64>, Stop> {
        let mut is_mended = self.root.staged.is_some();
        self.drop_staged();
        let before = self.root.overlay.len() + self.root.decisions.len();
        let root = &mut self.root;
        let gone = wrong.iter().map(|row| TreeEdit::delete(row.clone()));
        let mut is_damaged = self.deep.mend(&mut root.confirmed)?;
        is_damaged |= self.deep.apply(&mut root.confirmed, &gone.collect())?;
        if is_damaged {
            root.is_damaged = true;
            if root.confirmed.is_empty() {
                // Nothing is left to compare: it is pulled as by a new device.
                root.last_sync = None;
            }
        }
        let mut is_index_damaged = is_damaged;
        is_index_damaged |= self.plain.mend(&mut root.overlay)?;
        is_index_damaged |= self.deep.mend(&mut root.confirmed_index)?;
        is_index_damaged |= self.plain.mend(&mut root.overlay_index)?;
        is_mended |= self.plain.mend(&mut root.decisions)?;
        if self.plain.mend(&mut root.conflicts)? {
            root.conflicts_changed = None;
            is_mended = true;
        }
        if self.plain.mend(&mut root.aliases)? {
            self.restore_aliases()?;
            is_mended = true;
        }
        if is_index_damaged {
            self.restore_indexes()?;
            is_mended = true;
        }
        let lost = before - self.root.overlay.len() - self.root.decisions.len();
        Ok(is_mended.then_some(lost))
    }

    /// Makes the entries of all indexes anew, and counts what is set aside.
    fn restore_indexes(&mut self) -> Result<(), Stop> {
        let (confirmed, overlay) = self.rebuilt(&self.root.indexes, &self.root.indexes)?;
        self.deep
            .apply(&mut self.root.confirmed_index, &confirmed)?;
        self.plain.apply(&mut self.root.overlay_index, &overlay)?;
        let edits = self.view().edits_after(None, usize::MAX)?;
        let set_aside = edits.iter().filter(|(_, edit)| edit.set_aside.is_some());
        self.root.set_aside = set_aside.count() as u64;
        Ok(())
    }

    /// Notes again what the `local_id`s became under which records were made here.
    fn restore_aliases(&mut self) -> Result<(), Stop> {
        let mut aliases = Vec::new();
        let all = Cursor::new(&self.root.confirmed, KeyRange::ALL, Direction::Ascending);
        let mut cursor = all.reading_far_ahead();
        while let Some(entry) = cursor.next(self)? {
            if let Some(local_id) = Confirmed::decode(&entry.value)?.handle {
                aliases.push((local_id, split_row_key(&entry.key)?.1.to_owned()));
            }
        }
        self.write_aliases(&aliases)
    }
}

impl<E: Environment> Shared<E> {
    pub(super) fn is_damaged(&self) -> bool {
        self.current().root.is_damaged
    }

    /// After a sync that ended well: whether there is nothing for another one to bring back. The first
    /// time, all is read.
    pub(super) async fn has_come_right(
        &self,
        in_sync: bool,
        mut was_damaged: bool,
    ) -> Result<bool, Error> {
        if in_sync && self.is_damaged() {
            was_damaged = false;
            self.apply(&mut |database| {
                database.root.is_damaged = false;
                Ok(())
            })
            .await?;
        }
        if !self.is_verified.get() {
            self.verify(false).await?;
        }
        // What another sync did not bring back, the next will not.
        Ok(was_damaged || !self.is_damaged())
    }

    /// Reads all that everybody sees, so that what is damaged is found, and mended. With `doubts`,
    /// each confirmed record is held against its fingerprint as well.
    pub(super) async fn verify(&self, doubts: bool) -> Result<(), Error> {
        let mut wrong = Vec::new();
        for tree in 0..self.current().root.trees().len() {
            let mut from = Some(Bound::Unbounded);
            while let Some(after) = from.take() {
                let before = wrong.len();
                self.look_again(&mut |view, _| {
                    wrong.truncate(before);
                    from = verify_rows(view, tree, &after, doubts, &mut wrong)?;
                    Ok(())
                })
                .await?;
            }
        }
        self.is_verified.set(true);
        if wrong.is_empty() {
            return Ok(());
        }
        let mut lost = None;
        self.apply(&mut |database| {
            lost = database.mend(&wrong)?;
            Ok(())
        })
        .await?;
        self.tell_damage(lost);
        Ok(())
    }
}

/// Reads some rows of a tree, and notes the confirmed ones whose value is not what their fingerprint
/// says; gives where to go on.
fn verify_rows(
    view: View<'_>,
    tree: usize,
    after: &Bound<Vec<u8>>,
    doubts: bool,
    wrong: &mut Vec<Vec<u8>>,
) -> Result<Option<Bound<Vec<u8>>>, Stop> {
    let range = KeyRange {
        from: after.clone(),
        to: Bound::Unbounded,
    };
    let trees = view.root.trees();
    let mut cursor = Cursor::new(trees[tree], range, Direction::Ascending).reading_far_ahead();
    let mut last = None;
    for _ in 0..ROWS_VERIFIED {
        let Some(entry) = cursor.next(&view.pages)? else {
            return Ok(None);
        };
        if doubts && tree == 0 && !is_right(&entry.key, &entry.value) {
            wrong.push(entry.key.to_vec());
        }
        last = Some(entry.key);
    }
    Ok(last.map(|row| Bound::Excluded(row.to_vec())))
}

/// Whether a confirmed row's value is the one that its fingerprint was computed of.
fn is_right(row: &[u8], record: &[u8]) -> bool {
    let (Ok((entity, _)), Ok(record)) = (split_row_key(row), Confirmed::decode(record)) else {
        return false;
    };
    RecordFingerprint::of(entity, record.value.borrow()) == record.fingerprint
}
