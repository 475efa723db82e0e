//! A small server in memory, written from the protocol alone: one datastore, its versions, one
//! session a device. It shares no code with the truth that the real server runs.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use std::collections::{BTreeMap, BTreeSet};
use std::string::ToString;

use serde_json::{Map, Value, json};

use crate::client::Reply;
use crate::fingerprint::DatastoreFingerprint;
use crate::json::Canonical;

mod modes;
mod past;

use modes::{Manner, Refusal};
use past::fingerprint_of;

#[derive(Clone)]
struct Version {
    at: u64,
    device: String,
    /// `None`: deleted.
    value: Option<Value>,
}

#[derive(Default)]
struct Record {
    entity: String,
    created: Value,
    /// `local_id` and the device that made it.
    local: Option<(String, String)>,
    versions: Vec<Version>,
}

#[derive(Default)]
struct Device {
    attempt: Option<String>,
    session: Option<Session>,
    /// Up to which checkin it holds a key, where that is beyond its `last_sync`.
    acked: BTreeMap<String, u64>,
}

impl Device {
    /// Whether who comes with these attempts is the device that came last, and no copy of it.
    fn is_continued_by(&self, attempts: &[&str]) -> Result<(), Refusal> {
        match self.attempt.as_deref() {
            Some(kept) if attempts.last() == Some(&kept) => Err((410, "session_gone")),
            Some(kept) if !attempts.contains(&kept) => Err((409, "stale_device")),
            _ => Ok(()),
        }
    }
}

#[derive(Default, Clone)]
struct Session {
    id: String,
    start: u64,
    head: u64,
    manner: Manner,
    is_new: bool,
    staged: BTreeMap<u64, Vec<Value>>,
    /// What it pushed: the key, the name it was pushed under, and whether the value came whole
    /// and equal.
    pushed: BTreeMap<String, (String, bool)>,
    /// Answers about records that never came to be.
    dead: Vec<Value>,
}

pub(super) struct Model {
    head: u64,
    records: BTreeMap<String, Record>,
    dead: BTreeSet<String>,
    devices: BTreeMap<String, Device>,
    next: u64,
    /// Since when the truth is what one device pushed, and which.
    mark: Option<(u64, String)>,
    pub(super) page: usize,
}

fn stamp(at: u64) -> String {
    format!(
        "2026-11-22T04:{:02}:{:02}.{:06}Z",
        at / 60_000 % 60,
        at / 1_000 % 60,
        at % 1_000
    )
}

fn unstamp(text: &Value) -> u64 {
    let Some(text) = text.as_str() else { return 0 };
    let part = |from: usize, to: usize| text[from..to].parse::<u64>().unwrap();
    part(14, 16) * 60_000 + part(17, 19) * 1_000 + part(20, 26)
}

impl Record {
    fn live(&self) -> Option<&Value> {
        self.versions
            .last()
            .and_then(|version| version.value.as_ref())
    }

    fn newest(&self) -> u64 {
        self.versions.last().map_or(0, |version| version.at)
    }

    fn at(&self, at: u64) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.at <= at)
    }

    /// Who last changed a field.
    fn toucher(&self, field: &str) -> Option<&str> {
        let field_of = |version: &Version| version.value.as_ref().map(|value| value[field].clone());
        let now = self.versions.last().map(field_of);
        let mut device = None;
        for version in self.versions.iter().rev() {
            if Some(field_of(version)) != now {
                break;
            }
            device = Some(version.device.as_str());
        }
        device
    }
}

impl Model {
    pub(super) fn new(page: usize) -> Self {
        Self {
            head: 1,
            records: BTreeMap::new(),
            dead: BTreeSet::new(),
            devices: BTreeMap::new(),
            next: 0,
            mark: None,
            page,
        }
    }

    /// What the truth holds: key, value.
    pub(super) fn truth(&self) -> BTreeMap<String, String> {
        let live = |(key, record): (&String, &Record)| {
            Some((
                key.clone(),
                Canonical::parse(&record.live()?.to_string())
                    .unwrap()
                    .into_string(),
            ))
        };
        self.records.iter().filter_map(live).collect()
    }

    /// What this device is expected to hold at a checkin.
    fn fingerprint(&self, device: &str, at: u64) -> String {
        let acked = self.devices.get(device).map(|device| &device.acked);
        let mut sum = DatastoreFingerprint::EMPTY;
        for (key, record) in &self.records {
            let beyond = acked.and_then(|acked| acked.get(key));
            let version = record.at(at.max(beyond.copied().unwrap_or(0)));
            if let Some(fingerprint) = version.and_then(|it| fingerprint_of(record, it)) {
                sum += DatastoreFingerprint::of_record(key, &fingerprint.parse().unwrap());
            }
        }
        sum.to_string()
    }

    pub(super) fn call(&mut self, path: &str, body: &str) -> Reply {
        let body: Value = serde_json::from_str(body).unwrap();
        let answer = match path {
            "/v1/sync/open" => self.open(&body),
            "/v1/sync/push" => self.in_session(&body, |model, device| {
                let mut answer = model.push(device, &body)?;
                if answer["staged"].is_null() && !body["pull"].is_null() {
                    answer["pull"] = model.pull(device, &body["pull"]);
                }
                Ok(answer)
            }),
            "/v1/sync/pull" => {
                self.in_session(&body, |model, device| Ok(model.pull(device, &body)))
            }
            "/v1/sync/finish" => {
                self.in_session(&body, |model, device| Ok(model.finish(device, &body)))
            }
            "/v1/sync/reconcile" => {
                self.in_session(&body, |model, device| Ok(model.reconcile(device, &body)))
            }
            _ => Err((404, "not_found")),
        };
        let (status, body) = match answer {
            Ok(answer) => (200, answer),
            Err((status, code)) => (status, json!({"code": code, "status": status})),
        };
        Reply {
            status,
            body: body.to_string(),
            ..Reply::default()
        }
    }

    fn in_session(
        &mut self,
        body: &Value,
        phase: impl FnOnce(&mut Self, &str) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let is_it = |device: &&Device| {
            device
                .session
                .as_ref()
                .is_some_and(|session| body["sync_uuid"] == session.id.as_str())
        };
        let found = self.devices.iter().find(|(_, device)| is_it(device));
        let device = found
            .map(|(name, _)| name.clone())
            .ok_or((410, "session_gone"))?;
        phase(self, &device)
    }

    fn open(&mut self, body: &Value) -> Result<Value, Refusal> {
        let name = body["device_uuid"].as_str().unwrap().to_owned();
        let attempts: Vec<_> = body["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a.as_str().unwrap())
            .collect();
        let head = self.head;
        let manner = Manner::of(body)?;
        let is_equal = body["pending"] == 0
            && body["fingerprint"] == self.fingerprint("", head).as_str()
            && manner.is_plain();
        let expected = self.fingerprint(&name, unstamp(&body["last_sync"]));
        let is_refused = self.is_marked_against(&name, body);
        let device = self.devices.entry(name.clone()).or_default();
        if unstamp(&body["last_sync"]) <= head {
            device.is_continued_by(&attempts)?;
        }
        let mut answer = json!({
            "sync_uuid": null, "datastore": "ours", "last_sync": stamp(head),
            "max_checkin": stamp(head), "mode": "fast", "in_sync": is_equal,
            "conflicts": {"open": 0, "changed": null},
            "limits": {"push_records": 4, "pull_records": self.page, "body_bytes": 100_000},
        });
        if is_equal {
            return Ok(answer);
        }
        if is_refused {
            return Err((409, "truth_pushed"));
        }
        self.next += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.next);
        let mut start = unstamp(&body["last_sync"]);
        let told = &body["fingerprint"];
        if body["mode"] == "repair" || (told.is_string() && *told != expected.as_str()) {
            answer["mode"] = json!("repair");
        }
        let is_lost = start > head;
        if is_lost {
            answer["mode"] = json!("refresh");
            start = 0;
        }
        start = manner.decide(start, &mut answer);
        if start == 0 && !is_lost && manner.is_pull_truth() {
            device.acked.clear();
        }
        device.attempt = attempts.last().map(|own| (*own).to_owned());
        let nothing = DatastoreFingerprint::EMPTY.to_string();
        device.session = Some(Session {
            id: id.clone(),
            start,
            head,
            manner,
            is_new: start == 0 && body["fingerprint"] == nothing.as_str(),
            ..Session::default()
        });
        answer["sync_uuid"] = json!(id);
        answer["last_sync"] = if is_lost || manner.is_pull_truth() {
            Value::Null
        } else {
            body["last_sync"].clone()
        };
        self.ride(&name, body, &mut answer);
        Ok(answer)
    }

    /// What came with an opening: a push, and a pull unless the push is not done yet.
    fn ride(&mut self, device: &str, body: &Value, answer: &mut Value) {
        let mut goes_on = true;
        if !body["push"].is_null() {
            let pushed = self.push(device, &body["push"]);
            goes_on = pushed.as_ref().is_ok_and(|it| it["staged"].is_null());
            answer["push"] =
                pushed.unwrap_or_else(|(status, code)| json!({"code": code, "status": status}));
        }
        if goes_on && !body["pull"].is_null() {
            answer["pull"] = self.pull(device, &body["pull"]);
        }
    }

    fn session(&mut self, device: &str) -> &mut Session {
        self.devices
            .get_mut(device)
            .unwrap()
            .session
            .as_mut()
            .unwrap()
    }

    fn push(&mut self, device: &str, body: &Value) -> Result<Value, Refusal> {
        let batch = body["records"].as_array().unwrap().clone();
        let session = self.session(device);
        let manner = session.manner;
        manner.may_push(body)?;
        session.staged.insert(body["seq"].as_u64().unwrap(), batch);
        if body["more"] == json!(true) {
            return Ok(json!({"staged": session.staged.values().map(Vec::len).sum::<usize>()}));
        }
        let records: Vec<Value> = core::mem::take(&mut session.staged)
            .into_values()
            .flatten()
            .collect();
        let at = self.head + 1;
        let mut rejected = Vec::new();
        for (index, record) in records.iter().enumerate() {
            if let Some(code) = self.mingle(device, record, at) {
                rejected
                    .push(json!({"key": record["key"], "index": index, "problem": {"code": code}}));
            }
        }
        if manner.is_push_truth() {
            self.make_truth(device, &records, at);
        }
        let head = self.head;
        self.session(device).head = head;
        for answer in &mut self.session(device).dead {
            answer["checkin"] = json!(stamp(head));
        }
        Ok(json!({
            "received": records.len(), "created": 0, "updated": 0, "merged": 0,
            "unchanged": records.len() - rejected.len(), "conflicts": 0, "rejected": rejected,
            "max_checkin": stamp(head),
        }))
    }

    /// Mingles one record; a code: it is rejected.
    fn mingle(&mut self, device: &str, pushed: &Value, at: u64) -> Option<&'static str> {
        let name = pushed["key"].as_str().unwrap().to_owned();
        let is_deleted = pushed["deleted"] == json!(true);
        let known = self.records.iter().find(|(key, record)| {
            **key == name
                || record
                    .local
                    .as_ref()
                    .is_some_and(|(local, _)| *local == name)
        });
        let known = known.map(|(key, _)| key.clone());
        let Some(key) = known else {
            if pushed["is_pending"] == json!(true) && (is_deleted || self.dead.contains(&name)) {
                self.dead.insert(name.clone());
                let answer = json!({"key": name, "local_id": name, "deleted": true});
                self.session(device).dead.push(answer);
                return None;
            }
            if !pushed["changed"].is_null() {
                return Some("need_whole");
            }
            return self.make(device, pushed, at);
        };
        let overrides = self.session(device).manner.overrides() && pushed["changed"].is_null();
        let record = self.records.get_mut(&key).unwrap();
        let base = match &record.local {
            Some((local, maker)) if *local == name && maker == device => record.versions[0].at,
            _ => unstamp(&pushed["base"]),
        };
        let before = record.live().cloned();
        let after = if overrides {
            pushed.get("value").filter(|_| !is_deleted).cloned()
        } else if is_deleted {
            let is_known = record.newest() <= base
                || record
                    .versions
                    .iter()
                    .filter(|v| v.at > base)
                    .all(|v| v.device == device);
            if is_known { None } else { before.clone() }
        } else {
            Some(merged(record, device, pushed, base))
        };
        let last_alive = record
            .versions
            .iter()
            .rev()
            .find_map(|version| version.value.clone());
        let repeats = before.is_none() && after == last_alive && !overrides;
        if after != before && !repeats {
            record.versions.push(Version {
                at,
                device: device.to_owned(),
                value: after.clone(),
            });
            self.head = at;
        }
        let is_equal = pushed["changed"].is_null() && after.as_ref() == Some(&pushed["value"]);
        self.session(device).pushed.insert(key, (name, is_equal));
        None
    }

    fn make(&mut self, device: &str, pushed: &Value, at: u64) -> Option<&'static str> {
        let name = pushed["key"].as_str().unwrap().to_owned();
        let is_pending = pushed["is_pending"] == json!(true);
        let key = if is_pending {
            format!("real-{name}")
        } else {
            name.clone()
        };
        let version = Version {
            at,
            device: device.to_owned(),
            value: Some(pushed["value"].clone()),
        };
        let record = Record {
            entity: pushed["entity"].as_str().unwrap().to_owned(),
            created: pushed["created"].clone(),
            local: is_pending.then(|| (name.clone(), device.to_owned())),
            versions: [version].into(),
        };
        self.records.insert(key.clone(), record);
        self.head = at;
        self.session(device).pushed.insert(key, (name, true));
        None
    }

    fn pull(&mut self, device: &str, body: &Value) -> Value {
        let session = self.session(device).clone();
        let mut start = (session.start, String::new());
        if let Some(cursor) = body["cursor"].as_str() {
            let (at, key) = cursor.split_once('/').unwrap();
            start = (at.parse().unwrap(), key.to_owned());
        }
        let mut window: Vec<((u64, String), Value)> = Vec::new();
        for (key, record) in &self.records {
            let Some(version) = record.at(session.head) else {
                continue;
            };
            let place = (version.at, key.clone());
            let is_own = session.pushed.contains_key(key);
            let is_behind_cursor = body["cursor"].is_string() && place <= start;
            let is_own_only = session.manner.is_push_only();
            if (place.0 <= session.start || is_behind_cursor || is_own_only) && !is_own {
                continue;
            }
            if version.value.is_none() && session.is_new && !is_own {
                continue;
            }
            window.push((place, show(key, record, version, device, &session)));
        }
        window.sort_by(|one, other| one.0.cmp(&other.0));
        // Own records behind the cursor come with the first page after it, which is all that
        // this model needs: its cursors are cut past them.
        if body["cursor"].is_string() && session.id == body["sync_uuid"].as_str().unwrap_or("") {
            window.retain(|(place, _)| *place > start);
        }
        let total = window.len();
        window.truncate(self.page);
        let cursor = (total > self.page)
            .then(|| window.last().map(|((at, key), _)| format!("{at}/{key}")))
            .flatten();
        let mut records: Vec<Value> = window.into_iter().map(|(_, record)| record).collect();
        let remaining = total - records.len();
        if cursor.is_none() {
            records.extend(session.dead.iter().cloned());
        }
        json!({"records": records, "cursor": cursor, "remaining": remaining})
    }
}

/// What a whole or partial value makes of the live one.
fn merged(record: &Record, device: &str, pushed: &Value, base: u64) -> Value {
    let empty = Map::new();
    let object = |value: Option<&Value>| value.and_then(Value::as_object).unwrap_or(&empty).clone();
    // An edit brings a deleted record back as it was.
    let last_alive = record
        .versions
        .iter()
        .rev()
        .find_map(|version| version.value.as_ref());
    let mut now = object(last_alive);
    let mine = object(Some(&pushed["value"]));
    let under = object(record.at(base).and_then(|version| version.value.as_ref()));
    let fields: BTreeSet<String> = match pushed["changed"].as_array() {
        Some(changed) => changed
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
        None => now.keys().chain(mine.keys()).cloned().collect(),
    };
    if record.live().is_none() && pushed["changed"].is_null() {
        return pushed["value"].clone();
    }
    for field in fields {
        let is_edit = !pushed["changed"].is_null()
            || mine.get(&field) != under.get(&field)
            || record.toucher(&field) == Some(device);
        let is_repeat = record
            .versions
            .iter()
            .filter(|version| version.at > base && version.device == device)
            .any(|version| version.value.as_ref().and_then(|v| v.get(&field)) == mine.get(&field));
        if !is_edit || (is_repeat && record.toucher(&field) != Some(device)) {
            continue;
        }
        match mine.get(&field) {
            Some(value) => now.insert(field, value.clone()),
            None => now.remove(&field),
        };
    }
    Value::Object(now)
}

fn show(key: &str, record: &Record, version: &Version, device: &str, session: &Session) -> Value {
    let mut shown = json!({
        "key": key, "entity": record.entity, "created": record.created,
        "updated": record.created, "is_pending": false, "checkin": stamp(version.at),
    });
    match &version.value {
        None => shown["deleted"] = json!(true),
        Some(_)
            if session
                .pushed
                .get(key)
                .is_some_and(|(_, is_equal)| *is_equal) => {}
        Some(value) => shown["value"] = value.clone(),
    }
    if let Some((local_id, maker)) = &record.local {
        let pushed_under = session
            .pushed
            .get(key)
            .is_some_and(|(name, _)| name == local_id);
        if pushed_under || maker == device {
            shown["local_id"] = json!(local_id);
        }
    }
    shown
}
