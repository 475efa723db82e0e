//! A device as PROTOCOL asks for one, the plainest that keeps every duty: what it holds is in
//! memory, and a crash is to forget the session, never the data.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tidemark_conformance::fingerprint;

use crate::client::{Answer, Client};
use crate::network::Network;

/// A record as the server last confirmed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed {
    /// What kind of record.
    pub entity: String,
    /// Its whole value.
    pub value: Value,
    /// The version's checkin.
    pub checkin: String,
    /// Worked out here, never copied.
    pub fingerprint: String,
}

/// What the person did to a record and no answer has confirmed. Under a local id while the
/// record has no key.
#[derive(Clone, Debug)]
struct Edit {
    is_pending: bool,
    entity: String,
    /// `None`: deleted.
    value: Option<Map<String, Value>>,
    /// The fields changed, with the edit that changed each last.
    changed: BTreeMap<String, u64>,
    base: Option<String>,
    /// The last edit's number.
    at: u64,
    created: String,
}

/// One installation of an app.
#[derive(Clone)]
pub struct Device {
    /// Its `device_uuid`.
    pub uuid: String,
    /// Tells the installations of a test apart, whatever they are called on the wire.
    pub author: String,
    client: Client,
    rng: fastrand::Rng,
    attempts: Vec<String>,
    last_sync: Option<String>,
    cursor: Option<String>,
    previous: Option<Value>,
    confirmed: BTreeMap<String, Confirmed>,
    edits: BTreeMap<String, Edit>,
    aliases: BTreeMap<String, String>,
    edit: u64,
}

/// What a push said of each record: the edit it was at. Kept until the pull has answered it.
type Pushed = BTreeMap<String, (u64, Option<Value>)>;

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// Everything was said and heard, and both sides hold the same.
    InSync,
    /// A call failed: again later.
    Interrupted,
    /// The server knows a newer copy of this device: it took a new name, and tries again.
    Renamed,
}

/// A call was not answered with what was asked for.
struct Stopped(Synced);

impl Device {
    /// A new installation for the user of this client.
    pub fn new(client: Client, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            uuid: new_uuid(&mut rng),
            author: format!("author {seed}"),
            client,
            rng,
            attempts: Vec::new(),
            last_sync: None,
            cursor: None,
            previous: None,
            confirmed: BTreeMap::new(),
            edits: BTreeMap::new(),
            aliases: BTreeMap::new(),
            edit: 0,
        }
    }

    /// The same data in a second installation, which draws its own random numbers.
    #[must_use]
    pub fn copied(&self, seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            author: format!("author {seed}"),
            ..self.clone()
        }
    }

    /// What it holds under real keys, as the server last confirmed it.
    pub fn confirmed(&self) -> &BTreeMap<String, Confirmed> {
        &self.confirmed
    }

    /// The handles of the records that a person sees: real keys, and local ids of pending ones.
    pub fn handles(&self) -> Vec<String> {
        let keys: BTreeSet<&String> = self.confirmed.keys().chain(self.edits.keys()).collect();
        let deleted = |key: &&String| {
            let edit = self.edits.get(*key);
            edit.is_none_or(|edit| edit.value.is_some())
        };
        keys.into_iter().filter(deleted).cloned().collect()
    }

    /// The handles with edits that no answer has confirmed.
    pub fn pending(&self) -> Vec<String> {
        self.edits.keys().cloned().collect()
    }

    /// The key that a local id has become, once it has.
    pub fn key_of(&self, local_id: &str) -> Option<&str> {
        self.aliases.get(local_id).map(String::as_str)
    }

    /// The fingerprint of what it holds.
    pub fn fingerprint(&self) -> String {
        let records = self.confirmed.iter();
        fingerprint::of_datastore(records.map(|(key, it)| (key.as_str(), it.fingerprint.as_str())))
    }

    /// Makes a record; answers its local id.
    pub fn create(&mut self, entity: &str, value: Value) -> String {
        let local_id = new_uuid(&mut self.rng);
        let value = fields(value);
        self.edit += 1;
        let edit = Edit {
            is_pending: true,
            entity: entity.to_owned(),
            changed: value.keys().map(|name| (name.clone(), self.edit)).collect(),
            value: Some(value),
            base: None,
            at: self.edit,
            created: format!(
                "2026-11-22T04:{:02}:{:02}Z",
                self.edit / 60 % 60,
                self.edit % 60
            ),
        };
        self.edits.insert(local_id.clone(), edit);
        local_id
    }

    /// Sets one field.
    pub fn update(&mut self, handle: &str, field: &str, value: Value) {
        self.edit += 1;
        let now = self.edit;
        let edit = self.edit_of(handle);
        if let Some(fields) = &mut edit.value {
            fields.insert(field.to_owned(), value);
            edit.changed.insert(field.to_owned(), now);
            edit.at = now;
        }
    }

    /// Deletes it.
    pub fn delete(&mut self, handle: &str) {
        self.edit += 1;
        let now = self.edit;
        let edit = self.edit_of(handle);
        edit.value = None;
        edit.at = now;
    }

    fn edit_of(&mut self, handle: &str) -> &mut Edit {
        let confirmed = self.confirmed.get(handle);
        self.edits.entry(handle.to_owned()).or_insert_with(|| {
            let confirmed = confirmed.expect("a record that is there");
            Edit {
                is_pending: false,
                entity: confirmed.entity.clone(),
                value: Some(fields(confirmed.value.clone())),
                changed: BTreeMap::new(),
                base: Some(confirmed.checkin.clone()),
                at: 0,
                created: String::new(),
            }
        })
    }

    /// One whole sync, or as much of one as the network lets through. `meanwhile` is what the
    /// person does between two calls.
    pub fn sync(&mut self, net: &mut Network, meanwhile: &mut dyn FnMut(&mut Self)) -> Synced {
        match self.try_sync(net, meanwhile) {
            Ok(()) => Synced::InSync,
            Err(Stopped(how)) => how,
        }
    }

    fn try_sync(
        &mut self,
        net: &mut Network,
        meanwhile: &mut dyn FnMut(&mut Self),
    ) -> Result<(), Stopped> {
        let (mut push, mut pushed) = self.push_body();
        let rides = self.rng.bool();
        let mut open = self.open_body();
        if rides && !pushed.is_empty() {
            open["push"] = push.clone();
        }
        let opened = self.call(net, "/v1/sync/open", &open)?;
        meanwhile(self);
        let Some(session) = opened["sync_uuid"].as_str() else {
            assert_eq!(opened["in_sync"], true);
            self.attempts.pop();
            self.last_sync = text(&opened["last_sync"]);
            return Ok(());
        };
        self.attempts.drain(..self.attempts.len() - 1);
        self.previous = None;
        let mut max_checkin = opened["max_checkin"].clone();
        let mut answer = opened["push"].clone();
        if answer.is_null() && !self.edits.is_empty() {
            // What was edited since the open goes too.
            (push, pushed) = self.push_body();
            answer = self.push(net, session, &push)?;
            meanwhile(self);
        }
        if !answer.is_null() {
            assert_eq!(answer["rejected"], json!([]), "{answer:#}");
            max_checkin = answer["max_checkin"].clone();
        }
        self.pull(net, session, &pushed, meanwhile)?;
        self.last_sync = text(&max_checkin);
        self.finish(net, session, &max_checkin)
    }

    /// Sends the push at once, or its records one after the other in batches.
    fn push(&mut self, net: &mut Network, session: &str, whole: &Value) -> Result<Value, Stopped> {
        let records = whole["records"].as_array().expect("records");
        let size = if self.rng.bool() {
            records.len().max(1)
        } else {
            2
        };
        let batches: Vec<Vec<Value>> = records.chunks(size).map(<[Value]>::to_vec).collect();
        let mut answer = Value::Null;
        for (seq, records) in batches.iter().enumerate() {
            let more = seq + 1 < batches.len();
            let body = json!({"sync_uuid": session, "seq": seq, "records": records, "more": more});
            answer = self.call(net, "/v1/sync/push", &body)?;
        }
        Ok(answer)
    }

    fn pull(
        &mut self,
        net: &mut Network,
        session: &str,
        pushed: &Pushed,
        meanwhile: &mut dyn FnMut(&mut Self),
    ) -> Result<(), Stopped> {
        loop {
            let limit = self.rng.u32(1..=20);
            let body = json!({"sync_uuid": session, "cursor": self.cursor, "limit": limit});
            let page = self.call(net, "/v1/sync/pull", &body)?;
            for record in page["records"].as_array().expect("records") {
                self.apply(record, pushed);
            }
            self.cursor = text(&page["cursor"]);
            meanwhile(self);
            if self.cursor.is_none() {
                return Ok(());
            }
        }
    }

    fn finish(
        &mut self,
        net: &mut Network,
        session: &str,
        last_update: &Value,
    ) -> Result<(), Stopped> {
        let finish = json!({"last_update": last_update, "fingerprint": self.fingerprint(),
            "count": self.confirmed.len()});
        self.previous = Some(json!({"sync_uuid": session, "finish": finish}));
        if self.rng.u8(..10) < 3 {
            return Ok(()); // It rides on the next open.
        }
        let mut body = finish;
        body["sync_uuid"] = session.into();
        let answer = self.call(net, "/v1/sync/finish", &body)?;
        assert_eq!(answer["in_sync"], true, "a device is not what it should be");
        self.previous = None;
        Ok(())
    }

    fn open_body(&mut self) -> Value {
        self.attempts.push(new_uuid(&mut self.rng));
        if self.attempts.len() > 16 {
            self.attempts.remove(1);
        }
        let mut body = json!({
            "device_uuid": self.uuid, "attempts": self.attempts, "protocol": 1, "mode": "auto",
            "last_sync": self.last_sync, "pending": self.edits.len(),
            "fingerprint": self.fingerprint(),
        });
        if let Some(previous) = &self.previous {
            body["previous"] = previous.clone();
        }
        body
    }

    fn push_body(&self) -> (Value, Pushed) {
        let mut records = Vec::new();
        let mut pushed = Pushed::new();
        for (key, edit) in &self.edits {
            let mut record = json!({"key": key, "entity": edit.entity,
                "updated": "2026-11-22 04:41:01"});
            let mut whole = None;
            if edit.is_pending {
                record["is_pending"] = true.into();
                record["created"] = edit.created.as_str().into();
            } else if let Some(base) = &edit.base {
                record["base"] = base.as_str().into();
            }
            match &edit.value {
                None => record["deleted"] = true.into(),
                Some(value) if edit.is_pending => {
                    whole = Some(Value::Object(value.clone()));
                    record["value"] = Value::Object(value.clone());
                }
                Some(value) => {
                    let changed = value
                        .iter()
                        .filter(|(name, _)| edit.changed.contains_key(*name));
                    record["value"] = changed.map(|(n, v)| (n.clone(), v.clone())).collect();
                    record["changed"] = edit.changed.keys().cloned().collect();
                }
            }
            pushed.insert(key.clone(), (edit.at, whole));
            records.push(record);
        }
        (json!({"seq": 0, "records": records, "more": false}), pushed)
    }

    /// Takes in one pulled record, with local edits rebased on it.
    fn apply(&mut self, record: &Value, pushed: &Pushed) {
        let key = record["key"].as_str().expect("a key").to_owned();
        let handle = match record["local_id"].as_str() {
            Some(local_id) if self.edits.contains_key(local_id) => local_id.to_owned(),
            _ => key.clone(),
        };
        let said = pushed.get(&handle);
        let value = self.confirm(&key, record, said.and_then(|(_, value)| value.as_ref()));
        let Some(mut edit) = self.edits.remove(&handle) else {
            return;
        };
        if handle != key {
            edit.is_pending = false;
            self.aliases.insert(handle, key.clone());
        }
        if let Some((at, _)) = said {
            edit.changed.retain(|_, changed_at| *changed_at > *at);
            if edit.at == *at {
                return;
            }
        }
        if edit.is_pending && record["deleted"] == true {
            return; // It never was anywhere, and is no more.
        }
        if let (Some(Value::Object(mut theirs)), Some(mine)) = (value, &edit.value) {
            for name in edit.changed.keys() {
                match mine.get(name) {
                    Some(value) => theirs.insert(name.clone(), value.clone()),
                    None => theirs.remove(name),
                };
            }
            edit.value = Some(theirs);
        }
        self.edits.insert(key, edit);
    }

    /// Keeps what the server says of a key, checked; answers the record's value.
    fn confirm(&mut self, key: &str, record: &Value, said: Option<&Value>) -> Option<Value> {
        let checkin = record["checkin"].as_str().expect("a checkin");
        if let Some(known) = self.confirmed.get(key) {
            assert!(known.checkin.as_str() <= checkin, "{key} went back in time");
        }
        if record["deleted"] == true {
            self.confirmed.remove(key);
            return None;
        }
        let value = record.get("value").or(said);
        let value = value.expect("a value, here or in the push").clone();
        let entity = record["entity"].as_str().expect("an entity");
        let fingerprint = fingerprint::of_record(entity, &value);
        assert_eq!(record["fingerprint"], fingerprint, "{record:#}");
        let confirmed = Confirmed {
            entity: entity.to_owned(),
            value: value.clone(),
            checkin: checkin.to_owned(),
            fingerprint,
        };
        self.confirmed.insert(key.to_owned(), confirmed);
        Some(value)
    }

    fn call(&mut self, net: &mut Network, path: &str, body: &Value) -> Result<Value, Stopped> {
        let Some(answer) = net.call(&self.client, path, body) else {
            return Err(Stopped(Synced::Interrupted));
        };
        match answer.status {
            200 => Ok(answer.done()),
            _ => Err(self.refused(&answer)),
        }
    }

    fn refused(&mut self, answer: &Answer) -> Stopped {
        match answer.code().as_str() {
            "session_gone" => Stopped(Synced::Interrupted),
            "stale_device" => {
                self.uuid = new_uuid(&mut self.rng);
                self.attempts.clear();
                self.previous = None;
                self.cursor = None;
                Stopped(Synced::Renamed)
            }
            code => panic!("{code}: {:#}", answer.json()),
        }
    }
}

fn new_uuid(rng: &mut fastrand::Rng) -> String {
    let bytes = rng.u128(..).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("records here are objects, not {other}"),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
