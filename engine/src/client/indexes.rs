//! The declared indexes: which entries a row has in them.
//!
//! Each side of the database, confirmed and overlay, has one tree for all of its indexes. An
//! entry's key begins with the index's number, then come the fields' encodings and the
//! record's key; its value is empty. Deleted records have no entries.

use alloc::{string::String, vec::Vec};

use super::DeclaredIndex;
use super::codec::{Unreadable, put_number};
use super::record::{Confirmed, Edit, split_row_key};
use crate::json::{Canonical, CanonicalRef};
use crate::query::{Field, Row, index_key};
use crate::store::{Edit as TreeEdit, Edits};

/// An index as it lies in the trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Its number: never given to another.
    pub(super) number: u64,
    pub(super) entity: String,
    pub(super) fields: Vec<Field>,
}

impl Index {
    pub(super) fn declared(number: u64, declared: &DeclaredIndex) -> Self {
        let mut fields = Vec::with_capacity(declared.fields.len());
        for name in &declared.fields {
            fields.push(Field::named(name));
        }
        Self {
            number,
            entity: declared.entity.clone(),
            fields,
        }
    }

    pub(super) fn is(&self, declared: &DeclaredIndex) -> bool {
        self.entity == declared.entity
            && self.fields.len() == declared.fields.len()
            && declared
                .fields
                .iter()
                .zip(&self.fields)
                .all(|(name, field)| Field::named(name) == *field)
    }

    /// What all of the index's entries begin with.
    pub(super) fn prefix(&self) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_number(&mut prefix, self.number);
        prefix
    }

    fn entry(&self, row: &Indexed<'_>) -> Vec<u8> {
        let mut entry = self.prefix();
        entry.extend_from_slice(&index_key(&self.fields, row));
        entry
    }
}

/// A record as the indexes see it.
pub(super) struct Indexed<'a> {
    pub(super) key: &'a str,
    pub(super) created: &'a str,
    pub(super) updated: &'a str,
    pub(super) value: &'a Canonical,
}

impl Row for Indexed<'_> {
    fn key(&self) -> &str {
        self.key
    }

    fn created(&self) -> &str {
        self.created
    }

    fn updated(&self) -> &str {
        self.updated
    }

    fn value(&self) -> CanonicalRef<'_> {
        self.value.borrow()
    }
}

/// Changes to the entries of many rows, gathered.
pub(super) struct IndexEdits<'a> {
    indexes: &'a [Index],
    edits: Vec<TreeEdit>,
}

impl<'a> IndexEdits<'a> {
    pub(super) fn new(indexes: &'a [Index]) -> Self {
        Self {
            indexes,
            edits: Vec::new(),
        }
    }

    pub(super) fn remove_edit(&mut self, row: &[u8], edit: &Edit) -> Result<(), Unreadable> {
        self.each(
            row,
            &edit.created,
            &edit.updated,
            &edit.value,
            edit.deleted,
            false,
        )
    }

    pub(super) fn add_edit(&mut self, row: &[u8], edit: &Edit) -> Result<(), Unreadable> {
        self.each(
            row,
            &edit.created,
            &edit.updated,
            &edit.value,
            edit.deleted,
            true,
        )
    }

    pub(super) fn remove_record(
        &mut self,
        row: &[u8],
        record: &Confirmed,
    ) -> Result<(), Unreadable> {
        self.each(
            row,
            &record.created,
            &record.updated,
            &record.value,
            false,
            false,
        )
    }

    pub(super) fn add_record(&mut self, row: &[u8], record: &Confirmed) -> Result<(), Unreadable> {
        self.each(
            row,
            &record.created,
            &record.updated,
            &record.value,
            false,
            true,
        )
    }

    /// Removes an entry, whatever it stands for.
    pub(super) fn drop_entry(&mut self, entry: Vec<u8>) {
        self.edits.push(TreeEdit {
            key: entry,
            value: None,
        });
    }

    /// Of several edits of one entry the last counts: remove before adding.
    fn each(
        &mut self,
        row: &[u8],
        created: &str,
        updated: &str,
        value: &Canonical,
        is_deleted: bool,
        is_added: bool,
    ) -> Result<(), Unreadable> {
        if self.indexes.is_empty() || is_deleted {
            return Ok(());
        }
        let (entity, key) = split_row_key(row)?;
        let record = Indexed {
            key,
            created,
            updated,
            value,
        };
        for index in self.indexes.iter().filter(|index| index.entity == entity) {
            self.edits.push(TreeEdit {
                key: index.entry(&record),
                value: is_added.then(Vec::new),
            });
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Edits {
        self.edits.into()
    }
}
