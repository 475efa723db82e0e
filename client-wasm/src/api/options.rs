//! Options, as JavaScript builds them: it has looked at them for the person's sake, so each
//! comes as what it is. (Reading plain objects by serde would cost 10 kB; see
//! docs/decisions/0009.)

use tidemark_engine::client::{DeclaredIndex, Error, Options, SyncOptions};
use tidemark_protocol::{Direction, Mode};
use wasm_bindgen::prelude::*;

use crate::pages::Durability;

/// `open`'s options.
#[wasm_bindgen]
pub struct OpenOptions {
    name: String,
    durability: Durability,
    engine: Options,
}

#[wasm_bindgen]
impl OpenOptions {
    /// Options for the database of this name.
    #[wasm_bindgen(constructor)]
    pub fn new(
        name: String,
        strict: bool,
        datastore: Option<String>,
        device_name: Option<String>,
    ) -> Self {
        let durability = if strict {
            Durability::Strict
        } else {
            Durability::Relaxed
        };
        Self {
            name,
            durability,
            engine: Options {
                indexes: Vec::new(),
                datastore,
                device_name,
            },
        }
    }

    /// Declares an index.
    pub fn index(&mut self, entity: String, fields: Vec<String>) {
        self.engine.indexes.push(DeclaredIndex { entity, fields });
    }
}

impl OpenOptions {
    /// The name, how durable a commit is, and what is the engine's.
    pub(crate) fn into_parts(self) -> (String, Durability, Options) {
        (self.name, self.durability, self.engine)
    }
}

/// `sync`'s options; an empty word is the usual one.
pub(crate) fn sync_options(
    mode: &str,
    direction: &str,
    mirror: bool,
    confirm: bool,
) -> Result<SyncOptions, Error> {
    Ok(SyncOptions {
        mode: word(mode, "mode", Mode::named)?,
        direction: word(direction, "direction", Direction::named)?,
        mirror,
        confirm,
    })
}

/// A word of the protocol, by its name on the wire.
fn word<T: Default>(name: &str, what: &str, named: fn(&str) -> Option<T>) -> Result<T, Error> {
    if name.is_empty() {
        return Ok(T::default());
    }
    named(name).ok_or_else(|| Error::invalid(format!("there is no {what} `{name}`")))
}
