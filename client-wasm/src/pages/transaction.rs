//! One transaction, and its end. A transaction that fails at its commit, as on a full disk,
//! fires `abort` and no `error`: whoever waits for another event waits forever.

use idb::Transaction;
use wasm_bindgen::JsCast;
use web_sys::{DomException, Event, IdbTransaction};

use crate::signal::{Signal, Signalled, signal};

/// How a transaction, or what was awaited in it, ended.
pub(super) enum End {
    /// As asked.
    Done,
    /// Rolled back, with the reason if the browser gave one.
    Aborted(Option<DomException>),
}

/// A transaction under way, and whoever is to be told of its end.
pub(super) struct Running {
    raw: IdbTransaction,
    transaction: Transaction,
    ended: Signal<End>,
}

impl Running {
    /// Watches a transaction. The future ends at the first of: its `complete`, its `abort`, a
    /// word from [`Running::ended`].
    pub(super) fn watch(raw: IdbTransaction) -> (Self, Signalled<End>) {
        let (ended, end) = signal();
        let mut transaction = Transaction::from(raw.clone());
        let complete = ended.clone();
        transaction.on_complete(move |_| complete.give(End::Done));
        let abort = ended.clone();
        transaction.on_abort(move |event| abort.give(End::Aborted(reason(&event))));
        let running = Self {
            raw,
            transaction,
            ended,
        };
        (running, end)
    }

    /// The transaction, to issue requests in.
    pub(super) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Another handle on it, for a callback that commits or aborts.
    pub(super) fn handle(&self) -> Transaction {
        Transaction::from(self.raw.clone())
    }

    /// For telling that what was awaited is there, though the transaction has not ended.
    pub(super) fn ended(&self) -> Signal<End> {
        self.ended.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Events that are still to come must not find callbacks that are gone.
        self.raw.set_oncomplete(None);
        self.raw.set_onabort(None);
    }
}

fn reason(event: &Event) -> Option<DomException> {
    let transaction: IdbTransaction = event.target()?.dyn_into().ok()?;
    transaction.error()
}
