//! Damage on the disk: what is left of a database when pages cannot be read.
//!
//! A damaged page is found by its checksum when it is read, or when all are ([`Shared::verify`]).
//! What it held is left out of its tree, in one commit, and what follows from the rest, as the
//! indexes, is made anew. Confirmed records that are missing then are no deletions: the
//! fingerprint is another, so the next sync compares by ranges and fetches them. Nothing here calls
//! the server.

use alloc::vec::Vec;

use super::database::{Database, Stop, View};
use super::record::{Confirmed, split_row_key};
use super::root::Root;
use super::session::offer::{ROWS_READ, rows_after};
use super::shared::Shared;
use super::{Environment, Error};
use crate::fingerprint::RecordFingerprint;
use crate::store::Edit as TreeEdit;

impl Database<'_> {
    /// Leaves out what cannot be read, and these confirmed rows; notes if a sync has to bring
    /// anything back, and how many edits none can.
    pub(super) fn mend(&mut self, wrong: &[Vec<u8>]) -> Result<(), Stop> {
        self.drop_staged();
        let root = &mut self.root;
        let before = edits_of(root);
        let mut gone = Vec::with_capacity(wrong.len());
        for row in wrong {
            gone.push(TreeEdit::delete(row.clone()));
        }
        let mut is_damaged = self.deep.mend(&mut root.confirmed)?;
        is_damaged |= self.deep.apply(&mut root.confirmed, &gone.into())?;
        self.deep.mend(&mut root.confirmed_index)?;
        is_damaged |= self.plain.mend(&mut root.overlay)?;
        is_damaged |= self.plain.mend(&mut root.decisions)?;
        for tree in [
            &mut root.overlay_index,
            &mut root.aliases,
            &mut root.conflicts,
        ] {
            self.plain.mend(tree)?;
        }
        // Counts are read from the disk, too, and may have been too small.
        let lost = before.saturating_sub(edits_of(root));
        if is_damaged {
            root.damage = Some(root.damage.unwrap_or(0) + lost);
        }
        if root.confirmed.is_empty() {
            // Nothing is left to compare: it is pulled as by a new device.
            root.last_sync = None;
        }
        // The list is fetched anew, whole or not.
        root.conflicts_changed = None;
        let rebuilt = self.rebuilt(&self.root.indexes, &self.root.indexes)?;
        self.write_indexes(&rebuilt)?;
        self.root.set_aside = rebuilt.set_aside;
        self.write_aliases(&rebuilt.aliases)
    }
}

impl<E: Environment> Shared<E> {
    pub(super) fn is_damaged(&self) -> bool {
        self.current().root.damage.is_some()
    }

    /// After a sync that ended well: whether there is nothing for another one to bring back. Where that
    /// was not done since the database was opened, or the person doubts, all is read.
    pub(super) async fn has_come_right(
        &self,
        in_sync: bool,
        mut was_damaged: bool,
    ) -> Result<bool, Error> {
        if in_sync && self.is_damaged() {
            was_damaged = false;
            self.apply(&mut |database| {
                database.root.damage = None;
                Ok(())
            })
            .await?;
        }
        if let Some(doubts) = self.to_verify.take() {
            self.verify(doubts).await?;
        }
        // What another sync did not bring back, the next will not.
        Ok(was_damaged || !self.is_damaged())
    }

    /// Reads all that everybody sees, some rows at a time, so that what is damaged is found, and
    /// mended. With `doubts`, each confirmed record is held against its fingerprint as well.
    async fn verify(&self, doubts: bool) -> Result<(), Error> {
        let mut wrong = Vec::new();
        for tree in 0..self.current().root.trees().len() {
            let mut rows: Vec<Vec<u8>> = Vec::new();
            loop {
                let after = rows.pop();
                self.look_again(&mut |view, _| {
                    let trees = &view.root.trees()[tree..=tree];
                    rows = rows_after(&view, trees, after.as_deref())?;
                    if doubts && tree == 0 {
                        find_wrong(view, &rows, &mut wrong)?;
                    }
                    Ok(())
                })
                .await?;
                if rows.len() < ROWS_READ {
                    break;
                }
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        self.apply(&mut |database| database.mend(&wrong)).await
    }
}

/// How many things of the person's a root holds that no server brings back.
fn edits_of(root: &Root) -> u64 {
    root.overlay.len().saturating_add(root.decisions.len())
}

/// Adds the confirmed rows among these whose value is not what their fingerprint was computed of.
fn find_wrong(view: View<'_>, rows: &[Vec<u8>], wrong: &mut Vec<Vec<u8>>) -> Result<(), Stop> {
    let records = view.root.confirmed.get_many(&view.pages, rows)?;
    for (row, record) in rows.iter().zip(&records) {
        let is_right = match (split_row_key(row), Confirmed::decode_some(record.as_ref())) {
            (Ok((entity, _)), Ok(Some(record))) => {
                RecordFingerprint::of(entity, record.value.borrow()) == record.fingerprint
            }
            _ => false,
        };
        if !is_right {
            wrong.push(row.clone());
        }
    }
    Ok(())
}
