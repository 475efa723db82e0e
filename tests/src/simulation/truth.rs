//! The truth as its tables tell it, read past the server after each step, with what must hold of
//! it: one record a name, heads that only grow, the fingerprint that its records have.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sqlx::Row;
use tidemark_engine::truth::Airbag;

use super::{
    Verdict,
    database::Database,
    marks::{Held, Mark, fields, find},
    network::USERS,
};
use crate::canonical::{datastore_fingerprint, record_fingerprint};

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
            || datastore_fingerprint(std::iter::empty()),
            |(_, it)| it.clone(),
        )
    }

    fn fingerprint(&self) -> String {
        let records = self.live.iter();
        datastore_fingerprint(records.map(|(key, live)| (key.as_str(), live.fingerprint.as_str())))
    }

    /// Takes in a conflict.
    fn keep(&mut self, contested: &str, sides: [&str; 2]) {
        for text in sides {
            self.held.add(text);
            self.kept.extend(find(b'T', text));
            self.in_conflict.extend(find(b'N', text));
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
    fn commit(&mut self, checkin: i64, changes: Vec<Change>, airbag: Option<Airbag>) -> Verdict {
        let before = self.live.len() as u64;
        let mut deletes = 0;
        for change in changes {
            let gone = match change.value {
                None => self.live.remove(&change.key),
                Some(text) => {
                    self.held.add(&text);
                    self.history.extend(find(b'T', &text));
                    let value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                    let name = find(b'N', &text).next();
                    let live = Live {
                        fingerprint: record_fingerprint(&change.entity, &value),
                        name,
                        value: text,
                    };
                    self.live.insert(change.key, live).inspect(|_| deletes -= 1)
                }
            };
            if let Some(gone) = gone {
                self.held.remove(&gone.value);
                deletes += 1;
            }
        }
        let deletes = u64::try_from(deletes).unwrap_or(0);
        if let Some(airbag) = airbag
            && deletes >= airbag.deletes
            && deletes * 100 > before * airbag.percent
        {
            return Err(format!(
                "{deletes} of {before} records were deleted and nobody had confirmed it"
            ));
        }
        let names = self.live.values().filter_map(|live| live.name);
        if names.clone().count() != names.collect::<BTreeSet<_>>().len() {
            return Err("the truth holds a record twice".to_owned());
        }
        self.moments.insert(checkin, self.fingerprint());
        Ok(())
    }
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
        self.look(commits, None).await
    }

    /// Reads what is new since the last look, and checks it.
    pub(super) async fn look(&mut self, commits: u64, airbag: Option<Airbag>) -> Verdict {
        if self.seen == Some(commits) {
            return Ok(());
        }
        self.seen = Some(commits);
        let connection = self.database.connection().await;
        let heads = sqlx::query("select id, owner, head, fingerprint, live from datastore")
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
            if head == known {
                continue;
            }
            if head < known {
                return Err(format!("the head went back from {known} to {head}"));
            }
            self.datastores[place].id = id;
            self.read(place, head, airbag).await?;
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
    async fn read(&mut self, place: usize, head: i64, airbag: Option<Airbag>) -> Verdict {
        let datastore = &mut self.datastores[place];
        let connection = self.database.connection().await;
        let rows = sqlx::query(
            "select checkin, key, entity, value from version \
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
                key: row.get("key"),
                entity: row.get("entity"),
                value: row.get("value"),
            };
            commits.entry(change.checkin).or_default().push(change);
        }
        let conflicts = sqlx::query(
            "select id, fields, coalesce(truth, '') as truth, coalesce(device, '') as device \
             from conflict where datastore = ?1",
        )
        .bind(&datastore.id)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| error.to_string())?;
        for row in conflicts {
            if datastore.conflicts.insert(row.get("id")) {
                datastore.keep(row.get("fields"), [row.get("truth"), row.get("device")]);
            }
        }
        for (checkin, changes) in commits {
            if checkin <= datastore.head || checkin > head {
                return Err(format!("a commit of {checkin} with the head at {head}"));
            }
            datastore.commit(checkin, changes, airbag)?;
        }
        datastore.head = head;
        let fingerprint = datastore.fingerprint();
        datastore.moments.insert(head, fingerprint);
        Ok(())
    }
}
