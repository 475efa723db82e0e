//! A small device beside the others that is none of ours: it speaks the wire by itself, and keeps
//! what it pulls in a form of its own, of which it tells with its acks. What it edits it pushes
//! field by field; now and then it gives back a record as it keeps it, which is no change.
//!
//! Whatever goes wrong in a sync it forgets; and where the server wants to know more than it can
//! tell it begins anew, under another name, with nothing but what it has not pushed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;

use super::{
    marks::{Held, Mark, fields, find, token},
    network::{MARKS, USERS, call},
    oracle::Oracle,
    truth::Datastore,
    world::World,
};

/// A field that it keeps in a form of its own, as everybody else writes it.
pub(super) const WHEN: &str = "when";
const AS_WRITTEN: &str = "2026-11-22 04:41:01";
const AS_KEPT: &str = "2026-11-22T04:41:01Z";
const FIELDS: [&str; 3] = ["a", "b", "c"];

/// What others write into that field.
pub(super) fn when() -> Value {
    Value::from(AS_WRITTEN)
}

/// Whether a value is in the scribe's own form: nowhere but with the scribe.
pub(super) fn is_own_form(value: &str) -> bool {
    value.contains(AS_KEPT)
}

fn own_form(mut value: Value) -> Value {
    if let Some(when) = value.get_mut(WHEN) {
        *when = Value::from(AS_KEPT);
    }
    value
}

/// A record as it keeps it.
#[derive(Clone, Debug)]
struct Kept {
    entity: String,
    value: Value,
    checkin: String,
}

/// What it has edited and not pushed.
#[derive(Clone, Debug)]
struct Edit {
    base: String,
    entity: String,
    /// The fields that it set.
    set: BTreeMap<String, Value>,
    /// Changes with each edit.
    number: u64,
}

#[derive(Debug, Default)]
struct State {
    device: String,
    attempts: Vec<String>,
    last_sync: Option<String>,
    kept: BTreeMap<String, Kept>,
    edits: BTreeMap<String, Edit>,
    /// Values that the server refused, or that gave way to a truth that was pushed.
    aside: Vec<String>,
    edited: u64,
}

/// The device.
#[derive(Clone)]
pub(super) struct Scribe {
    world: Rc<World>,
    oracle: Rc<RefCell<Oracle>>,
    pub(super) user: usize,
    state: Rc<RefCell<State>>,
    is_syncing: Rc<Cell<bool>>,
}

/// A sync that came to nothing.
struct GivenUp;

/// What a session knows.
struct Session {
    id: String,
    max_checkin: String,
    /// The edits that it pushed.
    pushed: BTreeMap<String, u64>,
    kept: BTreeMap<String, Kept>,
}

impl Scribe {
    pub(super) fn new(world: &Rc<World>, oracle: &Rc<RefCell<Oracle>>, user: usize) -> Self {
        let scribe = Self {
            world: Rc::clone(world),
            oracle: Rc::clone(oracle),
            user,
            state: Rc::default(),
            is_syncing: Rc::default(),
        };
        scribe.begins_anew();
        scribe
    }

    /// What it has not pushed, and what it has but can never push.
    pub(super) fn held(&self) -> Held {
        let (mut held, state) = (Held::default(), self.state.borrow());
        for edit in state.edits.values() {
            for value in edit.set.values() {
                held.add(&value.to_string());
            }
        }
        state.aside.iter().for_each(|text| held.add(text));
        held
    }

    /// The tokens and records that it has set aside.
    pub(super) fn aside(&self) -> (BTreeSet<Mark>, BTreeSet<Mark>) {
        let state = self.state.borrow();
        let all = |kind| {
            state
                .aside
                .iter()
                .flat_map(move |text| find(kind, text))
                .collect()
        };
        (all(b'T'), all(b'N'))
    }

    /// Edits one field of a record.
    pub(super) fn edits(&self) {
        let mut state = self.state.borrow_mut();
        let random = &self.world.wild;
        if state.kept.is_empty() {
            return;
        }
        let place = random.below(state.kept.len());
        let Some((key, kept)) = state.kept.iter().nth(place) else {
            return;
        };
        let (key, kept) = (key.clone(), kept.clone());
        let field = random.one_of(&FIELDS).to_owned();
        let text = kept.value.to_string();
        let Some(record) = find(b'N', &text).next() else {
            return;
        };
        let before = state.edits.get(&key);
        let saw = match before.and_then(|edit| edit.set.get(&field)) {
            Some(value) => find(b'T', &value.to_string()).next(),
            None => fields(&text).get(&field).copied(),
        };
        let has_older_base = before.is_some();
        let mark = {
            let mut oracle = self.oracle.borrow_mut();
            let mark = oracle.mark();
            oracle.writes(record, mark, saw, has_older_base);
            oracle.saved(mark);
            mark
        };
        state.edited += 1;
        let number = state.edited;
        let edit = state.edits.entry(key).or_insert_with(|| Edit {
            base: kept.checkin,
            entity: kept.entity,
            set: BTreeMap::new(),
            number,
        });
        edit.number = number;
        let value = Value::from(token(MARKS[self.user], mark));
        edit.set.insert(field, value);
    }

    /// Syncs; whether both sides hold the same then.
    pub(super) async fn syncs(self) -> bool {
        if self.is_syncing.replace(true) {
            return false;
        }
        let outcome = self.sync().await;
        self.is_syncing.set(false);
        self.world.note(&[
            b"the scribe has synced",
            if outcome.is_ok() { b"well" } else { b"not" },
        ]);
        outcome.is_ok()
    }

    /// At rest: it has pushed everything, and keeps what the truth has in a form of its own.
    pub(super) fn agrees(&self, truth: &Datastore) -> Result<(), String> {
        let state = self.state.borrow();
        if !state.edits.is_empty() {
            return Err(format!("the scribe has not pushed {:?}", state.edits));
        }
        let kept = state.kept.iter();
        let kept: Vec<_> = kept
            .map(|(key, kept)| (key.as_str(), fingerprint::canonical(&kept.value)))
            .collect();
        let parsed = |text| own_form(serde_json::from_str(text).expect("JSON"));
        let is = truth.records();
        let is: Vec<_> = is
            .map(|(key, value)| (key, fingerprint::canonical(&parsed(value))))
            .collect();
        if kept == is {
            return Ok(());
        }
        Err(format!("the scribe keeps {kept:?} and the truth {is:?}"))
    }

    fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.world.wild.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }

    /// Forgets all but what it has not pushed, under a new name.
    fn begins_anew(&self) {
        let device = self.uuid();
        let mut state = self.state.borrow_mut();
        // What it pushes now it may have pushed before, as somebody else.
        if !state.edits.is_empty() {
            self.world.was_renamed.set(true);
        }
        state.device = device;
        state.attempts.clear();
        state.last_sync = None;
        state.kept.clear();
    }

    /// What it has not pushed gives way to another truth.
    fn sets_aside(&self, keys: &[String]) {
        let mut state = self.state.borrow_mut();
        for key in keys {
            if let Some(edit) = state.edits.remove(key) {
                let name = state.kept.get(key).map(|kept| kept.value["name"].clone());
                let text = json!({"name": name, "set": edit.set}).to_string();
                state.aside.push(text);
            }
        }
    }

    async fn ask(&self, path: &str, body: &Value) -> Result<Value, GivenUp> {
        let reply = call(&self.world, self.user, path, body.to_string()).await;
        let reply = reply.map_err(|_| GivenUp)?;
        self.world
            .note(&[b"the scribe's answer", reply.body.as_bytes()]);
        let answer: Value = serde_json::from_str(&reply.body).map_err(|_| GivenUp)?;
        if reply.status == 200 {
            return Ok(answer);
        }
        match answer["code"].as_str() {
            Some("stale_device") => self.begins_anew(),
            Some("truth_pushed") => {
                let keys: Vec<_> = self.state.borrow().edits.keys().cloned().collect();
                self.sets_aside(&keys);
                self.begins_anew();
            }
            _ => {}
        }
        Err(GivenUp)
    }

    async fn sync(&self) -> Result<(), GivenUp> {
        let Some(mut session) = self.open().await? else {
            return Ok(());
        };
        self.push(&mut session).await?;
        self.pull(&mut session).await?;
        self.finish(session).await
    }

    /// Opens; `None`: both sides hold the same.
    async fn open(&self) -> Result<Option<Session>, GivenUp> {
        let attempt = self.uuid();
        let body = {
            let mut state = self.state.borrow_mut();
            state.attempts.push(attempt.clone());
            json!({
                "device_uuid": state.device,
                "attempts": state.attempts,
                "protocol": 1,
                "last_sync": state.last_sync,
                "pending": state.edits.len(),
                "fingerprint": sum(&state.kept),
            })
        };
        let answer = self.ask("/v1/sync/open", &body).await?;
        let mut state = self.state.borrow_mut();
        let Some(id) = answer["sync_uuid"].as_str() else {
            state.attempts.retain(|it| *it != attempt);
            return Ok(None);
        };
        state.attempts = vec![attempt];
        if answer["mode"] != "fast" {
            drop(state);
            self.begins_anew();
            return Err(GivenUp);
        }
        Ok(Some(Session {
            id: id.to_owned(),
            max_checkin: text(&answer["max_checkin"]),
            pushed: BTreeMap::new(),
            kept: state.kept.clone(),
        }))
    }

    /// Pushes what it has edited, and perhaps a record as it keeps it.
    async fn push(&self, session: &mut Session) -> Result<(), GivenUp> {
        let (records, keys) = self.records(session);
        let batches: Vec<_> = records.chunks(3).collect();
        for (seq, batch) in batches.iter().enumerate() {
            let more = seq + 1 < batches.len();
            let body = json!({
                "sync_uuid": session.id, "seq": seq, "records": batch, "more": more,
            });
            let answer = self.ask("/v1/sync/push", &body).await?;
            if more {
                continue;
            }
            session.max_checkin = text(&answer["max_checkin"]);
            let refused = answer["rejected"].as_array().cloned().unwrap_or_default();
            let refused = refused.iter().filter_map(|it| it["index"].as_u64());
            let refused: Vec<_> = refused
                .filter_map(|index| keys.get(usize::try_from(index).ok()?).cloned())
                .collect();
            self.sets_aside(&refused);
        }
        Ok(())
    }

    fn records(&self, session: &mut Session) -> (Vec<Value>, Vec<String>) {
        let (state, random) = (self.state.borrow(), &self.world.wild);
        let (mut records, mut keys) = (Vec::new(), Vec::new());
        for (key, edit) in &state.edits {
            let changed: Vec<_> = edit.set.keys().collect();
            records.push(json!({
                "key": key, "entity": edit.entity, "value": edit.set, "base": edit.base,
                "changed": changed,
            }));
            keys.push(key.clone());
            session.pushed.insert(key.clone(), edit.number);
        }
        if !state.kept.is_empty() && random.chance(50) {
            let place = random.below(state.kept.len());
            let given = state.kept.iter().nth(place);
            let given = given.filter(|(key, _)| !state.edits.contains_key(*key));
            if let Some((key, kept)) = given {
                records.push(json!({
                    "key": key, "entity": kept.entity, "value": kept.value, "base": kept.checkin,
                }));
                keys.push(key.clone());
            }
        }
        (records, keys)
    }

    /// Pulls page by page; with each it tells how it keeps the one before.
    async fn pull(&self, session: &mut Session) -> Result<(), GivenUp> {
        let (mut cursor, mut acks) = (Value::Null, Vec::new());
        loop {
            let body = json!({"sync_uuid": session.id, "cursor": cursor, "acks": acks});
            let answer = self.ask("/v1/sync/pull", &body).await?;
            acks.clear();
            for record in answer["records"].as_array().ok_or(GivenUp)? {
                acks.extend(session.keep(record));
            }
            cursor = answer["cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        if acks.is_empty() {
            return Ok(());
        }
        let body = json!({"sync_uuid": session.id, "cursor": null, "limit": 1, "acks": acks});
        self.ask("/v1/sync/pull", &body).await.map(drop)
    }

    async fn finish(&self, session: Session) -> Result<(), GivenUp> {
        let body = json!({
            "sync_uuid": session.id, "last_update": session.max_checkin,
            "fingerprint": sum(&session.kept), "count": session.kept.len(),
        });
        let answer = self.ask("/v1/sync/finish", &body).await?;
        if answer["in_sync"] != true {
            let user = USERS[self.user];
            self.world.breaks(format!(
                "{user}'s scribe has told how it keeps each record, and is not in sync"
            ));
            return Err(GivenUp);
        }
        let is_gone = |key: &&String| !session.kept.contains_key(*key);
        let gone: Vec<_> = session.pushed.keys().filter(is_gone).cloned().collect();
        // Its deletion is forgotten: nobody takes the edit any more.
        self.sets_aside(&gone);
        let mut state = self.state.borrow_mut();
        state.kept = session.kept;
        state.last_sync = Some(session.max_checkin);
        let pushed = session.pushed;
        state
            .edits
            .retain(|key, edit| pushed.get(key) != Some(&edit.number));
        Ok(())
    }
}

impl Session {
    /// Keeps a record in the scribe's own form; the ack that tells of it.
    fn keep(&mut self, record: &Value) -> Option<Value> {
        let key = text(&record["key"]);
        if record["deleted"] == true {
            self.kept.remove(&key);
            return Some(json!({"key": key}));
        }
        let value = match record.get("value") {
            Some(value) => own_form(value.clone()),
            // It is what the scribe gave back.
            None => self.kept.get(&key)?.value.clone(),
        };
        let kept = Kept {
            entity: text(&record["entity"]),
            value,
            checkin: text(&record["checkin"]),
        };
        let fingerprint = fingerprint::of_record(&kept.entity, &kept.value);
        self.kept.insert(key.clone(), kept);
        Some(json!({"key": key, "fingerprint": fingerprint}))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn sum(kept: &BTreeMap<String, Kept>) -> String {
    let records: Vec<_> = kept
        .iter()
        .map(|(key, kept)| (key, fingerprint::of_record(&kept.entity, &kept.value)))
        .collect();
    let records = records.iter();
    fingerprint::of_datastore(
        records.map(|(key, fingerprint)| (key.as_str(), fingerprint.as_str())),
    )
}
