//! A record as the app sees it, and its one JSON form.

use alloc::{
    rc::Rc,
    string::{String, ToString},
};

use uuid::Uuid;

use super::record::{Confirmed, Edit};
use crate::json::{Canonical, CanonicalRef};
use crate::query::Row;

/// How a record stands to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As the server last confirmed it.
    Synced,
    /// Made here, not confirmed.
    Created,
    /// Changed here, not confirmed.
    Updated,
    /// Deleted here, not confirmed; only in `pending`.
    Deleted,
    /// Set aside: the server refused it, or it can never be sent.
    Rejected,
}

impl State {
    /// The word for it in API.md.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Rejected => "rejected",
        }
    }
}

/// A record as the app sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// Its key now: the real one, or its `local_id` while pending.
    pub key: String,
    /// What kind of record.
    pub entity: Rc<str>,
    /// The value.
    pub value: Canonical,
    /// The wall clock at its making.
    pub created: Rc<str>,
    /// The wall clock at its last edit.
    pub updated: Rc<str>,
    /// The `local_id` that this device made it under, if it did.
    pub local_id: Option<Uuid>,
    /// The server has given no key yet.
    pub is_pending: bool,
    /// How it stands to the truth.
    pub state: State,
    /// Why it was set aside: code and detail.
    pub problem: Option<(String, String)>,
}

impl Doc {
    /// Never changes on this device, even as the key does.
    pub fn handle(&self) -> String {
        self.local_id
            .map_or_else(|| self.key.clone(), |local_id| local_id.to_string())
    }

    /// Appends the document as JSON, in the shape of API.md.
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"key\":");
        write_text(out, &self.key);
        out.push_str(",\"entity\":");
        write_text(out, &self.entity);
        out.push_str(",\"value\":");
        out.push_str(self.value.as_str());
        out.push_str(",\"created\":");
        write_text(out, &self.created);
        out.push_str(",\"updated\":");
        write_text(out, &self.updated);
        out.push_str(",\"handle\":");
        match self.local_id {
            Some(local_id) => write_uuid(out, local_id),
            None => write_text(out, &self.key),
        }
        out.push_str(if self.is_pending {
            ",\"is_pending\":true"
        } else {
            ",\"is_pending\":false"
        });
        out.push_str(",\"state\":\"");
        out.push_str(self.state.as_str());
        out.push('"');
        if let (true, Some(local_id)) = (self.is_pending, self.local_id) {
            out.push_str(",\"local_id\":");
            write_uuid(out, local_id);
        }
        if let Some((code, detail)) = &self.problem {
            out.push_str(",\"problem\":{\"code\":");
            write_text(out, code);
            out.push_str(",\"detail\":");
            write_text(out, detail);
            out.push('}');
        }
        out.push('}');
    }

    /// Stands for a record of which only the key is left.
    pub(super) fn gone(key: &str) -> Self {
        let none: Rc<str> = Rc::from("");
        Self {
            key: key.to_string(),
            entity: Rc::clone(&none),
            value: Canonical::null(),
            created: Rc::clone(&none),
            updated: none,
            local_id: None,
            is_pending: false,
            state: State::Deleted,
            problem: None,
        }
    }

    pub(super) fn of_confirmed(entity: Rc<str>, key: String, record: Confirmed) -> Self {
        Self {
            key,
            entity,
            value: record.value,
            created: record.created,
            updated: record.updated,
            local_id: record.handle,
            is_pending: false,
            state: State::Synced,
            problem: None,
        }
    }

    pub(super) fn of_edit(entity: Rc<str>, key: String, edit: &Edit) -> Self {
        let state = match (&edit.set_aside, edit.deleted) {
            (Some(_), _) => State::Rejected,
            (None, true) => State::Deleted,
            (None, false) if edit.base.is_none() && edit.push_as.is_none() => State::Created,
            (None, false) => State::Updated,
        };
        let problem = edit.set_aside.as_ref();
        Self {
            key,
            entity,
            value: edit.value.clone(),
            created: Rc::clone(&edit.created),
            updated: Rc::clone(&edit.updated),
            local_id: edit.handle,
            is_pending: edit.is_pending,
            state,
            problem: problem.map(|problem| (problem.code.clone(), problem.detail.clone())),
        }
    }
}

impl Row for Doc {
    fn key(&self) -> &str {
        &self.key
    }

    fn created(&self) -> &str {
        &self.created
    }

    fn updated(&self) -> &str {
        &self.updated
    }

    fn value(&self) -> CanonicalRef<'_> {
        self.value.borrow()
    }
}

/// Appends the documents as one JSON array; an absent one as `null`.
pub fn write_docs<'a>(out: &mut String, docs: impl IntoIterator<Item = Option<&'a Doc>>) {
    out.push('[');
    for (position, doc) in docs.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        match doc {
            Some(doc) => doc.write_json(out),
            None => out.push_str("null"),
        }
    }
    out.push(']');
}

pub(super) fn write_text(out: &mut String, text: &str) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(Canonical::string(text).as_str());
    }
}

pub(super) fn write_uuid(out: &mut String, uuid: Uuid) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push('"');
    out.push_str(uuid.hyphenated().encode_lower(&mut text));
    out.push('"');
}
