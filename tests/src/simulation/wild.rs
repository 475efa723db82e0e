//! What a schedule does besides plain syncs: modes and directions that somebody asks for, mirrors,
//! answers to the airbag, and damage by hand. Drawn from a stream of its own, so that what a seed
//! meant before there was any of this it still means; and in half of the schedules there is none.

use tidemark_engine::client::SyncOptions;
use tidemark_protocol::{Direction, Mode};

use super::random::Random;

/// The wild side of a schedule's manner. Shares are of a hundred.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a trait by itself, in any combination"
)]
pub(super) struct Wild {
    /// Syncs that ask for a mode in which nothing is ever given up.
    pub(super) modes: u32,
    /// Syncs that go one way.
    pub(super) one_way: u32,
    /// Syncs that make one side exactly what the other is.
    pub(super) overrides: u32,
    /// Whoever is told of the airbag decides: confirms, takes the truth, or waits.
    pub(super) answers_airbag: bool,
    /// Two changes may trip the airbag.
    pub(super) tiny_airbag: bool,
    /// Somebody damages what a device holds.
    pub(super) damages: bool,
    /// Somebody damages the truth.
    pub(super) damages_truth: bool,
    /// Beside the others is a device that stores values in a form of its own.
    pub(super) reformats: bool,
}

impl Wild {
    /// `is_calm`: nothing is given up or damaged where truths come back from old copies, for then
    /// nobody could say what only one device had.
    pub(super) fn draw(random: &Random, is_calm: bool) -> Self {
        if random.chance(50) {
            return Self::default();
        }
        let drawn = Self {
            modes: random.one_of(&[0, 10, 30]),
            one_way: random.one_of(&[0, 0, 0, 20]),
            overrides: random.one_of(&[0, 0, 0, 5, 15]),
            answers_airbag: random.chance(25),
            tiny_airbag: random.chance(30),
            damages: random.chance(20),
            damages_truth: random.chance(5),
            reformats: random.chance(20),
        };
        if !is_calm {
            return drawn;
        }
        Self {
            overrides: 0,
            damages: false,
            reformats: false,
            ..drawn
        }
    }

    /// Whether what somebody wrote may be set aside because they, or another, chose one side.
    pub(super) fn sets_aside(&self) -> bool {
        self.overrides > 0 || self.answers_airbag
    }

    /// What somebody asks a sync for, who would otherwise ask for `mode`.
    pub(super) fn asks(&self, random: &Random, mode: Mode) -> SyncOptions {
        let plain = SyncOptions {
            mode,
            ..SyncOptions::default()
        };
        if self.modes + self.one_way + self.overrides == 0 {
            return plain;
        }
        if random.chance(self.overrides) {
            return overriding(random);
        }
        let mode = if random.chance(self.modes) {
            random.one_of(&[
                Mode::Fast,
                Mode::Repair,
                Mode::Slow,
                Mode::Slow,
                Mode::Refresh,
            ])
        } else {
            mode
        };
        let direction = if random.chance(self.one_way) {
            random.one_of(&[Direction::Pull, Direction::Push])
        } else {
            Direction::Both
        };
        SyncOptions {
            mode,
            direction,
            confirm: self.answers_airbag && random.chance(10),
            ..plain
        }
    }

    /// What somebody does about the airbag; `None`: they wait.
    pub(super) fn answers(&self, random: &Random, asked: SyncOptions) -> Option<SyncOptions> {
        if !self.answers_airbag {
            return None;
        }
        match random.below(3) {
            0 => Some(SyncOptions {
                confirm: true,
                ..asked
            }),
            1 => Some(SyncOptions {
                mode: Mode::PullTruth,
                ..SyncOptions::default()
            }),
            _ => None,
        }
    }
}

fn overriding(random: &Random) -> SyncOptions {
    let mirror = |direction| SyncOptions {
        direction,
        mirror: true,
        ..SyncOptions::default()
    };
    let mode = |mode| SyncOptions {
        mode,
        ..SyncOptions::default()
    };
    let wanted = match random.below(4) {
        0 => mode(Mode::PushTruth),
        1 => mode(Mode::PullTruth),
        2 => mirror(Direction::Push),
        _ => mirror(Direction::Pull),
    };
    SyncOptions {
        confirm: random.chance(60),
        ..wanted
    }
}
