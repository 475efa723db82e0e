//! How long to wait after a sync that failed for a passing reason: longer each time, never the
//! same for two devices, and never shorter than the server asked for. Pure arithmetic.

/// The wait after the first failure, in milliseconds.
const FIRST_MS: u64 = 1_000;
/// The longest wait of our own choice, in milliseconds.
const LONGEST_MS: u64 = 5 * 60 * 1_000;

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A sync failed: milliseconds to wait before the next. `random` spreads devices that
    /// failed together: the wait lies between half and the whole of its step, or between the
    /// server's wish and half as much again.
    pub fn failed(&mut self, retry_after_seconds: Option<u32>, random: u32) -> u64 {
        let step = FIRST_MS
            .saturating_mul(1 << self.failures.min(20))
            .min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let asked = u64::from(retry_after_seconds.unwrap_or(0)) * 1_000;
        let least = asked.max(step / 2);
        least + (least.max(step / 2) / 2 + step / 4) * u64::from(random) / u64::from(u32::MAX)
    }

    /// A sync went well.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let mut backoff = Backoff::default();
        let waits: std::vec::Vec<_> = (0..12).map(|_| backoff.failed(None, 0)).collect();
        assert_eq!(waits[..4], [500, 1_000, 2_000, 4_000]);
        assert_eq!(waits[11], LONGEST_MS / 2);
        backoff.succeeded();
        assert_eq!(backoff.failed(None, u32::MAX), FIRST_MS);
    }

    #[test]
    fn waits_are_spread_and_heed_the_server() {
        assert_eq!(Backoff::default().failed(None, u32::MAX), 1_000);
        assert_eq!(Backoff::default().failed(Some(60), 0), 60_000);
        assert!(Backoff::default().failed(Some(60), u32::MAX) > 85_000);
    }
}
