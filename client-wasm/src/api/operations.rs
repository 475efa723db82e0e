//! A list of writes, as JavaScript builds it.
#![expect(clippy::float_cmp, reason = "in what wasm_bindgen makes of an enum")]

use std::rc::Rc;

use tidemark_engine::client::{Error, Operation};
use wasm_bindgen::prelude::*;

use super::work::keys;

/// What one write does.
#[wasm_bindgen]
#[derive(Clone, Copy)]
pub enum Writing {
    /// Makes records of a JSON array of values.
    Create,
    /// Sets the fields of a JSON object, and removes those that a JSON array names.
    Update,
    /// Replaces a record's value.
    Put,
    /// Deletes a record.
    Delete,
    /// Drops a record's local edits.
    Undo,
}

/// Writes to be done in one commit; each gets its own answer, in order.
#[wasm_bindgen]
#[derive(Default)]
pub struct Operations(Vec<Operation>, Option<Error>);

impl Operations {
    pub(crate) fn into_vec(self) -> Result<Vec<Operation>, Error> {
        match self.1 {
            None => Ok(self.0),
            Some(wrong) => Err(wrong),
        }
    }
}

#[wasm_bindgen]
impl Operations {
    /// No writes yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; what its kind does not need is empty.
    pub fn add(&mut self, what: Writing, entity: &str, key: String, text: String, removed: &str) {
        let entity = Rc::from(entity);
        self.0.push(match what {
            Writing::Create => Operation::Create {
                entity,
                values: text,
            },
            Writing::Update => Operation::Update {
                entity,
                key,
                fields: text,
                removed: keys(removed).unwrap_or_else(|wrong| {
                    self.1 = Some(wrong);
                    Vec::new()
                }),
            },
            Writing::Put => Operation::Put {
                entity,
                key,
                value: text,
            },
            Writing::Delete => Operation::Delete { entity, key },
            Writing::Undo => Operation::Undo { entity, key },
        });
    }
}
