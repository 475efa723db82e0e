//! A batch as JavaScript holds it: several writes and reads, then one commit.

use std::{cell::RefCell, rc::Rc};

use js_sys::Promise;
use tidemark_engine::client::Batch;
use wasm_bindgen::prelude::*;

use super::{
    database::Inner,
    operations::Operations,
    work::{Question, Reading, Slot, Work, start},
};
use crate::environment::Browser;

/// A batch under way. Its calls must come one after the other, as the TypeScript sees to;
/// freed without a commit, it leaves nothing.
#[wasm_bindgen]
pub struct CoreBatch {
    inner: Rc<Inner>,
    slot: Slot,
}

impl CoreBatch {
    pub(super) fn new(inner: &Rc<Inner>, batch: Batch<Browser>) -> Self {
        Self {
            inner: Rc::clone(inner),
            slot: Rc::new(RefCell::new(Some(batch))),
        }
    }
}

#[wasm_bindgen]
impl CoreBatch {
    /// Does these writes within the batch.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[][]>")]
    pub fn write(&self, operations: Operations) -> Promise {
        let operations = operations.into_vec();
        let slot = Rc::clone(&self.slot);
        start(
            &self.inner,
            operations.map(|all| Work::WriteInBatch(slot, all)),
        )
    }

    /// As [`Core::read`](super::Core::read), with the batch's own writes.
    #[wasm_bindgen(unchecked_return_type = "Promise<any>")]
    pub fn read(&self, what: Reading, entity: String, text: String) -> Promise {
        let question = Question { what, entity, text };
        let slot = Rc::clone(&self.slot);
        start(&self.inner, Ok(Work::ReadInBatch(slot, question)))
    }

    /// Commits. False: somebody else committed first, and the batch is to be run again.
    #[wasm_bindgen(unchecked_return_type = "Promise<boolean>")]
    pub fn commit(&self) -> Promise {
        start(&self.inner, Ok(Work::Commit(Rc::clone(&self.slot))))
    }
}
