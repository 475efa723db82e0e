//! A record as of one checkin, and who last changed each of its fields.
//!
//! The truth is a table of versions; this is a row of it, as the mingle reads and writes it.
//! No SQL and no wire form in here.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use tidemark_protocol::{Checkin, DeviceId, Key, Timestamp};

use crate::fingerprint::RecordFingerprint;
use crate::json::Canonical;

/// A record as of one checkin. It is live until a later version supersedes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The record's real key.
    pub key: Key,
    /// The commit that made this version.
    pub checkin: Checkin,
    /// What kind of record; the same in all versions of a key.
    pub entity: String,
    /// The canonical value and its record fingerprint; `None`: this is a tombstone.
    pub content: Option<Content>,
    /// The device's wall clock at the record's making; the same in all versions of a key.
    pub created: Timestamp,
    /// The device's wall clock at the edit that made this version.
    pub updated: Timestamp,
    /// Who pushed what made this version.
    pub device: DeviceId,
    /// Who last changed each field, and when.
    pub stamps: Stamps,
    /// The conflict stored when this version was made.
    pub conflict: Option<ConflictId>,
}

/// What a live version holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The value, canonical.
    pub value: Canonical,
    /// The fingerprint of entity and value.
    pub fingerprint: RecordFingerprint,
}

impl Content {
    /// A value with its fingerprint, computed.
    pub fn of(entity: &str, value: Canonical) -> Self {
        let fingerprint = RecordFingerprint::of(entity, value.borrow());
        Self { value, fingerprint }
    }
}

/// A conflict's name: the same however often the push that lost is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId(pub uuid::Uuid);

impl core::fmt::Display for ConflictId {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(out)
    }
}

/// One change: the commit and the device that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The commit.
    pub checkin: Checkin,
    /// The device whose push it was.
    pub device: DeviceId,
}

impl Stamp {
    /// Whether `device`, knowing the truth up to `base`, cannot have known of this change.
    pub fn is_unknown_to(&self, device: DeviceId, base: Option<Checkin>) -> bool {
        self.device != device && base.is_none_or(|base| self.checkin > base)
    }
}

/// Who last changed each field of a value.
///
/// `whole` is the last time that the value was replaced whole, which stamps every field, also
/// those that it does not have; `fields` are the changes since. A removed field keeps its
/// stamp. A value that is not an object is one field: it has no stamp but `whole`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps {
    whole: Stamp,
    fields: BTreeMap<String, Stamp>,
}

/// A text that [`Stamps::encode`] did not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stamps of a version cannot be read: the row was changed by something else")]
pub struct UnreadableStamps;

/// Stamps as they are written: the devices once, then (place of the device, microseconds).
#[derive(Serialize, Deserialize)]
struct Written(Vec<DeviceId>, (usize, i64), BTreeMap<String, (usize, i64)>);

impl Stamps {
    /// Every field changed by one commit.
    pub fn replaced(whole: Stamp) -> Self {
        Self {
            whole,
            fields: BTreeMap::new(),
        }
    }

    /// Who last changed this field.
    pub fn of(&self, field: &str) -> Stamp {
        self.fields.get(field).copied().unwrap_or(self.whole)
    }

    /// Notes a change of one field, or its removal.
    pub fn touch(&mut self, field: &str, stamp: Stamp) {
        self.fields.insert(field.into(), stamp);
    }

    /// All stamps, each once or more.
    pub fn all(&self) -> impl Iterator<Item = Stamp> {
        core::iter::once(self.whole).chain(self.fields.values().copied())
    }

    /// The newest of all stamps.
    pub fn newest(&self) -> Stamp {
        self.fields.values().fold(self.whole, |newest, stamp| {
            if stamp.checkin > newest.checkin {
                *stamp
            } else {
                newest
            }
        })
    }

    /// The fields changed after `start`, in byte order; `None`: the whole value was replaced
    /// after it, so every field was.
    pub fn changed_since(&self, start: Option<Checkin>) -> Option<Vec<String>> {
        let start = start.filter(|start| self.whole.checkin <= *start)?;
        let changed = self
            .fields
            .iter()
            .filter(|(_, stamp)| stamp.checkin > start);
        Some(changed.map(|(field, _)| field.clone()).collect())
    }

    /// The stamps as one text for a column of the version made by `made`; empty where that
    /// commit replaced the whole value, as most do.
    pub fn encode(&self, made: Stamp) -> String {
        if self.fields.is_empty() && self.whole == made {
            return String::new();
        }
        let mut devices: Vec<DeviceId> = Vec::new();
        let mut short = |stamp: &Stamp| {
            let known = devices.iter().position(|device| *device == stamp.device);
            let place = known.unwrap_or_else(|| {
                devices.push(stamp.device);
                devices.len() - 1
            });
            (place, stamp.checkin.micros())
        };
        let whole = short(&self.whole);
        let fields = self
            .fields
            .iter()
            .map(|(field, stamp)| (field.clone(), short(stamp)))
            .collect();
        // Texts and numbers with text keys: there is nothing in it that JSON cannot write.
        serde_json::to_string(&Written(devices, whole, fields)).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote for the version made by `made`.
    ///
    /// # Errors
    /// Any other text.
    pub fn decode(text: &str, made: Stamp) -> Result<Self, UnreadableStamps> {
        if text.is_empty() {
            return Ok(Self::replaced(made));
        }
        let Written(devices, whole, fields) =
            serde_json::from_str(text).map_err(|_| UnreadableStamps)?;
        let long = |(place, micros): (usize, i64)| {
            let device = *devices.get(place).ok_or(UnreadableStamps)?;
            let checkin = Checkin::from_micros(micros).map_err(|_| UnreadableStamps)?;
            Ok(Stamp { checkin, device })
        };
        let fields = fields
            .into_iter()
            .map(|(field, stamp)| Ok((field, long(stamp)?)));
        Ok(Self {
            whole: long(whole)?,
            fields: fields.collect::<Result<_, UnreadableStamps>>()?,
        })
    }
}

impl Version {
    /// The commit and the device that made this version.
    pub fn made(&self) -> Stamp {
        Stamp {
            checkin: self.checkin,
            device: self.device,
        }
    }

    /// Whether this version says that the record was deleted.
    pub fn is_tombstone(&self) -> bool {
        self.content.is_none()
    }
}

/// The kept versions of one key, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct History<'a>(pub &'a [Version]);

impl<'a> History<'a> {
    /// The newest version: the live one, or the tombstone.
    pub fn newest(self) -> Option<&'a Version> {
        self.0.last()
    }

    /// The newest version that is no tombstone, with what it holds.
    pub fn last_live(self) -> Option<(&'a Version, &'a Content)> {
        let live = |version: &'a Version| Some((version, version.content.as_ref()?));
        self.0.iter().rev().find_map(live)
    }

    /// The version as of a checkin, where it is kept.
    pub fn at(self, checkin: Option<Checkin>) -> Option<&'a Version> {
        let checkin = checkin?;
        self.0
            .iter()
            .rev()
            .find(|version| version.checkin <= checkin)
    }

    /// What `device` itself made of the record after `base`, newest first.
    pub fn by(self, device: DeviceId, base: Option<Checkin>) -> impl Iterator<Item = &'a Version> {
        let newest_first = self.0.iter().rev();
        newest_first
            .take_while(move |version| base.is_none_or(|base| version.checkin > base))
            .filter(move |version| version.device == device)
    }
}
