//! The end of a pull, as one change: what was staged becomes what everybody sees, the edits
//! are rebased on it, and records move under the keys that came.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use tidemark_protocol::{Code, Problem, Timestamp};
use uuid::Uuid;

use super::Remapped;
use super::by_row::ByRow;
use super::database::{Database, Rows, Stop};
use super::outgoing::{Outgoing, Sent};
use super::rebase::{Rebased, Under, rebase};
use super::record::{Confirmed, Edit, SetAside, row_key, split_row_key};
use crate::faults::{Fault, is_planted};
use crate::key::derived_key;

/// What a session knows when its pull ends.
pub(super) struct Publication<'a> {
    pub(super) outgoing: &'a Outgoing,
    /// Rows that were refused, each with the number of the edit that is meant.
    pub(super) refused: &'a ByRow<(u64, Problem)>,
    /// The truth is taken instead of the edits that began up to this number: they are set aside
    /// with this code.
    pub(super) truth_taken: Option<(u64, &'static str)>,
}

/// What became visible.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub(super) remapped: Vec<Remapped>,
    /// Keys of records that were set aside.
    pub(super) set_aside: Vec<String>,
}

/// Publishes the staged trees.
pub(super) fn publish(
    database: &mut Database<'_>,
    publication: &Publication<'_>,
) -> Result<Published, Stop> {
    let mut published = Published::default();
    let mut rows = Rows::default();
    let edits = database.view().edits_after(None, usize::MAX)?;
    let places = places_of(database, &edits, publication)?;
    // Under an edit that is answered and was not touched since, nobody needs to look.
    let mut looked_at: Vec<&[u8]> = Vec::new();
    for place in places.iter().filter(|place| !place.is_clean) {
        looked_at.push(&place.row);
    }
    let mut found = database.staged_records(&looked_at)?.into_iter();
    for ((row, edit), place) in edits.into_iter().zip(&places) {
        let (entity, key) = split_row_key(&row)?;
        let confirmed = if place.is_clean {
            None
        } else {
            found.next().flatten()
        };
        let under = Under {
            key: &place.key,
            confirmed: confirmed.as_ref(),
        };
        let rebased = rebase(key, &edit, publication.outgoing.sent.get(&row), &under);
        if edit.is_pending && place.key != key && !matches!(rebased, Rebased::Kept) {
            let (local_id, key) = (key.to_owned(), place.key.clone());
            published.remapped.push(Remapped {
                local_id,
                key,
                entity: entity.to_owned(),
            });
        }
        let (at, mut after, is_moved) = match rebased {
            Rebased::Clean => {
                rows.insert(row, None);
                continue;
            }
            Rebased::Kept => (row.clone(), edit, false),
            Rebased::Moved(key, edit) => (row_key(entity, &key), *edit, true),
        };
        let was_set_aside = !is_moved && after.set_aside.is_some();
        let mut is_refused = refuse(&mut after, publication.refused.get(&row));
        if let Some(taken) = publication.truth_taken {
            let Some(is_set_aside) = give_way(&mut after, confirmed.as_ref(), taken) else {
                rows.insert(row, None);
                continue;
            };
            is_refused |= is_set_aside;
        }
        if is_refused && after.set_aside.is_some() && is_planted(Fault::RefusedDropped) {
            rows.insert(row, None);
            continue;
        }
        if after.set_aside.is_some() && !was_set_aside {
            published.set_aside.push(key.to_owned());
        }
        if is_moved || is_refused {
            rows.insert(row, None);
            rows.insert(at, Some(after));
        }
    }
    database.publish_staged();
    database.write_edits(&rows)?;
    Ok(published)
}

/// Where an edited row belongs now.
struct Place {
    row: Vec<u8>,
    key: String,
    is_clean: bool,
}

fn places_of(
    database: &mut Database<'_>,
    edits: &[(Vec<u8>, Edit)],
    publication: &Publication<'_>,
) -> Result<Vec<Place>, Stop> {
    let mut places = Vec::with_capacity(edits.len());
    for (row, edit) in edits {
        let sent = publication.outgoing.sent.get(row);
        places.push(Place::of(database, row, edit, sent)?);
    }
    find_derived(database, edits, &mut places)?;
    Ok(places)
}

/// Another copy of this device may have pushed what waits here still, and the pull have brought it
/// under the key that follows from its id: it is one record, not two.
fn find_derived(
    database: &mut Database<'_>,
    edits: &[(Vec<u8>, Edit)],
    places: &mut [Place],
) -> Result<(), Stop> {
    let (mut rows, mut waiting) = (Vec::new(), Vec::new());
    for ((row, edit), place) in edits.iter().zip(places) {
        let (entity, key) = split_row_key(row)?;
        if !edit.is_pending || place.key != key {
            continue;
        }
        let Ok(local_id) = Uuid::try_parse(key) else {
            continue;
        };
        let Ok(created) = Timestamp::millis_of(&edit.created) else {
            continue;
        };
        let key = derived_key(local_id, created).to_string();
        rows.push(row_key(entity, &key));
        waiting.push((place, local_id, key));
    }
    let mut aliases = Vec::new();
    let found = database.staged_records(&rows)?;
    for ((place, local_id, key), (row, found)) in
        waiting.into_iter().zip(rows.into_iter().zip(found))
    {
        if found.is_some() {
            aliases.push((local_id, key.clone()));
            (place.row, place.key) = (row, key);
        }
    }
    database.write_aliases(&aliases)
}

impl Place {
    fn of(
        database: &Database<'_>,
        row: &[u8],
        edit: &Edit,
        sent: Option<&Sent>,
    ) -> Result<Self, Stop> {
        let (entity, key) = split_row_key(row)?;
        let answer = sent.and_then(|sent| sent.answer.as_ref().map(|answer| (sent, answer)));
        let place = match answer {
            Some((_, answer)) => answer.key.clone(),
            None if edit.is_pending => database
                .view()
                .alias(key)?
                .unwrap_or_else(|| key.to_owned()),
            None => key.to_owned(),
        };
        let is_clean = answer.is_some_and(|(sent, _)| {
            sent.edit == edit.number || is_planted(Fault::CleanWhateverTheCounter)
        });
        Ok(Self {
            row: row_key(entity, &place),
            key: place,
            is_clean,
        })
    }
}

/// Heeds a refusal, if it is this very edit that was refused.
fn refuse(edit: &mut Edit, refusal: Option<&(u64, Problem)>) -> bool {
    let Some((_, problem)) = refusal.filter(|(number, _)| *number == edit.number) else {
        return false;
    };
    if problem.code == Code::NeedWhole {
        edit.whole = edit.number;
    } else {
        let (code, detail) = (problem.code.as_str().to_owned(), problem.detail.clone());
        edit.set_aside = Some(SetAside { code, detail });
    }
    true
}

/// Sets an edit aside where the truth was taken instead of it; `None`: it says what the truth says.
/// One that began since stays, unless the truth has no such record.
fn give_way(
    edit: &mut Edit,
    truth: Option<&Confirmed>,
    (up_to, code): (u64, &str),
) -> Option<bool> {
    let is_moot = match truth {
        Some(record) => !edit.deleted && record.value == edit.value,
        None => edit.deleted,
    };
    if is_moot {
        return None;
    }
    let is_gone = truth.is_none() && edit.base.is_some();
    let gives_way = edit.set_aside.is_none() && (edit.born <= up_to || is_gone);
    if gives_way {
        let detail = "The truth was taken instead: edit this again to send it, or undo it.";
        let (code, detail) = (code.to_owned(), detail.to_owned());
        edit.set_aside = Some(SetAside { code, detail });
    }
    Some(gives_way)
}
