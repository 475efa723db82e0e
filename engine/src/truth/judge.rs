//! Reads one pushed record, strictly: what is wrong by itself is rejected alone.
//!
//! It looks at nothing but the record's text: whether the record fits the truth is the
//! mingle's question.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashMap;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tidemark_protocol::{
    Checkin, Code, DEFAULT_ENTITY, Key, LocalId, Problem, Rejection, Timestamp,
};

use crate::fingerprint::RecordFingerprint;
use crate::json::{Canonical, compare_names};
use crate::version::Content;

/// How the device calls the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By the id that it gave the record itself: it has not been told a key yet.
    Pending(LocalId),
    /// By its real key.
    Real(Key),
}

/// What the device says happened to the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was deleted.
    Deleted,
    /// This is its whole value now.
    Whole(Content),
    /// These fields changed: each with its value, or removed. In no value twice.
    Fields(Vec<(String, Option<Canonical>)>),
}

/// A pushed record that is right by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its place in the push, counted through the batches in order.
    pub index: u64,
    /// How the device calls it.
    pub name: Name,
    /// Its entity, where it names one; else that of the record, of a new one `record`.
    pub entity: Option<String>,
    /// What happened to it.
    pub change: Change,
    /// The device's wall clock at its making.
    pub created: Option<Timestamp>,
    /// The device's wall clock at its last edit.
    pub updated: Option<Timestamp>,
    /// The version under the oldest edit that no answer has confirmed.
    pub base: Option<Checkin>,
}

/// Whether a raw member of `records` is an object; if not, the push fails as a whole
/// (`malformed`).
pub fn is_object(raw: &str) -> bool {
    raw.trim_start().starts_with('{')
}

/// Reads the record at place `index` of the push.
///
/// # Errors
/// The rejection to answer: `bad_key` or `bad_record`, with what is wrong and how to mend it.
pub fn judge(index: u64, raw: &str) -> Result<Judged, Rejection> {
    let mut key = None;
    read(index, raw, &mut key).map_err(|problem| Rejection {
        key,
        index,
        problem,
    })
}

/// Reads the record, and leaves its key as pushed in `pushed_key` as soon as it is known.
fn read(index: u64, raw: &str, pushed_key: &mut Option<String>) -> Result<Judged, Problem> {
    let mut reader = serde_json::Deserializer::from_str(raw);
    let mut members = Members::default();
    let read = (&mut members).deserialize(&mut reader);
    let key = members
        .key
        .map(|key| serde_json::from_str::<String>(key.get()));
    if let Some(Ok(key)) = &key {
        *pushed_key = Some(key.clone());
    }
    read.and_then(|()| reader.end())
        .map_err(|error| bad_record(plain(&error)))?;
    let Some(Ok(key)) = key else {
        return Err(bad_key("a record needs a `key`, a text"));
    };
    let name = if members.is_pending == Some(true) {
        LocalId::parse(&key).map(Name::Pending)
    } else {
        Key::parse(&key).map(Name::Real)
    };
    let name = name.map_err(|error| bad_key(error.to_string()))?;
    let base = members.base.as_deref().map(Checkin::parse).transpose();
    let created = members.created.as_deref().map(Timestamp::parse).transpose();
    let updated = members.updated.as_deref().map(Timestamp::parse).transpose();
    let (base, created, updated) = (
        base.map_err(|error| bad_record(format!("`base`: {error}")))?,
        created.map_err(|error| bad_record(format!("`created`: {error}")))?,
        updated.map_err(|error| bad_record(format!("`updated`: {error}")))?,
    );
    let change = members.change()?;
    let entity = members.entity.map(Cow::into_owned);
    Ok(Judged {
        index,
        name,
        entity,
        change,
        created,
        updated,
        base,
    })
}

fn bad_record(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRecord, detail)
}

fn bad_key(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadKey, detail)
}

/// The reader's message without its place in the text, which is no place the device knows.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_string()
}

/// A record's members as they came. `null` is absent, but for `key` and `value`.
#[derive(Default)]
struct Members<'a> {
    key: Option<&'a RawValue>,
    is_pending: Option<bool>,
    entity: Option<Cow<'a, str>>,
    value: Option<&'a RawValue>,
    created: Option<Cow<'a, str>>,
    updated: Option<Cow<'a, str>>,
    deleted: Option<bool>,
    base: Option<Cow<'a, str>>,
    changed: Option<Vec<String>>,
    fingerprint: Option<Cow<'a, str>>,
}

impl Members<'_> {
    /// What the members say happened.
    fn change(&self) -> Result<Change, Problem> {
        if self.deleted == Some(true) {
            return Ok(Change::Deleted);
        }
        let value = self
            .value
            .map(|value| Canonical::parse(value.get()))
            .transpose();
        let value = value.map_err(|error| bad_record(format!("`value`: {error}")))?;
        match (&self.changed, value) {
            (Some(changed), value) => changed_fields(changed, value),
            (None, Some(value)) => self.whole(value),
            (None, None) => Err(bad_record(
                "a record needs a `value`, unless it is `deleted`",
            )),
        }
    }

    fn whole(&self, value: Canonical) -> Result<Change, Problem> {
        let content = Content::of(self.entity.as_deref().unwrap_or(DEFAULT_ENTITY), value);
        if let Some(told) = &self.fingerprint {
            let same = told
                .parse::<RecordFingerprint>()
                .is_ok_and(|told| told == content.fingerprint);
            if !same {
                let detail = "`fingerprint` is not that of `entity` and `value`: the record was \
                              changed on its way, send it again";
                return Err(bad_record(detail));
            }
        }
        Ok(Change::Whole(content))
    }
}

/// The fields that `changed` names, each with its value or removed, in canonical order.
fn changed_fields(changed: &[String], value: Option<Canonical>) -> Result<Change, Problem> {
    let value = value.unwrap_or_else(Canonical::empty_object);
    if !value.borrow().is_object() {
        return Err(bad_record(
            "with `changed`, `value` is an object of those fields",
        ));
    }
    let given: HashMap<_, _> = value.borrow().fields().collect();
    let mut names: Vec<&String> = changed.iter().collect();
    names.sort_by(|one, other| compare_names(one, other));
    names.dedup();
    let given = |name: &str| given.get(name).map(|value| value.to_canonical());
    Ok(Change::Fields(
        names
            .into_iter()
            .map(|name| (name.clone(), given(name)))
            .collect(),
    ))
}

impl<'de> DeserializeSeed<'de> for &mut Members<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Members<'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a record, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        // Read on after what is wrong: the key, by which the device knows the record, may follow.
        let mut wrong = None;
        while let Some(Text(name)) = entries.next_key()? {
            if seen.len() == MEMBERS_MAX {
                return Err(A::Error::custom("too many members"));
            }
            let raw: &'de RawValue = entries.next_value()?;
            if seen.contains(&name) {
                wrong.get_or_insert_with(|| format!("the member `{name}` appears twice"));
            } else if let Err(wanted) = self.keep(&name, raw) {
                wrong.get_or_insert_with(|| format!("the member `{name}` must be {wanted}"));
            }
            seen.push(name);
        }
        wrong.map_or(Ok(()), |wrong| Err(A::Error::custom(wrong)))
    }
}

/// Of ten known names; what a later protocol adds is passed over, within reason.
const MEMBERS_MAX: usize = 64;

impl<'de> Members<'de> {
    /// Keeps a member that is known by its name; says what it must be if it is not.
    fn keep(&mut self, name: &str, raw: &'de RawValue) -> Result<(), &'static str> {
        match name {
            "key" => self.key = Some(raw),
            "value" => self.value = Some(raw),
            "is_pending" => self.is_pending = typed(raw, "true or false")?,
            "deleted" => self.deleted = typed(raw, "true or false")?,
            "entity" => self.entity = text(raw)?,
            "created" => self.created = text(raw)?,
            "updated" => self.updated = text(raw)?,
            "base" => self.base = text(raw)?,
            "fingerprint" => self.fingerprint = text(raw)?,
            "changed" => self.changed = typed(raw, "an array of field names")?,
            _ => {}
        }
        Ok(())
    }
}

fn typed<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    wanted: &'static str,
) -> Result<Option<T>, &'static str> {
    serde_json::from_str(raw.get()).map_err(|_| wanted)
}

fn text(raw: &RawValue) -> Result<Option<Cow<'_, str>>, &'static str> {
    Ok(typed::<Text<'_>>(raw, "a text")?.map(|text| text.0))
}

/// A text borrowed from the input where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
