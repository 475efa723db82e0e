//! How much was done, so that nobody takes schedules in which nothing happens for a proof.

use std::{fmt, ops::AddAssign};

/// How much was done in schedules that held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Schedules.
    pub schedules: u64,
    /// Writes of people who were told that they are saved.
    pub writes: u64,
    /// Calls of devices, those that were lost too.
    pub calls: u64,
    /// Syncs that ended well.
    pub syncs: u64,
    /// Deaths of tabs, devices and servers.
    pub deaths: u64,
    /// Syncs that made one side what the other is.
    pub overrides: u64,
    /// Syncs that the airbag held.
    pub airbags: u64,
    /// Damage done by hand, to devices and to truths.
    pub damages: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.writes += other.writes;
        self.calls += other.calls;
        self.syncs += other.syncs;
        self.deaths += other.deaths;
        self.overrides += other.overrides;
        self.airbags += other.airbags;
        self.damages += other.damages;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} schedules held: {} writes, {} calls, {} syncs, {} of them overriding, {} held by the \
             airbag, {} deaths, {} damages",
            self.schedules,
            self.writes,
            self.calls,
            self.syncs,
            self.overrides,
            self.airbags,
            self.deaths,
            self.damages
        )
    }
}
