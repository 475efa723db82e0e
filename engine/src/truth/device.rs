//! What is fixed for a device, by itself or by its people, and what that makes of its opens.

use alloc::borrow::Cow;

use tidemark_protocol::{
    Code, DeviceDescription, DeviceRequest, Direction, Mode, OpenRequest, Problem,
};

/// What is kept of a device beside what it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The one way in which it syncs; `Both`: as it asks.
    pub direction: Direction,
    /// The receiving side is made equal to the sending one.
    pub mirror: bool,
    /// What its next session is to be, until one of that mode is in sync.
    pub reset: Option<Mode>,
}

impl Fixed {
    /// As the device itself describes it: that fixes a direction, and lifts none.
    ///
    /// # Errors
    /// `malformed`, or `forbidden` where the other direction is fixed.
    pub fn described(mut self, description: Option<&DeviceDescription>) -> Result<Self, Problem> {
        let Some(description) = description else {
            return Ok(self);
        };
        let direction = description.direction.unwrap_or_default();
        self.direction = self.with(direction)?;
        self.mirror |= description.mirror == Some(true);
        self.checked()
    }

    /// As its people set it.
    ///
    /// # Errors
    /// `malformed`: a mirror of both directions, or a reset that is none or cannot be.
    pub fn set(mut self, request: &DeviceRequest) -> Result<Self, Problem> {
        if let Some(direction) = request.direction {
            self.direction = direction;
            // A mirror goes with its direction.
            self.mirror &= direction != Direction::Both;
        }
        self.mirror = request.mirror.unwrap_or(self.mirror);
        self.reset = request.reset.unwrap_or(self.reset);
        if !matches!(
            self.reset,
            None | Some(Mode::Repair | Mode::Refresh | Mode::PullTruth)
        ) {
            return Err(malformed(
                "`reset` is `repair`, `refresh` or `pull_truth`, or null for none",
            ));
        }
        self.checked()
    }

    /// What an open comes to, all that is fixed considered.
    ///
    /// # Errors
    /// `forbidden` for the other direction; `truth_pushed` where the device is to start again
    /// from the truth, and does not ask for that.
    pub fn applied(self, request: &OpenRequest) -> Result<Cow<'_, OpenRequest>, Problem> {
        let direction = self.with(request.direction)?;
        let mirror = request.mirror || self.mirror;
        let mode = self.mode(request.mode)?;
        if matches!(
            (self.direction, mode),
            (Direction::Pull, Mode::PushTruth) | (Direction::Push, Mode::PullTruth)
        ) {
            return Err(other_way(self.direction));
        }
        if (direction, mirror, mode) == (request.direction, request.mirror, request.mode) {
            return Ok(Cow::Borrowed(request));
        }
        Ok(Cow::Owned(OpenRequest {
            direction,
            mirror,
            mode,
            ..request.clone()
        }))
    }

    fn mode(self, asked: Mode) -> Result<Mode, Problem> {
        match self.reset {
            Some(reset) if !undone_by(asked).contains(&reset) => match reset {
                // Never decided over a device's head: it sets aside first what waits there.
                Mode::PullTruth => Err(Problem::new(
                    Code::TruthPushed,
                    "this device is to start again from the truth: open with mode `pull_truth`",
                )),
                reset => Ok(reset),
            },
            _ => Ok(asked),
        }
    }

    fn with(self, asked: Direction) -> Result<Direction, Problem> {
        match (self.direction, asked) {
            (Direction::Both, asked) => Ok(asked),
            (fixed, Direction::Both) => Ok(fixed),
            (fixed, asked) if fixed == asked => Ok(fixed),
            (fixed, _) => Err(other_way(fixed)),
        }
    }

    fn checked(self) -> Result<Self, Problem> {
        if self.mirror && self.direction == Direction::Both {
            return Err(malformed(
                "`mirror` goes with one `direction`, `pull` or `push`",
            ));
        }
        if self.direction == Direction::Push && self.reset == Some(Mode::PullTruth) {
            return Err(malformed(
                "a device that only pushes cannot start again from the truth: set its `direction`",
            ));
        }
        Ok(self)
    }
}

/// The resets that are done with once a session of a mode is in sync: it did as much.
pub fn undone_by(mode: Mode) -> &'static [Mode] {
    match mode {
        Mode::Auto | Mode::Fast => &[],
        Mode::Repair | Mode::Slow => &[Mode::Repair],
        Mode::Refresh | Mode::PushTruth => &[Mode::Repair, Mode::Refresh],
        Mode::PullTruth => &[Mode::Repair, Mode::Refresh, Mode::PullTruth],
    }
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(Code::Malformed, detail)
}

fn other_way(fixed: Direction) -> Problem {
    let detail = match fixed {
        Direction::Push => "this device only pushes; its people have set it so, or it itself",
        Direction::Pull | Direction::Both => {
            "this device only pulls; its people have set it so, or it itself"
        }
    };
    Problem::new(Code::Forbidden, detail)
}
