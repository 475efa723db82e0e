//! Conflicts as a device keeps them: the server's list, word for word, to be shown offline too,
//! and a person's decisions until the server has them.
//!
//! Nothing here judges. Who won is the truth's to say, and what a decision does to a record comes
//! back with the next pull, like every change.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use tidemark_protocol::Checkin;

use super::codec::Unreadable;
use super::database::{Database, Stop, View};
use super::wire::Request;
use super::{Error, ErrorCode};
use crate::json::Canonical;
use crate::store::{Cursor, Direction, Edit, Edits, KeyRange, PageSource, Slice, Tree};

/// How a person settles a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As the truth had it when the push came.
    Truth,
    /// As the device that pushed had it.
    Device,
    /// As neither has it: JSON text of the record's whole value.
    Value(String),
}

impl Choice {
    /// What the server is told.
    pub(super) fn body(&self) -> Result<String, Error> {
        let mut body = Request::with_capacity(32);
        match self {
            Self::Truth => body.text("take", "truth"),
            Self::Device => body.text("take", "device"),
            Self::Value(value) => {
                let value = Canonical::parse(value).map_err(|e| Error::invalid(e.to_string()))?;
                body.json("value", value.as_str());
            }
        }
        Ok(body.finish())
    }
}

/// A conflict as the server told it: its id and its JSON text.
pub(super) type Told = (String, Canonical);

/// The conflicts that wait for a person: their JSON texts, by id.
pub(super) fn open(view: View<'_>) -> Result<Vec<String>, Stop> {
    let decided = rows(&view.root.decisions, &view.pages)?;
    let mut open = Vec::new();
    for (id, conflict) in rows(&view.root.conflicts, &view.pages)? {
        if !decided.iter().any(|(decided, _)| decided[..] == id[..]) {
            open.push(text(&conflict)?);
        }
    }
    Ok(open)
}

/// The decisions that the server does not have: ids and bodies.
pub(super) fn decisions(view: View<'_>) -> Result<Vec<(String, String)>, Stop> {
    let mut decisions = Vec::new();
    for (id, body) in rows(&view.root.decisions, &view.pages)? {
        decisions.push((text(&id)?, text(&body)?));
    }
    Ok(decisions)
}

/// Keeps a decision, in place of one on the same conflict that was not sent yet.
pub(super) fn decide(database: &mut Database<'_>, id: &str, body: &str) -> Result<(), Stop> {
    let known = &database.root.conflicts;
    if known.get(&database.plain, id.as_bytes())?.is_none() {
        let message = format!("no conflict that waits has the id {id}");
        return Err(Error::new(ErrorCode::NotFound, message).into());
    }
    let edits = Edits::from(vec![Edit::put(id, body)]);
    database.plain.apply(&mut database.root.decisions, &edits)?;
    Ok(())
}

/// The server has answered a decision: it goes, unless the person has decided anew meanwhile;
/// with it goes the conflict, if that is over.
pub(super) fn answered(
    database: &mut Database<'_>,
    (id, body): (&str, &str),
    is_over: bool,
) -> Result<(), Stop> {
    let gone = || Edits::from(vec![Edit::delete(id)]);
    let decision = database
        .root
        .decisions
        .get(&database.plain, id.as_bytes())?;
    if decision.is_some_and(|decision| decision[..] == *body.as_bytes()) {
        database
            .plain
            .apply(&mut database.root.decisions, &gone())?;
    }
    if is_over {
        database
            .plain
            .apply(&mut database.root.conflicts, &gone())?;
    }
    Ok(())
}

/// Puts the server's list in the place of the one held; the ids that are new.
pub(super) fn replace(
    database: &mut Database<'_>,
    list: &[Told],
    changed: Option<Checkin>,
) -> Result<Vec<String>, Stop> {
    let held = rows(&database.root.conflicts, &database.plain)?;
    let (mut edits, mut new) = (Vec::new(), Vec::new());
    for (id, _) in &held {
        if !list.iter().any(|(told, _)| *told.as_bytes() == id[..]) {
            edits.push(Edit::delete(&id[..]));
        }
    }
    for (id, conflict) in list {
        match held.iter().find(|(held, _)| held[..] == *id.as_bytes()) {
            None => new.push(id.clone()),
            Some((_, held)) if held[..] == *conflict.as_str().as_bytes() => continue,
            Some(_) => {}
        }
        edits.push(Edit::put(id.as_str(), conflict.as_str()));
    }
    let edits = edits.into();
    database.plain.apply(&mut database.root.conflicts, &edits)?;
    database.root.conflicts_changed = changed;
    Ok(new)
}

fn rows(tree: &Tree, pages: &dyn PageSource) -> Result<Vec<(Slice, Slice)>, Stop> {
    let mut cursor = Cursor::new(tree, KeyRange::ALL, Direction::Ascending).reading_far_ahead();
    let mut rows = Vec::new();
    while let Some(entry) = cursor.next(pages)? {
        rows.push((entry.key, entry.value));
    }
    Ok(rows)
}

fn text(bytes: &[u8]) -> Result<String, Unreadable> {
    let text = core::str::from_utf8(bytes).map_err(|_| Unreadable)?;
    Ok(text.to_string())
}
