//! Options, as JavaScript builds them: it has looked at them for the person's sake, so each
//! comes as what it is. (Reading plain objects by serde would cost 10 kB; see
//! docs/decisions/0009.)

use tidemark_engine::{
    client::{DeclaredIndex, Error, SyncOptions},
    json::Canonical,
};
use tidemark_protocol::{Direction, Mode};

use super::work::texts;

/// The indexes of a JSON array: each an array of its entity and its fields.
pub(super) fn declared(text: &str) -> Result<Vec<DeclaredIndex>, Error> {
    let wrong = || Error::invalid("an index is an entity and its fields");
    let indexes = Canonical::parse(text).map_err(|_| wrong())?;
    let mut declared = Vec::new();
    for index in indexes.borrow().elements() {
        let mut fields = texts(index)
            .filter(|names| !names.is_empty())
            .ok_or_else(wrong)?;
        let entity = fields.remove(0);
        declared.push(DeclaredIndex { entity, fields });
    }
    Ok(declared)
}

/// `sync`'s options; an empty word is the usual one.
pub(super) fn sync_options(
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
