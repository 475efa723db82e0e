//! What a person does in a tab, and what they may then believe: a write is sure when its future
//! has ended well, and only possible until then.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::{Map, Value, json};
use tidemark_engine::{
    client::{Cancel, Choice, Client, Doc, ErrorCode, Operation, State, SyncOptions},
    store::Committed,
};
use tidemark_protocol::{Direction, Mode};

use super::{
    device::{ENTITY, Made, REFUSED, Surroundings},
    ledger::Ledger,
    marks::{Mark, fields, find, name, token, tokens},
    network::MARKS,
    oracle::Oracle,
    scribe::{WHEN, when},
    world::World,
};

const FIELDS: [&str; 3] = ["a", "b", "c"];
/// No server takes a record with so much in it, where records are not bulky.
const TOO_MUCH: usize = 6 * 1024;

/// Somebody at a tab.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) world: Rc<World>,
    pub(super) oracle: Rc<RefCell<Oracle>>,
    pub(super) user: usize,
    pub(super) client: Client<Surroundings>,
    pub(super) made: Made,
    pub(super) ledger: Rc<Ledger>,
    /// Of the device: see [`super::network::Wire`].
    pub(super) is_open: Rc<Cell<bool>>,
}

/// What to do to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Set,
    Replace,
    Remove,
    Delete,
}

/// What somebody sees of a device.
#[derive(Debug)]
struct Seen {
    /// The tokens of each record.
    records: BTreeMap<Mark, BTreeSet<Mark>>,
    /// Records set aside.
    aside: BTreeSet<Mark>,
    writes: u64,
    opens: u64,
    waits: bool,
}

/// An act against what is seen: the operation, and what it says to the oracle.
struct Planned {
    operation: Operation,
    record: Mark,
    written: Vec<(Mark, Option<Mark>)>,
    taken: BTreeSet<Mark>,
    deletes: bool,
    /// The record has an edit that no answer has confirmed.
    is_edited: bool,
}

impl Person {
    /// Writes something.
    pub(super) async fn writes(self) {
        let random = &self.world.random;
        let Ok(docs) = self.client.find(ENTITY, "").await else {
            return;
        };
        if docs.is_empty() || random.chance(28) {
            return self.creates().await;
        }
        let doc = &docs[random.below(docs.len())];
        let (key, is_pending) = (doc.key.clone(), doc.is_pending);
        if self.world.manner.small_airbag && random.chance(5) {
            return self.clears(&docs).await;
        }
        if random.chance(10) {
            return self.looks_up(&docs).await;
        }
        let manner = &self.world.manner;
        match random.below(100) {
            0..62 => self.acts(&key, Act::Set).await,
            62..72 => self.acts(&key, Act::Replace).await,
            72..77 => self.acts(&key, Act::Remove).await,
            77..92 => self.acts(&key, Act::Delete).await,
            92..96 => self.undoes().await,
            96..98 => self.settles().await,
            // A truth that has lost the one record of a key may take the other: then two records
            // stand against each other that no person can have meant (docs/reliability.md).
            _ if manner.refusals && !manner.restores_truth && !is_pending => {
                self.is_refused(&key).await;
            }
            _ => self.creates().await,
        }
    }

    /// Syncs, as an app does now and then; the error's code, if it fails.
    pub(super) async fn syncs(self) -> Option<ErrorCode> {
        let cancel = Cancel::default();
        if self.world.random.chance(3) {
            cancel.cancel();
        }
        let mode = match self.world.random.below(100) {
            0..4 => Mode::Repair,
            4..6 => Mode::Refresh,
            _ => Mode::Auto,
        };
        let world = &self.world;
        let asked = world.manner.wild.asks(&world.wild, mode);
        let mut outcome = self.sync(asked, &cancel).await;
        if outcome == Err(ErrorCode::Airbag) {
            world.count(|tally| tally.airbags += 1);
            if let Some(answer) = world.manner.wild.answers(&world.wild, asked) {
                outcome = self.sync(answer, &cancel).await;
            }
        }
        outcome.err()
    }

    /// Syncs, whatever it deletes; whether both sides hold the same then.
    pub(super) async fn syncs_for_good(self) -> Result<bool, ErrorCode> {
        let confirmed = SyncOptions {
            confirm: true,
            ..SyncOptions::default()
        };
        self.sync(confirmed, &Cancel::default()).await
    }

    async fn sync(&self, options: SyncOptions, cancel: &Cancel) -> Result<bool, ErrorCode> {
        let is_overriding =
            options.mirror || matches!(options.mode, Mode::PullTruth | Mode::PushTruth);
        match options.direction {
            Direction::Push => self.ledger.is_ahead.set(true),
            Direction::Pull => self.ledger.keeps_own.set(true),
            Direction::Both => {}
        }
        let running = self.ledger.begin();
        let before = if is_overriding && self.world.is_still() {
            self.sees().await
        } else {
            None
        };
        self.is_open.set(true);
        let outcome = Box::pin(self.client.sync(options, cancel)).await;
        let outcome = outcome.map(|it| it.in_sync).map_err(|error| error.code);
        if outcome.is_ok() {
            self.world.count(|tally| tally.syncs += 1);
        }
        if outcome == Ok(true) {
            self.ledger.steps();
        }
        self.world
            .note(&[b"synced", format!("{outcome:?}").as_bytes()]);
        if let Some(before) = before.filter(|_| outcome == Ok(true)) {
            self.world.count(|tally| tally.overrides += 1);
            let after = self.sees().await;
            if let Some(after) = after.filter(|_| running.is_alone()) {
                self.compares(options, &before, &after);
            }
        }
        outcome
    }

    /// The records that flow, how many writes were begun so far, and whether anything waits to be
    /// pushed.
    async fn sees(&self) -> Option<Seen> {
        // A sync begins at the newest that any tab has written, heard of here or not.
        self.client.refresh().await.ok()?;
        let docs = self.client.find(ENTITY, "").await.ok()?;
        let pending = self.client.pending().await.ok()?;
        let (aside, flowing): (Vec<_>, Vec<_>) =
            docs.iter().partition(|doc| doc.state == State::Rejected);
        let name = |doc: &Doc| find(b'N', doc.value.as_str()).next();
        Some(Seen {
            records: flowing
                .into_iter()
                .filter_map(|doc| Some((name(doc)?, tokens(doc.value.as_str()))))
                .collect(),
            aside: aside.into_iter().filter_map(name).collect(),
            writes: self.oracle.borrow().begun(),
            opens: self.world.opens.get(),
            waits: pending.iter().any(|doc| doc.state != State::Rejected),
        })
    }

    /// One side was made what the other is: a device that pushed has taken nothing from the truth,
    /// one that pulled has nothing left to push. Nobody can say so where anything else was under way,
    /// or where it took more than one session: the second is one like any other.
    fn compares(&self, options: SyncOptions, before: &Seen, after: &Seen) {
        let is_one = before.opens + 1 == after.opens && before.writes == after.writes;
        if !is_one || self.ledger.is_damaged() {
            return;
        }
        let pushes = options.mode == Mode::PushTruth || options.direction == Direction::Push;
        // A mirror pushes edits field by field, as any sync does: what others wrote to the rest of
        // a record that it knows of comes with the answer. What the server refused is set aside.
        let is_same = if options.mode == Mode::PushTruth {
            before.records == after.records
        } else {
            let sent = before.records.keys();
            let kept = sent.filter(|name| !after.aside.contains(name));
            kept.eq(after.records.keys())
        };
        if pushes && !is_same {
            let what = format!("what was pushed whole came back as another: {before:?}, {after:?}");
            self.world.breaks(what);
        }
        if !pushes && after.waits {
            self.world
                .breaks("something waits although the truth was taken".to_owned());
        }
    }

    fn mark(&self) -> Mark {
        self.oracle.borrow_mut().mark()
    }

    fn token(&self, mark: Mark) -> Value {
        Value::from(token(MARKS[self.user], mark))
    }

    async fn creates(&self) {
        let counts: &[u32] = if self.world.manner.bulky {
            &[3, 5, 8]
        } else {
            &[1, 1, 1, 2, 5]
        };
        let count = self.world.random.one_of(counts);
        let (mut values, mut written) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (record, mark) = (self.mark(), self.mark());
            let mut value = json!({"name": name(MARKS[self.user], record), "a": self.token(mark)});
            if self.world.manner.wild.reformats {
                value[WHEN] = when();
            }
            if self.world.manner.bulky {
                let much = 1_500 + self.world.random.below(1_000);
                value["pad"] = Value::from("x".repeat(much));
            } else if self.world.manner.refusals && self.world.random.chance(10) {
                value["pad"] = Value::from("x".repeat(TOO_MUCH));
            }
            values.push(value);
            written.push(mark);
            let mut oracle = self.oracle.borrow_mut();
            oracle.begins(record, self.user);
            oracle.writes(record, mark, None, false);
        }
        let create = Operation::Create {
            entity: ENTITY.into(),
            values: Value::from(values).to_string(),
        };
        if let Ok(docs) = self.client.write(vec![create]).await {
            let mut oracle = self.oracle.borrow_mut();
            for mark in written {
                oracle.saved(mark);
            }
            for doc in docs.into_iter().flatten() {
                let name = find(b'N', doc.value.as_str()).next();
                let made = name.map(|name| (doc.key.clone(), name));
                self.made.borrow_mut().extend(made);
            }
        }
    }

    /// Deletes much of what there is.
    async fn clears(&self, docs: &[Doc]) {
        for doc in docs.iter().take(6) {
            self.acts(&doc.key, Act::Delete).await;
        }
    }

    /// Looks for a record under the name that it had when it was made here.
    async fn looks_up(&self, docs: &[Doc]) {
        let made = {
            let made = self.made.borrow();
            if made.is_empty() {
                return;
            }
            made[self.world.random.below(made.len())].clone()
        };
        let (local_id, name) = made;
        let is_it = |doc: &&Doc| find(b'N', doc.value.as_str()).next() == Some(name);
        let Some(before) = docs.iter().find(is_it) else {
            return;
        };
        let Ok(found) = self
            .client
            .get_many(ENTITY, std::slice::from_ref(&local_id))
            .await
        else {
            return;
        };
        let Ok(after) = self.client.find(ENTITY, "").await else {
            return;
        };
        // It may have gone and come in between, but not under the same key.
        let stayed = after
            .iter()
            .find(is_it)
            .is_some_and(|it| it.key == before.key);
        // Taken away here before it was ever pushed, it came from a copy that has pushed it.
        let was_taken_away = self.oracle.borrow().was_taken_away(name);
        if stayed && !was_taken_away && found == [None] {
            let (key, device) = (&before.key, self.client.info().device_uuid);
            let what = format!("{name} has the key {key} on {device} and not its id {local_id}");
            self.world.breaks(what);
        }
    }

    /// Acts on a record as it is at that very moment.
    async fn acts(&self, key: &str, act: Act) {
        loop {
            let Ok(mut batch) = self.client.begin().await else {
                return;
            };
            let Ok(mut seen) = batch.get_many(ENTITY, &[key.to_owned()]).await else {
                return;
            };
            let Some(doc) = seen.pop().flatten() else {
                return;
            };
            let Some(planned) = self.plan(&doc, act) else {
                return;
            };
            if batch.apply(vec![planned.operation.clone()]).await.is_err() {
                return;
            }
            let deletion = self.tells(&planned);
            match batch.commit().await {
                Ok(Committed::Done) => {
                    let mut oracle = self.oracle.borrow_mut();
                    for (mark, _) in &planned.written {
                        oracle.saved(*mark);
                    }
                    if let Some(deletion) = deletion {
                        oracle.deleted(deletion);
                    }
                    return;
                }
                Ok(Committed::Stale) => {}
                Err(_) => return,
            }
        }
    }

    /// Tells the oracle what may be about to happen.
    fn tells(&self, planned: &Planned) -> Option<usize> {
        let mut oracle = self.oracle.borrow_mut();
        for (mark, saw) in &planned.written {
            oracle.writes(planned.record, *mark, *saw, planned.is_edited);
        }
        if planned.deletes {
            return Some(oracle.deletes(planned.record, planned.taken.clone()));
        }
        oracle.takes_away(planned.taken.iter().copied());
        None
    }

    fn plan(&self, doc: &Doc, act: Act) -> Option<Planned> {
        let value = doc.value.as_str();
        let record = find(b'N', value).next()?;
        let seen = fields(value);
        let (entity, key) = (ENTITY.into(), doc.key.clone());
        let field = self.world.random.one_of(&FIELDS);
        let (mut written, mut taken) = (Vec::new(), BTreeSet::new());
        let mut writes = |field: &str| {
            let mark = self.mark();
            written.push((mark, seen.get(field).copied()));
            (field.to_owned(), self.token(mark))
        };
        let operation = match act {
            Act::Set => {
                let mut fields = Map::from_iter([writes(field)]);
                if value.len() > TOO_MUCH {
                    fields.insert("pad".to_owned(), Value::Null);
                }
                let fields = Value::Object(fields).to_string();
                let removed = Vec::new();
                Operation::Update {
                    entity,
                    key,
                    fields,
                    removed,
                }
            }
            Act::Replace => {
                let mut whole = Map::from_iter([writes(field), writes("d")]);
                let name = name(MARKS[self.user], record);
                whole.insert("name".to_owned(), Value::from(name));
                let kept = |name: &str| name == field || name == "d";
                taken.extend(seen.iter().filter(|it| !kept(it.0)).map(|it| *it.1));
                let value = Value::Object(whole).to_string();
                Operation::Put { entity, key, value }
            }
            Act::Remove => {
                taken.extend(seen.get(field));
                let (fields, removed) = ("{}".to_owned(), vec![field.to_owned()]);
                Operation::Update {
                    entity,
                    key,
                    fields,
                    removed,
                }
            }
            Act::Delete => {
                taken = tokens(value);
                Operation::Delete { entity, key }
            }
        };
        let deletes = act == Act::Delete;
        Some(Planned {
            operation,
            record,
            written,
            taken,
            deletes,
            is_edited: doc.state != State::Synced,
        })
    }

    /// Takes back what was not pushed of a record.
    async fn undoes(&self) {
        let Ok(pending) = self.client.pending().await else {
            return;
        };
        if pending.is_empty() {
            return;
        }
        let doc = &pending[self.world.random.below(pending.len())];
        let Some(record) = find(b'N', doc.value.as_str()).next() else {
            return;
        };
        self.oracle.borrow_mut().undoes(record);
        let undo = Operation::Undo {
            entity: doc.entity.clone(),
            key: doc.key.clone(),
        };
        let _ = self.client.write(vec![undo]).await;
    }

    /// Settles a conflict, whatever was written since: nobody asks for that record any more.
    async fn settles(&self) {
        let Ok(conflicts) = self.client.conflicts().await else {
            return;
        };
        if conflicts.is_empty() {
            return;
        }
        let conflict = &conflicts[self.world.random.below(conflicts.len())];
        for record in find(b'N', conflict) {
            self.oracle.borrow_mut().undoes(record);
        }
        let Ok(Value::Object(members)) = serde_json::from_str(conflict) else {
            return;
        };
        let id = members["id"].as_str().unwrap_or_default();
        let choice = if self.world.random.chance(50) {
            Choice::Truth
        } else {
            Choice::Device
        };
        let _ = self.client.resolve(id, &choice).await;
    }

    /// Writes a record that the server will refuse: its key is another entity's.
    async fn is_refused(&self, key: &str) {
        let (record, mark) = (self.mark(), self.mark());
        {
            let mut oracle = self.oracle.borrow_mut();
            oracle.begins(record, self.user);
            oracle.writes(record, mark, None, false);
        }
        let value = json!({"name": name(MARKS[self.user], record), "a": self.token(mark)});
        let put = Operation::Put {
            entity: REFUSED.into(),
            key: key.to_owned(),
            value: value.to_string(),
        };
        let Ok(mut batch) = self.client.begin().await else {
            return;
        };
        let there = batch.get_many(REFUSED, &[key.to_owned()]).await;
        if !there.is_ok_and(|there| there == [None]) || batch.apply(vec![put]).await.is_err() {
            return;
        }
        if batch.commit().await == Ok(Committed::Done) {
            self.oracle.borrow_mut().saved(mark);
        }
    }
}
