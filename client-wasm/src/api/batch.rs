//! A batch as JavaScript holds it: several writes and reads, then one commit.

use std::{cell::RefCell, rc::Rc};

use js_sys::Promise;
use tidemark_engine::{
    client::{Batch, Error},
    store::Committed,
};
use wasm_bindgen::prelude::*;

use super::{
    answer::{answers, promise, slices},
    database::{number, read_keys},
    operations::Operations,
};
use crate::environment::Browser;

/// A batch under way. Its calls must come one after the other, as the TypeScript sees to;
/// freed without a commit, it leaves nothing.
#[wasm_bindgen]
pub struct CoreBatch(Rc<RefCell<Option<Batch<Browser>>>>);

impl CoreBatch {
    pub(crate) fn new(batch: Batch<Browser>) -> Self {
        Self(Rc::new(RefCell::new(Some(batch))))
    }

    /// Lends the batch to some work, and takes it back after.
    fn lend<T: 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Batch<Browser>) -> Result<T, Error> + 'static,
    ) -> impl Future<Output = Result<T, Error>> + 'static {
        let slot = Rc::clone(&self.0);
        async move {
            let mut batch = slot.take().ok_or_else(over)?;
            let done = work(&mut batch).await;
            *slot.borrow_mut() = Some(batch);
            done
        }
    }
}

fn over() -> Error {
    Error::invalid("the batch is over, or another of its calls is under way")
}

#[wasm_bindgen]
impl CoreBatch {
    /// Does these writes within the batch.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[][]>")]
    pub fn apply(&self, operations: Operations) -> Promise {
        let operations = operations.into_vec();
        let done = self.lend(async move |batch| batch.apply(operations).await);
        promise(async move { Ok(answers(&done.await?)) })
    }

    /// The records of these keys, a JSON array.
    #[wasm_bindgen(js_name = getMany, unchecked_return_type = "Promise<string[]>")]
    pub fn get_many(&self, entity: String, keys: String) -> Promise {
        let found = self.lend(async move |batch| {
            let keys = read_keys(&keys)?;
            batch.get_many(&entity, &keys).await
        });
        promise(async move { Ok(slices(found.await?.iter().map(Option::as_ref)).into()) })
    }

    /// The records that a query finds.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[]>")]
    pub fn find(&self, entity: String, query: String) -> Promise {
        let found = self.lend(async move |batch| batch.find(&entity, &query).await);
        promise(async move { Ok(slices(found.await?.iter().map(Some)).into()) })
    }

    /// How many records a query finds.
    #[wasm_bindgen(unchecked_return_type = "Promise<number>")]
    pub fn count(&self, entity: String, query: String) -> Promise {
        let count = self.lend(async move |batch| batch.count(&entity, &query).await);
        promise(async move { Ok(number(count.await?)) })
    }

    /// Commits. False: somebody else committed first, and the batch is to be run again.
    #[wasm_bindgen(unchecked_return_type = "Promise<boolean>")]
    pub fn commit(&self) -> Promise {
        let slot = Rc::clone(&self.0);
        promise(async move {
            let batch = slot.take().ok_or_else(over)?;
            let committed = batch.commit().await?;
            Ok(JsValue::from_bool(committed == Committed::Done))
        })
    }
}
