//! Which rows a push offers: the person's edits, or records whole.

use alloc::{rc::Rc, vec::Vec};
use core::ops::Bound;

use crate::client::database::{Stop, View};
use crate::client::record::{Confirmed, Edit};
use crate::client::{Error, ErrorCode};
use crate::sort::sort_by;
use crate::store::{Cursor, Direction, KeyRange, Tree};

/// How many rows are read at once.
pub(in crate::client) const ROWS_READ: usize = 1_000;

/// What a push offers.
#[derive(Clone, Debug)]
pub(super) enum Offered {
    /// The person's edits.
    Edits,
    /// The records in these rows, in their order, whole: the server asked for them.
    Asked(Vec<Vec<u8>>),
    /// All that this device holds, whole: the truth was taken back to an older backup, or is to
    /// become just that.
    Everything,
}

impl Offered {
    /// The next rows after this one, in their order, each as it goes to the server; fewer than
    /// [`ROWS_READ`]: there are no more. Edits that began after `sent` are left to the next sync.
    pub(super) fn next(
        &self,
        view: &View<'_>,
        after: Option<&[u8]>,
        sent: u64,
    ) -> Result<Vec<(Vec<u8>, Edit)>, Stop> {
        let rows = match self {
            Self::Edits => {
                let mut rows = view.edits_after(after, ROWS_READ)?;
                for (row, edit) in &mut rows {
                    know_of_none(view, row, edit)?;
                }
                return Ok(rows);
            }
            Self::Asked(rows) => {
                let from = rows.partition_point(|row| after.is_some_and(|after| &row[..] <= after));
                rows[from..rows.len().min(from + ROWS_READ)].to_vec()
            }
            Self::Everything => {
                rows_after(view, &[&view.root.confirmed, &view.root.overlay], after)?
            }
        };
        let mut whole = Vec::with_capacity(rows.len());
        for row in rows {
            let edit = whole_row(view, &row, sent)?;
            whole.push((row, edit));
        }
        Ok(whole)
    }
}

/// The next rows in which one of these trees has anything.
pub(in crate::client) fn rows_after(
    view: &View<'_>,
    trees: &[&Tree],
    after: Option<&[u8]>,
) -> Result<Vec<Vec<u8>>, Stop> {
    let mut rows = Vec::new();
    for tree in trees {
        let from = after.map_or(Bound::Unbounded, |row| Bound::Excluded(row.to_vec()));
        let to = Bound::Unbounded;
        let mut cursor = Cursor::new(tree, KeyRange { from, to }, Direction::Ascending);
        for _ in 0..ROWS_READ {
            let Some(entry) = cursor.next(&view.pages)? else {
                break;
            };
            rows.push(entry.key.to_vec());
        }
    }
    sort_by(&mut rows, Ord::cmp);
    rows.dedup();
    // Each tree was read as far as that at least.
    rows.truncate(ROWS_READ);
    Ok(rows)
}

/// A row's record whole: as the person sees it, or, where an edit is not to be sent, as it was
/// confirmed.
fn whole_row(view: &View<'_>, row: &[u8], sent: u64) -> Result<Edit, Stop> {
    let edit = view.edit(row)?;
    let confirmed = view.confirmed(row)?;
    match (edit, confirmed) {
        (Some(mut edit), confirmed) => {
            if let Some(confirmed) = confirmed
                && (edit.set_aside.is_some() || edit.born > sent)
            {
                return Ok(given_back(confirmed));
            }
            know_of_none(view, row, &mut edit)?;
            if !edit.deleted {
                edit.whole = edit.number;
            }
            Ok(edit)
        }
        (None, Some(confirmed)) => Ok(given_back(confirmed)),
        (None, None) => {
            let message = "another tab has synced what was to be given back";
            Err(Error::new(ErrorCode::Busy, message).into())
        }
    }
}

/// A confirmed record as it goes to a truth that does not have it. It is no edit: none has the
/// number 0.
fn given_back(confirmed: Confirmed) -> Edit {
    Edit {
        is_pending: false,
        deleted: false,
        whole: 1,
        number: 0,
        born: 0,
        handle: confirmed.handle,
        base: Some(confirmed.checkin),
        push_as: None,
        changed: Vec::new(),
        set_aside: None,
        created: Rc::clone(&confirmed.created),
        updated: confirmed.updated,
        value: confirmed.value,
    }
}

/// An edit that makes a record under a key where this device holds none tells up to where it
/// knows of none: else a record that was deleted and is put back as it was could not be told
/// from an old push, repeated.
fn know_of_none(view: &View<'_>, row: &[u8], edit: &mut Edit) -> Result<(), Stop> {
    let is_named = !edit.is_pending && edit.push_as.is_none();
    if is_named && edit.base.is_none() && !edit.deleted && view.confirmed(row)?.is_none() {
        edit.base = view.root.last_sync;
    }
    Ok(())
}
