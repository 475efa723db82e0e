//! Pages that were freed and stay on the disk for a while, for readers of older roots.
//!
//! The list is kept in the root record, so it is short: beyond a number of pages the oldest
//! go at once. A reader who comes too late meets a missing page and starts again, so time
//! decides nothing here but how often that happens, and a clock that jumps does no harm.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::page::put_number;
use super::paged::{take, take_size};
use super::port::PageId;

/// Freed pages that are still on the disk, the longest freed first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreedPages {
    batches: VecDeque<Batch>,
    count: usize,
}

/// What one commit freed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    freed_ms: i64,
    ids: Vec<PageId>,
}

impl FreedPages {
    /// How many pages wait.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no page waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes up pages freed at `now_ms`, milliseconds of any clock.
    pub fn add(&mut self, now_ms: i64, ids: Vec<PageId>) {
        if !ids.is_empty() {
            self.count += ids.len();
            self.batches.push_back(Batch {
                freed_ms: now_ms,
                ids,
            });
        }
    }

    /// Gives up the oldest beyond `keep_pages`, and of those freed `keep_ms` ago or longer so many
    /// that they are `at_once` in all: the `freed` of the next commit, which may be a small one.
    pub fn release(
        &mut self,
        now_ms: i64,
        keep_ms: i64,
        keep_pages: usize,
        at_once: usize,
    ) -> Vec<PageId> {
        let mut released = Vec::new();
        let excess = self.count.saturating_sub(keep_pages);
        while let Some(oldest) = self.batches.front_mut() {
            let age_ms = now_ms.saturating_sub(oldest.freed_ms);
            let is_young = (0..keep_ms).contains(&age_ms);
            let due = if is_young {
                excess
            } else {
                excess.max(at_once)
            };
            let room = due.saturating_sub(released.len()).min(oldest.ids.len());
            if room == 0 {
                break;
            }
            let kept = oldest.ids.split_off(room);
            released.append(&mut oldest.ids);
            oldest.ids = kept;
            if oldest.ids.is_empty() {
                self.batches.pop_front();
            }
        }
        self.count -= released.len();
        released
    }

    /// Writes the list into a root record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, self.batches.len());
        for batch in &self.batches {
            out.extend_from_slice(&batch.freed_ms.to_le_bytes());
            put_number(out, batch.ids.len());
            batch.ids.iter().for_each(|id| out.extend_from_slice(&id.0));
        }
    }

    /// Takes off `bytes` what [`FreedPages::encode`] wrote; `None` where that is no list.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut freed = Self::default();
        for _ in 0..take_size(bytes)? {
            let now_ms = i64::from_le_bytes(take(bytes)?);
            let mut ids = Vec::new();
            for _ in 0..take_size(bytes)? {
                ids.push(PageId(take(bytes)?));
            }
            freed.add(now_ms, ids);
        }
        Some(freed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn ids(numbers: core::ops::Range<u32>) -> Vec<PageId> {
        numbers
            .map(|number| PageId::numbered([0; 12], number))
            .collect()
    }

    /// What so many commits freed, and when each did: the pages from 0 on, in order.
    fn freed(commits: &[(i64, u32)]) -> FreedPages {
        let (mut freed, mut from) = (FreedPages::default(), 0);
        for &(freed_ms, count) in commits {
            freed.add(freed_ms, ids(from..from + count));
            from += count;
        }
        freed
    }

    #[test]
    fn pages_wait_for_their_time_in_order() {
        let mut freed = freed(&[(1_000, 2), (1_500, 1)]);
        assert_eq!(freed.release(1_999, 1_000, 10, 10), []);
        assert_eq!(freed.release(2_000, 1_000, 10, 10), ids(0..2));
        assert_eq!((freed.len(), freed.is_empty()), (1, false));
    }

    #[test]
    fn too_many_and_those_of_a_clock_set_back_go_at_once() {
        let mut freed = freed(&[(5_000, 3), (5_001, 3)]);
        assert_eq!(freed.release(5_002, 60_000, 2, 1), ids(0..4));
        assert_eq!(freed.release(4_000, 60_000, 2, 5), ids(4..6));
        assert!(freed.is_empty());
    }

    #[test]
    fn a_small_commit_takes_no_more_than_a_few_off_the_disk() {
        let mut freed = freed(&[(1_000, 6), (1_001, 1)]);
        assert_eq!(freed.release(1_002, 60_000, 6, 2), ids(0..1));
        assert_eq!(freed.release(90_000, 60_000, 6, 4), ids(1..5));
        assert_eq!(freed.release(90_000, 60_000, 6, 4), ids(5..7));
        assert!(freed.is_empty());
    }

    #[test]
    fn the_list_is_read_back() {
        let freed = freed(&[(-5, 3), (i64::MAX, 1)]);
        let mut bytes = vec![];
        freed.encode(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(FreedPages::decode(&mut rest), Some(freed));
        assert!(rest.is_empty());
        assert_eq!(FreedPages::decode(&mut &bytes[..bytes.len() - 1]), None);
    }
}
