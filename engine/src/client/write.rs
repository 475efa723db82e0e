//! What a write does to the overlay: operations in, edited rows and documents out.
//!
//! Planning only reads; the rows are applied to the trees when all operations of a write went
//! well, so that a write is all or nothing. Nothing here waits or draws random numbers.

use alloc::{
    borrow::ToOwned,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use uuid::Uuid;

use super::Error;
use super::database::{Rows, Stop, View};
use super::doc::{Doc, State};
use super::prepare::Prepared;
use super::record::{Confirmed, Edit, row_key};
use crate::json::{Canonical, Patch, changed_fields};

/// Plans operations one after the other, each seeing what those before it did.
pub(super) struct Planner<'a> {
    view: View<'a>,
    now: &'a Rc<str>,
    /// What writes before this one did, on their way to the same commit.
    before: &'a Rows,
    /// The number of the newest edit.
    pub(super) edit: u64,
    /// What this one does.
    pub(super) rows: Rows,
}

/// A record as a write finds it.
struct Found {
    key: String,
    row: Vec<u8>,
    edit: Option<Edit>,
    confirmed: Option<Confirmed>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(view: View<'a>, now: &'a Rc<str>, before: &'a Rows, edit: u64) -> Self {
        Self {
            view,
            now,
            before,
            edit,
            rows: Rows::default(),
        }
    }

    /// Plans operations one after the other; the inner error is theirs, the outer one passes
    /// or is the database's.
    pub(super) fn plan_all(
        &mut self,
        operations: &[Prepared],
    ) -> Result<Result<Vec<Vec<Doc>>, Error>, Stop> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let mut docs = Vec::new();
            match self.plan(operation, &mut docs) {
                Ok(()) => answers.push(docs),
                Err(Stop::Failed(error)) => return Ok(Err(error)),
                Err(lack) => return Err(lack),
            }
        }
        Ok(Ok(answers))
    }

    /// Plans one operation; adds the documents that it made or changed.
    fn plan(&mut self, operation: &Prepared, docs: &mut Vec<Doc>) -> Result<(), Stop> {
        self.edit += 1;
        match operation {
            Prepared::Create { entity, records } => self.create(entity, records, docs),
            Prepared::Update {
                entity,
                key,
                fields,
                removed,
            } => docs.push(self.update(entity, key, fields, removed)?),
            Prepared::Put { entity, key, value } => docs.push(self.put(entity, key, value)?),
            Prepared::Delete { entity, key } => self.delete(entity, key)?,
            Prepared::Undo { entity, key } => docs.extend(self.undo(entity, key)?),
        }
        Ok(())
    }

    fn create(&mut self, entity: &Rc<str>, records: &[(Uuid, Canonical)], docs: &mut Vec<Doc>) {
        docs.reserve(records.len());
        for (local_id, value) in records {
            let key = local_id.to_string();
            let mut edit = self.new_edit();
            edit.is_pending = true;
            edit.handle = Some(*local_id);
            edit.value = value.clone();
            let row = row_key(entity, &key);
            docs.push(Doc::of_edit(Rc::clone(entity), key, &edit));
            self.rows.insert(row, Some(edit));
        }
    }

    /// The edit that makes a record.
    fn new_edit(&self) -> Edit {
        Edit {
            is_pending: false,
            deleted: false,
            whole: self.edit,
            number: self.edit,
            born: self.edit,
            handle: None,
            base: None,
            push_as: None,
            changed: Vec::new(),
            set_aside: None,
            created: Rc::clone(self.now),
            updated: Rc::clone(self.now),
            value: Canonical::null(),
        }
    }

    /// The first edit of a confirmed record: so far, no field of it.
    fn edit_over(&self, confirmed: Confirmed) -> Edit {
        let mut edit = self.new_edit();
        edit.whole = 0;
        edit.handle = confirmed.handle;
        edit.base = Some(confirmed.checkin);
        edit.created = confirmed.created;
        edit.updated = confirmed.updated;
        edit.value = confirmed.value;
        edit
    }

    fn update(
        &mut self,
        entity: &Rc<str>,
        key: &str,
        fields: &Canonical,
        removed: &[String],
    ) -> Result<Doc, Stop> {
        let Some((found, edit)) = self.find_visible(entity, key)? else {
            return Err(Error::not_found(key).into());
        };
        let mut patch = Patch::of_fields(fields.borrow());
        for name in removed {
            patch.remove(name.as_str());
        }
        let value = edit.value.borrow().patched(&patch);
        Ok(self.revise(entity, found, edit, value))
    }

    fn put(&mut self, entity: &Rc<str>, key: &str, value: &Canonical) -> Result<Doc, Stop> {
        let Some((found, edit)) = self.find_visible(entity, key)? else {
            return self.put_new(entity, key, value);
        };
        Ok(self.revise(entity, found, edit, value.clone()))
    }

    /// Gives the record this value: of an object, the fields that differ are edited.
    fn revise(
        &mut self,
        entity: &Rc<str>,
        mut found: Found,
        mut edit: Edit,
        value: Canonical,
    ) -> Doc {
        if value == edit.value {
            return self.unchanged(entity, found, &edit);
        }
        if edit.value.borrow().is_object() && value.borrow().is_object() {
            let before = edit.value.clone();
            for name in changed_fields(before.borrow(), value.borrow()) {
                edit.touch(&name, self.edit);
            }
        } else {
            edit.whole = self.edit;
        }
        edit.value = value;
        self.keep(entity, &mut found, edit)
    }

    /// Makes a record under the key that the app chose, or brings a deleted one back.
    fn put_new(&mut self, entity: &Rc<str>, key: &str, value: &Canonical) -> Result<Doc, Stop> {
        let mut found = self.find(entity, key)?;
        let mut edit = if let Some(deleted) = found.edit.take() {
            deleted
        } else {
            let mut edit = self.new_edit();
            edit.handle = self.view.handle_of_deleted(&found.key)?;
            edit
        };
        edit.deleted = false;
        edit.whole = self.edit;
        edit.value = value.clone();
        Ok(self.keep(entity, &mut found, edit))
    }

    /// The document where nothing was edited after all.
    fn unchanged(&self, entity: &Rc<str>, found: Found, edit: &Edit) -> Doc {
        let was_edited = edit.number != self.edit;
        let mut doc = Doc::of_edit(Rc::clone(entity), found.key, edit);
        if !was_edited {
            doc.state = State::Synced;
        }
        doc
    }

    /// Numbers the edit, and writes it over what was found.
    fn keep(&mut self, entity: &Rc<str>, found: &mut Found, mut edit: Edit) -> Doc {
        edit.number = self.edit;
        edit.updated = Rc::clone(self.now);
        edit.set_aside = None;
        let doc = Doc::of_edit(Rc::clone(entity), found.key.clone(), &edit);
        self.rows
            .insert(core::mem::take(&mut found.row), Some(edit));
        doc
    }

    fn delete(&mut self, entity: &Rc<str>, key: &str) -> Result<(), Stop> {
        let Some((mut found, mut edit)) = self.find_visible(entity, key)? else {
            return Ok(());
        };
        if self.never_left(&edit) {
            self.rows.insert(found.row, None);
        } else {
            edit.deleted = true;
            self.keep(entity, &mut found, edit);
        }
        Ok(())
    }

    fn undo(&mut self, entity: &Rc<str>, key: &str) -> Result<Option<Doc>, Stop> {
        let mut found = self.find(entity, key)?;
        let Some(mut edit) = found.edit.take() else {
            return Ok(found.confirmed_doc(entity));
        };
        found.confirmed = self.view.confirmed(&found.row)?;
        if found.confirmed.is_some() || edit.base.is_some() || self.never_left(&edit) {
            self.rows.insert(core::mem::take(&mut found.row), None);
            return Ok(found.confirmed_doc(entity));
        }
        // The server may have it: only a deletion takes it back.
        if !edit.deleted {
            edit.deleted = true;
            self.keep(entity, &mut found, edit);
        }
        Ok(None)
    }

    /// Whether the record was made here and cannot be known to any server.
    fn never_left(&self, edit: &Edit) -> bool {
        edit.base.is_none() && edit.push_as.is_none() && edit.born > self.view.root.sent
    }

    /// The record as an edit to go on from, if the app sees it.
    fn find_visible(&self, entity: &str, key: &str) -> Result<Option<(Found, Edit)>, Stop> {
        let mut found = self.find(entity, key)?;
        if let Some(edit) = found.edit.take_if(|edit| !edit.deleted) {
            return Ok(Some((found, edit)));
        }
        if found.edit.is_some() {
            return Ok(None);
        }
        Ok(found
            .confirmed
            .take()
            .map(|confirmed| (found, self.edit_over(confirmed))))
    }

    /// Looks under the key itself, then under what it became.
    fn find(&self, entity: &str, key: &str) -> Result<Found, Stop> {
        let here = self.find_exactly(entity, key)?;
        if here.edit.is_some() || here.confirmed.is_some() {
            return Ok(here);
        }
        match self.view.alias(key)? {
            Some(real) => self.find_exactly(entity, &real),
            None => Ok(here),
        }
    }

    fn find_exactly(&self, entity: &str, key: &str) -> Result<Found, Stop> {
        let row = row_key(entity, key);
        let edit = match self.rows.get(&row).or_else(|| self.before.get(&row)) {
            Some(planned) => planned.clone(),
            None => self.view.edit(&row)?,
        };
        let confirmed = match edit {
            Some(_) => None,
            None => self.view.confirmed(&row)?,
        };
        Ok(Found {
            key: key.to_owned(),
            row,
            edit,
            confirmed,
        })
    }
}

impl Found {
    fn confirmed_doc(self, entity: &Rc<str>) -> Option<Doc> {
        let Self { key, confirmed, .. } = self;
        confirmed.map(|record| Doc::of_confirmed(Rc::clone(entity), key, record))
    }
}
