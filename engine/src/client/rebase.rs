//! What becomes of the person's edits when the truth has moved under them.
//!
//! One total function: an edited row, how the server answered it in this session (if it was
//! pushed), and what now lies confirmed under it, to the row's new state. It looks nothing up.
//!
//! | pushed and answered | edited since | deleted in the truth | the edit |
//! | --- | --- | --- | --- |
//! | yes | no | no, or deleted here too | is clean: it goes |
//! | yes | no | yes | is clean: the truth has had it, or keeps it as a conflict's loser |
//! | yes | no | yes, and forgotten | is set aside for the person |
//! | yes | yes | no | keeps what was edited since, over the new version |
//! | yes | yes | yes | is pushed again whole |
//! | no | – | – | stays; untouched fields take the new version's values |
//! | no, but its key came | – | – | moves to the key, and is pushed once more |

use alloc::{borrow::ToOwned, boxed::Box, string::String};

use uuid::Uuid;

use super::outgoing::{Answer, Sent};
use super::record::{Confirmed, Edit, SetAside};
use crate::faults::{Fault, is_planted};
use crate::json::{Canonical, CanonicalRef, Patch};

/// What becomes of an edited row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rebased {
    /// Nothing.
    Kept,
    /// The edit is in the truth, or moot.
    Clean,
    /// It changes, and lies under this key from now on.
    Moved(String, Box<Edit>),
}

impl Rebased {
    fn moved(key: &str, edit: Edit) -> Self {
        Self::Moved(key.to_owned(), Box::new(edit))
    }
}

/// A key that the server gave to a pending record, and what lies under it.
pub(super) struct Under<'a> {
    pub(super) key: &'a str,
    pub(super) confirmed: Option<&'a Confirmed>,
}

/// Decides about one row: `key` is where it lies, `under` where it belongs now.
pub(super) fn rebase(key: &str, edit: &Edit, sent: Option<&Sent>, under: &Under<'_>) -> Rebased {
    match sent.and_then(|sent| Some((sent, sent.answer.as_ref()?))) {
        Some((sent, answer)) if answer.deleted => deleted(key, edit, sent, answer),
        Some((sent, _))
            if sent.edit == edit.number || is_planted(Fault::CleanWhateverTheCounter) =>
        {
            Rebased::Clean
        }
        Some((sent, answer)) => {
            let mut edit = since(edit, sent.edit);
            if edit.base.is_none() && edit.push_as.is_none() {
                if edit.is_pending {
                    edit.push_as = local_id(key);
                } else {
                    edit.base = Some(answer.checkin);
                }
            }
            arrive(edit, under)
        }
        None if edit.is_pending => unasked(key, edit, under),
        None if is_planted(Fault::RebaseMovesTheBase) && under.confirmed.is_some() => {
            let base = under.confirmed.map(|record| record.checkin);
            let value = under.confirmed.and_then(|record| over(edit, record));
            let value = value.unwrap_or_else(|| edit.value.clone());
            Rebased::moved(
                key,
                Edit {
                    base,
                    value,
                    ..edit.clone()
                },
            )
        }
        None => match under.confirmed.and_then(|record| over(edit, record)) {
            Some(value) => Rebased::moved(
                key,
                Edit {
                    value,
                    ..edit.clone()
                },
            ),
            None => Rebased::Kept,
        },
    }
}

/// The answer is a deletion. An edit that did not know of it would have survived it, so what
/// was pushed was in the truth before, or is kept there as the loser of a conflict. Only where
/// the deletion itself is forgotten was the push not looked at: then it is the person's.
fn deleted(key: &str, edit: &Edit, sent: &Sent, answer: &Answer) -> Rebased {
    let is_lost = answer.is_gone && !sent.deleted;
    if edit.deleted || (edit.number == sent.edit && !is_lost) {
        return Rebased::Clean;
    }
    // Whatever is written from now on is written knowing of the deletion, and is whole.
    let mut edit = edit.clone();
    edit.changed.clear();
    edit.whole = edit.number;
    edit.base = (!edit.is_pending || is_lost).then_some(answer.checkin);
    if is_lost {
        edit.set_aside = Some(SetAside {
            code: "deleted".to_owned(),
            detail: "The record was deleted elsewhere: undo drops this edit.".to_owned(),
        });
    }
    Rebased::moved(key, edit)
}

/// What of the edit was made after the push.
fn since(edit: &Edit, pushed: u64) -> Edit {
    let mut edit = edit.clone();
    edit.changed.retain(|(_, number)| *number > pushed);
    if edit.whole <= pushed {
        edit.whole = 0;
    }
    edit
}

/// A pending record's key came with a pull that does not answer a push of this session.
fn unasked(key: &str, edit: &Edit, under: &Under<'_>) -> Rebased {
    if under.key == key || under.confirmed.is_none() {
        return Rebased::Kept;
    }
    let push_as = local_id(key);
    arrive(
        Edit {
            push_as,
            ..edit.clone()
        },
        under,
    )
}

/// The record lies under its real key now, edits over what came there.
fn arrive(mut edit: Edit, under: &Under<'_>) -> Rebased {
    edit.is_pending = false;
    if let Some(value) = under.confirmed.and_then(|record| over(&edit, record)) {
        edit.value = value;
    }
    Rebased::moved(under.key, edit)
}

/// The new version with the edited fields over it; `None` where nothing of it shows.
fn over(edit: &Edit, record: &Confirmed) -> Option<Canonical> {
    if edit.whole > 0 || edit.deleted {
        return None;
    }
    let (mine, theirs): (CanonicalRef<'_>, _) = (edit.value.borrow(), record.value.borrow());
    if !mine.is_object() || !theirs.is_object() {
        return None;
    }
    let mut patch = Patch::new();
    for (field, _) in &edit.changed {
        match mine.field(field) {
            Some(value) => patch.set(field.as_str(), value),
            None => patch.remove(field.as_str()),
        }
    }
    let value = theirs.patched(&patch);
    (value != edit.value).then_some(value)
}

fn local_id(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key).ok()
}
