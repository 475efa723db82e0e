//! What is known of a device besides what lies on its disk: how its syncs went one way, and what
//! somebody did to its pages.

use std::{cell::Cell, rc::Rc};

/// What is known of a device.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// It has pushed without pulling, perhaps: what it pushed it may hold, and nothing else that
    /// is newer than its `last_sync`.
    pub(super) is_ahead: Cell<bool>,
    /// It has pulled without pushing, perhaps: of what the truth cannot tell that it ever held it,
    /// forgotten or lost, it keeps its own.
    pub(super) keeps_own: Cell<bool>,
    /// Somebody damaged its pages, and no look has found it whole after a sync that ended in step:
    /// only such a sync reads all of them.
    is_damaged: Cell<bool>,
    /// It has ended in step since.
    is_in_step: Cell<bool>,
    /// Syncs that ever began, and those under way.
    begun: Cell<u64>,
    running: Cell<u64>,
}

impl Ledger {
    /// What is known of a copy.
    pub(super) fn copy(&self) -> Self {
        Self {
            is_ahead: self.is_ahead.clone(),
            keeps_own: self.keeps_own.clone(),
            is_damaged: self.is_damaged.clone(),
            is_in_step: self.is_in_step.clone(),
            ..Self::default()
        }
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.get()
    }

    /// Somebody damages its pages.
    pub(super) fn damage(&self) {
        self.is_damaged.set(true);
        self.is_in_step.set(false);
    }

    /// A sync has ended in step.
    pub(super) fn steps(&self) {
        self.is_in_step.set(true);
    }

    /// The device holds what the truth had at its `last_sync`.
    pub(super) fn is_whole(&self) {
        if self.is_in_step.get() {
            self.is_damaged.set(false);
        }
        if self.running.get() == 0 {
            self.is_ahead.set(false);
            self.keeps_own.set(false);
        }
    }

    /// A sync begins.
    pub(super) fn begin(self: &Rc<Self>) -> Running {
        self.begun.set(self.begun.get() + 1);
        self.running.set(self.running.get() + 1);
        Running {
            ledger: Rc::clone(self),
            number: self.begun.get(),
            was_alone: self.running.get() == 1,
        }
    }
}

/// A sync under way, until it is dropped.
pub(super) struct Running {
    ledger: Rc<Ledger>,
    number: u64,
    was_alone: bool,
}

impl Running {
    /// Whether no other sync of the device was under way since it began.
    pub(super) fn is_alone(&self) -> bool {
        self.was_alone && self.ledger.begun.get() == self.number
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ledger.running.set(self.ledger.running.get() - 1);
    }
}
