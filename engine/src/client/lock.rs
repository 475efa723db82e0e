//! One at a time, on one thread: a lock to await.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::{Poll, Waker};

/// Unlocked at first.
#[derive(Debug, Default)]
pub(super) struct Lock {
    held: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

/// Holds the lock until dropped.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a Lock);

impl Lock {
    pub(super) async fn hold(&self) -> Held<'_> {
        poll_fn(|context| {
            if self.held.replace(true) {
                self.waiting.borrow_mut().push(context.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(Held(self))
            }
        })
        .await
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.set(false);
        // All of them: one that was woken alone might have been dropped meanwhile.
        for waker in self.0.waiting.take() {
            waker.wake();
        }
    }
}
