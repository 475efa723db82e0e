//! What the sessions of each device may do to the truth, as a listener beside the server knows it
//! from what was asked for: so that what only a person may do is done by nobody else.

use std::collections::BTreeMap;

/// What a device may do to the truth. Several sessions of it may be meant at once: one that has
/// just ended, and the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a trait by itself, in any combination"
)]
pub(super) struct Meaning {
    /// One that overrides nothing and compares nothing.
    pub(super) is_plain: bool,
    pub(super) is_slow: bool,
    pub(super) mirrors: bool,
    pub(super) pushes_truth: bool,
    /// A person has confirmed what it does.
    pub(super) is_confirmed: bool,
}

impl Meaning {
    /// What an open asks for.
    pub(super) fn of_open(body: &str) -> Self {
        let has = |member: &str| body.contains(member);
        let mirrors = has("\"mirror\":true") && has("\"direction\":\"push\"");
        let is_slow = has("\"mode\":\"slow\"");
        let pushes_truth = has("\"mode\":\"push_truth\"");
        Self {
            is_plain: !(mirrors || is_slow || pushes_truth),
            is_slow,
            mirrors,
            pushes_truth,
            is_confirmed: confirms(body),
        }
    }

    /// What the server's answer leaves of it.
    pub(super) fn as_decided(self, answer: &str) -> Self {
        let is_slow = self.is_slow && answer.contains("\"mode\":\"slow\"");
        Self {
            is_plain: !(is_slow || self.overrides()),
            is_slow,
            ..self
        }
    }

    /// Whether what others did may give way to it.
    pub(super) fn overrides(self) -> bool {
        self.mirrors || self.pushes_truth
    }

    fn add(&mut self, other: Self) {
        self.is_plain |= other.is_plain;
        self.is_slow |= other.is_slow;
        self.mirrors |= other.mirrors;
        self.pushes_truth |= other.pushes_truth;
        self.is_confirmed |= other.is_confirmed;
    }
}

/// Whether a call says that a person has confirmed it.
pub(super) fn confirms(body: &str) -> bool {
    body.contains("\"confirm\":true")
}

/// By device, what its sessions may mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Meanings {
    now: BTreeMap<String, Meaning>,
    /// All that was meant since somebody looked at the truth.
    since_look: BTreeMap<String, Meaning>,
}

impl Meanings {
    /// A call of a device comes in that may mean so much.
    pub(super) fn comes(&mut self, device: &str, meaning: Meaning) {
        for meant in [&mut self.now, &mut self.since_look] {
            meant.entry(device.to_owned()).or_default().add(meaning);
        }
    }

    /// A session was opened and ends whatever the device had before.
    pub(super) fn opened(&mut self, device: &str, meaning: Meaning) {
        self.now.insert(device.to_owned(), meaning);
    }

    /// What a device may have done since the last look.
    pub(super) fn of(&self, device: &str) -> Meaning {
        self.since_look.get(device).copied().unwrap_or(Meaning {
            is_plain: true,
            ..Meaning::default()
        })
    }

    /// Whether some device was let push its truth since the last look.
    pub(super) fn push_truth(&self) -> bool {
        let mut meant = self.since_look.values();
        meant.any(|meaning| meaning.pushes_truth && meaning.is_confirmed)
    }

    /// Somebody has looked.
    pub(super) fn looked(&mut self) {
        self.since_look.clone_from(&self.now);
    }
}
