//! A person settles a conflict: the decision becomes a change of the record like any other, and
//! whatever others made of the record in the meantime is dealt with as with any other.

use alloc::string::String;

use tidemark_protocol::{Checkin, DeviceId, Key, LocalId};

use super::claim::{Base, Claim};
use super::conflict::Conflict;
use super::judge::Change;
use super::mingle::{Mingle, Writes};
use super::record;
use super::view::View;
use crate::json::{Canonical, CanonicalRef};
use crate::key::derived_key;
use crate::version::Content;

/// Who makes the versions that settle conflicts. No device is called so, so that each is told
/// of them, and of its own edits conflicts with those that it had not seen.
pub const SETTLER: DeviceId = DeviceId::new(uuid::Uuid::nil());

/// What a person decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As the truth's side has it.
    Truth,
    /// As the device's side has it.
    Device,
    /// Neither: this is the record's value.
    Value(Canonical),
}

impl Mingle {
    /// Decides what a choice makes of the record, for a mingle of [`SETTLER`]'s that does
    /// nothing else. The conflict was `stored` at that commit, and up to there the person knew
    /// the record; the view holds all kept versions of its key.
    pub fn settle(
        &mut self,
        conflict: &Conflict,
        stored: Checkin,
        choice: Choice,
        view: &View,
    ) -> Writes {
        let mut writes = Writes::default();
        self.count_settled(conflict);
        if let Some(claim) = claim(conflict, stored, choice, view) {
            record::decide(self, claim, view, &mut writes);
        }
        // There is no session to answer to.
        writes.answers.clear();
        writes
    }
}

/// The change that a choice comes to; `None`: the record is so already.
fn claim(conflict: &Conflict, stored: Checkin, choice: Choice, view: &View) -> Option<Claim> {
    let history = view.history(&conflict.key);
    let newest = history.newest();
    let is_live = newest.is_some_and(|version| !version.is_tombstone());
    let is_about_deletion = conflict.truth.is_none() || conflict.device.is_none();
    let (side, is_taken) = match choice {
        Choice::Truth => (conflict.truth.clone(), true),
        Choice::Device => (conflict.device.clone(), true),
        Choice::Value(value) => (Some(value), false),
    };
    let Some(value) = side else {
        return is_live.then(|| of(conflict, conflict.key.clone(), stored, Change::Deleted));
    };
    if is_taken && !conflict.fields.is_empty() && history.last_live().is_some() {
        let fields = fields_of(&conflict.fields, &value);
        return Some(of(conflict, conflict.key.clone(), stored, fields));
    }
    if is_taken && is_about_deletion && is_live {
        return None;
    }
    let key = match newest {
        Some(_) => conflict.key.clone(),
        None => new_key(conflict, stored),
    };
    // What is deleted is put back by whoever knows that it is.
    let base = newest.filter(|_| !is_live).map_or(stored, |it| it.checkin);
    let whole = Change::Whole(Content::of(&conflict.entity, value));
    Some(of(conflict, key, base, whole))
}

fn of(conflict: &Conflict, key: Key, base: Checkin, change: Change) -> Claim {
    let base = Base {
        compared: Some(base),
        known: Some(base),
    };
    Claim::settling(key, conflict.entity.clone(), base, change)
}

/// The fields in conflict as one side has them.
fn fields_of(fields: &[String], side: &Canonical) -> Change {
    let value_of = |field: &str| side.borrow().field(field).map(CanonicalRef::to_canonical);
    let fields = fields.iter();
    Change::Fields(
        fields
            .map(|field| (field.clone(), value_of(field)))
            .collect(),
    )
}

/// A record under a dead local id is made anew: its old id stays dead.
fn new_key(conflict: &Conflict, stored: Checkin) -> Key {
    if LocalId::parse(conflict.key.as_str()).is_err() {
        return conflict.key.clone();
    }
    let millis = stored.micros().div_euclid(1000);
    Key::from(LocalId::new(derived_key(conflict.id.0, millis)))
}
