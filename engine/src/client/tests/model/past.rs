//! The model's truth with another past than devices know, and how it reconciles with them.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use std::collections::{BTreeMap, BTreeSet};
use std::string::ToString;

use serde_json::{Value, json};

use super::modes::{Verdict, Verdicts};
use super::{Model, Record, Version, show, stamp};
use crate::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use crate::json::Canonical;

impl Model {
    /// The truth is taken back to a backup of so many commits ago.
    pub(in crate::client::tests) fn restore(&mut self, commits: u64) {
        self.head -= commits;
        let head = self.head;
        for record in self.records.values_mut() {
            record.versions.retain(|version| version.at <= head);
        }
        self.records.retain(|_, record| !record.versions.is_empty());
        for device in self.devices.values_mut() {
            device.session = None;
        }
    }

    pub(in crate::client::tests) fn head(&self) -> u64 {
        self.head
    }

    /// The truth has another past: this record was something else all along.
    pub(in crate::client::tests) fn rewrite(&mut self, key: &str, value: Value) {
        let versions = &mut self.records.get_mut(key).unwrap().versions;
        versions.last_mut().unwrap().value = Some(value);
    }

    /// The truth has another past: this record was never in it.
    pub(in crate::client::tests) fn unmake(&mut self, key: &str) {
        self.records.remove(key);
    }

    /// The truth has another past: this record was always in it.
    pub(in crate::client::tests) fn slip_in(&mut self, key: &str, entity: &str, value: Value) {
        let version = Version {
            at: 1,
            device: "another".to_owned(),
            value: Some(value),
        };
        let record = Record {
            entity: entity.to_owned(),
            created: json!("2026-11-22T04:41:01Z"),
            local: None,
            versions: [version].into(),
        };
        self.records.insert(key.to_owned(), record);
    }

    /// Key and fingerprint of what lies in a range at a checkin.
    fn items(&self, range: &Value, at: u64) -> BTreeMap<String, String> {
        let (from, to) = (range["from"].as_str().unwrap(), range["to"].as_str());
        let within = |key: &str| key >= from && to.is_none_or(|to| key < to);
        let records = self.records.iter().filter(|(key, _)| within(key));
        let live = records.filter_map(|(key, record)| {
            let fingerprint = fingerprint_of(record, record.at(at)?)?;
            Some((key.clone(), fingerprint))
        });
        live.collect()
    }

    fn sum(items: &BTreeMap<String, String>) -> String {
        let mut sum = DatastoreFingerprint::EMPTY;
        for (key, fingerprint) in items {
            sum += DatastoreFingerprint::of_record(key, &fingerprint.parse().unwrap());
        }
        sum.to_string()
    }

    pub(super) fn reconcile(&mut self, device: &str, body: &Value) -> Value {
        let session = self.session(device).clone();
        let (mut ranges, mut verdicts) = (Vec::new(), Verdicts::default());
        let told = body["ranges"].as_array().unwrap();
        // As the server does, which refuses them otherwise.
        assert!(
            told.is_sorted_by_key(|range| range["from"].as_str()),
            "ranges come in order: {told:?}"
        );
        for range in told {
            let own = self.items(range, session.head);
            let Some(told) = range["items"].as_array() else {
                if range["fingerprint"] != Self::sum(&own).as_str() {
                    ranges.extend(self.halves(range, &own, session.head));
                }
                continue;
            };
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let told: BTreeMap<String, String> =
                told.iter().map(|it| (text(&it[0]), text(&it[1]))).collect();
            let keys: BTreeSet<&String> = told.keys().chain(own.keys()).collect();
            for key in keys {
                let (told, is) = (told.get(key), own.get(key));
                if told != is {
                    let verdict = self.verdict(device, key, told, is);
                    verdicts.add(
                        verdict.unwrap_or_else(|| self.usual(device, key, told, is)),
                        key,
                    );
                }
            }
        }
        self.delete(device, &verdicts.delete);
        let session = self.session(device).clone();
        let shown = verdicts.records.iter().map(|key| {
            let record = &self.records[key];
            show(
                key,
                record,
                record.at(session.head).unwrap(),
                device,
                &session,
            )
        });
        let shown: Vec<Value> = shown.collect();
        let mut answer = json!({
            "ranges": ranges, "records": shown, "drop": verdicts.drop, "send": verdicts.send,
        });
        if !verdicts.delete.is_empty() {
            answer["deleted"] = json!(verdicts.delete);
            answer["max_checkin"] = json!(stamp(session.head));
        }
        answer
    }

    /// What becomes of a key in a repair.
    fn usual(
        &self,
        device: &str,
        key: &str,
        told: Option<&String>,
        is: Option<&String>,
    ) -> Verdict {
        let record = self.records.get(key);
        let mut versions = record.iter().flat_map(|record| &record.versions);
        let is_stale = told.is_none()
            || versions.any(|it| fingerprint_of(record.unwrap(), it).as_ref() == told);
        match (is_stale, is, self.flows(device)) {
            (true, Some(_), (true, _)) => Verdict::Record,
            (true, None, (true, _)) => Verdict::Drop,
            (false, _, (_, true)) => Verdict::Send,
            _ => Verdict::Leave,
        }
    }

    /// A range that differs, in two parts, or record by record.
    fn halves(&self, range: &Value, own: &BTreeMap<String, String>, at: u64) -> Vec<Value> {
        if own.len() < 3 {
            let items: Vec<_> = own.iter().map(|(key, it)| json!([key, it])).collect();
            return [json!({"from": range["from"], "to": range["to"], "items": items})].into();
        }
        let middle = own.keys().nth(own.len() / 2).unwrap();
        let parts = [
            (&range["from"], &json!(middle)),
            (&json!(middle), &range["to"]),
        ];
        let parts = parts.map(|(from, to)| {
            let mut part = json!({"from": from, "to": to});
            let own = self.items(&part, at);
            part["fingerprint"] = json!(Self::sum(&own));
            part["count"] = json!(own.len());
            part
        });
        parts.into()
    }
}

pub(super) fn fingerprint_of(record: &Record, version: &Version) -> Option<String> {
    let value = Canonical::parse(&version.value.as_ref()?.to_string()).unwrap();
    Some(RecordFingerprint::of(&record.entity, value.borrow()).to_string())
}
