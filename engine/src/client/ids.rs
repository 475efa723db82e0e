//! Fresh `local_id`s: UUIDs of version 7, so that records made together lie together in the trees.
//!
//! Time and random bits are given; within one client they always grow, even when the clock
//! jumps back, so that records keep the order in which they were made.

use uuid::Uuid;

const RANDOM_BITS: u32 = 74;
const VARIANT_BITS: u32 = 62;
/// How far an id lies after the one before it in the same millisecond: at least one.
const STEP_MASK: u128 = 0xFFFF;

/// Makes ids; remembers the newest.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    /// Milliseconds, then random bits, without version and variant.
    newest: u128,
}

impl Ids {
    /// An id for this millisecond since 1970, later than any before it.
    pub(super) fn next(&mut self, now_millis: i64, random: u128) -> Uuid {
        let millis = u128::from(now_millis.unsigned_abs()) & ((1 << 48) - 1);
        let fresh = millis << RANDOM_BITS | random & ((1 << RANDOM_BITS) - 1);
        self.newest = if self.newest >> RANDOM_BITS >= millis && self.newest != 0 {
            self.newest + 1 + (random & STEP_MASK)
        } else {
            fresh
        };
        let time = self.newest >> RANDOM_BITS & ((1 << 48) - 1);
        let high = self.newest >> VARIANT_BITS & 0xFFF;
        let low = self.newest & ((1 << VARIANT_BITS) - 1);
        Uuid::from_u128(time << 80 | 7 << 76 | high << 64 | 2 << VARIANT_BITS | low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuid_v7_of_their_time() {
        let id = Ids::default().next(0x0193_5000_0001, u128::MAX);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.as_bytes()[..6], [0x01, 0x93, 0x50, 0, 0, 1]);
    }

    #[test]
    fn ids_grow_even_when_the_clock_jumps_back() {
        let mut ids = Ids::default();
        let times = [1_000, 1_000, 1_000, 5, 2_000, 1_999];
        let made: std::vec::Vec<_> = times
            .iter()
            .enumerate()
            .map(|(at, time)| ids.next(*time, at as u128 * 7919))
            .collect();
        assert!(made.windows(2).all(|two| two[0] < two[1]), "{made:?}");
    }
}
