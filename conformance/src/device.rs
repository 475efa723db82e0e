//! A device, as plain as can be: what it holds as the server confirmed it, and its session. It pushes
//! what a check tells it to and keeps no pending edits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::check::Checked;
use crate::fingerprint;
use crate::http::{Answer, Caller};
use crate::talk::{name, with};

pub(crate) struct Device<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) uuid: String,
    attempts: Vec<String>,
    pub(crate) last_sync: Value,
    pub(crate) session: Value,
    pub(crate) max_checkin: Value,
    pub(crate) held: Held,
    /// What this session pushed whole last, by the name it was pushed under.
    said: BTreeMap<String, Value>,
}

/// Records under real keys, as they were told, each with the fingerprint of its value.
#[derive(Clone, Default)]
pub(crate) struct Held(pub(crate) BTreeMap<String, Value>);

/// What a whole sync came to.
pub(crate) struct Synced {
    /// The answer that closed the push; where nothing was pushed, the one to the open.
    pub(crate) push: Answer,
    /// The pull's last page; where there was no session, the answer to the open.
    pub(crate) pull: Answer,
    /// All pages' records, each live one with its value.
    pub(crate) records: Vec<Value>,
    /// The finish; where there was no session, the answer to the open.
    pub(crate) finish: Answer,
}

impl Synced {
    /// What was pulled of a record, by the name it was pushed under.
    pub(crate) fn answer_to(&self, name: &Value) -> Checked<&Value> {
        let is_it = |it: &&Value| it["local_id"] == *name || it["key"] == *name;
        let answer = self.records.iter().find(is_it);
        let demand = format!("a pull brings {name}: every push is answered (P-42)");
        answer.ok_or_else(|| self.pull.miss(&demand))
    }
}

impl Held {
    /// The fingerprint of all of it.
    pub(crate) fn fingerprint(&self) -> String {
        of_items(&self.items("", &Value::Null))
    }

    /// Keys and fingerprints from one key to before another, in the order of keys.
    pub(crate) fn items(&self, from: &str, to: &Value) -> Vec<(String, String)> {
        let inside = self.0.range(from.to_owned()..);
        let inside = inside.take_while(|(key, _)| to.as_str().is_none_or(|to| key.as_str() < to));
        let item = |(key, record): (&String, &Value)| {
            let print = record["fingerprint"].as_str().unwrap_or_default();
            (key.clone(), print.to_owned())
        };
        inside.map(item).collect()
    }

    /// Takes what was told; each fingerprint is worked out from the value.
    pub(crate) fn take(&mut self, records: &[Value]) {
        for record in records {
            let key = record["key"].as_str().unwrap_or_default().to_owned();
            if record["deleted"] == json!(true) {
                self.0.remove(&key);
                continue;
            }
            let entity = record["entity"].as_str().unwrap_or_default();
            let print = fingerprint::of_record(entity, &record["value"]);
            let kept = with(record.clone(), &json!({"fingerprint": print}));
            self.0.insert(key, kept);
        }
    }

    /// The value of a record is another now, by nobody's word.
    pub(crate) fn spoil(&mut self, key: &Value, value: &Value) {
        let held = self.0.get(key.as_str().unwrap_or_default());
        let spoilt = held.map(|it| with(it.clone(), &json!({"value": value})));
        self.take(&spoilt.into_iter().collect::<Vec<_>>());
    }

    /// A record, `null` where there is none.
    pub(crate) fn at(&self, key: &Value) -> &Value {
        let record = self.0.get(key.as_str().unwrap_or_default());
        record.unwrap_or(&Value::Null)
    }
}

/// The sum of items.
pub(crate) fn of_items(items: &[(String, String)]) -> String {
    fingerprint::of_datastore(items.iter().map(|(key, print)| (key.as_str(), &**print)))
}

impl<'a> Device<'a> {
    /// One that nobody has heard of, and that holds nothing.
    pub(crate) fn new(caller: &'a Caller) -> Self {
        Self {
            caller,
            uuid: name(),
            attempts: Vec::new(),
            last_sync: Value::Null,
            session: Value::Null,
            max_checkin: Value::Null,
            held: Held::default(),
            said: BTreeMap::new(),
        }
    }

    /// The body of its next open, with further members.
    pub(crate) fn opening(&mut self, more: &Value) -> Value {
        self.attempts.push(name());
        let body = json!({"device_uuid": self.uuid, "attempts": self.attempts, "protocol": 1,
            "last_sync": self.last_sync, "fingerprint": self.held.fingerprint(), "pending": 0});
        with(body, more)
    }

    /// Opens; whatever comes back.
    pub(crate) fn tries_to_open(&mut self, more: &Value) -> Checked<Answer> {
        let body = self.opening(more);
        let answer = self.caller.call("open", &body)?;
        if answer.status == 200 {
            if answer["sync_uuid"].is_string() {
                self.attempts.drain(..self.attempts.len() - 1);
                self.said.clear();
            } else {
                self.attempts.pop();
            }
            self.session = answer["sync_uuid"].clone();
            self.max_checkin = answer["max_checkin"].clone();
        }
        Ok(answer)
    }

    /// Opens, and must be let in.
    pub(crate) fn open(&mut self, more: &Value) -> Checked<Answer> {
        self.tries_to_open(more)?.done()
    }

    /// Opens a session in any case: something waits to be pushed.
    pub(crate) fn start(&mut self) -> Checked<Answer> {
        let opened = self.open(&json!({"pending": 1}))?;
        opened.text("/sync_uuid")?;
        Ok(opened)
    }

    /// A call in the session, whatever comes back.
    pub(crate) fn call(&self, phase: &str, more: &Value) -> Checked<Answer> {
        let body = with(json!({"sync_uuid": self.session}), more);
        self.caller.call(phase, &body)
    }

    /// Pushes; what it was that was pushed whole is remembered, as the pull may leave it out.
    pub(crate) fn tries_to_push(&mut self, records: &[Value], more: &Value) -> Checked<Answer> {
        let answer = self.call("push", &with(json!({"records": records}), more))?;
        for record in records {
            let name = record["key"].as_str().unwrap_or_default().to_owned();
            let is_whole = record.get("changed").is_none() && record.get("value").is_some();
            if is_whole {
                self.said.insert(name, record["value"].clone());
            } else {
                self.said.remove(&name);
            }
        }
        if answer.status == 200 && answer["max_checkin"].is_string() {
            self.max_checkin = answer["max_checkin"].clone();
        }
        Ok(answer)
    }

    /// Pushes, and must be heard.
    pub(crate) fn push(&mut self, records: &[Value]) -> Checked<Answer> {
        self.tries_to_push(records, &json!({}))?.done()
    }

    /// Pushes one record, and must be heard.
    pub(crate) fn push_one(&mut self, record: &Value) -> Checked<Answer> {
        self.push(std::slice::from_ref(record))
    }

    /// Pulls to the last page and takes it all.
    pub(crate) fn pull(&mut self) -> Checked<(Answer, Vec<Value>)> {
        let mut records = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let page = self.call("pull", &json!({"cursor": cursor}))?.done()?;
            for record in page.list("/records")? {
                records.push(self.filled(&page, record)?);
            }
            if page["cursor"].is_null() {
                self.held.take(&records);
                return Ok((page, records));
            }
            page.demand(
                page["cursor"] != cursor,
                "a cursor leads on (P-43), or a pull never ends",
            )?;
            cursor = page["cursor"].clone();
        }
    }

    /// A pulled record with the value that was left out since this session said it.
    pub(crate) fn filled(&self, page: &Answer, record: &Value) -> Checked<Value> {
        if record.get("value").is_some() || record["deleted"] == json!(true) {
            return Ok(record.clone());
        }
        let names = [&record["local_id"], &record["key"]];
        let said = names.iter().find_map(|name| self.said.get(name.as_str()?));
        let value = said.ok_or_else(|| {
            page.miss("a value is left out only where this session pushed it whole (P-12)")
        })?;
        Ok(with(record.clone(), &json!({"value": value})))
    }

    /// Finishes with what it holds; whatever comes back.
    pub(crate) fn finish(&mut self) -> Checked<Answer> {
        let told = json!({"last_update": self.max_checkin, "count": self.held.0.len(),
            "fingerprint": self.held.fingerprint()});
        let answer = self.call("finish", &told)?.done()?;
        self.last_sync = self.max_checkin.clone();
        Ok(answer)
    }

    /// Finishes, and both sides must hold the same then.
    pub(crate) fn finish_in_sync(&mut self) -> Checked<Answer> {
        let finished = self.finish()?;
        let why = "the device holds what it was told (P-15, P-16)";
        finished.is("/in_sync", &json!(true), why)?;
        Ok(finished)
    }

    /// A whole sync: open, push, pull, finish. Where there is nothing to do the open is all.
    pub(crate) fn sync(&mut self, records: &[Value]) -> Checked<Synced> {
        let opened = self.open(&json!({"pending": records.len()}))?;
        if opened["sync_uuid"].is_null() {
            opened.is("/in_sync", &json!(true), "there is no session (P-24)")?;
            self.last_sync = opened["max_checkin"].clone();
            return Ok(Synced {
                push: opened.clone(),
                pull: opened.clone(),
                records: Vec::new(),
                finish: opened,
            });
        }
        let push = if records.is_empty() {
            opened
        } else {
            self.push(records)?
        };
        let (pull, records) = self.pull()?;
        let finish = self.finish()?;
        Ok(Synced {
            push,
            pull,
            records,
            finish,
        })
    }
    /// A whole sync with one record to push.
    pub(crate) fn sync_one(&mut self, record: &Value) -> Checked<Synced> {
        self.sync(std::slice::from_ref(record))
    }
}
