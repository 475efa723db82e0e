//! How one schedule goes about it: drawn once from its seed, so that some schedules are calm in
//! one thing and wild in another.

use std::time::Duration;

use tidemark_engine::truth::{Airbag, Policies, Retention};
use tidemark_protocol::{ConflictPolicy, Limits};
use tidemark_server::session::Settings;

use super::{random::Random, wild::Wild};

/// How long a session lives after its last call.
const SESSION_EXPIRY: Duration = Duration::from_mins(10);

/// How a schedule goes about it. Shares are of a hundred.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a trait by itself, in any combination"
)]
pub(super) struct Manner {
    /// Users, each with a datastore and devices of their own.
    pub(super) users: usize,
    /// Devices that a user begins with.
    pub(super) devices: usize,
    pub(super) devices_max: usize,
    /// Tabs on one device's pages.
    pub(super) tabs_max: usize,
    /// Calls that are lost, on their way there as on their way back.
    pub(super) loss: u32,
    /// Calls that are answered by something between, or with a refused token.
    pub(super) trouble: u32,
    /// Calls of a disk that keep their tab waiting.
    pub(super) disk_waits: u32,
    /// Turns given after each step, at most.
    pub(super) pace: usize,
    /// Steps whose work is driven to its end at once.
    pub(super) alone: u32,
    /// Whether devices and truths come back from old copies.
    pub(super) restores: bool,
    pub(super) restores_truth: bool,
    /// Few deletions already trip the airbag.
    pub(super) small_airbag: bool,
    /// Some records are refused.
    pub(super) refusals: bool,
    /// Records fill pages of their own.
    pub(super) bulky: bool,
    /// What nothing needs is soon forgotten.
    pub(super) forgets: bool,
    policy: ConflictPolicy,
    pub(super) wild: Wild,
}

impl Manner {
    /// `wild`: chance of its own for what came later.
    pub(super) fn draw(random: &Random, wild: &Random) -> Self {
        let restores = random.chance(30);
        let mut drawn = Self {
            users: if random.chance(30) { 2 } else { 1 },
            devices: random.one_of(&[2, 2, 2, 3]),
            devices_max: random.one_of(&[3, 4, 5]),
            tabs_max: random.one_of(&[1, 1, 2, 3]),
            loss: random.one_of(&[0, 3, 10, 25]),
            trouble: random.one_of(&[0, 0, 2, 8]),
            disk_waits: random.one_of(&[0, 10, 40]),
            pace: random.one_of(&[2, 8, 25, 60]),
            alone: random.one_of(&[0, 30, 70]),
            restores,
            restores_truth: restores && random.chance(25),
            small_airbag: random.chance(15),
            refusals: random.chance(25),
            bulky: random.chance(30),
            forgets: random.chance(25),
            policy: random.one_of(&[
                ConflictPolicy::Merge,
                ConflictPolicy::Merge,
                ConflictPolicy::Merge,
                ConflictPolicy::Newest,
                ConflictPolicy::Truth,
                ConflictPolicy::Device,
                ConflictPolicy::Store,
            ]),
            wild: Wild::default(),
        };
        drawn.wild = Wild::draw(wild, drawn.restores_truth);
        drawn.small_airbag |= drawn.wild.tiny_airbag;
        drawn
    }

    /// The server's.
    pub(super) fn settings(&self) -> Settings {
        // Small bounds, so that a few records already take several batches and pages, and some
        // are too large.
        let limits = Limits {
            push_records: if self.bulky { 8 } else { 3 },
            pull_records: 4,
            body_bytes: if self.bulky { 64 * 1024 } else { 7 * 1024 },
        };
        let airbag = Airbag {
            deletes: match (self.wild.tiny_airbag, self.small_airbag) {
                (true, _) => 2,
                (false, true) => 3,
                (false, false) => 20,
            },
            percent: 20,
        };
        let retention = if self.forgets {
            Retention {
                history: Duration::from_mins(10),
                tombstones: Duration::from_mins(30),
            }
        } else {
            Retention::default()
        };
        let policies = Policies {
            policy: Some(self.policy),
            ..Policies::default()
        };
        Settings {
            limits,
            session_expiry: SESSION_EXPIRY,
            airbag,
            policies,
            retention,
        }
    }
}
