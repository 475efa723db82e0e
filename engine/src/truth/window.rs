//! What a pull shows, in which order, and where it goes on.
//!
//! The server selects: for each key the newest version at or before `max_checkin`, if it lies
//! after [`Start::window`]; and what this session pushed, after [`Start::pushed`]; both ordered
//! by (checkin, key). In here is what those words mean, and nothing that reads or sorts rows.

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tidemark_protocol::{
    Checkin, Code, DEFAULT_ENTITY, DeviceId, Key, LocalId, Problem, ServerRecord, SessionId,
};

use super::mingle::Answer;
use crate::faults::{Fault, is_planted};
use crate::fingerprint::DatastoreFingerprint;
use crate::version::Version;

/// A place in the order of a pull, which is by checkin, then by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The checkin.
    pub checkin: Checkin,
    /// The key; `None`: after all keys of this checkin.
    pub key: Option<Key>,
}

impl Place {
    /// After everything up to this checkin.
    pub fn after(checkin: Checkin) -> Self {
        Self { checkin, key: None }
    }

    /// Whether a version lies beyond this place.
    pub fn is_before(&self, checkin: Checkin, key: &Key) -> bool {
        match &self.key {
            _ if checkin != self.checkin => checkin > self.checkin,
            None => false,
            Some(place) => key > place,
        }
    }

    fn later(self, other: Self) -> Self {
        let is_later = match &other.key {
            Some(key) => self.is_before(other.checkin, key),
            None => {
                self.key.is_some() && other.checkin >= self.checkin || other.checkin > self.checkin
            }
        };
        if is_later { other } else { self }
    }
}

/// Where a page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Versions beyond this place belong to the window; `None`: all do.
    pub window: Option<Place>,
    /// What this session pushed is sent beyond this place; `None`: all of it.
    pub pushed: Option<Place>,
}

/// Where a page ended. It outlives its session: in a later one of the same device it moves the
/// window's start to its place, and what that session pushed is sent all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The session that was given it.
    pub session: SessionId,
    /// Where that session's window started.
    pub window: Option<Place>,
    /// The last record of the page.
    pub at: Place,
}

impl Start {
    /// Where the page begins that a session asks for; `last_sync` is the session's.
    pub fn of(session: SessionId, last_sync: Option<Checkin>, cursor: Option<Cursor>) -> Self {
        let Some(cursor) = cursor else {
            return Self {
                window: last_sync.map(Place::after),
                pushed: None,
            };
        };
        let pushed = (cursor.session == session).then(|| cursor.at.clone());
        let window = match cursor.window {
            Some(window) => window.later(cursor.at),
            None => cursor.at,
        };
        Self {
            window: Some(window),
            pushed,
        }
    }

    /// The same, where the session is sent nothing but what it pushed: no window is left up to
    /// its moment.
    #[must_use]
    pub fn of_pushed(self, max_checkin: Checkin) -> Self {
        Self {
            window: Some(Place::after(max_checkin)),
            ..self
        }
    }

    /// The cursor to give where the page ended at this record and more follow.
    pub fn cursor(&self, session: SessionId, checkin: Checkin, key: Key) -> Cursor {
        let at = Place {
            checkin,
            key: Some(key),
        };
        Cursor {
            session,
            window: self.window.clone(),
            at,
        }
    }
}

impl Cursor {
    /// The cursor as text, good for this datastore and device only.
    pub fn encode(&self, datastore: &str, device: DeviceId) -> String {
        let body = self.body();
        format!("{}.{body}", tag(datastore, device, &body))
    }

    fn body(&self) -> String {
        let micros = |place: &Place| place.checkin.micros();
        let key = |place: &Place| place.key.as_ref().map_or("", Key::as_str).to_string();
        let (at, at_key) = (micros(&self.at), key(&self.at));
        let session = self.session;
        match &self.window {
            None => format!("{session}.{at}.-.-.{at_key}"),
            Some(window) => {
                let (start, start_key) = (micros(window), key(window));
                format!(
                    "{session}.{at}.{start}.{}.{start_key}{at_key}",
                    start_key.len()
                )
            }
        }
    }

    /// Reads a cursor that this datastore gave this device.
    ///
    /// # Errors
    /// `malformed`: the truth never gave it out.
    pub fn decode(
        text: &str,
        datastore: &str,
        device: DeviceId,
        max_checkin: Checkin,
    ) -> Result<Self, Problem> {
        let cursor = text
            .split_once('.')
            .filter(|(told, body)| *told == tag(datastore, device, body))
            .and_then(|(_, body)| Self::read(body))
            .filter(|cursor| cursor.at.checkin <= max_checkin);
        let detail = "this datastore gave no such `cursor` to this device: pull again with `null`";
        cursor.ok_or_else(|| Problem::new(Code::Malformed, detail))
    }

    fn read(body: &str) -> Option<Self> {
        let mut parts = body.splitn(5, '.');
        let mut next = || parts.next();
        let session = SessionId::parse(next()?).ok()?;
        let (at, start, start_length, keys) = (next()?, next()?, next()?, next()?);
        let length = if start_length == "-" {
            0
        } else {
            start_length.parse().ok()?
        };
        let (start_key, at_key) = keys.split_at_checked(length)?;
        let place = |micros: &str, key: &str| {
            let checkin = Checkin::from_micros(micros.parse().ok()?).ok()?;
            Some(Place {
                checkin,
                key: Key::parse(key).ok(),
            })
        };
        let window = if start == "-" {
            None
        } else {
            Some(place(start, start_key)?)
        };
        Some(Self {
            session,
            window,
            at: place(at, at_key)?,
        })
    }
}

/// Ties a cursor to its datastore and device. It guards against mistakes, not against people:
/// a forged cursor would only start a pull elsewhere in what the caller may see anyhow.
fn tag(datastore: &str, device: DeviceId, body: &str) -> String {
    let mut hash = Sha256::new();
    for part in [datastore, &device.to_string(), body] {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    format!(
        "{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

/// Whether tombstones are left out of the pull: only for a device that holds nothing yet.
pub fn leaves_out_tombstones(
    last_sync: Option<Checkin>,
    fingerprint: Option<DatastoreFingerprint>,
) -> bool {
    (last_sync.is_none() && fingerprint == Some(DatastoreFingerprint::EMPTY))
        || is_planted(Fault::TombstonesLeftOut)
}

/// A version as the pulling device is shown it.
///
/// `since` is the session's `last_sync`; `pushed` is what this session remembers of its own
/// push of the record; `unconfirmed` is this device's own id of the record, as long as the
/// device has not confirmed the mapping. Where everything changed since, `changed` is absent.
pub fn show(
    version: Version,
    since: Option<Checkin>,
    pushed: Option<&Answer>,
    unconfirmed: Option<LocalId>,
) -> ServerRecord {
    let changed = match version.content {
        Some(_) => version.stamps.changed_since(since),
        None => None,
    };
    let held = pushed.and_then(|answer| answer.whole);
    let fingerprint = version.content.as_ref().map(|content| content.fingerprint);
    let value = version
        .content
        .filter(|content| held != Some(content.fingerprint));
    let conflict = pushed
        .and_then(|answer| answer.conflict)
        .or(version.conflict);
    ServerRecord {
        key: version.key,
        local_id: pushed.and_then(|answer| answer.local_id).or(unconfirmed),
        entity: version.entity,
        value: value.and_then(|content| RawValue::from_string(content.value.into_string()).ok()),
        created: Some(version.created),
        updated: Some(version.updated),
        is_pending: false,
        checkin: version.checkin,
        fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
        changed,
        deleted: fingerprint.is_none(),
        conflict: conflict.map(|id| id.to_string()),
    }
}

/// The answer for a pushed record that the truth has no version of.
pub fn show_gone(answer: &Answer, max_checkin: Checkin) -> ServerRecord {
    ServerRecord {
        key: answer.key.clone(),
        local_id: answer.local_id,
        entity: DEFAULT_ENTITY.to_string(),
        value: None,
        created: None,
        updated: None,
        is_pending: false,
        checkin: max_checkin,
        fingerprint: None,
        changed: None,
        deleted: true,
        conflict: answer.conflict.map(|id| id.to_string()),
    }
}
