//! Between the sessions and the database: here requests take turns, and here the server dies,
//! before or after a store call or with a commit's answer lost, never in the midst of a query.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tidemark_server::store::{Gate, Passage};

use super::turns::Turns;

/// Nobody: no request has this number.
const NOBODY: u64 = 0;

/// What the gate and the world share.
#[derive(Debug, Default)]
pub(super) struct Gatekeeper {
    turns: Arc<Turns>,
    /// The request whose turn it is.
    request: AtomicU64,
    /// The request that holds the one change there may be.
    writer: AtomicU64,
    /// The server dies at the so many-th passage from now; 0: it lives.
    dies_in: AtomicU64,
    has_died: AtomicBool,
    commits: AtomicU64,
}

impl Gatekeeper {
    pub(super) fn new(turns: Arc<Turns>) -> Self {
        Self {
            turns,
            ..Self::default()
        }
    }

    /// Until the next call, passages are this request's.
    pub(super) fn enter(&self, request: u64) {
        self.request.store(request, Relaxed);
    }

    /// The request is over, whatever it held.
    pub(super) fn leave(&self, request: u64) {
        let _ = self
            .writer
            .compare_exchange(request, NOBODY, Relaxed, Relaxed);
    }

    /// The server will die at a passage to come.
    pub(super) fn plan_death(&self, passages: u64) {
        self.dies_in.store(passages, Relaxed);
    }

    /// Whether the server died since this was asked last.
    pub(super) fn take_death(&self) -> bool {
        self.has_died.swap(false, Relaxed)
    }

    /// How many commits there were.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Notes where the request has come to; true: here the server dies.
    fn arrive(&self, passage: Passage) -> bool {
        match passage {
            Passage::Snapshot | Passage::Commit => {}
            // A change that the request had before was dropped.
            Passage::Change => self.leave(self.request.load(Relaxed)),
            Passage::Committed => {
                self.commits.fetch_add(1, Relaxed);
                self.leave(self.request.load(Relaxed));
            }
        }
        let left = self.dies_in.load(Relaxed);
        if left > 0 {
            self.dies_in.store(left - 1, Relaxed);
        }
        let dies = left == 1;
        self.has_died.fetch_or(dies, Relaxed);
        dies
    }

    fn may_pass(&self, passage: Passage) -> bool {
        let request = self.request.load(Relaxed);
        passage != Passage::Change
            || self
                .writer
                .compare_exchange(NOBODY, request, Relaxed, Relaxed)
                .is_ok()
    }
}

/// The gate as the store knows it.
pub(super) struct Door(pub(super) Arc<Gatekeeper>);

impl Gate for Door {
    fn pass(&self, passage: Passage) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Passing {
            gate: Arc::clone(&self.0),
            passage,
            since: None,
        })
    }
}

struct Passing {
    gate: Arc<Gatekeeper>,
    passage: Passage,
    since: Option<u64>,
}

impl Future for Passing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let now = self.gate.turns.now();
        let Some(since) = self.since else {
            // The dead never pass.
            let dies = self.gate.arrive(self.passage);
            self.since = Some(if dies { u64::MAX } else { now });
            self.gate.turns.park();
            return Poll::Pending;
        };
        if now > since && self.gate.may_pass(self.passage) {
            return Poll::Ready(());
        }
        self.gate.turns.park();
        Poll::Pending
    }
}
