//! What a push makes of one record: the rules of the mingle, one claim at a time.

mod lost;
mod overriding;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tidemark_protocol::{Code, ConflictPolicy, DEFAULT_ENTITY, DeviceId, Key, Problem};

use self::lost::Lost;
use super::claim::{Base, Claim, entity_is_fixed};
use super::flow::Override;
use super::judge::Change;
use super::mingle::{Answer, Mingle, Writes};
use super::push::LocalKey;
use super::view::View;
use crate::faults::{Fault, is_planted};
use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;
use crate::merge::{Edit, Merged, Referee, Said, ValueChange, by_field, merge, patch};
use crate::version::{ConflictId, Content, History, Stamp, Stamps, Version};

/// Nobody: a device that may not know of what it is said to have changed.
const STRANGER: DeviceId = DeviceId::new(uuid::Uuid::max());

/// Decides on one claim and adds what follows to the writes.
pub(super) fn decide(mingle: &mut Mingle, mut claim: Claim, view: &View, writes: &mut Writes) {
    let (change, ends_whole) = claim.take_change();
    let known = claim.base.known;
    claim.base = claim.base.within(mingle.head.checkin);
    let whole = match &change {
        Change::Whole(content) if ends_whole => Some(content.fingerprint),
        _ => None,
    };
    let history = view.history(&claim.key);
    let is_doubted = |stamp: Stamp| {
        let stamped = Some(stamp.checkin);
        stamp.device == mingle.device && stamped > known && stamped <= mingle.doubted_up_to
    };
    let is_older_copy = history
        .newest()
        .is_some_and(|newest| is_doubted(newest.made()) || newest.stamps.all().any(is_doubted));
    Deciding {
        knows_as: if is_older_copy {
            STRANGER
        } else {
            mingle.device
        },
        mingle,
        claim,
        view,
        writes,
        history,
        whole,
    }
    .decide(change);
}

/// One claim against the truth.
struct Deciding<'a> {
    mingle: &'a mut Mingle,
    claim: Claim,
    view: &'a View,
    writes: &'a mut Writes,
    history: History<'a>,
    /// Whose changes the device knows of without a base: its own.
    knows_as: DeviceId,
    /// What the device holds, where it said so last.
    whole: Option<RecordFingerprint>,
}

impl Deciding<'_> {
    fn decide(mut self, change: Change) {
        if let Some(row) = self.claim.mapping.as_deref()
            && row.key.is_none()
        {
            let device = row.device;
            return self.dead(&change, device);
        }
        let Some(newest) = self.history.newest() else {
            return self.unknown(change);
        };
        if let Some(entity) = &self.claim.entity
            && *entity != newest.entity
        {
            return self
                .mingle
                .reject(&self.claim, &entity_is_fixed(&newest.entity));
        }
        if self.mingle.overrides == Override::Truth {
            return self.replace(newest, change);
        }
        self.keep_replaced(&change, &newest.entity);
        match change {
            Change::Deleted => self.delete(newest),
            Change::Whole(content) if self.mirrors() => {
                let is_asked_for = self.claim.is_asked_for;
                if !is_asked_for && self.knows(newest) && self.is_given_back(newest, &content) {
                    return self.unchanged(newest, None);
                }
                self.prevail(newest, content);
            }
            Change::Whole(ref content) => {
                if self.is_given_back(newest, content) {
                    return self.unchanged(newest, None);
                }
                if self.claim.is_asked_for && !self.is_latest_word(newest) {
                    return self.stand_back(newest, content);
                }
                self.edit(newest, Said::Whole(&content.value), Some(content));
            }
            Change::Fields(ref fields) => self.edit(newest, Said::Fields(fields), None),
        }
    }

    pub(super) fn mirrors(&self) -> bool {
        self.mingle.overrides != Override::Nothing
    }

    /// Whether the device says what it acked to hold; not where it knew of the deletion, for then
    /// it puts the record back.
    fn is_given_back(&self, newest: &Version, content: &Content) -> bool {
        let is_own = newest.device == self.knows_as;
        let is_known = is_own || Some(newest.checkin) <= self.claim.base.known;
        let is_put_back = newest.is_tombstone() && is_known;
        !is_put_back && self.view.acked(&self.claim.key) == Some(content.fingerprint)
    }

    /// The device deleted this record before the truth knew it, and its id stays dead; what a
    /// copy of the device says of it now is kept as a conflict.
    fn dead(mut self, change: &Change, truth_device: DeviceId) {
        let device = match change {
            Change::Deleted => None,
            Change::Whole(content) => Some(content.value.clone()),
            Change::Fields(fields) => Some(
                Canonical::empty_object()
                    .borrow()
                    .patched(&patch(by_field(fields))),
            ),
        };
        let conflict = device.map(|value| {
            let entity = self
                .claim
                .entity
                .as_deref()
                .unwrap_or(DEFAULT_ENTITY)
                .to_string();
            let lost = Lost {
                fields: Vec::new(),
                truth: None,
                theirs: Stamp {
                    checkin: self.mingle.head.checkin,
                    device: truth_device,
                },
                device: Some(value),
                overridden: None,
                is_settled: false,
            };
            self.keep(lost, entity)
        });
        self.mingle.count_unchanged();
        self.answer(conflict, true);
    }

    /// The truth has no version under this key.
    fn unknown(mut self, change: Change) {
        let base = self.claim.base.compared;
        let is_forgotten = base.is_some_and(|base| Some(base) <= self.mingle.head.forgotten);
        let is_forgotten = is_forgotten && !self.mirrors();
        match change {
            Change::Deleted => self.never_known(),
            _ if is_forgotten => self.never_known(),
            Change::Fields(_) => {
                let detail = "the truth does not know this key: send the whole `value`, without \
                              `changed`";
                self.mingle
                    .reject(&self.claim, &Problem::new(Code::NeedWhole, detail));
            }
            Change::Whole(content) => {
                let entity = self
                    .claim
                    .entity
                    .as_deref()
                    .unwrap_or(DEFAULT_ENTITY)
                    .to_string();
                self.keep_replaced_by(&content, &entity);
                self.create(entity, content);
            }
        }
    }

    /// There is nothing to delete, or it was deleted and forgotten: the device is told so.
    fn never_known(mut self) {
        if let (Some(local_id), None) = (self.claim.local_id, &self.claim.mapping) {
            self.claim.key = Key::from(local_id);
            let device = self.mingle.device;
            self.writes.local_keys.push(LocalKey {
                local_id,
                key: None,
                device,
                first: None,
            });
        }
        self.mingle.count_unchanged();
        self.answer(None, true);
    }

    fn create(mut self, entity: String, content: Content) {
        let made = self.mingle.made;
        let created = self
            .claim
            .created
            .take()
            .unwrap_or_else(|| self.mingle.now.clone());
        let version = Version {
            key: self.claim.key.clone(),
            checkin: made.checkin,
            entity,
            content: Some(content),
            updated: self.claim.updated.take().unwrap_or_else(|| created.clone()),
            created,
            device: made.device,
            stamps: Stamps::replaced(made),
            conflict: None,
        };
        self.map(made);
        self.mingle.write(version, None, false, self.writes);
        self.answer(None, false);
    }

    /// The edit survives a deletion that did not know of it, unless the truth mirrors the device.
    fn delete(mut self, newest: &Version) {
        let (device, known) = (self.knows_as, self.claim.base.known);
        let own = self.history.by(device, known).next();
        let Some(content) = newest.content.as_ref() else {
            return self.unchanged(newest, None);
        };
        let is_repeat = own.is_some_and(Version::is_tombstone);
        if is_repeat && !self.claim.is_final && !self.mirrors() {
            return self.unchanged(newest, None);
        }
        let unknown = newest
            .stamps
            .all()
            .filter(|stamp| stamp.is_unknown_to(device, known))
            .filter(|_| !is_planted(Fault::DeletionWins));
        let mut won = None;
        if let Some(edit) = unknown.max_by_key(|stamp| stamp.checkin) {
            let mirrors = self.mirrors();
            let lost = Lost {
                fields: Vec::new(),
                truth: Some(content.value.clone()),
                theirs: edit,
                device: None,
                overridden: mirrors.then_some(newest.checkin),
                is_settled: mirrors,
            };
            let conflict = self.keep(lost, newest.entity.clone());
            if !mirrors {
                return self.unchanged(newest, Some(conflict));
            }
            won = Some(conflict);
        }
        let made = self.mingle.made;
        self.supersede(newest, None, Stamps::replaced(made), (won, None), false);
    }

    fn edit(mut self, newest: &Version, said: Said<'_>, whole: Option<&Content>) {
        let Some(live) = self.history.last_live() else {
            return self.revive(newest, whole);
        };
        if newest.is_tombstone() && (self.mirrors() || self.knows_deletion(newest, live.0)) {
            return self.put_back(newest, said, live);
        }
        let merged = merge(
            live,
            self.history,
            self.as_edit(newest, said),
            self.mingle.made,
        );
        let Merged { change, won, lost } = merged;
        let lost = lost.map(|lost| self.keep_contested(lost, said, live.1, None, &newest.entity));
        let Some(ValueChange { value, stamps }) = change else {
            return self.unchanged(newest, lost);
        };
        let (device, known) = (self.knows_as, self.claim.base.known);
        let is_unknown = |stamp: Stamp| stamp.is_unknown_to(device, known);
        let lost_deletion = newest.is_tombstone() && is_unknown(newest.made());
        let is_merged = lost_deletion || live.0.stamps.all().any(is_unknown);
        let won = if lost_deletion {
            let device = self.as_the_device_saw(said, live.1);
            Some(self.keep_deletion(newest, device))
        } else {
            let over = Some(newest.checkin);
            won.map(|won| self.keep_contested(won, said, live.1, over, &newest.entity))
        };
        let content = match whole {
            Some(whole) if whole.value == value && self.names_entity(newest) => whole.clone(),
            _ => Content::of(&newest.entity, value),
        };
        self.supersede(newest, Some(content), stamps, (won, lost), is_merged);
    }

    /// Puts a deleted record back, as the device saw it.
    fn put_back(mut self, newest: &Version, said: Said<'_>, live: (&Version, &Content)) {
        let value = self.as_the_device_saw(said, live.1);
        let is_known = self.knows_deletion(newest, live.0);
        let won = (!is_known).then(|| self.keep_deletion(newest, value.clone()));
        let content = Content::of(&newest.entity, value);
        let stamps = Stamps::replaced(self.mingle.made);
        self.supersede(newest, Some(content), stamps, (won, None), false);
    }

    /// The edit as the merge takes it. The policy is about fields: a deletion that did not know
    /// of the edit loses against it under any.
    fn as_edit<'a>(&self, newest: &Version, said: Said<'a>) -> Edit<'a> {
        let Base { compared, known } = self.claim.base;
        let made = self.mingle.made;
        let policy = match newest.content {
            Some(_) if self.mirrors() => ConflictPolicy::Device,
            Some(_) if !self.claim.is_final => self.mingle.rules.policies.of(&newest.entity),
            _ => ConflictPolicy::Merge,
        };
        Edit {
            said,
            device: self.knows_as,
            compared,
            known,
            referee: Referee::new(policy, made, self.claim.updated.as_ref()),
            is_final: self.claim.is_final || self.mirrors(),
        }
    }

    /// Whether the device knew of the deletion when it edited the record: then it puts it back,
    /// be it with the very value that was deleted. Its own deletion of what it knew it knew of
    /// too; where a version of its own lies between, the push may be the one that made that
    /// version, repeated, and repeating brings nothing back.
    fn knows_deletion(&self, tombstone: &Version, before: &Version) -> bool {
        let known = self.claim.base.known;
        let is_own = tombstone.device == self.knows_as;
        Some(tombstone.checkin) <= known || is_own && Some(before.checkin) <= known
    }

    /// Brings back a record of which nothing but the tombstone is kept.
    fn revive(mut self, newest: &Version, whole: Option<&Content>) {
        let Some(whole) = whole else {
            let detail = "what this record held is no longer kept: send the whole `value`, \
                          without `changed`";
            return self
                .mingle
                .reject(&self.claim, &Problem::new(Code::NeedWhole, detail));
        };
        let made = self.mingle.made;
        let lost_deletion = newest
            .made()
            .is_unknown_to(self.knows_as, self.claim.base.known);
        let conflict = lost_deletion.then(|| self.keep_deletion(newest, whole.value.clone()));
        let content = Content::of(&newest.entity, whole.value.clone());
        self.supersede(
            newest,
            Some(content),
            Stamps::replaced(made),
            (conflict, None),
            lost_deletion,
        );
    }

    /// Whether the fingerprint of what was pushed was computed for the record's entity.
    fn names_entity(&self, newest: &Version) -> bool {
        self.claim.entity.as_deref().unwrap_or(DEFAULT_ENTITY) == newest.entity
    }

    /// The pushed value whole: changed fields lie over the version that the device knew.
    fn as_the_device_saw(&self, said: Said<'_>, live: &Content) -> Canonical {
        match said {
            Said::Whole(value) => value.clone(),
            Said::Fields(fields) => {
                let content = self.base().unwrap_or(live);
                content.value.borrow().patched(&patch(by_field(fields)))
            }
        }
    }

    /// What the version held that the device changed, where it is kept.
    fn base(&self) -> Option<&Content> {
        let base = self.history.at(self.claim.base.compared);
        base.and_then(|version| version.content.as_ref())
    }

    /// Writes the version that follows `newest`, with the conflicts that it won and lost.
    fn supersede(
        mut self,
        newest: &Version,
        content: Option<Content>,
        stamps: Stamps,
        (won, lost): (Option<ConflictId>, Option<ConflictId>),
        is_merged: bool,
    ) {
        let made = self.mingle.made;
        let version = Version {
            key: newest.key.clone(),
            checkin: made.checkin,
            entity: newest.entity.clone(),
            content,
            created: newest.created.clone(),
            updated: self
                .claim
                .updated
                .take()
                .unwrap_or_else(|| self.mingle.now.clone()),
            device: made.device,
            stamps,
            conflict: won.or(lost),
        };
        self.map(made);
        self.mingle
            .write(version, Some(newest), is_merged, self.writes);
        self.answer(lost.or(won), false);
    }

    fn unchanged(mut self, newest: &Version, conflict: Option<ConflictId>) {
        self.map(newest.made());
        self.mingle.count_unchanged();
        if !is_planted(Fault::NoEchoOfUnchanged) {
            self.answer(conflict, false);
        }
    }

    /// Remembers the local id of a record that was pushed under it for the first time.
    fn map(&mut self, first: Stamp) {
        if let (Some(local_id), None) = (self.claim.local_id, &self.claim.mapping) {
            self.writes.local_keys.push(LocalKey {
                local_id,
                key: Some(self.claim.key.clone()),
                device: self.mingle.device,
                first: Some(first.checkin),
            });
        }
    }

    fn answer(self, conflict: Option<ConflictId>, is_gone: bool) {
        self.writes.answers.push(Answer {
            key: self.claim.key,
            local_id: self.claim.local_id,
            whole: self.whole,
            conflict,
            is_gone,
        });
    }
}
