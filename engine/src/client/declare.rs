//! Declaring indexes: what is new is built from all rows, what is gone is dropped.

use alloc::vec::Vec;

use super::DeclaredIndex;
use super::database::{Database, Stop};
use super::indexes::{Index, IndexEdits};
use super::record::Confirmed;
use crate::store::{Cursor, Direction, Edits, KeyRange};

impl Database<'_> {
    /// Makes these the declared indexes: builds what is new, drops what is gone.
    pub(super) fn declare(&mut self, declared: &[DeclaredIndex]) -> Result<(), Stop> {
        let (mut indexes, mut dropped, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 0;
        for index in &self.root.indexes {
            number = number.max(index.number);
            let is_kept = declared.iter().any(|wanted| index.is(wanted));
            let list = if is_kept { &mut indexes } else { &mut dropped };
            list.push(index.clone());
        }
        for wanted in declared {
            let is_it = |index: &Index| index.is(wanted);
            if !indexes.iter().any(is_it) && !fresh.iter().any(is_it) {
                number += 1;
                fresh.push(Index::declared(number, wanted));
            }
        }
        if dropped.is_empty() && fresh.is_empty() {
            return Ok(());
        }
        self.drop_staged();
        let (confirmed, overlay) = self.rebuilt(&dropped, &fresh)?;
        self.deep
            .apply(&mut self.root.confirmed_index, &confirmed)?;
        self.plain.apply(&mut self.root.overlay_index, &overlay)?;
        indexes.append(&mut fresh);
        self.root.indexes = indexes;
        Ok(())
    }

    /// The entries of both sides that go with dropped indexes and come with fresh ones.
    pub(super) fn rebuilt(
        &self,
        dropped: &[Index],
        fresh: &[Index],
    ) -> Result<(Edits, Edits), Stop> {
        let (mut confirmed, mut overlay) = (IndexEdits::new(fresh), IndexEdits::new(fresh));
        for index in dropped {
            for (tree, edits) in [
                (&self.root.confirmed_index, &mut confirmed),
                (&self.root.overlay_index, &mut overlay),
            ] {
                let range = KeyRange::prefix(&index.prefix());
                let mut cursor = Cursor::new(tree, range, Direction::Ascending).reading_far_ahead();
                while let Some(entry) = cursor.next(self)? {
                    edits.drop_entry(entry.key.to_vec());
                }
            }
        }
        if !fresh.is_empty() {
            let all = Cursor::new(&self.root.confirmed, KeyRange::ALL, Direction::Ascending);
            let mut cursor = all.reading_far_ahead();
            while let Some(entry) = cursor.next(self)? {
                confirmed.add_record(&entry.key, &Confirmed::decode(&entry.value)?)?;
            }
            for (row, edit) in self.view().edits_after(None, usize::MAX)? {
                overlay.add_edit(&row, &edit)?;
            }
        }
        Ok((confirmed.finish(), overlay.finish()))
    }
}
