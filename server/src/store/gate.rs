//! Where a simulation may stand between a session and the database: it holds a call up, or lets
//! the server die there. A server that runs has no gate.

use std::{pin::Pin, sync::Arc};

/// What a call is about to do, or has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It is about to read one moment.
    Snapshot,
    /// It is about to begin a change, alone among changes.
    Change,
    /// It is about to commit its change.
    Commit,
    /// Its change is durable; nobody has been told.
    Committed,
}

/// Holds calls up between two steps.
pub trait Gate: Send + Sync + 'static {
    /// Ends when the call may go on; never, if the server dies here.
    fn pass(&self, passage: Passage) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The gate, where there is one.
#[derive(Clone, Default)]
pub(crate) struct Gates(Option<Arc<dyn Gate>>);

impl Gates {
    pub(super) fn new(gate: impl Gate) -> Self {
        Self(Some(Arc::new(gate)))
    }

    pub(super) async fn pass(&self, passage: Passage) {
        if let Some(gate) = &self.0 {
            gate.pass(passage).await;
        }
    }
}
