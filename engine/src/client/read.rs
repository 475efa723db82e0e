//! Reading records: by key, by query, all that are pending. What the app sees is the overlay
//! over the confirmed.

use alloc::{
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::Cell;

use super::codec::Unreadable;
use super::database::{Rows, Source, Stop, View};
use super::doc::{Doc, write_text};
use super::indexes::Index;
use super::record::{Confirmed, Edit, entity_prefix, row_key, split_row_key};
use super::root::Root;
use super::{Error, ErrorCode};
use crate::query::{
    Candidate, Execution, Field, IndexName, Plan, Position, Query, QueryError, Side, World, order,
};
use crate::store::{KeyRange, Tree, TreeError};

/// The records of these keys, in their order; `rows` are edits on their way to a commit.
pub(super) fn get_many(
    view: View<'_>,
    rows: &Rows,
    entity: &Rc<str>,
    keys: &[String],
) -> Result<Vec<Option<Doc>>, Stop> {
    let mut found = get_exactly(view, rows, entity, keys)?;
    let (mut places, mut real_keys) = (Vec::new(), Vec::new());
    for (place, (key, look)) in keys.iter().zip(&found).enumerate() {
        if matches!(look, Look::Nothing)
            && let Some(real) = view.alias(key)?
        {
            places.push(place);
            real_keys.push(real);
        }
    }
    let again = get_exactly(view, rows, entity, &real_keys)?;
    for (place, look) in places.into_iter().zip(again) {
        found[place] = look;
    }
    let mut docs = Vec::with_capacity(found.len());
    for look in found {
        docs.push(look.into_doc());
    }
    Ok(docs)
}

enum Look {
    Seen(Doc),
    Deleted,
    Nothing,
}

impl Look {
    fn into_doc(self) -> Option<Doc> {
        match self {
            Self::Seen(doc) => Some(doc),
            Self::Deleted | Self::Nothing => None,
        }
    }

    fn of_edit(entity: &Rc<str>, key: &str, edit: &Edit) -> Self {
        if edit.deleted {
            return Self::Deleted;
        }
        Self::Seen(Doc::of_edit(Rc::clone(entity), key.to_string(), edit))
    }
}

/// The records that the app sees under exactly these keys.
#[inline(never)]
pub(super) fn seen(
    view: View<'_>,
    entity: &Rc<str>,
    keys: &[String],
) -> Result<Vec<Option<Doc>>, Stop> {
    let looks = get_exactly(view, &Rows::default(), entity, keys)?;
    let mut docs = Vec::with_capacity(looks.len());
    for look in looks {
        docs.push(look.into_doc());
    }
    Ok(docs)
}

fn get_exactly(
    view: View<'_>,
    rows: &Rows,
    entity: &Rc<str>,
    keys: &[String],
) -> Result<Vec<Look>, Stop> {
    let mut row_keys = Vec::with_capacity(keys.len());
    for key in keys {
        row_keys.push(row_key(entity, key));
    }
    let edits = view.root.overlay.get_many(&view.pages, &row_keys)?;
    let confirmed = view.root.confirmed.get_many(&view.pages, &row_keys)?;
    let mut looks = Vec::with_capacity(keys.len());
    for (place, key) in keys.iter().enumerate() {
        let edit = match rows.get(&row_keys[place]) {
            Some(planned) => planned.clone(),
            None => Edit::decode_some(edits[place].as_ref())?,
        };
        looks.push(match (edit, &confirmed[place]) {
            (Some(edit), _) => Look::of_edit(entity, key, &edit),
            (None, Some(bytes)) => {
                let record = Confirmed::decode(bytes)?;
                Look::Seen(Doc::of_confirmed(Rc::clone(entity), key.clone(), record))
            }
            (None, None) => Look::Nothing,
        });
    }
    Ok(looks)
}

/// Everything that no answer has confirmed.
pub(super) fn pending(view: View<'_>) -> Result<Vec<Doc>, Stop> {
    let mut docs = Vec::new();
    for (row, edit) in view.edits_after(None, usize::MAX)? {
        let (entity, key) = split_row_key(&row)?;
        docs.push(Doc::of_edit(entity.into(), key.to_string(), &edit));
    }
    Ok(docs)
}

/// A query on its way, for one entity.
pub(super) struct Finding {
    entity: Rc<str>,
    prefix: Vec<u8>,
    /// The index's place among the root's, its prefix, and how many fields it has.
    index: Option<(Vec<u8>, usize)>,
    execution: Option<Execution<Doc>>,
    /// A row was met that cannot be read.
    is_unreadable: Cell<bool>,
}

impl Finding {
    pub(super) fn new(entity: Rc<str>) -> Self {
        let prefix = entity_prefix(&entity);
        Self {
            entity,
            prefix,
            index: None,
            execution: None,
            is_unreadable: Cell::new(false),
        }
    }

    /// Goes on until a page lacks; call it again on the same moment. `after`: where the row stood
    /// that the query goes on after, if it is known.
    pub(super) fn advance(
        &mut self,
        view: View<'_>,
        query: &Query,
        after: Option<&Position>,
    ) -> Result<Vec<Doc>, Stop> {
        if self.execution.is_none() {
            let (plan, index) = plan(view.root, &self.entity, query);
            let after = match after {
                Some(after) => Some(after.clone()),
                None => place_after(view, query, &self.entity)?,
            };
            self.index = index.map(|index| (index.prefix(), index.fields.len()));
            let execution = Execution::new(query.clone(), plan, after, &self.world(view));
            self.execution = Some(execution);
        }
        let Some(mut execution) = self.execution.take() else {
            return Ok(Vec::new());
        };
        let found = execution.advance(&self.world(view));
        self.execution = Some(execution);
        if self.is_unreadable.get() {
            return Err(Unreadable.into());
        }
        Ok(found?)
    }

    fn world<'a>(&'a self, view: View<'a>) -> Entity<'a> {
        Entity {
            view,
            finding: self,
        }
    }
}

/// The best plan for a query at a moment, and the declared index that it goes by.
fn plan<'r>(root: &'r Root, entity: &str, query: &Query) -> (Plan, Option<&'r Index>) {
    let (mut indexes, mut fields) = (Vec::new(), Vec::new());
    for index in &root.indexes {
        if index.entity == entity {
            indexes.push(index);
            fields.push(index.fields.clone());
        }
    }
    let plan = Plan::of(query, &fields);
    let index = match plan.index {
        IndexName::ByKey => None,
        IndexName::Declared(place) => indexes.get(place).copied(),
    };
    (plan, index)
}

/// How a query is answered, as JSON: `{"index", "reads", "ordered", "checks"}`.
pub(super) fn explain(root: &Root, entity: &str, query: &Query) -> String {
    let (plan, index) = plan(root, entity, query);
    let reads = if plan.bound_count > 0 || plan.has_range {
        "range"
    } else if plan.stops_early(query) {
        "limit"
    } else {
        "all"
    };
    let mut out = String::from("{\"index\":");
    match index {
        Some(index) => write_names(&mut out, &mut index.fields.iter()),
        None => out.push_str("null"),
    }
    out.push_str(",\"reads\":\"");
    out.push_str(reads);
    out.push_str("\",\"ordered\":");
    out.push_str(if plan.is_ordered { "true" } else { "false" });
    out.push_str(",\"checks\":");
    write_names(
        &mut out,
        &mut plan.residual.iter().map(|filter| &filter.field),
    );
    out.push('}');
    out
}

fn write_names(out: &mut String, fields: &mut dyn Iterator<Item = &Field>) {
    out.push('[');
    for (place, field) in fields.enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_text(out, &field.to_string());
    }
    out.push(']');
}

/// Where the row stands that a query goes on after.
pub(super) fn place_after(
    view: View<'_>,
    query: &Query,
    entity: &Rc<str>,
) -> Result<Option<Position>, Stop> {
    let Some(key) = &query.after else {
        return Ok(None);
    };
    let keys = [key.clone()];
    let found = get_many(view, &Rows::default(), entity, &keys)?;
    match found.into_iter().next().flatten() {
        Some(doc) => Ok(Some(query.position(&doc))),
        // Without an order, the key alone is the place.
        None if query.order.is_empty() => Ok(Some(query.position(&Doc::gone(key)))),
        None => Err(Error::from(QueryError::After(key.clone())).into()),
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        Self::caused(ErrorCode::Invalid, &error)
    }
}

/// One entity's records at one moment.
struct Entity<'a> {
    view: View<'a>,
    finding: &'a Finding,
}

impl<'a> World for Entity<'a> {
    type Row = Doc;
    type Pages = Source<'a>;

    fn pages(&self) -> &Source<'a> {
        &self.view.pages
    }

    fn index(&self, index: IndexName, side: Side) -> (&Tree, &[u8]) {
        let root = self.view.root;
        let tree = match (index, side) {
            (IndexName::ByKey, Side::Confirmed) => &root.confirmed,
            (IndexName::ByKey, Side::Overlay) => &root.overlay,
            (IndexName::Declared(_), Side::Confirmed) => &root.confirmed_index,
            (IndexName::Declared(_), Side::Overlay) => &root.overlay_index,
        };
        let prefix = self
            .finding
            .index
            .as_ref()
            .map_or(&self.finding.prefix, |(prefix, _)| prefix);
        (tree, prefix)
    }

    fn rows(&self, candidates: &[Candidate]) -> Result<Vec<Option<Doc>>, TreeError> {
        let root = self.view.root;
        let mut rows = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            rows.push(self.row_of(candidate));
        }
        let edits = if root.overlay.is_empty() {
            None
        } else {
            Some(root.overlay.get_many(&self.view.pages, &rows)?)
        };
        let values = match self.finding.index {
            None => None,
            Some(_) => Some(root.confirmed.get_many(&self.view.pages, &rows)?),
        };
        let mut docs = Vec::with_capacity(candidates.len());
        for (place, candidate) in candidates.iter().enumerate() {
            let edit = edits.as_ref().and_then(|edits| edits[place].as_ref());
            let record = match &values {
                Some(values) => values[place].as_ref(),
                None => Some(&candidate.value),
            };
            let doc = match (candidate.side, edit, record) {
                (Side::Overlay, Some(edit), _) => self.edited(&rows[place], edit),
                (Side::Confirmed, None, Some(record)) => self.confirmed(&rows[place], record),
                _ => Ok(None),
            };
            docs.push(doc.unwrap_or_else(|Unreadable| {
                self.finding.is_unreadable.set(true);
                None
            }));
        }
        Ok(docs)
    }
}

impl Entity<'_> {
    fn edited(&self, row: &[u8], edit: &[u8]) -> Result<Option<Doc>, Unreadable> {
        let (_, key) = split_row_key(row)?;
        let entity = Rc::clone(&self.finding.entity);
        let edit = Edit::decode(edit)?;
        Ok((!edit.deleted).then(|| Doc::of_edit(entity, key.to_string(), &edit)))
    }

    fn confirmed(&self, row: &[u8], record: &[u8]) -> Result<Option<Doc>, Unreadable> {
        let (_, key) = split_row_key(row)?;
        let entity = Rc::clone(&self.finding.entity);
        Ok(Some(Doc::of_confirmed(
            entity,
            key.to_string(),
            Confirmed::decode(record)?,
        )))
    }

    /// The row that an index entry stands for.
    fn row_of(&self, candidate: &Candidate) -> Vec<u8> {
        let Some((prefix, field_count)) = &self.finding.index else {
            return candidate.key.to_vec();
        };
        let entry = &candidate.key[prefix.len()..];
        let mut row = self.finding.prefix.clone();
        row.extend_from_slice(&entry[order::length(entry, *field_count)..]);
        row
    }
}

/// How many records an entity has.
pub(super) fn count_all(view: View<'_>, entity: &str) -> Result<u64, Stop> {
    let range = KeyRange::prefix(&entity_prefix(entity));
    let confirmed = view
        .root
        .confirmed
        .summaries(&view.pages, core::slice::from_ref(&range))?;
    let mut count = confirmed.first().map_or(0, |summary| summary.count);
    let edits = view.edits_in(range, usize::MAX)?;
    let rows: Vec<&[u8]> = edits.iter().map(|(row, _)| row.as_slice()).collect();
    let under = view.root.confirmed.get_many(&view.pages, &rows)?;
    for ((_, edit), under) in edits.iter().zip(under) {
        count = count + u64::from(!edit.deleted) - u64::from(under.is_some());
    }
    Ok(count)
}
