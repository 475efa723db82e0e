//! Following a query: its answer once, then what each later moment does to it.
//!
//! The places of the answer's rows are kept, not the rows. At a newer root the old and the new one
//! are walked apart; only records that differ are looked at again, and what comes of it is told as
//! a small [`Delta`]. Of a query with a limit, some rows more are kept than are shown, so that it
//! need not be asked again each time a row leaves. Where the old root's pages are gone from the
//! disk, and where so much changed that it is cheaper, the query is answered anew.

use alloc::{borrow::ToOwned, boxed::Box, rc::Rc, string::String, vec::Vec};
use core::mem::take;

use super::database::{Stop, View};
use super::read::{Finding, place_after, seen};
use super::record::{entity_prefix, split_row_key};
use super::root::Root;
use super::shared::Current;
use super::{Client, Doc, Environment, Error, ErrorCode};
use crate::query::{Position, Query};
use crate::sort::sort_by;
use crate::store::{Diff, KeyRange};

/// So many rows more than its limit are kept of a query, and at most twice as many.
const SPARE_ROWS: usize = 32;
/// A query with a limit is answered anew where more records than this changed.
const CHANGES_MAX: usize = 1_000;

/// What became of an answer: take away the rows at `removed`, put `docs` in so that they stand at
/// `placed`, and cut it to `count`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// It replaces the whole answer, of which nothing is kept.
    pub is_whole: bool,
    /// Places in the answer before, ascending.
    pub removed: Vec<usize>,
    /// Places in the answer now, ascending, one for each document.
    pub placed: Vec<usize>,
    /// What is new or changed.
    pub docs: Vec<Doc>,
    /// How many rows the answer has now.
    pub count: usize,
}

/// A query that is followed.
pub struct Follow<E: Environment> {
    client: Client<E>,
    entity: Rc<str>,
    query: Query,
    /// Where the row stood at the first answer that the query goes on after.
    after: Option<Position>,
    /// The moment of the last answer.
    root: Option<Root>,
    /// All rows of the answer up to the last of these, in order.
    rows: Vec<Row>,
    /// Others may come after them.
    has_more: bool,
}

/// A row of the answer.
struct Row {
    at: Position,
    /// The document, as long as it was not told.
    doc: Option<Box<Doc>>,
}

impl<E: Environment> Follow<E> {
    pub(super) fn new(
        client: Client<E>,
        entity: &str,
        query: Query,
        after: Option<Position>,
    ) -> Self {
        Self {
            client,
            entity: Rc::from(entity),
            query,
            after,
            root: None,
            rows: Vec::new(),
            has_more: false,
        }
    }

    /// The answer at the newest moment, as what differs from the last one told; `None`: nothing
    /// does. The future must be driven to its end.
    ///
    /// # Errors
    /// As [`Client::find`]; the next call then tells the whole answer.
    pub async fn next(&mut self) -> Result<Option<Delta>, Error> {
        let now = self.client.shared().current();
        if let Some(before) = self.root.take() {
            match self.walk(&before, &now).await {
                Ok(Some(delta)) => {
                    self.root = Some(now.root.clone());
                    let is_same = delta.removed.is_empty() && delta.placed.is_empty();
                    return Ok((!is_same).then_some(delta));
                }
                Err(error) if error.code != ErrorCode::Busy => return Err(error),
                // The moment before is gone from the disk.
                Ok(None) | Err(_) => {}
            }
        }
        self.answer().await.map(Some)
    }

    /// The rows that come next at the newest moment, up to `most`: after those that earlier calls
    /// gave, whatever became of them since. Not for one that is followed as well.
    ///
    /// # Errors
    /// As [`Client::find`].
    pub async fn page(&mut self, most: usize) -> Result<Vec<Doc>, Error> {
        let mut wanted = self.wanted(0);
        wanted.limit = Some(most);
        let found = self.find(&wanted).await?;
        if let Some(last) = found.last() {
            self.after = Some(self.query.position(last));
        }
        Ok(found)
    }

    /// Answers the query from the start.
    async fn answer(&mut self) -> Result<Delta, Error> {
        let wanted = self.wanted(0);
        let found = self.find(&wanted).await?;
        self.rows.clear();
        self.add(found, &wanted);
        Ok(self.tell(true, Vec::new()))
    }

    /// What is wanted, at the newest moment.
    async fn find(&mut self, wanted: &Query) -> Result<Vec<Doc>, Error> {
        let (entity, query, after) = (&self.entity, &self.query, &self.after);
        let begin = || Finding::new(Rc::clone(entity));
        let (found, after, root) = self
            .client
            .shared()
            .look_from(begin, |finding, view| {
                let after = match after {
                    Some(after) => Some(after.clone()),
                    None => place_after(view, query, entity)?,
                };
                let found = finding.advance(view, wanted, after.as_ref())?;
                Ok((found, after, view.root.clone()))
            })
            .await?;
        (self.after, self.root) = (after, Some(root));
        Ok(found)
    }

    /// Takes up what changed between two moments; `None`: too much.
    async fn walk(&mut self, before: &Root, now: &Current) -> Result<Option<Delta>, Error> {
        let mut walk = Walk::new(&self.entity, before, &now.root);
        let most = self.query.limit.map_or(usize::MAX, |_| CHANGES_MAX);
        let shared = self.client.shared();
        let found = shared
            .look_at(now, |view| walk.advance(before, view, most))
            .await?;
        let Some((before, after)) = found else {
            return Ok(None);
        };
        let removed = self.merge(before, after);
        if self.has_more && self.rows.len() < self.query.limit.unwrap_or(0) {
            let wanted = self.wanted(self.rows.len());
            let last = self.rows.last().map(|row| row.at.clone());
            let after = last.or_else(|| self.after.clone());
            let mut finding = Finding::new(Rc::clone(&self.entity));
            let shared = self.client.shared();
            let found = shared
                .look_at(now, |view| finding.advance(view, &wanted, after.as_ref()))
                .await?;
            self.add(found, &wanted);
        }
        Ok(Some(self.tell(false, removed)))
    }

    /// The query for the rows after those that are known.
    fn wanted(&self, known: usize) -> Query {
        let mut wanted = self.query.clone();
        wanted.after = None;
        wanted.limit = wanted
            .limit
            .map(|limit| limit.saturating_add(SPARE_ROWS).saturating_sub(known));
        wanted
    }

    /// Adds rows that come after those that are known.
    fn add(&mut self, docs: Vec<Doc>, wanted: &Query) {
        self.has_more = wanted.limit.is_some_and(|limit| docs.len() >= limit);
        for doc in docs {
            self.rows.push(Row {
                at: self.query.position(&doc),
                doc: Some(Box::new(doc)),
            });
        }
    }

    /// Takes out rows as they were and puts them in as they are; the places of those that were
    /// told and are taken out.
    fn merge(&mut self, before: Vec<Option<Doc>>, after: Vec<Option<Doc>>) -> Vec<usize> {
        let mut changes = Vec::new();
        for (before, after) in before.into_iter().zip(after) {
            if before == after {
                continue;
            }
            if let Some(at) = before.as_ref().and_then(|doc| self.place(doc)) {
                changes.push(Row { at, doc: None });
            }
            if let Some(doc) = after
                && let Some(at) = self.place(&doc)
            {
                let doc = Some(Box::new(doc));
                changes.push(Row { at, doc });
            }
        }
        sort_by(&mut changes, |one, other| one.at.cmp(&other.at));
        let last = self.rows.last().map(|row| row.at.clone());
        let mut rows = take(&mut self.rows).into_iter();
        let (mut kept, mut place, mut removed) = (Vec::with_capacity(rows.len()), 0, Vec::new());
        for change in changes {
            // Of what comes after the last row that is known, not all is.
            if self.has_more && last.as_ref().is_none_or(|last| change.at > *last) {
                break;
            }
            let until = rows.as_slice().partition_point(|row| row.at < change.at);
            kept.extend(rows.by_ref().take(until));
            place += until;
            if change.doc.is_some() {
                kept.push(change);
            } else if let [row, ..] = rows.as_slice()
                && row.at == change.at
            {
                if row.doc.is_none() {
                    removed.push(place);
                }
                place += 1;
                rows.next();
            }
        }
        kept.extend(rows);
        self.rows = kept;
        removed
    }

    /// Where a record stands in the answer, if it is one of it.
    fn place(&self, doc: &Doc) -> Option<Position> {
        if !self.query.matches(doc) {
            return None;
        }
        let at = self.query.position(doc);
        self.after
            .as_ref()
            .is_none_or(|after| at > *after)
            .then_some(at)
    }

    /// What is to be told: the documents of the first rows, as far as they were not.
    fn tell(&mut self, is_whole: bool, removed: Vec<usize>) -> Delta {
        let limit = self.query.limit.unwrap_or(usize::MAX);
        let most = limit.saturating_add(2 * SPARE_ROWS).min(self.rows.len());
        let spare = self.rows.get(limit..most).unwrap_or_default();
        // What was told and is pushed out is not at hand to be told again.
        let spare = spare.iter().take_while(|row| row.doc.is_some()).count();
        if self.rows.len() > limit.saturating_add(spare) {
            self.rows.truncate(limit + spare);
            self.has_more = true;
        }
        let mut delta = Delta {
            is_whole,
            removed,
            count: limit.min(self.rows.len()),
            ..Delta::default()
        };
        for (place, row) in self.rows.iter_mut().take(limit).enumerate() {
            if let Some(doc) = row.doc.take() {
                delta.placed.push(place);
                delta.docs.push(*doc);
            }
        }
        delta
    }
}

/// Two moments, walked apart: the keys of an entity's records that they may not hold alike.
struct Walk<'a> {
    entity: &'a Rc<str>,
    diffs: [Diff; 2],
    keys: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(entity: &'a Rc<str>, before: &Root, now: &Root) -> Self {
        let range = KeyRange::prefix(&entity_prefix(entity));
        Self {
            entity,
            diffs: [
                Diff::new(&before.confirmed, &now.confirmed, range.clone()),
                Diff::new(&before.overlay, &now.overlay, range),
            ],
            keys: Vec::new(),
        }
    }

    /// The records before and after, unless more than `most` changed.
    #[expect(clippy::type_complexity, reason = "two lists of the same length")]
    fn advance(
        &mut self,
        before: &Root,
        view: View<'_>,
        most: usize,
    ) -> Result<Option<(Vec<Option<Doc>>, Vec<Option<Doc>>)>, Stop> {
        for diff in &mut self.diffs {
            while let Some(change) = diff.next(&view.pages)? {
                self.keys.push(split_row_key(&change.key)?.1.to_owned());
                if self.keys.len() > most {
                    return Ok(None);
                }
            }
        }
        sort_by(&mut self.keys, Ord::cmp);
        self.keys.dedup();
        let before = seen(View::new(before, &view.pages), self.entity, &self.keys)?;
        Ok(Some((before, seen(view, self.entity, &self.keys)?)))
    }
}
