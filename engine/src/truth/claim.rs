//! What one push says of one record, all its pushed records together.
//!
//! Folded in (seq, position) order before anything is compared with the truth, so that
//! repeating the push says the same again.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tidemark_protocol::{
    Checkin, Code, DEFAULT_ENTITY, Key, LocalId, Problem, Rejection, Timestamp,
};

use super::judge::{Change, Judged, Name};
use super::push::LocalKey;
use crate::fingerprint::RecordFingerprint;
use crate::json::{Canonical, compare_names};
use crate::merge::patch;
use crate::version::Content;

/// What the device knew when it made its change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The version that a whole value is compared with to see what changed.
    pub compared: Option<Checkin>,
    /// Up to here the device knew what others did; `None`: it knew of nothing.
    pub known: Option<Checkin>,
}

impl Base {
    /// The older of two: what is not known to both edits is not known.
    fn older(self, other: Self) -> Self {
        Self {
            compared: self.compared.min(other.compared),
            known: self.known.min(other.known),
        }
    }

    /// A base that this truth has not reached tells nothing.
    pub(super) fn within(self, head: Checkin) -> Self {
        let reached = |base: &Checkin| *base <= head;
        Self {
            compared: self.compared.filter(reached),
            known: self.known.filter(reached),
        }
    }
}

/// All that one push says of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) key: Key,
    /// The id under which this push named it, if it did.
    pub(super) local_id: Option<LocalId>,
    /// What the truth knew of that id; mostly nothing, and claims are many.
    pub(super) mapping: Option<Box<LocalKey>>,
    pub(super) entity: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) updated: Option<Timestamp>,
    pub(super) base: Base,
    /// A person has decided so, knowing both sides: no policy is asked, and it is no repeat.
    pub(super) is_final: bool,
    /// The session asked for it, holding it to be an edit whose mark was lost.
    pub(super) is_asked_for: bool,
    /// Whole values that a later, different whole value replaced, oldest first.
    pub(super) replaced: Vec<Content>,
    said: Said,
    /// The last of its records was a whole value.
    ends_whole: bool,
    /// The places of its records in the push: the first, the others.
    indices: (u64, Vec<u64>),
}

/// What the records so far come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Deleted,
    Whole(Content, BTreeMap<String, Option<Canonical>>),
    Fields(BTreeMap<String, Option<Canonical>>),
}

impl Said {
    fn of(change: Change) -> Self {
        match change {
            Change::Deleted => Self::Deleted,
            Change::Whole(content) => Self::Whole(content, BTreeMap::new()),
            Change::Fields(fields) => Self::Fields(fields.into_iter().collect()),
        }
    }
}

impl Claim {
    /// The claim of a key's first record.
    pub(super) fn new(key: Key, mapping: Option<LocalKey>, base: Base, judged: Judged) -> Self {
        let local_id = match judged.name {
            Name::Pending(local_id) => Some(local_id),
            Name::Real(_) => None,
        };
        Self {
            key,
            local_id,
            mapping: mapping.map(Box::new),
            entity: judged.entity,
            created: judged.created,
            updated: judged.updated,
            base,
            is_final: false,
            is_asked_for: false,
            replaced: Vec::new(),
            ends_whole: matches!(judged.change, Change::Whole(_)),
            said: Said::of(judged.change),
            indices: (judged.index, Vec::new()),
        }
    }

    /// A person's decision on a record that is named by its key.
    pub(super) fn settling(key: Key, entity: String, base: Base, change: Change) -> Self {
        Self {
            local_id: None,
            mapping: None,
            entity: Some(entity),
            created: None,
            updated: None,
            base,
            is_final: true,
            is_asked_for: false,
            replaced: Vec::new(),
            ends_whole: false,
            said: Said::of(change),
            indices: (0, Vec::new()),
            key,
        }
    }

    /// That a record is deleted which the device, knowing the truth up to `base`, does not hold.
    pub fn deleting(key: Key, base: Option<Checkin>) -> Self {
        let base = Base {
            compared: base,
            known: base,
        };
        Self {
            entity: None,
            is_final: false,
            ..Self::settling(key, String::new(), base, Change::Deleted)
        }
    }

    /// The key whose versions to load; of a dead local id, that id.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Load the key's kept versions from the newest one at or before this checkin on;
    /// `None`: all of them.
    pub fn from(&self) -> Option<Checkin> {
        self.base.compared.min(self.base.known)
    }

    /// Notes that the session asked for this record when it reconciled: its whole value is a
    /// change only where nobody else has changed the record since, and its base is kept.
    pub fn ask_for(&mut self) {
        self.is_asked_for = true;
    }

    /// What a whole value hashes to; `None`: it is none, or others of its fields follow it.
    pub fn whole(&self) -> Option<RecordFingerprint> {
        match &self.said {
            Said::Whole(content, fields) if fields.is_empty() => Some(content.fingerprint),
            _ => None,
        }
    }

    /// Takes the claim for one of another record, which is equal to it. Only a name that is a
    /// UUID can be told of that: false, and nothing changes, where it is none.
    pub fn equals(&mut self, key: Key) -> bool {
        let Some(name) = self
            .local_id
            .or_else(|| LocalId::parse(self.key.as_str()).ok())
        else {
            return false;
        };
        self.local_id = Some(name);
        self.key = key;
        true
    }

    /// The checkins that it tells its change to be based on.
    pub fn bases(&self) -> impl Iterator<Item = Checkin> + use<> {
        let Base { compared, known } = self.base;
        [compared, known].into_iter().flatten()
    }

    /// A base that this truth never issued is of one that was lost since: of it the device knew
    /// what both have in common, and its place among the checkins of now tells nothing more.
    pub fn doubt_base(&mut self, is_issued: impl Fn(Checkin) -> bool, common: Option<Checkin>) {
        for base in [&mut self.base.compared, &mut self.base.known] {
            if base.is_some_and(|base| !is_issued(base)) {
                *base = common;
            }
        }
    }

    /// Another copy of the device may have been the one that pushed the local id first: this one
    /// knows of that no more than both have in common.
    pub fn doubt_first(&mut self, common: Option<Checkin>) {
        let first = self.mapping.as_ref().and_then(|row| row.first);
        if first > common && self.base.known == first {
            self.base.known = common;
        }
    }

    /// Takes in a later record of the same key.
    ///
    /// # Errors
    /// The later record names another entity: it is rejected alone.
    pub(super) fn follow(
        &mut self,
        mapping: Option<LocalKey>,
        base: Base,
        later: Judged,
    ) -> Result<(), Rejection> {
        if let (Some(one), Some(other)) = (&self.entity, &later.entity)
            && one != other
        {
            return Err(self.rejection(later.index, entity_is_fixed(one)));
        }
        if let Name::Pending(local_id) = later.name {
            self.local_id.get_or_insert(local_id);
            self.mapping = self.mapping.take().or(mapping.map(Box::new));
        }
        self.indices.1.push(later.index);
        self.ends_whole = matches!(later.change, Change::Whole(_));
        self.entity = self.entity.take().or(later.entity);
        self.created = self.created.take().or(later.created);
        self.updated = later.updated.or_else(|| self.updated.take());
        self.fold(base, later.change);
        Ok(())
    }

    fn fold(&mut self, base: Base, later: Change) {
        let said = core::mem::replace(&mut self.said, Said::Deleted);
        self.said = match (said, Said::of(later)) {
            (Said::Whole(content, fields), Said::Fields(later)) => {
                self.base = self.base.older(base);
                Said::Whole(content, overlaid(fields, later))
            }
            (Said::Fields(fields), Said::Fields(later)) => {
                self.base = self.base.older(base);
                Said::Fields(overlaid(fields, later))
            }
            (Said::Whole(content, fields), Said::Whole(later, none)) => {
                self.base = base;
                let earlier = self.patched(content, &fields);
                if earlier.value != later.value {
                    self.replaced.push(earlier);
                }
                Said::Whole(later, none)
            }
            (_, later) => {
                // What the device itself deleted afterwards has not lost against anything.
                self.replaced.clear();
                self.base = base;
                later
            }
        };
    }

    /// What the records come to, and whether the last of them was a whole value.
    pub(super) fn take_change(&mut self) -> (Change, bool) {
        let change = match core::mem::replace(&mut self.said, Said::Deleted) {
            Said::Deleted => Change::Deleted,
            Said::Whole(content, fields) => Change::Whole(self.patched(content, &fields)),
            Said::Fields(fields) => Change::Fields(in_order(fields)),
        };
        (change, self.ends_whole)
    }

    fn patched(&self, content: Content, fields: &BTreeMap<String, Option<Canonical>>) -> Content {
        if fields.is_empty() {
            return content;
        }
        let entity = self.entity.as_deref().unwrap_or(DEFAULT_ENTITY);
        Content::of(entity, content.value.borrow().patched(&patch(fields)))
    }

    /// One rejection for each of its records.
    pub(super) fn reject(&self, problem: &Problem) -> impl Iterator<Item = Rejection> {
        let indices = core::iter::once(&self.indices.0).chain(&self.indices.1);
        indices.map(|index| self.rejection(*index, problem.clone()))
    }

    fn rejection(&self, index: u64, problem: Problem) -> Rejection {
        let key = self
            .local_id
            .map_or_else(|| Cow::from(self.key.as_str()), |id| id.to_string().into());
        Rejection {
            key: Some(key.into_owned()),
            index,
            problem,
        }
    }
}

/// The problem of a record that names another entity than the one it was made with.
pub(super) fn entity_is_fixed(entity: &str) -> Problem {
    let detail = format!(
        "this record is of the entity {entity:?} and stays so: make a new record for another"
    );
    Problem::new(Code::Entity, detail)
}

type Fields = BTreeMap<String, Option<Canonical>>;

/// Both sets of fields; the later ones stand where both name a field.
fn overlaid(mut fields: Fields, later: Fields) -> Fields {
    fields.extend(later);
    fields
}

/// Fields in the canonical order of names.
fn in_order(fields: Fields) -> Vec<(String, Option<Canonical>)> {
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort_by(|(one, _), (other, _)| compare_names(one, other));
    fields
}
