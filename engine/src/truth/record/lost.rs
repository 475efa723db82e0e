//! What a claim overrides, or loses against, is stored as a conflict: never dropped.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tidemark_protocol::{Checkin, DeviceId};

use super::Deciding;
use crate::truth::conflict::{Conflict, Side, conflict_id};
use crate::truth::judge::Change;
use crate::version::{ConflictId, Content};

/// What lost against what.
pub(super) struct Lost {
    pub(super) fields: Vec<String>,
    pub(super) truth: Side,
    pub(super) truth_device: DeviceId,
    pub(super) device: Side,
    /// The version that lost; `None`: it is the device's side that did.
    pub(super) overridden: Option<Checkin>,
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
        let truth_device = self.mingle.device;
        for Content { value, .. } in core::mem::take(&mut self.claim.replaced).into_iter().rev() {
            let truth = Some(core::mem::replace(&mut by, value.clone()));
            let lost = Lost {
                fields: Vec::new(),
                truth,
                truth_device,
                device: Some(value),
                overridden: None,
            };
            self.keep(lost, entity.to_string());
        }
    }

    /// Stores what lost, once however often the push is repeated.
    pub(super) fn keep(&mut self, lost: Lost, entity: String) -> ConflictId {
        let key = &self.claim.key;
        let base = self.claim.base.compared;
        let device_uuid = self.mingle.device;
        let id = conflict_id(key, device_uuid, base, &lost.device, lost.overridden);
        let Lost {
            fields,
            truth,
            truth_device,
            device,
            overridden: _,
        } = lost;
        let key = key.clone();
        let conflict = Conflict {
            id,
            key,
            entity,
            fields,
            base,
            truth,
            device,
            truth_device,
            device_uuid,
        };
        self.mingle.keep(conflict, self.view, self.writes);
        id
    }
}
