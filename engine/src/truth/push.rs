//! A whole push on its way into the truth: its records judged, then brought under their keys.
//!
//! It decides which pushed records are one record; what becomes of them is the mingle's part.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use tidemark_protocol::{Checkin, Code, DeviceId, Key, LocalId, Problem, Rejection, Timestamp};

use super::claim::{Base, Claim};
use super::judge::{Judged, Name, judge};
use crate::key::derived_key;

/// So many judged records are kept together.
const PART_RECORDS: usize = 256;

/// A row of `local_key`: what became of a device's own id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalKey {
    /// The id.
    pub local_id: LocalId,
    /// The real key; `None`: the id is dead, its record was deleted before the truth knew it.
    pub key: Option<Key>,
    /// The device that pushed it first.
    pub device: DeviceId,
    /// The version that the first push made; `None` of a dead id.
    pub first: Option<Checkin>,
}

/// A push, judged record by record.
#[derive(Clone, Debug)]
pub struct Push {
    device: DeviceId,
    now: Timestamp,
    /// In parts, so that each is freed as soon as its records are claims.
    judged: Vec<Vec<Judged>>,
    rejected: Vec<Rejection>,
    /// The key that each pending local id would get: one, whatever `created` its later records
    /// tell.
    derived: HashMap<LocalId, Key>,
    next_index: u64,
}

/// A push by record: what to mingle, in any order, and what was rejected so far.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// One for each record.
    pub claims: Vec<Claim>,
    /// What was wrong by itself.
    pub rejected: Vec<Rejection>,
}

/// What the truth knows of local ids.
#[derive(Default)]
struct Known {
    by_id: HashMap<LocalId, LocalKey>,
    /// Whose each key is.
    owner: HashMap<Key, LocalId>,
}

impl Push {
    /// An empty push by `device`; `now` is the server's time, for records that tell no
    /// `created`.
    pub fn new(device: DeviceId, now: Checkin) -> Self {
        Self {
            device,
            now: Timestamp::from(now),
            judged: Vec::new(),
            rejected: Vec::new(),
            derived: HashMap::new(),
            next_index: 0,
        }
    }

    /// Judges the next raw record, in (seq, position) order.
    pub fn add(&mut self, raw: &str) {
        match judge(self.next_index, raw) {
            Ok(judged) => {
                if let Name::Pending(local_id) = judged.name {
                    let key = self.derive(local_id, &judged);
                    self.derived.entry(local_id).or_insert(key);
                }
                self.keep(judged);
            }
            Err(rejection) => self.rejected.push(rejection),
        }
        self.next_index += 1;
    }

    fn keep(&mut self, judged: Judged) {
        match self.judged.last_mut() {
            Some(part) if part.len() < PART_RECORDS => part.push(judged),
            _ => {
                let mut part = Vec::with_capacity(PART_RECORDS);
                part.push(judged);
                self.judged.push(part);
            }
        }
    }

    /// The local ids of the pending records: load the `local_key` rows that have them.
    pub fn local_ids(&self) -> impl Iterator<Item = LocalId> {
        self.derived.keys().copied()
    }

    /// The keys that the pending records would get: load the `local_key` rows that lead to
    /// them, too.
    pub fn derived_keys(&self) -> impl Iterator<Item = Key> {
        self.derived.values().cloned()
    }

    fn derive(&self, local_id: LocalId, judged: &Judged) -> Key {
        let created = judged.created.as_ref().unwrap_or(&self.now);
        Key::from(LocalId::new(derived_key(local_id.uuid(), created.millis())))
    }

    /// Brings the records under their keys, several of one key together.
    pub fn resolve(mut self, known: impl IntoIterator<Item = LocalKey>) -> Resolved {
        let mut rows = Known::default();
        for row in known {
            rows.owner
                .extend(row.key.clone().map(|key| (key, row.local_id)));
            rows.by_id.insert(row.local_id, row);
        }
        let judged = core::mem::take(&mut self.judged);
        let mut rejected = core::mem::take(&mut self.rejected);
        let count = judged.iter().map(Vec::len).sum();
        let mut claims: Vec<Claim> = Vec::with_capacity(count);
        // By the keys that the claims hold: each key of a large push once more would be felt.
        let hashing = DefaultHashBuilder::default();
        let mut places: HashTable<usize> = HashTable::with_capacity(count);
        for judged in judged.into_iter().flatten() {
            let (key, mapping) = match self.key_of(&judged, &mut rows) {
                Ok(key) => key,
                Err(rejection) => {
                    rejected.push(rejection);
                    continue;
                }
            };
            let base = self.base(mapping.as_ref(), judged.base);
            let hash = hashing.hash_one(&key);
            match places.find(hash, |place| claims[*place].key == key) {
                None => {
                    let hash_of = |place: &usize| hashing.hash_one(&claims[*place].key);
                    places.insert_unique(hash, claims.len(), hash_of);
                    claims.push(Claim::new(key, mapping, base, judged));
                }
                Some(place) => {
                    let claim = &mut claims[*place];
                    rejected.extend(claim.follow(mapping, base, judged).err());
                }
            }
        }
        Resolved { claims, rejected }
    }

    /// The key of a pushed record, and what is known of the local id that it came under. A
    /// dead id is its own key.
    fn key_of(
        &self,
        judged: &Judged,
        known: &mut Known,
    ) -> Result<(Key, Option<LocalKey>), Rejection> {
        let local_id = match &judged.name {
            Name::Real(key) => return Ok((key.clone(), None)),
            Name::Pending(local_id) => *local_id,
        };
        if let Some(row) = known.by_id.get(&local_id) {
            let key = row.key.clone().unwrap_or_else(|| Key::from(local_id));
            return Ok((key, Some(row.clone())));
        }
        let derived = self.derived.get(&local_id).cloned();
        let key = derived.unwrap_or_else(|| self.derive(local_id, judged));
        if *known.owner.entry(key.clone()).or_insert(local_id) != local_id {
            return Err(taken_key(local_id, judged.index));
        }
        Ok((key, None))
    }

    /// The told base; of a repeated local id, by look-up. What another device's first push
    /// made is compared with, but not known.
    fn base(&self, mapping: Option<&LocalKey>, told: Option<Checkin>) -> Base {
        let first = mapping.and_then(|row| row.first);
        let own = mapping.is_some_and(|row| row.device == self.device);
        Base {
            compared: told.or(first),
            known: told.or(first.filter(|_| own)),
        }
    }
}

/// Two local ids whose derived keys are one: never by chance, so the second must be new.
fn taken_key(local_id: LocalId, index: u64) -> Rejection {
    let detail = "the key of this local id belongs to another record: make the record again \
                  under a new UUID";
    let problem = Problem::new(Code::BadKey, detail);
    Rejection {
        key: Some(local_id.to_string()),
        index,
        problem,
    }
}
