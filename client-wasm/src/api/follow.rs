//! A followed query as JavaScript holds it.

use std::{cell::RefCell, rc::Rc};

use js_sys::Promise;
use tidemark_engine::client::Follow;
use wasm_bindgen::prelude::*;

use super::{
    database::Inner,
    work::{Slot, Work, start},
};
use crate::environment::Browser;

/// A query that is followed. Its calls must come one after the other, as the TypeScript sees to.
#[wasm_bindgen]
pub struct Followed {
    inner: Rc<Inner>,
    slot: Slot<Follow<Browser>>,
}

impl Followed {
    pub(super) fn new(inner: &Rc<Inner>, follow: Follow<Browser>) -> Self {
        Self {
            inner: Rc::clone(inner),
            slot: Rc::new(RefCell::new(Some(follow))),
        }
    }
}

#[wasm_bindgen]
impl Followed {
    /// What became of the answer since the last call, places first, then records in slices; nothing
    /// where it is the same.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[] | undefined>")]
    pub fn next(&self) -> Promise {
        start(&self.inner, Ok(Work::Next(Rc::clone(&self.slot))))
    }

    /// The records that come next, up to so many, in slices.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[]>")]
    pub fn page(&self, most: usize) -> Promise {
        start(&self.inner, Ok(Work::Page(Rc::clone(&self.slot), most)))
    }
}
