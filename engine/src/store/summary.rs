//! What lies in a part of a tree, in numbers: how many entries, and the sum they add up to.

use core::ops::{AddAssign, Sub};

use crate::fingerprint::DatastoreFingerprint;

/// The count and the fingerprint sum of some entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many entries.
    pub count: u64,
    /// The sum of what the tree's [`Shape`](super::Shape) says each adds.
    pub sum: DatastoreFingerprint,
}

impl Summary {
    /// The summary of no entries.
    pub const EMPTY: Self = Self {
        count: 0,
        sum: DatastoreFingerprint::EMPTY,
    };
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }
}

impl Sub for Summary {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            count: self.count.wrapping_sub(other.count),
            sum: self.sum - other.sum,
        }
    }
}
