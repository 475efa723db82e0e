//! What a claim overrides, or loses against, is stored as a conflict: never dropped.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tidemark_protocol::Checkin;

use super::Deciding;
use crate::json::Canonical;
use crate::merge::{Contested, Said};
use crate::truth::conflict::{Conflict, Pushed, Side, conflict_id};
use crate::truth::judge::Change;
use crate::version::{ConflictId, Content, Stamp, Version};

/// What lost against what.
pub(super) struct Lost {
    pub(super) fields: Vec<String>,
    pub(super) truth: Side,
    /// What made the truth's side.
    pub(super) theirs: Stamp,
    pub(super) device: Side,
    /// The version that lost; `None`: it is the device's side that did.
    pub(super) overridden: Option<Checkin>,
    /// The policy has decided for good.
    pub(super) is_settled: bool,
}

impl Deciding<'_> {
    /// Keeps each whole value that a later one in the same push replaced.
    pub(super) fn keep_replaced(&mut self, change: &Change, entity: &str) {
        if let Change::Whole(last) = change {
            self.keep_replaced_by(last, entity);
        }
    }

    pub(super) fn keep_replaced_by(&mut self, kept: &Content, entity: &str) {
        let mut by = kept.value.clone();
        let theirs = self.mingle.made;
        for Content { value, .. } in core::mem::take(&mut self.claim.replaced).into_iter().rev() {
            let truth = Some(core::mem::replace(&mut by, value.clone()));
            let lost = Lost {
                fields: Vec::new(),
                truth,
                theirs,
                device: Some(value),
                overridden: None,
                is_settled: false,
            };
            self.keep(lost, entity.to_string());
        }
    }

    /// Stores what one side of the fields lost that both had changed.
    pub(super) fn keep_contested(
        &mut self,
        contested: Contested,
        said: Said<'_>,
        truth: &Content,
        overridden: Option<Checkin>,
        entity: &str,
    ) -> ConflictId {
        let lost = Lost {
            fields: contested.fields,
            truth: Some(truth.value.clone()),
            theirs: contested.theirs,
            device: Some(self.as_the_device_saw(said, truth)),
            overridden,
            is_settled: contested.is_settled,
        };
        let id = match said {
            Said::Fields(fields) if self.base().is_none() => {
                Some(self.name(Pushed::Fields(fields), overridden))
            }
            _ => None,
        };
        self.keep_as(id, lost, entity.to_string())
    }

    /// Stores the deletion that an edit overrode without knowing of it.
    pub(super) fn keep_deletion(&mut self, tombstone: &Version, device: Canonical) -> ConflictId {
        let lost = Lost {
            fields: Vec::new(),
            truth: None,
            theirs: tombstone.made(),
            device: Some(device),
            overridden: Some(tombstone.checkin),
            is_settled: self.mirrors(),
        };
        self.keep(lost, tombstone.entity.clone())
    }

    /// Whether nobody else has changed the record since the base, and the base is kept.
    pub(super) fn is_latest_word(&self, newest: &Version) -> bool {
        self.base().is_some() && self.knows(newest)
    }

    /// Whether the device knows all that made the record what it is.
    pub(super) fn knows(&self, newest: &Version) -> bool {
        let (device, known) = (self.knows_as, self.claim.base.known);
        let mut stamps = newest.stamps.all();
        !stamps.any(|stamp| stamp.is_unknown_to(device, known))
    }

    /// The truth stays, and what was asked for is kept beside it. Nobody knows when it was said.
    pub(super) fn stand_back(mut self, newest: &Version, asked_for: &Content) {
        let live = self.history.last_live();
        if live.is_some_and(|(_, live)| live.value == asked_for.value) {
            return self.unchanged(newest, None);
        }
        let truth = newest.content.as_ref();
        let lost = Lost {
            fields: Vec::new(),
            truth: truth.map(|truth| truth.value.clone()),
            theirs: newest.stamps.newest(),
            device: Some(asked_for.value.clone()),
            overridden: None,
            is_settled: false,
        };
        let conflict = self.keep(lost, newest.entity.clone());
        self.unchanged(newest, Some(conflict));
    }

    fn name(&self, pushed: Pushed<'_>, overridden: Option<Checkin>) -> ConflictId {
        let base = self.claim.base.compared;
        conflict_id(
            &self.claim.key,
            self.mingle.device,
            base,
            pushed,
            overridden,
        )
    }

    /// Stores what lost, once however often the push is repeated.
    pub(super) fn keep(&mut self, lost: Lost, entity: String) -> ConflictId {
        self.keep_as(None, lost, entity)
    }

    fn keep_as(&mut self, id: Option<ConflictId>, lost: Lost, entity: String) -> ConflictId {
        let id = id.unwrap_or_else(|| self.name(Pushed::Side(&lost.device), lost.overridden));
        let Lost {
            fields,
            truth,
            theirs,
            device,
            overridden: _,
            is_settled,
        } = lost;
        let made_theirs = self.history.at(Some(theirs.checkin));
        let made_theirs = made_theirs.filter(|version| version.made() == theirs);
        let truth_updated = made_theirs.map(|version| version.updated.clone());
        let conflict = Conflict {
            id,
            key: self.claim.key.clone(),
            entity,
            fields,
            base: self.claim.base.compared,
            truth,
            device,
            truth_device: theirs.device,
            truth_updated,
            device_uuid: self.mingle.device,
            device_updated: self.claim.updated.clone(),
            is_settled,
        };
        self.mingle.keep(conflict, self.view, self.writes);
        id
    }
}
