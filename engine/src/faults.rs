//! Faults planted by hand, so that the simulation can show that it would find them: switched at
//! run time, and only in a build with the feature `planted-faults`. In any other build nothing is
//! planted, and the compiler leaves nothing of them.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A fault that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        #[cfg(feature = "planted-faults")]
        impl Fault {
            /// Every fault there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it does, for people.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    /// Device.
    AliasNotWritten = "the alias is not written",
    /// Device.
    CleanWhateverTheCounter = "a record is marked clean whatever the edit counter says",
    /// Device.
    RebaseMovesTheBase = "rebase moves the base forward",
    /// Truth.
    CheckinBeforeTheLock = "the checkin is taken before the lock",
    /// Server.
    OpeningDoesNotSupersede = "opening does not supersede",
    /// Truth.
    AttemptsIgnored = "`attempts` are ignored",
    /// Truth.
    RepeatIsAChange = "a repeat counts as a new change",
    /// Truth.
    NoEchoOfUnchanged = "the echo of an unchanged push is left out",
    /// Device.
    FreedPageReused = "a freed page is reused at once",
    /// Device.
    RefusedDropped = "a refused record is dropped",
    /// Server.
    StagedTwice = "a staged batch is mingled twice",
    /// Truth.
    TombstoneTooSoon = "a tombstone is compacted before its retention",
    /// Truth.
    LoserNotKept = "the loser of a conflict is not kept",
    /// Truth.
    DeletionWins = "a deletion wins over an edit that it did not know",
    /// Truth.
    FingerprintNotRemoved = "the fingerprint of what was superseded stays in the sum",
    /// Truth.
    TombstonesLeftOut = "tombstones are left out for every device",
    /// Device.
    SavedBeforeItIs = "a write is answered though its commit failed",
    /// Device.
    StaleIsDone = "a commit that came second is taken for done",
    /// Device.
    LastSyncAtOpen = "`last_sync` moves when a session opens, not when its pull ends",
    /// Truth.
    AirbagOff = "the airbag never holds",
    /// Device.
    RefusedBlocks = "a refused record blocks those after it",
    /// Server.
    SessionOfAnother = "a session answers whoever names it",
}

#[cfg(feature = "planted-faults")]
mod switch {
    use core::{
        hint::black_box,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use super::Fault;

    /// What a build with the feature has in it, and no other.
    pub const MARK: &str = "tidemark: this build has planted faults";

    struct Switch {
        mark: &'static str,
        planted: AtomicU32,
    }

    static SWITCH: Switch = Switch {
        mark: MARK,
        planted: AtomicU32::new(u32::MAX),
    };

    /// Plants a fault, or none, for the whole process.
    pub fn plant(fault: Option<Fault>) {
        let number = fault.map_or(u32::MAX, |fault| fault as u32);
        SWITCH.planted.store(number, Relaxed);
    }

    /// Whether this fault is planted.
    pub fn is_planted(fault: Fault) -> bool {
        // Whoever can be asked has the mark in it: no optimiser leaves it out.
        let switch = black_box(&SWITCH);
        !switch.mark.is_empty() && switch.planted.load(Relaxed) == fault as u32
    }
}

#[cfg(feature = "planted-faults")]
pub use switch::{MARK, is_planted, plant};

/// Nothing is planted.
#[cfg(not(feature = "planted-faults"))]
#[inline]
pub const fn is_planted(_: Fault) -> bool {
    false
}
