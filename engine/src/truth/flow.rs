//! Which way records flow in a session, and how much the device's word counts in it.
//!
//! It follows from what the open asked for, and stays for the session's life.

use tidemark_protocol::{Code, Direction, Mode, Problem};

use super::airbag::Weighs;

/// Which way records flow in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Both ways, or one of them.
    pub direction: Direction,
    /// The receiving side is made equal to the sending one.
    pub mirror: bool,
}

/// How far a push overrides what others did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Override {
    /// It is merged with it.
    #[default]
    Nothing,
    /// Nobody's change stands against it; what loses is kept as a conflict.
    Changes,
    /// The truth becomes just what is pushed; what was is history.
    Truth,
}

impl Flow {
    /// The flow that a mode, a direction and `mirror` come to.
    ///
    /// # Errors
    /// `malformed`: they contradict each other.
    pub fn of(mode: Mode, direction: Direction, mirror: bool) -> Result<Self, Problem> {
        let wrong = match (mode, direction) {
            (_, Direction::Both) if mirror => "`mirror` needs a `direction`, `pull` or `push`",
            (Mode::PushTruth, Direction::Pull) => "`push_truth` does not go with `pull` alone",
            (Mode::PullTruth, Direction::Push) => "`pull_truth` does not go with `push` alone",
            _ => return Ok(Self { direction, mirror }),
        };
        Err(Problem::new(Code::Malformed, wrong))
    }

    /// Whether the truth takes up what the device did.
    pub fn takes_up(self) -> bool {
        self.direction != Direction::Pull
    }

    /// Whether the device is sent what others did.
    pub fn sends_down(self) -> bool {
        self.direction != Direction::Push
    }

    /// Whether the truth is made equal to what the device holds.
    pub fn mirrors_up(self) -> bool {
        self.mirror && self.direction == Direction::Push
    }

    /// Whether the device is made equal to the truth.
    pub fn mirrors_down(self) -> bool {
        self.mirror && self.direction == Direction::Pull
    }

    /// How far the pushes of a session in this mode override what others did.
    pub fn overrides(self, mode: Mode) -> Override {
        match mode {
            Mode::PushTruth => Override::Truth,
            _ if self.mirrors_up() => Override::Changes,
            _ => Override::Nothing,
        }
    }

    /// What the airbag counts: changes together with deletions where they are worked out by
    /// comparing, so that a device that holds somebody else's data would change everything.
    pub fn weighs(self, mode: Mode) -> Weighs {
        match mode {
            Mode::PushTruth => Weighs::Everything,
            Mode::Slow => Weighs::Changes,
            _ if self.mirror => Weighs::Changes,
            _ => Weighs::Deletions,
        }
    }

    /// Refuses a push where nothing flows up.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn may_push(self, mode: Mode) -> Result<(), Problem> {
        if self.takes_up() && mode != Mode::PullTruth {
            return Ok(());
        }
        let detail = "nothing is pushed in this session, which only pulls: keep the edits, and \
                      push them in another";
        Err(Problem::new(Code::Forbidden, detail))
    }
}
