//! Push: the device's changes, in batches.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use crate::{
    Checkin, FinishAnswer, FinishRequest, Problem, PullAnswer, PullRequest, Ridden, SessionId,
};

/// One batch of a push, and the phases that ride on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PushRequest {
    /// The session; absent only where the push rides on an open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_uuid: Option<SessionId>,
    /// The batch's place, from 0; sending one again replaces it.
    #[serde(default)]
    pub seq: u32,
    /// The records ([`crate::DeviceRecord`]), each kept raw until it is judged. One that is no
    /// object makes the whole request unreadable.
    #[serde(deserialize_with = "objects")]
    pub records: Vec<Box<RawValue>>,
    /// True: stage this batch, more follow.
    #[serde(default)]
    pub more: bool,
    /// True: the person has confirmed what the airbag held.
    #[serde(default)]
    pub confirm: bool,
    /// The pull that rides on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullRequest>,
    /// The finish that rides on this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishRequest>,
}

fn objects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Box<RawValue>>, D::Error> {
    let records = Vec::<Box<RawValue>>::deserialize(deserializer)?;
    match records.iter().position(|raw| !raw.get().starts_with('{')) {
        Some(place) => Err(de::Error::custom(format_args!(
            "`records` is an array of objects, its member {place} is none"
        ))),
        None => Ok(records),
    }
}

/// What a push answers, with the answers of its riders.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct PushAnswer {
    /// What became of the batch.
    pub outcome: PushOutcome,
    /// The pull that rode on this call.
    pub pull: Option<Ridden<PullAnswer>>,
    /// The finish that rode on this call.
    pub finish: Option<Ridden<FinishAnswer>>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// It waits for the ones after it: so many records are staged in this session.
    Staged(u64),
    /// It closed the push, which is in the truth.
    Mingled(PushSummary),
}

/// What became of a closed push: received = created + updated + merged + unchanged + rejected,
/// counted over distinct records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSummary {
    /// Distinct records in the push.
    pub received: u64,
    /// New in the truth.
    pub created: u64,
    /// Changed as pushed; deletions too.
    pub updated: u64,
    /// Changed together with another device's change.
    pub merged: u64,
    /// Already so.
    pub unchanged: u64,
    /// Conflicts stored.
    pub conflicts: u64,
    /// Records that were wrong by themselves.
    pub rejected: Vec<Rejection>,
    /// The truth's head as of the mingle, now the session's.
    pub max_checkin: Checkin,
}

/// A record that was wrong by itself; it stays pending on its device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The record's key as pushed, where one could be read.
    #[serde(default)]
    pub key: Option<String>,
    /// Its place in the push, counted through the batches in order.
    pub index: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// The flat form on the wire: `staged` alone, or all of a summary's members.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    staged: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unchanged: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Vec<Rejection>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_checkin: Option<Checkin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull: Option<Ridden<PullAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<Ridden<FinishAnswer>>,
}

impl From<PushAnswer> for Wire {
    fn from(answer: PushAnswer) -> Self {
        let PushAnswer {
            outcome,
            pull,
            finish,
        } = answer;
        match outcome {
            PushOutcome::Staged(staged) => Self {
                staged: Some(staged),
                pull,
                finish,
                ..Self::default()
            },
            PushOutcome::Mingled(summary) => Self {
                staged: None,
                received: Some(summary.received),
                created: Some(summary.created),
                updated: Some(summary.updated),
                merged: Some(summary.merged),
                unchanged: Some(summary.unchanged),
                conflicts: Some(summary.conflicts),
                rejected: Some(summary.rejected),
                max_checkin: Some(summary.max_checkin),
                pull,
                finish,
            },
        }
    }
}

impl TryFrom<Wire> for PushAnswer {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let outcome = match (wire.staged, wire.max_checkin) {
            (Some(staged), None) => PushOutcome::Staged(staged),
            (None, Some(max_checkin)) => PushOutcome::Mingled(PushSummary {
                received: wire.received.unwrap_or_default(),
                created: wire.created.unwrap_or_default(),
                updated: wire.updated.unwrap_or_default(),
                merged: wire.merged.unwrap_or_default(),
                unchanged: wire.unchanged.unwrap_or_default(),
                conflicts: wire.conflicts.unwrap_or_default(),
                rejected: wire.rejected.unwrap_or_default(),
                max_checkin,
            }),
            _ => return Err("a push answers either `staged` or `max_checkin`"),
        };
        Ok(Self {
            outcome,
            pull: wire.pull,
            finish: wire.finish,
        })
    }
}
