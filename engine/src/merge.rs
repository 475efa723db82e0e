//! Brings one device's edit of one record together with what others made of it meanwhile.
//!
//! One total function over texts and stamps. It knows nothing of keys, pushes or storage.
//!
//! ```text
//!            base -------------- what others changed ------------> truth
//!              \                                                     \
//!               what the device changed                               the same, but where both
//!                \                                                     \  changed a field:
//!                 pushed ------------------------------------------> merged  the policy decides
//! ```

mod referee;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;
use tidemark_protocol::{Checkin, DeviceId};

use crate::faults::{Fault, is_planted};
use crate::json::{Canonical, CanonicalRef, Patch, changed_fields};
use crate::version::{Content, History, Stamp, Stamps, Version};

pub use referee::{Referee, Verdict};

/// Fields and their values, in canonical order; a field without one is removed.
pub type FieldChanges = [(String, Option<Canonical>)];

/// What a device says of a record's value.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// It is this now.
    Whole(&'a Canonical),
    /// These fields of it changed.
    Fields(&'a FieldChanges),
}

/// An edit, and what its device knew.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// What is said.
    pub said: Said<'a>,
    /// Who says so.
    pub device: DeviceId,
    /// The version that a whole value is compared with.
    pub compared: Option<Checkin>,
    /// Up to here the device knew what others did.
    pub known: Option<Checkin>,
    /// Who decides about what both sides changed.
    pub referee: Referee,
    /// A person has decided so: it is never taken for a repeat.
    pub is_final: bool,
}

/// What an edit comes to; nothing at all where nothing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The record's new value.
    pub change: Option<ValueChange>,
    /// What of others' changes the edit overrode.
    pub won: Option<Contested>,
    /// What of the edit was not taken because others' changes stay.
    pub lost: Option<Contested>,
}

/// The value that an edit makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueChange {
    /// The new value.
    pub value: Canonical,
    /// Who last changed each field of it.
    pub stamps: Stamps,
}

/// What both sides changed, and one of them lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// The fields; empty: the value as a whole.
    pub fields: Vec<String>,
    /// The newest of the truth's changes to them.
    pub theirs: Stamp,
    /// A policy has decided for good.
    pub is_settled: bool,
}

impl Contested {
    fn new(theirs: Stamp) -> Self {
        let (fields, is_settled) = (Vec::new(), true);
        Self {
            fields,
            theirs,
            is_settled,
        }
    }

    fn add(&mut self, theirs: Stamp, is_settled: bool) {
        if theirs.checkin > self.theirs.checkin {
            self.theirs = theirs;
        }
        self.is_settled &= is_settled;
    }
}

/// Merges an edit into the record's last live version.
pub fn merge(
    live: (&Version, &Content),
    history: History<'_>,
    edit: Edit<'_>,
    made: Stamp,
) -> Merged {
    let (version, content) = live;
    let truth = content.value.borrow();
    let base = history
        .at(edit.compared)
        .and_then(|base| base.content.as_ref());
    let base = base.map(|content| content.value.borrow());
    let is_one_field = match edit.said {
        _ if !truth.is_object() => true,
        Said::Whole(pushed) => {
            !pushed.borrow().is_object() || base.is_some_and(|base| !base.is_object())
        }
        Said::Fields(_) => false,
    };
    let ground = Ground {
        version,
        truth,
        base,
        history,
        edit,
        made,
    };
    if is_one_field {
        ground.replace()
    } else {
        ground.merge_fields()
    }
}

/// All that a merge looks at.
struct Ground<'a> {
    version: &'a Version,
    truth: CanonicalRef<'a>,
    base: Option<CanonicalRef<'a>>,
    history: History<'a>,
    edit: Edit<'a>,
    made: Stamp,
}

type FieldMap<'a> = HashMap<Cow<'a, str>, CanonicalRef<'a>>;

fn field_map(value: CanonicalRef<'_>) -> FieldMap<'_> {
    value.fields().collect()
}

impl<'a> Ground<'a> {
    /// A value that is not an object is one field.
    fn replace(&self) -> Merged {
        let pushed = match self.edit.said {
            Said::Whole(pushed) => Cow::Borrowed(pushed),
            Said::Fields(fields) => Cow::Owned(self.truth.patched(&patch(by_field(fields)))),
        };
        let newest = self.version.stamps.newest();
        let is_said_before = || {
            let own = self.own_versions().next();
            let content = own.and_then(|version| version.content.as_ref());
            content.is_some_and(|content| content.value == *pushed)
                && !is_planted(Fault::RepeatIsAChange)
        };
        if pushed.borrow() == self.truth
            || !self.is_changed(newest, || self.base == Some(pushed.borrow()))
            || is_said_before()
        {
            return Merged::default();
        }
        let (mut is_won, mut contested) = (true, None);
        let stamps = self.version.stamps.all();
        for theirs in stamps.filter(|stamp| self.is_unknown(*stamp)) {
            let verdict = self.edit.referee.decide(theirs, self.history);
            is_won &= verdict.is_won;
            contested
                .get_or_insert(Contested::new(theirs))
                .add(theirs, verdict.is_settled);
        }
        if !is_won {
            return Merged {
                lost: contested,
                ..Merged::default()
            };
        }
        let change = ValueChange {
            value: pushed.into_owned(),
            stamps: Stamps::replaced(self.made),
        };
        Merged {
            change: Some(change),
            won: contested,
            lost: None,
        }
    }

    /// Objects are merged field by field.
    fn merge_fields(&self) -> Merged {
        let changes = self.differing_fields();
        let mut merged = Merged::default();
        if changes.is_empty() {
            return merged;
        }
        let base = self.base.map(field_map);
        let own = OwnWords::new(self.own_versions());
        let mut patch = Patch::new();
        let mut stamps = self.version.stamps.clone();
        for (field, pushed) in changes {
            let stamp = self.version.stamps.of(&field);
            let is_as_in_base = || {
                base.as_ref()
                    .is_some_and(|base| base.get(&field).copied() == pushed)
            };
            if !self.is_changed(stamp, is_as_in_base) || own.said_last(&field, pushed) {
                continue;
            }
            if self.is_unknown(stamp) && !self.contest(&field, stamp, &mut merged) {
                continue;
            }
            stamps.touch(&field, self.made);
            match pushed {
                Some(value) => patch.set(field, value),
                None => patch.remove(field),
            }
        }
        if !patch.is_empty() {
            let value = self.truth.patched(&patch);
            merged.change = Some(ValueChange { value, stamps });
        }
        merged
    }

    /// Notes a field that both sides changed with whoever loses it; whether the edit wins it.
    fn contest(&self, field: &str, theirs: Stamp, merged: &mut Merged) -> bool {
        let Verdict { is_won, is_settled } = self.edit.referee.decide(theirs, self.history);
        let side = if is_won {
            &mut merged.won
        } else {
            &mut merged.lost
        };
        let contested = side.get_or_insert(Contested::new(theirs));
        contested.add(theirs, is_settled);
        contested.fields.push(field.into());
        is_won
    }

    /// The fields in which what is said differs from the truth, in canonical order.
    fn differing_fields(&self) -> Vec<(Cow<'a, str>, Option<CanonicalRef<'a>>)> {
        match self.edit.said {
            Said::Whole(pushed) => {
                let values = field_map(pushed.borrow());
                let differing = changed_fields(self.truth, pushed.borrow()).into_iter();
                differing
                    .map(|field| (field.clone(), values.get(&field).copied()))
                    .collect()
            }
            Said::Fields(changes) => {
                let truth = field_map(self.truth);
                let changes = changes.iter().map(|(field, value)| {
                    (
                        Cow::Borrowed(field.as_str()),
                        value.as_ref().map(Canonical::borrow),
                    )
                });
                changes
                    .filter(|(field, value)| truth.get(field) != value.as_ref())
                    .collect()
            }
        }
    }

    /// Whether the device changed a field that differs from the truth and was last changed as
    /// `stamp` tells: its own newer word stands; else the field must differ from the base.
    /// Where nobody changed it since the base, the base is the truth.
    fn is_changed(&self, stamp: Stamp, is_as_in_base: impl FnOnce() -> bool) -> bool {
        matches!(self.edit.said, Said::Fields(_))
            || stamp.device == self.edit.device
            || self.edit.compared.is_some_and(|base| stamp.checkin <= base)
            || !is_as_in_base()
    }

    fn is_unknown(&self, stamp: Stamp) -> bool {
        stamp.is_unknown_to(self.edit.device, self.edit.known)
    }

    /// What the device itself made of the record after its base, newest first.
    fn own_versions(&self) -> impl Iterator<Item = &'a Version> + use<'a> {
        let own = self.history.by(self.edit.device, self.edit.known);
        let count = if self.edit.is_final { 0 } else { usize::MAX };
        own.take(count)
    }
}

/// A set of changes as a patch.
pub fn patch<'a>(
    changes: impl IntoIterator<Item = (&'a String, &'a Option<Canonical>)>,
) -> Patch<'a> {
    let mut patch = Patch::new();
    for (field, value) in changes {
        match value {
            Some(value) => patch.set(field.as_str(), value.borrow()),
            None => patch.remove(field.as_str()),
        }
    }
    patch
}

/// Changes as [`patch`] takes them.
pub fn by_field(changes: &FieldChanges) -> impl Iterator<Item = (&String, &Option<Canonical>)> {
    changes.iter().map(|(field, value)| (field, value))
}

/// What the device itself gave each field after the base: to say it again changes nothing,
/// whatever others made of it since.
struct OwnWords<'a> {
    /// Its versions, newest first.
    versions: Vec<(&'a Version, FieldMap<'a>)>,
}

impl<'a> OwnWords<'a> {
    fn new(own: impl Iterator<Item = &'a Version>) -> Self {
        let own = own.filter_map(|version| {
            let content = version.content.as_ref()?;
            Some((version, field_map(content.value.borrow())))
        });
        Self {
            versions: own.collect(),
        }
    }

    /// Whether this is the value that it gave the field last, or it removed it last.
    fn said_last(&self, field: &str, pushed: Option<CanonicalRef<'_>>) -> bool {
        let gave = |version: &Version| version.stamps.of(field) == version.made();
        let said = self.versions.iter().find(|(version, _)| gave(version));
        said.is_some_and(|(_, fields)| fields.get(field).copied() == pushed)
            && !is_planted(Fault::RepeatIsAChange)
    }
}
