//! All chance in a schedule: one seed, two streams, so that a device which draws one number more
//! does not change who is next.

use std::cell::RefCell;

/// Where a schedule's chance comes from.
pub(super) struct Random {
    course: RefCell<fastrand::Rng>,
    bytes: RefCell<fastrand::Rng>,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut course = fastrand::Rng::with_seed(seed);
        let bytes = RefCell::new(course.fork());
        Self {
            course: RefCell::new(course),
            bytes,
        }
    }

    /// Of a hundred such questions so many are answered with yes.
    pub(super) fn chance(&self, percent: u32) -> bool {
        percent > 0 && self.course.borrow_mut().u32(0..100) < percent
    }

    pub(super) fn below(&self, end: usize) -> usize {
        self.course.borrow_mut().usize(0..end)
    }

    pub(super) fn number(&self, range: std::ops::Range<i64>) -> i64 {
        self.course.borrow_mut().i64(range)
    }

    pub(super) fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// For a device: its UUIDs, page ids and the like.
    pub(super) fn fill(&self, bytes: &mut [u8]) {
        self.bytes.borrow_mut().fill(bytes);
    }

    /// A stream of its own, for the server.
    pub(super) fn fork(&self) -> fastrand::Rng {
        self.course.borrow_mut().fork()
    }
}
