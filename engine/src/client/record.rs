//! The rows of the two trees that hold records: what the server confirmed, and the person's
//! edits over it.
//!
//! Both trees are ordered by entity, then key. A row's bytes are a promise to disks: members
//! in a fixed order after a byte of flags, the value's canonical text last. Nothing here knows
//! pages or trees.

use alloc::{borrow::ToOwned, rc::Rc, string::String, vec::Vec};

use tidemark_protocol::Checkin;
use uuid::Uuid;

use super::codec::{Reader, Unreadable, put_number, put_text};
use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;
use crate::store::Slice;

/// Where a record lies in a tree: entity, then key.
pub(super) fn row_key(entity: &str, key: &str) -> Vec<u8> {
    let mut row = entity_prefix(entity);
    row.extend_from_slice(key.as_bytes());
    row
}

/// What all rows of an entity begin with; no other entity's rows do.
pub(super) fn entity_prefix(entity: &str) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(entity.len() + 2 + 36);
    put_text(&mut prefix, entity);
    prefix
}

/// The entity and the key of a row.
pub(super) fn split_row_key(row: &[u8]) -> Result<(&str, &str), Unreadable> {
    let mut reader = Reader::new(row);
    let entity = reader.text()?;
    Ok((entity, reader.rest_text()?))
}

/// A record as the server last confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    pub(super) fingerprint: RecordFingerprint,
    /// The version that the truth gave it.
    pub(super) checkin: Checkin,
    /// The `local_id` that this device made it under; `None`: its handle is its key.
    pub(super) handle: Option<Uuid>,
    pub(super) created: Rc<str>,
    pub(super) updated: Rc<str>,
    pub(super) value: Canonical,
}

const HAS_HANDLE: u8 = 1;
const NEVER_UPDATED: u8 = 2;

impl Confirmed {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.value.as_str().len() + 96);
        let mut flags = 0;
        if self.handle.is_some() {
            flags |= HAS_HANDLE;
        }
        if self.created == self.updated {
            flags |= NEVER_UPDATED;
        }
        out.push(flags);
        out.extend_from_slice(&self.fingerprint.0);
        out.extend_from_slice(&self.checkin.micros().to_be_bytes());
        if let Some(handle) = self.handle {
            out.extend_from_slice(handle.as_bytes());
        }
        put_times(&mut out, &self.created, &self.updated);
        out.extend_from_slice(self.value.as_str().as_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte()?;
        if flags & !(HAS_HANDLE | NEVER_UPDATED) != 0 {
            return Err(Unreadable);
        }
        let fingerprint = RecordFingerprint(reader.array()?);
        let checkin = read_checkin(&mut reader)?;
        let handle = read_uuid(&mut reader, flags & HAS_HANDLE != 0)?;
        let (created, updated) = read_times(&mut reader, flags & NEVER_UPDATED != 0)?;
        let value = Canonical::trusted(reader.rest_text()?);
        Ok(Self {
            fingerprint,
            checkin,
            handle,
            created,
            updated,
            value,
        })
    }

    /// The record, if there is one.
    pub(super) fn decode_some(bytes: Option<&Slice>) -> Result<Option<Self>, Unreadable> {
        match bytes {
            Some(bytes) => Self::decode(bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The fingerprint alone, for the sums in the branches.
    pub(super) fn fingerprint_of(bytes: &[u8]) -> Result<RecordFingerprint, Unreadable> {
        let mut reader = Reader::new(bytes);
        reader.byte()?;
        Ok(RecordFingerprint(reader.array()?))
    }
}

/// Why a record was set aside: the server refused it, or it can never be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetAside {
    pub(super) code: String,
    pub(super) detail: String,
}

/// What the person did to a record and no answer has confirmed.
///
/// Edits are numbered by the database's edit counter, so that one can be told from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The server has given no key yet: the row's key is the record's `local_id`.
    pub(super) is_pending: bool,
    /// Deleted here; the value is what it was before.
    pub(super) deleted: bool,
    /// The number of the newest edit of the value as a whole; 0: only the fields in `changed`
    /// were edited.
    pub(super) whole: u64,
    /// The number of the newest edit.
    pub(super) number: u64,
    /// The number of the edit that made this row.
    pub(super) born: u64,
    /// As in [`Confirmed::handle`].
    pub(super) handle: Option<Uuid>,
    /// The version under the oldest unanswered edit; `None`: there was none.
    pub(super) base: Option<Checkin>,
    /// The key came with a pull that was not the answer to a push of this: pushed once more
    /// under this `local_id`, so that the server knows what it was based on.
    pub(super) push_as: Option<Uuid>,
    /// The fields edited, each with the number of its newest edit; ordered by name.
    pub(super) changed: Vec<(String, u64)>,
    pub(super) set_aside: Option<SetAside>,
    pub(super) created: Rc<str>,
    pub(super) updated: Rc<str>,
    /// What the app sees, whole.
    pub(super) value: Canonical,
}

const IS_PENDING: u16 = 1;
const DELETED: u16 = 1 << 1;
const WHOLE: u16 = 1 << 2;
const EDIT_HAS_HANDLE: u16 = 1 << 3;
const HAS_BASE: u16 = 1 << 4;
const HAS_PUSH_AS: u16 = 1 << 5;
const IS_SET_ASIDE: u16 = 1 << 6;
const EDIT_NEVER_UPDATED: u16 = 1 << 7;
const EDIT_FLAGS: u16 = (1 << 8) - 1;

impl Edit {
    /// Notes that a field was edited by the edit of this number.
    pub(super) fn touch(&mut self, field: &str, edit: u64) {
        match self
            .changed
            .binary_search_by(|(name, _)| name.as_str().cmp(field))
        {
            Ok(at) => self.changed[at].1 = edit,
            Err(at) => self.changed.insert(at, (field.to_owned(), edit)),
        }
    }

    fn flags(&self) -> u16 {
        let mut flags = 0;
        for (is_set, flag) in [
            (self.is_pending, IS_PENDING),
            (self.deleted, DELETED),
            (self.whole > 0, WHOLE),
            (self.handle.is_some(), EDIT_HAS_HANDLE),
            (self.base.is_some(), HAS_BASE),
            (self.push_as.is_some(), HAS_PUSH_AS),
            (self.set_aside.is_some(), IS_SET_ASIDE),
            (self.created == self.updated, EDIT_NEVER_UPDATED),
        ] {
            if is_set {
                flags |= flag;
            }
        }
        flags
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.value.as_str().len() + 64);
        out.extend_from_slice(&self.flags().to_be_bytes());
        put_number(&mut out, self.number);
        put_number(&mut out, self.born);
        if self.whole > 0 {
            put_number(&mut out, self.whole);
        }
        if let Some(handle) = self.handle {
            out.extend_from_slice(handle.as_bytes());
        }
        if let Some(base) = self.base {
            out.extend_from_slice(&base.micros().to_be_bytes());
        }
        if let Some(local_id) = self.push_as {
            out.extend_from_slice(local_id.as_bytes());
        }
        put_number(&mut out, self.changed.len() as u64);
        for (field, edit) in &self.changed {
            put_text(&mut out, field);
            put_number(&mut out, *edit);
        }
        if let Some(problem) = &self.set_aside {
            put_text(&mut out, &problem.code);
            put_text(&mut out, &problem.detail);
        }
        put_times(&mut out, &self.created, &self.updated);
        out.extend_from_slice(self.value.as_str().as_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let flags = u16::from_be_bytes(reader.array()?);
        if flags & !EDIT_FLAGS != 0 {
            return Err(Unreadable);
        }
        let has = |flag: u16| flags & flag != 0;
        let number = reader.number()?;
        let born = reader.number()?;
        let whole = if has(WHOLE) { reader.number()? } else { 0 };
        let handle = read_uuid(&mut reader, has(EDIT_HAS_HANDLE))?;
        let base = if has(HAS_BASE) {
            Some(read_checkin(&mut reader)?)
        } else {
            None
        };
        let push_as = read_uuid(&mut reader, has(HAS_PUSH_AS))?;
        let mut changed = Vec::new();
        for _ in 0..reader.number()? {
            changed.push((reader.text()?.to_owned(), reader.number()?));
        }
        let set_aside = if has(IS_SET_ASIDE) {
            let (code, detail) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            Some(SetAside { code, detail })
        } else {
            None
        };
        let (created, updated) = read_times(&mut reader, has(EDIT_NEVER_UPDATED))?;
        Ok(Self {
            is_pending: has(IS_PENDING),
            deleted: has(DELETED),
            whole,
            number,
            born,
            handle,
            base,
            push_as,
            changed,
            set_aside,
            created,
            updated,
            value: Canonical::trusted(reader.rest_text()?),
        })
    }

    /// The edit, if there is one.
    pub(super) fn decode_some(bytes: Option<&Slice>) -> Result<Option<Self>, Unreadable> {
        match bytes {
            Some(bytes) => Self::decode(bytes).map(Some),
            None => Ok(None),
        }
    }
}

fn put_times(out: &mut Vec<u8>, created: &str, updated: &str) {
    put_text(out, created);
    if created != updated {
        put_text(out, updated);
    }
}

fn read_times(
    reader: &mut Reader<'_>,
    never_updated: bool,
) -> Result<(Rc<str>, Rc<str>), Unreadable> {
    let created = Rc::from(reader.text()?);
    let updated = if never_updated {
        Rc::clone(&created)
    } else {
        reader.text()?.into()
    };
    Ok((created, updated))
}

fn read_uuid(reader: &mut Reader<'_>, is_there: bool) -> Result<Option<Uuid>, Unreadable> {
    if !is_there {
        return Ok(None);
    }
    Ok(Some(Uuid::from_bytes(reader.array()?)))
}

fn read_checkin(reader: &mut Reader<'_>) -> Result<Checkin, Unreadable> {
    Checkin::from_micros(i64::from_be_bytes(reader.array()?)).map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit() -> Edit {
        Edit {
            is_pending: true,
            deleted: false,
            whole: 299,
            number: 300,
            born: 7,
            handle: Some(Uuid::from_u128(5)),
            base: Some(Checkin::from_micros(1_000_001).unwrap()),
            push_as: Some(Uuid::from_u128(6)),
            changed: [("a".to_owned(), 300), ("b".to_owned(), 8)].into(),
            set_aside: Some(SetAside {
                code: "schema".to_owned(),
                detail: "no".to_owned(),
            }),
            created: "2026-11-22T04:41:01Z".into(),
            updated: "2026-11-22T04:41:02Z".into(),
            value: Canonical::trusted(r#"{"a":1}"#),
        }
    }

    #[test]
    fn edits_come_back() {
        let full = edit();
        assert_eq!(Edit::decode(&full.encode()), Ok(full.clone()));
        let bare = Edit {
            is_pending: false,
            whole: 0,
            handle: None,
            base: None,
            push_as: None,
            changed: Vec::new(),
            set_aside: None,
            updated: Rc::clone(&full.created),
            ..full
        };
        assert_eq!(Edit::decode(&bare.encode()), Ok(bare));
    }

    #[test]
    fn confirmed_records_come_back() {
        for handle in [None, Some(Uuid::from_u128(9))] {
            let record = Confirmed {
                fingerprint: RecordFingerprint([3; 16]),
                checkin: Checkin::from_micros(-5).unwrap(),
                handle,
                created: "2026-11-22T04:41:01Z".into(),
                updated: "2026-11-22T04:41:02Z".into(),
                value: Canonical::trusted("[1,2]"),
            };
            let bytes = record.encode();
            assert_eq!(Confirmed::fingerprint_of(&bytes), Ok(record.fingerprint));
            assert_eq!(Confirmed::decode(&bytes), Ok(record));
        }
    }

    #[test]
    fn the_bytes_of_rows_never_change() {
        let hex = |bytes: Vec<u8>| {
            bytes.iter().fold(String::new(), |text, byte| {
                text + &alloc::format!("{byte:02x}")
            })
        };
        assert_eq!(hex(row_key("todo", "k")), "04746f646f6b");
        assert_eq!(
            hex(edit().encode()),
            "007dac0207ab020000000000000000000000000000000500000000000f424100000000000000000000000000000006020161ac02016208\
             06736368656d61026e6f14323032362d31312d32325430343a34313a30315a14323032362d31312d32325430343a34313a30325a\
             7b2261223a317d"
        );
    }

    #[test]
    fn a_touched_field_is_listed_once_in_order() {
        let mut edit = edit();
        edit.touch("b", 301);
        edit.touch("aa", 302);
        let expected = [
            ("a".to_owned(), 300),
            ("aa".to_owned(), 302),
            ("b".to_owned(), 301),
        ];
        assert_eq!(edit.changed, expected);
    }
}
