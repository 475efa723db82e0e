//! Following a query: its answer once, then what each later moment does to it.
//!
//! The places of the answer's rows are kept, not the rows. At a newer root the old and the new one
//! are walked apart; only records that differ are looked at again, and what comes of it is told as
//! a small [`Delta`]. Of a query with a limit, some rows more are kept than are shown, so that it
//! need not be asked again each time a row leaves. Where these are used up, where the old root's pages
//! are gone from the disk, and where so much changed that it is cheaper, the query is answered anew.

use alloc::{borrow::ToOwned, boxed::Box, rc::Rc, string::String, vec::Vec};

use super::database::{Stop, View};
use super::read::{Finding, place_after, seen};
use super::record::{entity_prefix, split_row_key};
use super::root::Root;
use super::{Client, Doc, Environment, Error, ErrorCode};
use crate::query::{Position, Query};
use crate::store::{Diff, KeyRange};

/// So many rows more than its limit are kept of a query, and at most twice as many.
const SPARE_ROWS: usize = 32;
/// The query is answered anew where more records than this changed.
const CHANGES_MAX: usize = 1_000;

/// What became of an answer: take away the rows at `removed`, one after the other, put `docs` in so
/// that they stand at `placed`, and cut it to `count`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// It replaces the whole answer, of which nothing is kept.
    pub is_whole: bool,
    /// Places in the answer before, each as it is when those named before it are away.
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
    /// The query as the app wrote it, as long as it was not read.
    text: Option<String>,
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
    pub(super) fn new(client: Client<E>, entity: &str, text: String) -> Self {
        Self {
            client,
            entity: Rc::from(entity),
            text: Some(text),
            query: Query::default(),
            after: None,
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
        self.read()?;
        if let Some(before) = self.root.take() {
            let client = self.client.clone();
            let now = client.shared().current();
            let mut walk = Walk::new(&self.entity, &before, &now.root);
            let mut delta = None;
            let walked = client
                .shared()
                .look_only_at(&now, &mut |view, _| {
                    if walk.is_short(&view)? {
                        let (was, is) = walk.records(&before, view)?;
                        delta = self.change(was, is);
                    }
                    Ok(())
                })
                .await;
            match (walked, delta) {
                (Ok(()), Some(delta)) => {
                    self.root = Some(now.root.clone());
                    let is_same = delta.removed.is_empty() && delta.placed.is_empty();
                    return Ok((!is_same).then_some(delta));
                }
                (Err(error), _) if error.code != ErrorCode::Busy => return Err(error),
                // The moment before is gone from the disk, or rows are missing.
                _ => {}
            }
        }
        let limit = self
            .query
            .limit
            .map(|limit| limit.saturating_add(SPARE_ROWS));
        let found = self.find(limit).await?;
        self.has_more = limit.is_some_and(|limit| found.len() >= limit);
        self.rows.clear();
        for doc in found {
            let at = self.query.position(&doc);
            let doc = Some(Box::new(doc));
            self.rows.push(Row { at, doc });
        }
        Ok(Some(self.tell(true, Vec::new())))
    }

    /// The rows that come next at the newest moment, up to `most`: after those that earlier calls
    /// gave, whatever became of them since. Not for one that is followed as well.
    ///
    /// # Errors
    /// As [`Client::find`].
    pub async fn page(&mut self, most: usize) -> Result<Vec<Doc>, Error> {
        self.read()?;
        let found = self.find(Some(most)).await?;
        if let Some(last) = found.last() {
            self.after = Some(self.query.position(last));
        }
        Ok(found)
    }

    fn read(&mut self) -> Result<(), Error> {
        if let Some(text) = &self.text {
            self.query = Query::parse(text)?;
            self.after = self.client.remembered(&self.entity, &self.query);
            self.text = None;
        }
        Ok(())
    }

    /// The first rows at the newest moment.
    async fn find(&mut self, limit: Option<usize>) -> Result<Vec<Doc>, Error> {
        let client = self.client.clone();
        let mut wanted = self.query.clone();
        (wanted.after, wanted.limit) = (None, limit);
        let (mut finding, mut found) = (None, Vec::new());
        client
            .shared()
            .look_again(&mut |view, is_another| {
                if is_another {
                    finding = None;
                }
                if self.after.is_none() {
                    self.after = place_after(view, &self.query, &self.entity)?;
                }
                let finding = finding.get_or_insert_with(|| Finding::new(Rc::clone(&self.entity)));
                found = finding.advance(view, &wanted, self.after.as_ref())?;
                self.root = Some(view.root.clone());
                Ok(())
            })
            .await?;
        Ok(found)
    }

    /// Takes up what changed; `None`: rows are missing.
    fn change(&mut self, was: Docs, is: Docs) -> Option<Delta> {
        let last = self.rows.last().map(|row| row.at.clone());
        let (mut removed, mut changed) = (Vec::new(), Vec::new());
        for (was, is) in was.into_iter().zip(is) {
            if was == is {
                continue;
            }
            if let Some(at) = self.place(was.as_ref())
                && let Ok(place) = self.find_place(&at)
                && self.rows.remove(place).doc.is_none()
            {
                removed.push(place);
            }
            changed.push(is);
        }
        for doc in changed {
            let Some(at) = self.place(doc.as_ref()) else {
                continue;
            };
            // Of what comes after the last row that is known, not all is.
            if self.has_more && last.as_ref().is_none_or(|last| at > *last) {
                continue;
            }
            if let Err(place) = self.find_place(&at) {
                let doc = doc.map(Box::new);
                self.rows.insert(place, Row { at, doc });
            }
        }
        let is_short = self.has_more && self.rows.len() < self.query.limit.unwrap_or(0);
        (!is_short).then(|| self.tell(false, removed))
    }

    /// Where a row stands among those that are known, or else where it belongs.
    fn find_place(&self, at: &Position) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.at.cmp(at))
    }

    /// Where a record stands in the answer, if it is one of it.
    fn place(&self, doc: Option<&Doc>) -> Option<Position> {
        let doc = doc.filter(|doc| self.query.matches(*doc))?;
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

/// The documents of some keys.
type Docs = Vec<Option<Doc>>;

/// Two moments, walked apart: the keys of an entity's records that they may not hold alike, some
/// of them twice.
struct Walk {
    entity: Rc<str>,
    diffs: [Diff; 2],
    keys: Vec<String>,
}

impl Walk {
    fn new(entity: &Rc<str>, before: &Root, now: &Root) -> Self {
        let range = KeyRange::prefix(&entity_prefix(entity));
        Self {
            entity: Rc::clone(entity),
            diffs: [
                Diff::new(&before.confirmed, &now.confirmed, range.clone()),
                Diff::new(&before.overlay, &now.overlay, range),
            ],
            keys: Vec::new(),
        }
    }

    /// Goes to the end, unless it is long.
    fn is_short(&mut self, view: &View<'_>) -> Result<bool, Stop> {
        for diff in &mut self.diffs {
            while let Some(change) = diff.next(&view.pages)? {
                self.keys.push(split_row_key(&change.key)?.1.to_owned());
                if self.keys.len() > CHANGES_MAX {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The records before and now, once it is known which they are.
    fn records(&self, before: &Root, now: View<'_>) -> Result<(Docs, Docs), Stop> {
        let before = View::new(before, &now.pages);
        Ok((
            seen(before, &self.entity, &self.keys)?,
            seen(now, &self.entity, &self.keys)?,
        ))
    }
}
