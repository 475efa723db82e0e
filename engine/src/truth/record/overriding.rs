//! A push against which nobody's change stands: that of a device that the truth mirrors, or
//! becomes.

use alloc::vec::Vec;

use tidemark_protocol::{Code, Problem};

use super::Deciding;
use super::lost::Lost;
use crate::json::changed_fields;
use crate::truth::judge::Change;
use crate::version::{Content, Stamps, Version};

impl Deciding<'_> {
    /// The record becomes what is pushed, whoever has changed it; the history keeps what it was.
    pub(super) fn replace(mut self, newest: &Version, change: Change) {
        let content = match change {
            Change::Whole(content) => Some(self.content_for(newest, content)),
            Change::Deleted => None,
            Change::Fields(_) => {
                let detail = "the truth becomes what is pushed: send the whole `value`, without \
                              `changed`";
                let problem = Problem::new(Code::NeedWhole, detail);
                return self.mingle.reject(&self.claim, &problem);
            }
        };
        if newest.content.as_ref().map(|it| &it.value) == content.as_ref().map(|it| &it.value) {
            return self.unchanged(newest, None);
        }
        if let Some(content) = &content {
            self.keep_replaced_by(content, &newest.entity);
        }
        let stamps = self.stamps_over(newest, content.as_ref());
        self.supersede(newest, content, stamps, (None, None), false);
    }

    /// What is pushed whole stands; what somebody else has made of the record since is kept.
    pub(super) fn prevail(mut self, newest: &Version, pushed: Content) {
        let truth = newest.content.as_ref();
        if truth.is_some_and(|truth| truth.value == pushed.value) {
            return self.unchanged(newest, None);
        }
        // When it was edited is told by the base; of what was asked for nobody knows.
        let is_latest = if self.claim.is_asked_for {
            self.is_latest_word(newest)
        } else {
            self.knows(newest)
        };
        let conflict = (!is_latest).then(|| {
            let lost = Lost {
                fields: Vec::new(),
                truth: truth.map(|truth| truth.value.clone()),
                theirs: newest.stamps.newest(),
                device: Some(pushed.value.clone()),
                overridden: Some(newest.checkin),
                is_settled: true,
            };
            self.keep(lost, newest.entity.clone())
        });
        let content = self.content_for(newest, pushed);
        let stamps = self.stamps_over(newest, Some(&content));
        self.supersede(newest, Some(content), stamps, (conflict, None), false);
    }

    /// Only what is another now was changed: a field said once more as it stands keeps its stamp, or
    /// whoever had seen it would be told of a conflict.
    fn stamps_over(&self, newest: &Version, content: Option<&Content>) -> Stamps {
        let made = self.mingle.made;
        let (before, after) = match (&newest.content, content) {
            (Some(before), Some(after)) => (before.value.borrow(), after.value.borrow()),
            _ => return Stamps::replaced(made),
        };
        if !before.is_object() || !after.is_object() {
            return Stamps::replaced(made);
        }
        let mut stamps = newest.stamps.clone();
        for field in changed_fields(before, after) {
            stamps.touch(&field, made);
        }
        stamps
    }

    /// What was pushed, as content of the record: its fingerprint may be of another entity.
    pub(super) fn content_for(&self, newest: &Version, pushed: Content) -> Content {
        if self.names_entity(newest) {
            pushed
        } else {
            Content::of(&newest.entity, pushed.value)
        }
    }
}
