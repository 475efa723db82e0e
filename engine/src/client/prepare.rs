//! Reading operations strictly, once, however often they must be planned.

use alloc::{rc::Rc, string::String, vec::Vec};
use core::fmt::Display;

use tidemark_protocol::Key;
use uuid::Uuid;

use super::{Error, ErrorCode, Operation};
use crate::json::{Canonical, Kind, MAX_DEPTH};

/// An operation read once, however often it must be planned.
#[derive(Debug)]
pub(super) enum Prepared {
    Create {
        entity: Rc<str>,
        records: Vec<(Uuid, Canonical)>,
    },
    Update {
        entity: Rc<str>,
        key: String,
        fields: Canonical,
        removed: Vec<String>,
    },
    Put {
        entity: Rc<str>,
        key: String,
        value: Canonical,
    },
    Delete {
        entity: Rc<str>,
        key: String,
    },
    Undo {
        entity: Rc<str>,
        key: String,
    },
}

fn wrong(cause: &dyn Display) -> Error {
    Error::caused(ErrorCode::Invalid, cause)
}

/// Reads an operation strictly; `fresh` gives new `local_id`s.
pub(super) fn prepare(
    operation: Operation,
    mut fresh: impl FnMut() -> Uuid,
) -> Result<Prepared, Error> {
    let canonical = |text: &str| Canonical::parse(text).map_err(|error| wrong(&error));
    Ok(match operation {
        Operation::Create { entity, values } => {
            check_entity(&entity)?;
            // The list itself is a level that no value has.
            let values =
                Canonical::parse_within(&values, MAX_DEPTH + 1).map_err(|error| wrong(&error))?;
            if values.borrow().kind() != Kind::Array {
                return Err(Error::invalid("`values` must be a JSON array"));
            }
            let mut records = Vec::new();
            for value in values.borrow().elements() {
                records.push((fresh(), value.to_canonical()));
            }
            Prepared::Create { entity, records }
        }
        Operation::Update {
            entity,
            key,
            fields,
            removed,
        } => {
            let fields = canonical(&fields)?;
            if !fields.borrow().is_object() {
                return Err(Error::invalid("update takes an object of fields"));
            }
            Prepared::Update {
                entity,
                key,
                fields,
                removed,
            }
        }
        Operation::Put { entity, key, value } => {
            check_entity(&entity)?;
            Key::parse(&key).map_err(|error| wrong(&error))?;
            let value = canonical(&value)?;
            Prepared::Put { entity, key, value }
        }
        Operation::Delete { entity, key } => Prepared::Delete { entity, key },
        Operation::Undo { entity, key } => Prepared::Undo { entity, key },
    })
}

fn check_entity(entity: &str) -> Result<(), Error> {
    if entity.is_empty() || entity.len() > Key::BYTES_MAX {
        return Err(Error::invalid("an entity's name has 1 to 255 bytes"));
    }
    Ok(())
}
