//! What a device holds, as tests that reconcile see it: it tells its ranges, and mends itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::client::Client;

use super::talk::{pending, pull, sync};

/// A device's records under real keys, as it holds them.
#[derive(Clone, Default)]
pub(crate) struct Held(pub(crate) BTreeMap<String, Value>);

/// What reconciling came to.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) calls: usize,
    pub(crate) records: Vec<Value>,
    pub(crate) drop: Vec<Value>,
    pub(crate) send: Vec<Value>,
    pub(crate) deleted: Vec<Value>,
    /// The session's, where something was deleted.
    pub(crate) max_checkin: Option<Value>,
}

pub(crate) fn print(record: &Value) -> String {
    fingerprint::of_record(record["entity"].as_str().unwrap(), &record["value"])
}

impl Held {
    pub(crate) fn of(records: &[Value]) -> Self {
        let mut held = Self::default();
        held.take(records);
        held
    }

    pub(crate) fn take(&mut self, records: &[Value]) {
        for record in records {
            let key = record["key"].as_str().unwrap().to_owned();
            if record["deleted"] == json!(true) {
                self.0.remove(&key);
            } else {
                self.0.insert(key, record.clone());
            }
        }
    }

    /// Takes what comes after a push: what was pushed comes without its value, and keeps its own.
    pub(crate) fn take_beside(&mut self, came: &[Value]) {
        for record in came {
            let mut record = record.clone();
            if record.get("value").is_none() && record["deleted"] != json!(true) {
                record["value"] = self.0[record["key"].as_str().unwrap()]["value"].clone();
            }
            self.take(&[record]);
        }
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.0.values().cloned().collect()
    }

    /// The device's own record, its value spoilt by nobody knows what.
    pub(crate) fn spoil(&mut self, key: &Value, value: Value) {
        self.0.get_mut(key.as_str().unwrap()).unwrap()["value"] = value;
    }

    pub(crate) fn within(&self, from: &str, to: &Value) -> Vec<(&String, String)> {
        let inside = self.0.range(from.to_owned()..);
        let inside = inside.take_while(|(key, _)| to.as_str().is_none_or(|to| key.as_str() < to));
        inside.map(|(key, record)| (key, print(record))).collect()
    }

    pub(crate) fn fingerprint(&self) -> String {
        let items = self.within("", &Value::Null);
        let items = items.iter().map(|(key, print)| (key.as_str(), &**print));
        fingerprint::of_datastore(items)
    }

    /// What it says of a range: items where they are few, else four parts.
    pub(crate) fn tell(&self, from: &str, to: &Value) -> Vec<Value> {
        let items = self.within(from, to);
        if items.len() < 32 {
            return vec![json!({"from": from, "to": to, "items": items})];
        }
        let parts = items.chunks(items.len().div_ceil(4));
        let starts: Vec<&str> = parts.clone().map(|part| part[0].0.as_str()).collect();
        let told = parts.enumerate().map(|(place, part)| {
            let from = if place == 0 { from } else { starts[place] };
            let to = starts.get(place + 1).map_or(to.clone(), |next| json!(next));
            let prints = part.iter().map(|(key, print)| (key.as_str(), &**print));
            json!({"from": from, "to": to, "count": part.len(),
                "fingerprint": fingerprint::of_datastore(prints)})
        });
        told.collect()
    }

    /// Asks until nothing differs any more.
    pub(crate) fn reconcile(&self, client: &Client, session: &Value) -> Found {
        let found = self.compare(client, session, false);
        found.unwrap_or_else(|problem| panic!("{problem:#}"))
    }

    /// The same, with the person's leave to delete or without it; or the problem.
    pub(crate) fn compare(
        &self,
        client: &Client,
        session: &Value,
        confirm: bool,
    ) -> Result<Found, Value> {
        let mut found = Found::default();
        let mut ranges = self.tell("", &Value::Null);
        while !ranges.is_empty() {
            found.calls += 1;
            let body = json!({"sync_uuid": session, "ranges": ranges, "confirm": confirm});
            let answer = client.post("/v1/sync/reconcile", &body);
            if answer.status != 200 {
                return Err(answer.json());
            }
            let answer = answer.json();
            if let Some(deleted) = answer["deleted"].as_array() {
                found.deleted.extend(deleted.clone());
            }
            if answer["max_checkin"].is_string() {
                found.max_checkin = Some(answer["max_checkin"].clone());
            }
            let list = |name: &str| answer[name].as_array().unwrap().clone();
            found.records.extend(list("records"));
            found.drop.extend(list("drop"));
            found.send.extend(list("send"));
            ranges.clear();
            for theirs in list("ranges") {
                let from = theirs["from"].as_str().unwrap();
                let own = self.within(from, &theirs["to"]);
                let prints = own.iter().map(|(key, print)| (key.as_str(), &**print));
                if theirs["fingerprint"] != json!(fingerprint::of_datastore(prints)) {
                    ranges.extend(self.tell(from, &theirs["to"]));
                }
            }
        }
        Ok(found)
    }

    /// Takes what was found, and pushes what was asked for; where the session ends after a push.
    pub(crate) fn mend(
        &mut self,
        client: &Client,
        session: &Value,
        found: &Found,
    ) -> Option<Value> {
        self.take(&found.records);
        for key in &found.drop {
            self.0.remove(key.as_str().unwrap());
        }
        if found.send.is_empty() {
            return None;
        }
        let whole = |key: &Value| {
            let record = &self.0[key.as_str().unwrap()];
            json!({"key": key, "entity": record["entity"], "value": record["value"],
                "base": record["checkin"]})
        };
        let records: Vec<Value> = found.send.iter().map(whole).collect();
        let push = json!({"sync_uuid": session, "records": records, "pull": {}});
        let answer = client.done("/v1/sync/push", &push);
        let pulled = answer["pull"]["records"].as_array().unwrap();
        self.take_beside(pulled);
        Some(answer["max_checkin"].clone())
    }
}

pub(crate) fn reconcile(client: &Client, session: &Value, ranges: &Value) -> Value {
    let body = json!({"sync_uuid": session, "ranges": ranges});
    client.done("/v1/sync/reconcile", &body)
}

/// So many records that device 1 made and device 2 pulled: what both hold, and as of when.
pub(crate) fn peopled(client: &Client, count: u64) -> (Held, Value) {
    let records: Vec<Value> = (0..count)
        .map(|number| pending(number, &json!({"number": number})))
        .collect();
    let made = sync(client, 1, &Value::Null, json!(records));
    let held = Held::of(&pull(client, 2, &Value::Null));
    assert_eq!(held.0.len() as u64, count);
    (held, made["push"]["max_checkin"].clone())
}
