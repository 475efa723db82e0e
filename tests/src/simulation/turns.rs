//! Whose turn it is. Everything in a schedule runs on one thread, a turn at a time: a task goes
//! on until it pauses, and who is next is drawn. Only what waits for the database's own thread
//! keeps its turn until that has answered, so that no thread's pace is ever seen.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

/// The count of turns, shared by all that pause.
#[derive(Debug, Default)]
pub(super) struct Turns {
    now: AtomicU64,
    is_parked: AtomicBool,
    is_waiting: AtomicBool,
}

impl Turns {
    pub(super) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Notes that the task waits for its next turn.
    pub(super) fn park(&self) {
        self.is_parked.store(true, Relaxed);
    }

    /// Ends in a later turn.
    pub(super) async fn pause(&self) {
        let since = self.now();
        poll_fn(|_| {
            if self.now() > since {
                return Poll::Ready(());
            }
            self.park();
            Poll::Pending
        })
        .await;
    }
}

/// Drives what waits for threads: where it is pending and not parked, its turn goes on.
pub(super) async fn watched<T>(turns: Arc<Turns>, inner: impl Future<Output = T>) -> T {
    let mut inner = std::pin::pin!(inner);
    poll_fn(move |context| {
        turns.is_parked.store(false, Relaxed);
        let poll = inner.as_mut().poll(context);
        if poll.is_pending() && !turns.is_parked.load(Relaxed) {
            turns.is_waiting.store(true, Relaxed);
        }
        poll
    })
    .await
}

/// Something under way.
pub(super) type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Gives the work one turn; true: it has ended.
pub(super) async fn advance(turns: &Turns, work: &mut Work) -> bool {
    turns.now.fetch_add(1, Relaxed);
    poll_fn(|context: &mut Context<'_>| {
        turns.is_waiting.store(false, Relaxed);
        match work.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if turns.is_waiting.load(Relaxed) => Poll::Pending,
            Poll::Pending => Poll::Ready(false),
        }
    })
    .await
}
