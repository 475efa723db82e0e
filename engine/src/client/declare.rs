//! Declaring indexes: what is new is built from all rows, what is gone is dropped.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use uuid::Uuid;

use super::DeclaredIndex;
use super::database::{Database, Stop};
use super::indexes::{Index, IndexEdits};
use super::record::{Confirmed, split_row_key};
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
        let rebuilt = self.rebuilt(&dropped, &fresh)?;
        self.write_indexes(&rebuilt)?;
        indexes.append(&mut fresh);
        self.root.indexes = indexes;
        Ok(())
    }

    pub(super) fn write_indexes(&mut self, rebuilt: &Rebuilt) -> Result<(), Stop> {
        let root = &mut self.root;
        self.deep
            .apply(&mut root.confirmed_index, &rebuilt.confirmed)?;
        self.plain
            .apply(&mut root.overlay_index, &rebuilt.overlay)?;
        Ok(())
    }

    /// What goes with dropped indexes and comes with fresh ones.
    pub(super) fn rebuilt(&self, dropped: &[Index], fresh: &[Index]) -> Result<Rebuilt, Stop> {
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
        let (mut aliases, mut set_aside) = (Vec::new(), 0);
        // What is mended may have no index.
        if !fresh.is_empty() || dropped.is_empty() {
            let all = Cursor::new(&self.root.confirmed, KeyRange::ALL, Direction::Ascending);
            let mut cursor = all.reading_far_ahead();
            while let Some(entry) = cursor.next(self)? {
                let record = Confirmed::decode(&entry.value)?;
                confirmed.add_record(&entry.key, &record)?;
                if let Some(local_id) = record.handle {
                    aliases.push((local_id, split_row_key(&entry.key)?.1.to_owned()));
                }
            }
            for (row, edit) in self.view().edits_after(None, usize::MAX)? {
                overlay.add_edit(&row, &edit)?;
                set_aside += u64::from(edit.set_aside.is_some());
            }
        }
        Ok(Rebuilt {
            confirmed: confirmed.finish(),
            overlay: overlay.finish(),
            aliases,
            set_aside,
        })
    }
}

/// What follows from the records.
pub(super) struct Rebuilt {
    confirmed: Edits,
    overlay: Edits,
    /// What the `local_id`s became under which records were made here.
    pub(super) aliases: Vec<(Uuid, String)>,
    /// How many edits are set aside.
    pub(super) set_aside: u64,
}
