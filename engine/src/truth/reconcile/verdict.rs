//! What becomes of a record that a device holds otherwise than is expected of it.
//!
//! It follows from what both sides hold, and from what the session is to bring about; never from
//! values.

use tidemark_protocol::{Key, Mode};

use crate::fingerprint::RecordFingerprint;
use crate::truth::flow::Flow;

/// A key that the device holds otherwise than is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The record.
    pub key: Key,
    /// What the device holds.
    pub told: Option<RecordFingerprint>,
    /// What lives in the truth.
    pub truth: Option<RecordFingerprint>,
}

/// What becomes of a record that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The device is sent the truth's.
    Record,
    /// The device drops it: it was deleted.
    Drop,
    /// The device sends it: what it holds the truth is to take up.
    Send,
    /// It is deleted in the truth: the device does not hold it any more.
    Delete,
    /// Nothing: what would be done about it does not flow that way, or is done by the pull.
    Leave,
}

/// How a session compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparing {
    /// The device is made equal to the truth.
    ToTruth,
    /// The truth is made equal to the device.
    ToDevice,
    /// With what the device held at its `last_sync`: what differs from that it changed since.
    Since,
    /// With the record's kept history: what it has is old, what it has not is a lost edit.
    History,
}

/// What is known of a record that differs, besides what both sides hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What the device holds is of the record's kept history, or the device told once that it
    /// holds it.
    pub was_held: bool,
    /// What the device held at its `last_sync`.
    pub before: Option<RecordFingerprint>,
    /// This session has pushed it: its pull answers that.
    pub is_answered: bool,
}

impl Comparing {
    /// How a session of this mode compares; `is_told`: the history tells what the device held at
    /// its `last_sync`.
    pub fn of(mode: Mode, flow: Flow, is_told: bool) -> Self {
        match mode {
            _ if flow.mirrors_up() => Self::ToDevice,
            _ if flow.mirrors_down() => Self::ToTruth,
            Mode::Slow if is_told => Self::Since,
            _ => Self::History,
        }
    }

    /// Whether what the device does not hold may be deleted in the truth.
    pub fn deletes(self) -> bool {
        matches!(self, Self::ToDevice | Self::Since)
    }
}

impl Difference {
    /// What becomes of it.
    pub fn verdict(&self, comparing: Comparing, flow: Flow, evidence: Evidence) -> Verdict {
        if self.told == self.truth {
            // Both sides agree: it is only expected otherwise.
            return self.truths();
        }
        let verdict = match comparing {
            Comparing::Since if self.told == evidence.before => self.truths(),
            Comparing::Since if self.told.is_none() && evidence.is_answered => Verdict::Leave,
            Comparing::ToDevice if evidence.is_answered => Verdict::Leave,
            Comparing::Since | Comparing::ToDevice => self.devices(),
            Comparing::History if self.told.is_some() && !evidence.was_held => Verdict::Send,
            Comparing::History | Comparing::ToTruth => self.truths(),
        };
        match verdict {
            Verdict::Record | Verdict::Drop if !flow.sends_down() => Verdict::Leave,
            Verdict::Send | Verdict::Delete if !flow.takes_up() => Verdict::Leave,
            verdict => verdict,
        }
    }

    /// The device gets what the truth holds.
    fn truths(&self) -> Verdict {
        match self.truth {
            Some(_) => Verdict::Record,
            None => Verdict::Drop,
        }
    }

    /// The truth gets what the device holds.
    fn devices(&self) -> Verdict {
        match self.told {
            Some(_) => Verdict::Send,
            None => Verdict::Delete,
        }
    }
}
