//! The session's JSON: members read out of the server's answers, and requests written.
//!
//! An answer is read strictly in one pass, which makes it canonical; from then on it is walked
//! by slices, a pulled value included. Members that nobody here asks for are nobody's matter:
//! servers may be newer. What `tidemark_protocol` derives for the server reads the same JSON,
//! and the tests of this file hold both to the same answers.

use alloc::{borrow::Cow, format, string::String};

use tidemark_protocol::{Checkin, Limits, Mode, Timestamp};
use uuid::Uuid;

use super::Error;
use super::doc::write_text;
use crate::json::{Canonical, CanonicalRef, Kind, MAX_DEPTH};

/// How deep a pulled record lies in an answer: a riding phase, its `records`, the record.
const ENVELOPE_DEPTH: usize = 4;

/// Reads the body of an answer; values in it may be as deep as records are.
pub(super) fn read_answer(body: &str) -> Result<Canonical, Error> {
    Canonical::parse_within(body, MAX_DEPTH + ENVELOPE_DEPTH)
        .map_err(|error| Error::protocol(format!("the answer cannot be read: {error}")))
}

/// The members of an object in an answer, each read as what it must be. A member that is
/// `null` counts as absent.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(pub(super) CanonicalRef<'a>);

impl<'a> Members<'a> {
    pub(super) fn get(self, name: &str) -> Option<CanonicalRef<'a>> {
        self.0
            .field(name)
            .filter(|value| value.kind() != Kind::Null)
    }

    /// The object under this name.
    pub(super) fn members(self, name: &str) -> Option<Self> {
        self.get(name).map(Self)
    }

    pub(super) fn text(self, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        self.get(name).map(|value| text(value, name)).transpose()
    }

    pub(super) fn number(self, name: &str) -> Result<Option<u64>, Error> {
        let value = self.get(name);
        value
            .map(|value| value.as_str().parse().map_err(|_| unreadable(name)))
            .transpose()
    }

    /// The text that must be there.
    pub(super) fn needed_text(self, name: &str) -> Result<Cow<'a, str>, Error> {
        text(self.needed(name)?, name)
    }

    /// The number that must be there.
    pub(super) fn needed_number(self, name: &str) -> Result<u64, Error> {
        need(self.number(name)?, name)
    }

    /// The checkin that must be there.
    pub(super) fn needed_checkin(self, name: &str) -> Result<Checkin, Error> {
        checkin(self.needed(name)?, name)
    }

    /// The value that must be there.
    pub(super) fn needed(self, name: &str) -> Result<CanonicalRef<'a>, Error> {
        need(self.get(name), name)
    }

    /// A flag that is not there is not set.
    pub(super) fn flag(self, name: &str) -> Result<bool, Error> {
        let value = self.get(name);
        value.map_or(Ok(false), |value| flag(value, name))
    }

    pub(super) fn checkin(self, name: &str) -> Result<Option<Checkin>, Error> {
        self.get(name).map(|value| checkin(value, name)).transpose()
    }

    pub(super) fn uuid(self, name: &str) -> Result<Option<Uuid>, Error> {
        self.get(name).map(|value| uuid(value, name)).transpose()
    }

    pub(super) fn mode(self) -> Result<Mode, Error> {
        let name = self.needed_text("mode")?;
        Mode::named(&name).ok_or_else(|| unreadable("mode"))
    }

    pub(super) fn limits(self) -> Result<Limits, Error> {
        let limits = Self(self.needed("limits")?);
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Limits {
            push_records: count(limits.needed_number("push_records")?),
            pull_records: count(limits.needed_number("pull_records")?),
            body_bytes: limits.needed_number("body_bytes")?,
        })
    }
}

/// A pulled record, as slices of its page.
#[derive(Debug)]
pub(super) struct Arrived<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) local_id: Option<Uuid>,
    pub(super) entity: Cow<'a, str>,
    pub(super) value: Option<CanonicalRef<'a>>,
    pub(super) created: Option<Cow<'a, str>>,
    pub(super) updated: Option<Cow<'a, str>>,
    pub(super) checkin: Checkin,
    pub(super) deleted: bool,
}

impl<'a> Arrived<'a> {
    /// Whether the truth keeps nothing of it, not even the tombstone.
    pub(super) fn is_gone(&self) -> bool {
        self.deleted && self.created.is_none()
    }

    /// Reads a record of a page: one look at each member.
    pub(super) fn read(record: CanonicalRef<'a>) -> Result<Self, Error> {
        let (mut key, mut at) = (None, None);
        let mut read = Self {
            key: Cow::Borrowed(""),
            local_id: None,
            entity: Cow::Borrowed(tidemark_protocol::DEFAULT_ENTITY),
            value: None,
            created: None,
            updated: None,
            checkin: Checkin::default(),
            deleted: false,
        };
        for (name, value) in record.fields() {
            let name = name.as_ref();
            if name == "value" {
                read.value = Some(value);
                continue;
            }
            if value.kind() == Kind::Null {
                continue;
            }
            match name {
                "key" => key = Some(text(value, name)?),
                "local_id" => read.local_id = Some(uuid(value, name)?),
                "entity" => read.entity = text(value, name)?,
                "created" => read.created = Some(time(value, name)?),
                "updated" => read.updated = Some(time(value, name)?),
                "checkin" => at = Some(checkin(value, name)?),
                "deleted" => read.deleted = flag(value, name)?,
                _ => {}
            }
        }
        read.key = need(key, "key")?;
        read.checkin = need(at, "checkin")?;
        Ok(read)
    }
}

fn text<'a>(value: CanonicalRef<'a>, name: &str) -> Result<Cow<'a, str>, Error> {
    value.as_text().ok_or_else(|| unreadable(name))
}

fn flag(value: CanonicalRef<'_>, name: &str) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| unreadable(name))
}

fn checkin(value: CanonicalRef<'_>, name: &str) -> Result<Checkin, Error> {
    Checkin::parse(&text(value, name)?).map_err(|_| unreadable(name))
}

fn uuid(value: CanonicalRef<'_>, name: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(&text(value, name)?).map_err(|_| unreadable(name))
}

fn time<'a>(value: CanonicalRef<'a>, name: &str) -> Result<Cow<'a, str>, Error> {
    let time = text(value, name)?;
    match Timestamp::millis_of(&time) {
        Ok(_) => Ok(time),
        Err(_) => Err(unreadable(name)),
    }
}

/// What must be there.
pub(super) fn need<T>(member: Option<T>, name: &str) -> Result<T, Error> {
    member.ok_or_else(|| unreadable(name))
}

pub(super) fn unreadable(name: &str) -> Error {
    Error::protocol(format!(
        "the answer's `{name}` is missing or cannot be read"
    ))
}

/// A request, member by member.
pub(super) struct Request(String);

impl Request {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// A member whose value is JSON already.
    pub(super) fn json(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        write_text(&mut self.0, name);
        self.0.push(':');
        self.0.push_str(value);
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.json(name, "");
        write_text(&mut self.0, value);
    }

    /// A member that is left out where there is nothing to say.
    pub(super) fn text_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.json(name, itoa::Buffer::new().format(value));
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.json(name, if value { "true" } else { "false" });
    }

    /// Goes on with the member before.
    pub(super) fn append(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// The whole request.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
