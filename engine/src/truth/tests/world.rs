//! A truth with its tables in memory: it loads and writes as a server would, decides nothing,
//! and checks after every push what must hold of any truth.

use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

use serde_json::Value;
use tidemark_protocol::{Checkin, DeviceId, Key, LocalId, Mode, PushSummary};

use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::truth::{
    Answer, Choice, Claim, Closed, Commit, Conflict, Flow, Head, Held, LocalKey, Mingle, Named,
    Override, Push, Pusher, Rules, SETTLER, View, Weighs, Writes,
};
use crate::version::{ConflictId, Version};

/// The tables, and the server's clock.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) head: Head,
    pub(super) now: i64,
    pub(super) random: u64,
    pub(super) versions: BTreeMap<Key, Vec<Version>>,
    pub(super) local_keys: BTreeMap<LocalId, LocalKey>,
    pub(super) conflicts: BTreeMap<ConflictId, Conflict>,
    /// The commits that stored them.
    pub(super) stored: BTreeMap<ConflictId, Checkin>,
    /// How many of them wait for a person, by the count that is kept.
    pub(super) open: u64,
    pub(super) acked: BTreeMap<(DeviceId, Key), RecordFingerprint>,
    /// What the pushing session asked for when it reconciled.
    pub(super) asked_for: Vec<Key>,
    /// The pushing device may be an older copy of what it was up to here.
    pub(super) doubted_up_to: Option<Checkin>,
    /// Another copy of it has pushed since the truth was restored.
    pub(super) is_copy: bool,
    pub(super) slice: usize,
    pub(super) rules: Rules,
    /// Of the pushing session.
    pub(super) mode: Mode,
    pub(super) flow: Flow,
    /// What a push does not name is deleted, as where the truth is replaced.
    pub(super) clears: bool,
}

/// What one push came to.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) closed: Closed,
    pub(super) answers: Vec<Answer>,
    pub(super) conflicts: Vec<Conflict>,
}

impl Done {
    /// created, updated, merged, unchanged, conflicts, rejected.
    pub(super) fn counts(&self) -> [u64; 6] {
        let PushSummary {
            created,
            updated,
            merged,
            unchanged,
            conflicts,
            ref rejected,
            ..
        } = self.closed.summary;
        [
            created,
            updated,
            merged,
            unchanged,
            conflicts,
            rejected.len() as u64,
        ]
    }

    /// The codes of the rejections with their places.
    pub(super) fn rejected(&self) -> Vec<(u64, String)> {
        let rejected = self.closed.summary.rejected.iter();
        rejected
            .map(|it| (it.index, it.problem.code.as_str().to_string()))
            .collect()
    }
}

/// A device by number.
pub(super) fn device(number: u128) -> DeviceId {
    DeviceId::new(uuid::Uuid::from_u128(0xD << 64 | number))
}

/// A local id by number.
pub(super) fn local(number: u128) -> LocalId {
    LocalId::new(uuid::Uuid::from_u128(0xAB_4000 << 64 | number))
}

/// A checkin so many microseconds after the beginning.
pub(super) fn at(micros: i64) -> Checkin {
    Checkin::from_micros(micros).unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let head = Head {
            checkin: at(0),
            forgotten: None,
            fingerprint: DatastoreFingerprint::EMPTY,
            live: 0,
        };
        Self {
            head,
            now: 0,
            random: 0,
            versions: BTreeMap::new(),
            local_keys: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            stored: BTreeMap::new(),
            open: 0,
            acked: BTreeMap::new(),
            asked_for: Vec::new(),
            doubted_up_to: None,
            is_copy: false,
            slice: usize::MAX,
            rules: Rules::default(),
            mode: Mode::Fast,
            flow: Flow::default(),
            clears: false,
        }
    }

    /// Pushes; the airbag must not hold it.
    pub(super) fn push(&mut self, by: DeviceId, records: &[Value]) -> Done {
        self.try_push(by, records, false).unwrap()
    }

    /// Pushes; a person has confirmed it.
    pub(super) fn push_confirmed(&mut self, by: u128, records: &[Value]) -> Done {
        self.try_push(device(by), records, true).unwrap()
    }

    pub(super) fn try_push(
        &mut self,
        by: DeviceId,
        records: &[Value],
        is_confirmed: bool,
    ) -> Result<Done, Held> {
        let raw: Vec<String> = records.iter().map(Value::to_string).collect();
        self.push_raw(by, &raw, is_confirmed)
    }

    /// Every push happens at the same millisecond or so of a clock that stands still: the head
    /// must move all the same.
    pub(super) fn push_raw(
        &mut self,
        by: DeviceId,
        records: &[String],
        is_confirmed: bool,
    ) -> Result<Done, Held> {
        let now = at(self.now);
        let mut push = Push::new(by, now);
        for record in records {
            push.add(record);
        }
        let ids: Vec<LocalId> = push.local_ids().collect();
        let keys: Vec<Key> = push.derived_keys().collect();
        let known = self.local_keys.values().filter(|row| {
            ids.contains(&row.local_id) || row.key.as_ref().is_some_and(|key| keys.contains(key))
        });
        let resolved = push.resolve(known.cloned().collect::<Vec<_>>());

        let mut next = self.clone();
        let pusher = Pusher {
            device: by,
            now,
            random: self.random,
            is_confirmed,
            doubted_up_to: self.doubted_up_to,
            overrides: self.flow.overrides(self.mode),
            weighs: self.flow.weighs(self.mode),
        };
        let named = Named::of(&resolved.claims, &resolved.rejected, Vec::new());
        let mut mingle =
            Mingle::new(self.head, pusher, self.rules.clone(), resolved.rejected).unwrap();
        let (mut answers, mut conflicts) = (Vec::new(), Vec::new());
        let mut claims = resolved.claims;
        let asked_for = |claim: &&mut Claim| self.asked_for.contains(claim.key());
        claims.iter_mut().filter(asked_for).for_each(Claim::ask_for);
        if self.is_copy {
            for claim in &mut claims {
                claim.doubt_first(None);
            }
        }
        while !claims.is_empty() {
            let rest = claims.split_off(claims.len().min(self.slice));
            let view = next.view(by, &claims);
            let writes = mingle.decide(claims, &view);
            claims = rest;
            next.write(&writes, mingle.made().checkin);
            answers.extend(writes.answers);
            conflicts.extend(writes.conflicts);
        }
        if self.clears {
            next.clear(&mut mingle, &named);
        }
        let closed = mingle.close()?;
        next.close(&closed);
        *self = next;
        self.check(&closed, records.len());
        Ok(Done {
            closed,
            answers,
            conflicts,
        })
    }

    /// Deletes what lives and was not named.
    fn clear(&mut self, mingle: &mut Mingle, named: &Named) {
        let live = self.live().map(|(key, _)| key.clone()).collect();
        let missing = named.missing(live, mingle.made().checkin);
        let view = self.view(mingle.made().device, &missing);
        let writes = mingle.clear(missing, &view);
        self.write(&writes, mingle.made().checkin);
    }

    /// A person settles a conflict; what the commit came to.
    pub(super) fn settle(&mut self, id: ConflictId, choice: Choice) -> Commit {
        let pusher = Pusher {
            device: SETTLER,
            now: at(self.now),
            random: self.random,
            is_confirmed: true,
            doubted_up_to: None,
            overrides: Override::Nothing,
            weighs: Weighs::Deletions,
        };
        let mut mingle = Mingle::new(self.head, pusher, self.rules.clone(), Vec::new()).unwrap();
        let conflict = self.conflicts[&id].clone();
        let mut view = View::new();
        for version in self.versions.get(&conflict.key).into_iter().flatten() {
            view.add(version.clone());
        }
        let writes = mingle.settle(&conflict, self.stored[&id], choice, &view);
        assert!(writes.answers.is_empty());
        self.write(&writes, mingle.made().checkin);
        self.conflicts.get_mut(&id).unwrap().is_settled = true;
        let closed = mingle.close().unwrap();
        self.close(&closed);
        self.check(&closed, 1);
        closed.commit.unwrap()
    }

    fn write(&mut self, writes: &Writes, made: Checkin) {
        for row in &writes.local_keys {
            assert!(
                self.local_keys.insert(row.local_id, row.clone()).is_none(),
                "a local id twice"
            );
        }
        for new in &writes.versions {
            let kept = self.versions.entry(new.version.key.clone()).or_default();
            let newest = kept.last().map(|version| version.checkin);
            assert_eq!(newest, new.supersedes, "one version follows the other");
            kept.push(new.version.clone());
        }
        for conflict in &writes.conflicts {
            let kept = self.conflicts.insert(conflict.id, conflict.clone());
            assert!(kept.is_none(), "a conflict twice");
            self.stored.insert(conflict.id, made);
        }
    }

    fn close(&mut self, closed: &Closed) {
        if let Some(commit) = closed.commit {
            assert!(commit.checkin > self.head.checkin, "checkins grow");
            self.head.checkin = commit.checkin;
            self.head.fingerprint = commit.fingerprint;
            self.head.live = commit.live;
            self.open = self.open + commit.conflicts - commit.settled;
        }
        let open = self.conflicts.values().filter(|it| !it.is_settled);
        assert_eq!(open.count() as u64, self.open);
    }

    fn view(&self, by: DeviceId, claims: &[Claim]) -> View {
        let mut view = View::new();
        for claim in claims {
            let kept = self
                .versions
                .get(claim.key())
                .map_or(&[][..], Vec::as_slice);
            let base = claim.from().map_or(0, |from| {
                kept.partition_point(|version| version.checkin <= from)
                    .saturating_sub(1)
            });
            let live = kept.iter().rposition(|version| !version.is_tombstone());
            for version in kept.iter().skip(base.min(live.unwrap_or(base))) {
                view.add(version.clone());
            }
            for conflict in self.conflicts.values().filter(|it| it.key == *claim.key()) {
                view.add_conflict(conflict.id);
            }
            if let Some(fingerprint) = self.acked.get(&(by, claim.key().clone())) {
                view.add_acked(claim.key().clone(), *fingerprint);
            }
        }
        view
    }

    /// T-21: the kept fingerprint and count are those of the live records.
    fn check(&self, closed: &Closed, pushed: usize) {
        let mut sum = DatastoreFingerprint::EMPTY;
        let mut live = 0;
        for (key, kept) in &self.versions {
            assert!(kept.is_sorted_by_key(|version| version.checkin));
            assert!(kept.iter().all(|version| version.entity == kept[0].entity));
            assert!(
                kept.iter()
                    .all(|version| version.created == kept[0].created)
            );
            if let Some(content) = kept.last().and_then(|version| version.content.as_ref()) {
                let entity = &kept[0].entity;
                let fingerprint = RecordFingerprint::of(entity, content.value.borrow());
                assert_eq!(fingerprint, content.fingerprint);
                sum.insert(key.as_str(), &fingerprint);
                live += 1;
            }
        }
        assert_eq!((sum, live), (self.head.fingerprint, self.head.live));
        let summary = &closed.summary;
        assert!(summary.received <= pushed as u64);
        assert_eq!(summary.max_checkin, self.head.checkin);
        let rejected = summary.rejected.len() as u64;
        let PushSummary {
            created,
            updated,
            merged,
            unchanged,
            ..
        } = *summary;
        assert_eq!(
            summary.received,
            created + updated + merged + unchanged + rejected
        );
    }

    /// The live records.
    pub(super) fn live(&self) -> impl Iterator<Item = (&Key, &Version)> {
        let newest = self
            .versions
            .iter()
            .filter_map(|(key, kept)| Some((key, kept.last()?)));
        newest.filter(|(_, version)| !version.is_tombstone())
    }

    /// The value of a key; `None`: it does not live.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        let content = self.newest(key)?.content.as_ref()?;
        Some(serde_json::from_str(content.value.as_str()).unwrap())
    }

    pub(super) fn newest(&self, key: &str) -> Option<&Version> {
        self.versions.get(&Key::parse(key).unwrap())?.last()
    }

    /// The key that a local id was given.
    pub(super) fn key_of(&self, local_id: LocalId) -> Option<String> {
        self.local_keys
            .get(&local_id)?
            .key
            .as_ref()
            .map(ToString::to_string)
    }
}
