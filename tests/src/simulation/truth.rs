//! The truth as its tables tell it, read past the server after each step, with what must hold of
//! it: one record a name, heads that only grow, the fingerprint that its records have.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sqlx::Row;
use tidemark_conformance::fingerprint;
use tidemark_engine::truth::Airbag;

use super::{
    Verdict,
    database::Database,
    marks::{Held, Mark, fields, find},
    meanings::{Meaning, Meanings},
    network::USERS,
    scribe::is_own_form,
    sessions::Replaced,
};

/// A live record.
#[derive(Clone, Debug)]
struct Live {
    value: String,
    fingerprint: String,
    name: Option<Mark>,
}

/// One user's datastore.
#[derive(Debug, Default)]
pub(super) struct Datastore {
    id: String,
    head: i64,
    live: BTreeMap<String, Live>,
    pub(super) held: Held,
    /// All tokens that any version held: its history has them.
    pub(super) history: BTreeSet<Mark>,
    /// By key, its versions that were seen, with their checkins.
    versions: BTreeMap<String, Vec<(i64, Option<String>)>>,
    /// The last commit that made the truth what one device held.
    pub(super) replaced: Option<Replaced>,
    /// Tokens that gave way to a device which a person had let override the truth: its history
    /// has them.
    pub(super) overridden: BTreeSet<Mark>,
    /// Records that such a device brought back.
    pub(super) revived: BTreeSet<Mark>,
    /// Tokens that such a device said once more after others had taken their places: whoever had seen
    /// them before has not seen that.
    pub(super) said_again: BTreeSet<Mark>,
    /// The fingerprint after each commit.
    moments: BTreeMap<i64, String>,
    conflicts: BTreeSet<String>,
    /// The records that conflicts are about.
    pub(super) in_conflict: BTreeSet<Mark>,
    /// What stood against each other in them: the truth's token and the device's, by field.
    pub(super) sides: BTreeSet<(Mark, Mark)>,
    /// The tokens that conflicts keep.
    pub(super) kept: BTreeSet<Mark>,
}

/// A row of the truth's table of versions, of a commit.
struct Change {
    checkin: i64,
    /// Whose it was.
    device: String,
    key: String,
    entity: String,
    value: Option<String>,
}

impl Datastore {
    /// Keys and values, in the order of keys.
    pub(super) fn records(&self) -> impl Iterator<Item = (&str, &str)> {
        self.live
            .iter()
            .map(|(key, live)| (key.as_str(), live.value.as_str()))
    }

    /// The names of its records.
    pub(super) fn names(&self) -> BTreeSet<Mark> {
        self.live.values().filter_map(|live| live.name).collect()
    }

    /// The tokens of its records.
    pub(super) fn live_marks(&self) -> BTreeSet<Mark> {
        let values = self.live.values().map(|live| live.value.as_str());
        values.flat_map(|value| find(b'T', value)).collect()
    }

    pub(super) fn head(&self) -> i64 {
        self.head
    }

    /// The fingerprint as of a checkin.
    pub(super) fn fingerprint_at(&self, checkin: Option<i64>) -> String {
        let at = checkin.and_then(|checkin| self.moments.range(..=checkin).next_back());
        at.map_or_else(
            || fingerprint::of_datastore(std::iter::empty()),
            |(_, it)| it.clone(),
        )
    }

    /// The keys of all records that lived then.
    pub(super) fn keys_at(&self, at: Option<i64>) -> impl Iterator<Item = &str> {
        let all = self.versions.iter();
        all.filter_map(move |(key, versions)| version_at(versions, at).map(|_| key.as_str()))
    }

    /// Whether a key's value was this then; or, `or_since`, at any time since.
    pub(super) fn had(
        &self,
        key: &str,
        at: Option<i64>,
        or_since: bool,
        value: Option<&str>,
    ) -> bool {
        let versions = self.versions.get(key).map_or(&[][..], Vec::as_slice);
        let since = versions.iter().filter(|version| Some(version.0) > at);
        let mut since = since.map(|version| version.1.as_deref());
        version_at(versions, at) == value || or_since && since.any(|since| since == value)
    }

    fn fingerprint(&self) -> String {
        let records = self.live.iter();
        fingerprint::of_datastore(
            records.map(|(key, live)| (key.as_str(), live.fingerprint.as_str())),
        )
    }

    /// Takes in a conflict. `is_told`: history tells what its loser was based on. Where it does
    /// not, an edit cannot be told from one that has lost its mark, nor from what was held before
    /// all that is kept.
    fn keep(&mut self, contested: &str, sides: [&str; 2], is_told: bool) {
        for text in sides {
            self.held.add(text);
            self.kept.extend(find(b'T', text));
            self.in_conflict.extend(find(b'N', text));
        }
        if !is_told {
            return;
        }
        let [truth, device] = sides.map(fields);
        for (field, token) in truth {
            let is_contested = contested == "[]" || contested.contains(&format!("\"{field}\""));
            if let Some(other) = device.get(&field).filter(|_| is_contested) {
                self.sides.insert((token, *other));
            }
        }
    }

    /// Takes in the changes of one commit.
    fn commit(
        &mut self,
        checkin: i64,
        changes: Vec<Change>,
        meaning: Meaning,
        airbag: Option<Airbag>,
    ) -> Verdict {
        let before = self.live.len() as u64;
        let was_live = meaning
            .overrides()
            .then(|| (self.live_marks(), self.names(), self.history.clone()));
        let (mut deletes, mut updates) = (0, 0);
        let mut gone_with_their_records = BTreeSet::new();
        for change in changes {
            let is_deletion = change.value.is_none();
            let versions = self.versions.entry(change.key.clone()).or_default();
            versions.push((checkin, change.value.clone()));
            let gone = match change.value {
                None => self.live.remove(&change.key),
                Some(text) if is_own_form(&text) => {
                    return Err(format!(
                        "what was given back was taken for a change: {text}"
                    ));
                }
                Some(text) => {
                    self.held.add(&text);
                    self.history.extend(find(b'T', &text));
                    let value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                    let name = find(b'N', &text).next();
                    let live = Live {
                        fingerprint: fingerprint::of_record(&change.entity, &value),
                        name,
                        value: text,
                    };
                    let gone = self.live.insert(change.key, live);
                    gone.inspect(|_| (deletes, updates) = (deletes - 1, updates + 1))
                }
            };
            if let Some(gone) = gone {
                self.held.remove(&gone.value);
                if is_deletion {
                    gone_with_their_records.extend(find(b'T', &gone.value));
                }
                deletes += 1;
            }
        }
        let deletes = u64::try_from(deletes).unwrap_or(0);
        if let Some(airbag) = airbag {
            holds(airbag, meaning, [deletes, updates, before])?;
        }
        if let Some((marks, names, history)) = was_live {
            let live = self.live_marks();
            let new = live.difference(&marks);
            self.said_again
                .extend(new.filter(|mark| history.contains(mark)));
            let overridden = marks.difference(&live);
            // A mirror keeps what it overrides as a conflict, but for records that it lacks.
            let overridden = overridden
                .filter(|mark| meaning.pushes_truth || gone_with_their_records.contains(mark));
            self.overridden.extend(overridden);
            self.revived.extend(self.names().difference(&names));
        }
        let names = self.live.values().filter_map(|live| live.name);
        if names.clone().count() != names.collect::<BTreeSet<_>>().len() {
            return Err("the truth holds a record twice".to_owned());
        }
        self.moments.insert(checkin, self.fingerprint());
        Ok(())
    }
}

/// The value of a key as of a checkin.
fn version_at(versions: &[(i64, Option<String>)], at: Option<i64>) -> Option<&str> {
    let until = versions.iter().rev().find(|version| Some(version.0) <= at);
    until.and_then(|version| version.1.as_deref())
}

/// Nobody but a person lets so much go: deletions, records changed otherwise, and those that lived
/// before.
fn holds(airbag: Airbag, meaning: Meaning, [deletes, updates, before]: [u64; 3]) -> Verdict {
    if meaning.is_confirmed {
        return Ok(());
    }
    // What compares whole tables is not let change much either.
    let effect = if meaning.is_plain {
        deletes
    } else {
        deletes + updates
    };
    if effect >= airbag.deletes && effect * 100 > before * airbag.percent {
        return Err(format!(
            "{deletes} of {before} records were deleted, {updates} changed, and nobody had \
             confirmed it"
        ));
    }
    Ok(())
}

/// All datastores of a server, and the database that they are in.
pub(super) struct Truth {
    pub(super) database: Database,
    pub(super) datastores: [Datastore; 2],
    /// The commits of the server that were looked at.
    seen: Option<u64>,
}

impl Truth {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            datastores: Default::default(),
            seen: None,
        }
    }

    /// Copies the database as it is now.
    pub(super) async fn back_up(&mut self, to: &Path) {
        sqlx::query("vacuum into ?1")
            .bind(to.display().to_string())
            .execute(self.database.connection().await)
            .await
            .expect("the database can be copied");
    }

    /// The truth is an older one: what was seen since is no more.
    pub(super) async fn went_back(&mut self, commits: u64) -> Verdict {
        self.datastores = Default::default();
        self.seen = None;
        self.look(commits, None, &Meanings::default()).await
    }

    /// Reads what is new since the last look, and checks it.
    pub(super) async fn look(
        &mut self,
        commits: u64,
        airbag: Option<Airbag>,
        meanings: &Meanings,
    ) -> Verdict {
        if self.seen == Some(commits) {
            return Ok(());
        }
        self.seen = Some(commits);
        let connection = self.database.connection().await;
        let heads =
            sqlx::query("select id, owner, head, fingerprint, live, truth_pushed, truth_pushed_by from datastore")
                .fetch_all(connection)
                .await
                .map_err(|error| error.to_string())?;
        for row in heads {
            let user = row.get::<String, _>("owner");
            let Some(place) = USERS.iter().position(|it| *it == user) else {
                return Err(format!("there is a datastore of {user}"));
            };
            let (head, id): (i64, String) = (row.get("head"), row.get("id"));
            let known = self.datastores[place].head;
            let pushed: Option<i64> = row.get("truth_pushed");
            let replaced = pushed.map(|checkin| Replaced {
                checkin,
                device: row
                    .get::<Option<_>, _>("truth_pushed_by")
                    .unwrap_or_default(),
            });
            let before = std::mem::replace(&mut self.datastores[place].replaced, replaced);
            if pushed != before.map(|it| it.checkin) && airbag.is_some() && !meanings.push_truth() {
                return Err("the truth was pushed, and nobody had confirmed it".to_owned());
            }
            if head == known {
                continue;
            }
            if head < known {
                return Err(format!("the head went back from {known} to {head}"));
            }
            self.datastores[place].id = id;
            self.read(place, head, airbag, meanings).await?;
            let datastore = &self.datastores[place];
            let told: (String, i64) = (row.get("fingerprint"), row.get("live"));
            let is = (datastore.fingerprint(), datastore.live.len());
            if told.0 != is.0 || usize::try_from(told.1) != Ok(is.1) {
                return Err(format!(
                    "the truth tells {told:?} of itself and holds {is:?}"
                ));
            }
        }
        Ok(())
    }

    /// Reads the commits of a datastore up to its new head.
    async fn read(
        &mut self,
        place: usize,
        head: i64,
        airbag: Option<Airbag>,
        meanings: &Meanings,
    ) -> Verdict {
        let datastore = &mut self.datastores[place];
        let connection = self.database.connection().await;
        let rows = sqlx::query(
            "select checkin, coalesce(commits.device, '') as device, key, entity, value \
             from version join commits using (datastore, checkin) \
             where datastore = ?1 and checkin > ?2 order by checkin",
        )
        .bind(&datastore.id)
        .bind(datastore.head)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
        let mut commits: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
        for row in rows {
            let change = Change {
                checkin: row.get("checkin"),
                device: row.get("device"),
                key: row.get("key"),
                entity: row.get("entity"),
                value: row.get("value"),
            };
            commits.entry(change.checkin).or_default().push(change);
        }
        let conflicts = sqlx::query(
            "select conflict.id, conflict.device_uuid as device_uuid, fields, coalesce(truth, '') as truth, \
             coalesce(device, '') as device, \
             history_from is null or coalesce(base >= history_from, 0) as is_told \
             from conflict join datastore on datastore.id = datastore where datastore = ?1",
        )
        .bind(&datastore.id)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
        for row in conflicts {
            if datastore.conflicts.insert(row.get("id")) {
                let sides = [row.get("truth"), row.get("device")];
                // A mirror gives what it holds back over what it does not know.
                let mirrors = meanings.of(row.get("device_uuid")).overrides();
                let is_told = row.get::<bool, _>("is_told") && !mirrors;
                datastore.keep(row.get("fields"), sides, is_told);
            }
        }
        for (checkin, changes) in commits {
            if checkin <= datastore.head || checkin > head {
                return Err(format!("a commit of {checkin} with the head at {head}"));
            }
            let meaning = meanings.of(changes.first().map_or("", |change| &change.device));
            datastore.commit(checkin, changes, meaning, airbag)?;
        }
        datastore.head = head;
        let fingerprint = datastore.fingerprint();
        datastore.moments.insert(head, fingerprint);
        Ok(())
    }
}
