//! Options as JavaScript gives them. The TypeScript has looked at them for the person's sake;
//! here they are only read.

use serde::Deserialize;
use tidemark_engine::client::{DeclaredIndex, Error, Options, SyncOptions};
use tidemark_protocol::{Direction, Mode};
use wasm_bindgen::JsValue;

use crate::pages::Durability;

/// `open`'s options.
#[derive(Deserialize)]
pub(crate) struct OpenOptions {
    pub(crate) name: String,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    indexes: Vec<Index>,
    #[serde(default)]
    datastore: Option<String>,
    #[serde(default)]
    device_name: Option<String>,
}

#[derive(Deserialize)]
struct Index {
    entity: String,
    fields: Vec<String>,
}

impl OpenOptions {
    pub(crate) fn durability(&self) -> Durability {
        if self.strict {
            Durability::Strict
        } else {
            Durability::Relaxed
        }
    }

    pub(crate) fn into_engine(self) -> Options {
        let declared = |index: Index| DeclaredIndex {
            entity: index.entity,
            fields: index.fields,
        };
        Options {
            indexes: self.indexes.into_iter().map(declared).collect(),
            datastore: self.datastore,
            device_name: self.device_name,
        }
    }
}

/// `sync`'s options.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SyncRequest {
    mode: Option<String>,
    direction: Option<String>,
    mirror: bool,
    confirm: bool,
}

impl SyncRequest {
    pub(crate) fn into_engine(self) -> Result<SyncOptions, Error> {
        let unknown = |word: &str| Error::invalid(format!("there is no {word}"));
        Ok(SyncOptions {
            mode: named(self.mode, Mode::named).ok_or_else(|| unknown("such mode"))?,
            direction: named(self.direction, Direction::named)
                .ok_or_else(|| unknown("such direction"))?,
            mirror: self.mirror,
            confirm: self.confirm,
        })
    }
}

/// A word of the protocol, by its name on the wire.
fn named<T: Default>(name: Option<String>, named: fn(&str) -> Option<T>) -> Option<T> {
    name.map_or_else(|| Some(T::default()), |name| named(&name))
}

/// Reads options, whatever their kind.
pub(crate) fn read<T: serde::de::DeserializeOwned>(value: JsValue) -> Result<T, Error> {
    serde_wasm_bindgen::from_value(value).map_err(|error| Error::invalid(error.to_string()))
}
