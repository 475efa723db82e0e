//! A list of writes, as JavaScript builds it.

use std::rc::Rc;

use tidemark_engine::client::Operation;
use wasm_bindgen::prelude::*;

/// Writes to be done in one commit; each gets its own answer, in order.
#[wasm_bindgen]
#[derive(Default)]
pub struct Operations(Vec<Operation>);

impl Operations {
    pub(crate) fn into_vec(self) -> Vec<Operation> {
        self.0
    }
}

#[wasm_bindgen]
impl Operations {
    /// No writes yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes records of a JSON array of values.
    pub fn create(&mut self, entity: &str, values: String) {
        self.0.push(Operation::Create {
            entity: Rc::from(entity),
            values,
        });
    }

    /// Sets the fields of a JSON object, and removes others.
    pub fn update(&mut self, entity: &str, key: String, fields: String, removed: Vec<String>) {
        self.0.push(Operation::Update {
            entity: Rc::from(entity),
            key,
            fields,
            removed,
        });
    }

    /// Replaces a record's value.
    pub fn put(&mut self, entity: &str, key: String, value: String) {
        self.0.push(Operation::Put {
            entity: Rc::from(entity),
            key,
            value,
        });
    }

    /// Deletes a record.
    pub fn delete(&mut self, entity: &str, key: String) {
        self.0.push(Operation::Delete {
            entity: Rc::from(entity),
            key,
        });
    }

    /// Drops a record's local edits.
    pub fn undo(&mut self, entity: &str, key: String) {
        self.0.push(Operation::Undo {
            entity: Rc::from(entity),
            key,
        });
    }
}
