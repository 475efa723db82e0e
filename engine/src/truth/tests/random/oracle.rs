//! What may not happen, told by who has seen which value.

use std::collections::BTreeSet;
use std::format;
use std::string::ToString;
use std::vec::Vec;

use serde_json::Value;
use tidemark_protocol::{ConflictPolicy, DeviceId, Key, LocalId};

use super::super::world::{Done, World};
use super::{Device, FIELDS, Fields, Local, Schedule, fields_of, key_of};
use crate::truth::SETTLER;
use crate::version::{ConflictId, Version};

impl Schedule {
    /// Repeating a push changes nothing and stores no conflict again.
    pub(super) fn check_repeat(&mut self, by: DeviceId, records: &[Value]) {
        let before = self.world.clone();
        let again = self.world.try_push(by, records, true).unwrap();
        let unchanged = records.len() as u64;
        assert_eq!(again.counts(), [0, 0, 0, unchanged, 0, 0], "{records:?}");
        assert_eq!((again.closed.commit, again.conflicts.len()), (None, 0));
        assert_eq!(before.versions, self.world.versions);
    }

    /// Nothing is doubled: each key came from one local id.
    pub(super) fn check_keys(&self) {
        let keys = self
            .world
            .local_keys
            .values()
            .filter_map(|row| row.key.clone());
        let keys: Vec<Key> = keys.collect();
        let distinct: BTreeSet<&Key> = keys.iter().collect();
        assert_eq!(keys.len(), distinct.len());
        // But for those that a person made anew out of a dead one.
        let versions = self.world.versions.iter();
        let named = versions.filter(|(_, kept)| kept[0].device != SETTLER);
        assert!(named.clone().all(|(key, _)| distinct.contains(key)));
        assert_eq!(distinct.len(), named.count());
    }

    /// What one pushed record did to the truth.
    pub(super) fn watch(&self, by: usize, record: &Local, world: &World, done: &Done) {
        let device = &self.devices[by];
        let Some(key) = key_of(&self.world, &record.key) else {
            return self.watch_dead(record);
        };
        let (before, was_deleted) = fields_of(world, &key);
        let (after, is_deleted) = fields_of(&self.world, &key);
        let about = format!("{key}: {record:?}\n before {before:?} {was_deleted}, after {after:?}");
        if record.is_deleted {
            if is_deleted && !was_deleted {
                let all_seen = before.values().all(|token| device.seen.contains(token));
                assert!(all_seen, "deleted what it never saw: {about}");
            }
            let repeats = device.deleted.contains(&key);
            let is_stored =
                self.has_conflict(&key, |truth, side| truth.is_some() && side.is_none());
            assert!(
                is_deleted || repeats || is_stored,
                "a deletion got lost: {about}"
            );
            return;
        }
        self.watch_fields(device, record, (&before, &after), (&key, &about));
        for (field, token) in &before {
            let is_overridden = !was_deleted && after.get(field) != Some(token);
            if is_overridden && !device.seen.contains(token) {
                let is_stored =
                    self.has_conflict(&key, |truth, _| value_of(truth, field) == Some(*token));
                assert!(is_stored, "{field} got lost: {about}");
            }
        }
        let is_back = was_deleted && !is_deleted;
        let tombstone = world.newest(&key).map(Version::made);
        let unknown = tombstone.is_some_and(|made| made.is_unknown_to(device.id, device.pulled));
        if is_back && unknown {
            let is_stored =
                self.has_conflict(&key, |truth, side| truth.is_none() && side.is_some());
            assert!(is_stored, "a deletion got lost: {about}");
        }
        assert!(done.closed.summary.rejected.is_empty());
    }

    /// A new edit is in the truth, a repeated one and an untouched field change nothing.
    fn watch_fields(
        &self,
        device: &Device,
        record: &Local,
        (before, after): (&Fields, &Fields),
        (key, about): (&str, &str),
    ) {
        for field in FIELDS {
            let (old, new) = (before.get(field), after.get(field));
            let pushed = record.value.get(field);
            let is_edited = record.is_pending || record.edited.contains(field);
            let is_said = pushed.is_some_and(|token| device.said.contains(token));
            let is_new = pushed.is_some_and(|token| !self.reached.contains(token));
            assert!(new == old || new == pushed, "{field} is nobody's: {about}");
            assert!(is_edited || new == old, "{field} was not edited: {about}");
            assert!(!is_said || new == old, "{field} was said before: {about}");
            // What a policy did not take is kept.
            let is_kept =
                || self.has_conflict(key, |_, side| value_of(side, field) == pushed.copied());
            assert!(
                !(is_edited && is_new) || new == pushed || self.may_lose() && is_kept(),
                "{field} got lost: {about}"
            );
        }
    }

    /// Whether a push may lose against the truth.
    fn may_lose(&self) -> bool {
        let policy = self.world.rules.policies.of("record");
        !matches!(policy, ConflictPolicy::Merge | ConflictPolicy::Device)
    }

    /// What a person overrides without having seen it is kept.
    pub(super) fn watch_decision(&self, world: &World, id: ConflictId) {
        let (key, stored) = (world.conflicts[&id].key.to_string(), world.stored[&id]);
        let (before, was_deleted) = fields_of(world, &key);
        let (after, is_deleted) = fields_of(&self.world, &key);
        let Some(newest) = world.newest(&key).filter(|_| !was_deleted) else {
            return;
        };
        for (field, token) in &before {
            let is_seen = newest.stamps.of(field).checkin <= stored;
            let is_own = newest.stamps.of(field).device == SETTLER;
            let is_there = !is_deleted && after.get(field) == Some(token);
            let is_kept =
                || self.has_conflict(&key, |truth, _| value_of(truth, field) == Some(*token));
            assert!(
                is_seen || is_own || is_there || is_kept(),
                "{field} of {key} got lost: {before:?}, {after:?}"
            );
        }
    }

    /// A record that was deleted before the truth knew it.
    fn watch_dead(&self, record: &Local) {
        let local_id = LocalId::parse(&record.key).unwrap();
        assert!(self.world.local_keys[&local_id].key.is_none());
        let is_stored = || self.has_conflict(&record.key, |_, side| side.is_some());
        assert!(
            record.is_deleted || is_stored(),
            "a dead record's value got lost: {record:?}"
        );
    }

    fn has_conflict(
        &self,
        key: &str,
        test: impl Fn(Option<&Value>, Option<&Value>) -> bool,
    ) -> bool {
        let read = |side: &Option<crate::json::Canonical>| {
            side.as_ref()
                .map(|value| serde_json::from_str(value.as_str()).unwrap())
        };
        let conflicts = self
            .world
            .conflicts
            .values()
            .filter(|it| it.key.as_str() == key);
        conflicts
            .into_iter()
            .any(|it| test(read(&it.truth).as_ref(), read(&it.device).as_ref()))
    }
}

fn value_of(side: Option<&Value>, field: &str) -> Option<u64> {
    side?.get(field)?.as_u64()
}
