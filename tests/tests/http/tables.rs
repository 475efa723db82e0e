//! Random schedules of a device that keeps no marks, only a table, in every mode that works out from
//! it what to do, while another device goes on. After each sync both sides hold what the mode
//! promises, and every word that was ever said is in a record's history. `TIDEMARK_SEED=n` repeats
//! one schedule. Rules P-65, P-66, P-68, P-69, P-70, P-71.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::held::{Found, Held};
use super::talk::{deleted, finish, open, pending, pull, sync};

const ROUNDS: u64 = 14;

/// How the table is synced, and what must hold afterwards.
const WAYS: [(&str, &str, bool); 7] = [
    ("slow", "both", false),
    ("slow", "pull", false),
    ("slow", "push", false),
    ("auto", "pull", true),
    ("auto", "push", true),
    ("pull_truth", "both", false),
    ("push_truth", "both", false),
];

struct World<'a> {
    client: &'a Client,
    rng: fastrand::Rng,
    /// How many were said: no two are equal.
    words: u64,
    table: Held,
    last_sync: Value,
    /// What was made at the table and has no real key yet.
    made: Vec<Value>,
}

fn deletes(record: &Value) -> bool {
    record["deleted"] == json!(true)
}

impl World<'_> {
    fn word(&mut self) -> Value {
        self.words += 1;
        json!({"word": self.words})
    }

    fn pick(&mut self, keys: &[Value]) -> Option<Value> {
        (!keys.is_empty()).then(|| keys[self.rng.usize(..keys.len())].clone())
    }

    /// The other device edits, makes and deletes, knowing all.
    fn others_go_on(&mut self) {
        let truth = self.client.records();
        // Somebody new each time: nobody has to pull a truth that the table has pushed.
        let other = 100 + self.words;
        let head = open(self.client, other, json!({"pending": 1}))["max_checkin"].clone();
        let keys: Vec<Value> = truth.iter().map(|record| record["key"].clone()).collect();
        let mut changes: BTreeMap<String, Value> = BTreeMap::new();
        for _ in 0..self.rng.usize(1..6) {
            let value = self.word();
            let change = match self.rng.u8(..4) {
                0 => pending(self.words, &value),
                1 => match self.pick(&keys) {
                    Some(key) => deleted(&key, &head),
                    None => continue,
                },
                _ => match self.pick(&keys) {
                    Some(key) => json!({"key": key, "base": head, "value": value}),
                    None => continue,
                },
            };
            changes.insert(change["key"].to_string(), change);
        }
        let changes: Vec<Value> = changes.into_values().collect();
        sync(self.client, other, &head, json!(changes));
    }

    /// The person at the table does, and nobody notes what.
    fn table_goes_on(&mut self) {
        for _ in 0..self.rng.usize(..5) {
            let keys: Vec<Value> = self.table.0.keys().map(|key| json!(key)).collect();
            let value = self.word();
            match (self.rng.u8(..4), self.pick(&keys)) {
                (0, _) | (_, None) => self.made.push(pending(self.words, &value)),
                (1, Some(key)) => drop(self.table.0.remove(key.as_str().unwrap())),
                (_, Some(key)) => self.table.spoil(&key, value),
            }
        }
    }

    fn whole(&self, key: &Value) -> Value {
        let record = &self.table.0[key.as_str().unwrap()];
        json!({"key": key, "entity": record["entity"], "value": record["value"],
            "base": self.last_sync})
    }

    /// Takes what came, with its own value where that was left out.
    fn take(&mut self, came: &[Value]) {
        for record in came {
            let mut record = record.clone();
            if record.get("value").is_none() && !deletes(&record) {
                let made = self
                    .made
                    .iter()
                    .find(|made| made["key"] == record["local_id"]);
                let own = self.table.0.get(record["key"].as_str().unwrap());
                record["value"] = made.or(own).unwrap()["value"].clone();
            }
            self.table.take(&[record]);
        }
    }

    /// Pushes, confirmed; where the session ends then.
    fn push(&self, session: &Value, records: &[Value]) -> Value {
        let push = json!({"sync_uuid": session, "records": records, "confirm": true});
        let answer = self.client.done("/v1/sync/push", &push);
        assert_eq!(answer["rejected"], json!([]), "{answer:#}");
        answer["max_checkin"].clone()
    }

    fn pull(&mut self, session: &Value) {
        let page = self
            .client
            .done("/v1/sync/pull", &json!({"sync_uuid": session}));
        self.take(page["records"].as_array().unwrap());
    }

    /// Compares, and mends both sides; where the session ends then.
    fn compare(&mut self, session: &Value, end: &Value) -> Value {
        let Found {
            records,
            drop,
            send,
            max_checkin,
            ..
        } = self.table.compare(self.client, session, true).unwrap();
        let asked: Vec<Value> = send.iter().map(|key| self.whole(key)).collect();
        self.take(&records);
        for key in &drop {
            self.table.0.remove(key.as_str().unwrap());
        }
        let end = max_checkin.unwrap_or_else(|| end.clone());
        if asked.is_empty() {
            return end;
        }
        self.push(session, &asked)
    }

    fn sync(&mut self, mode: &str, direction: &str, mirror: bool) {
        let body = json!({"mode": mode, "direction": direction, "mirror": mirror, "pending": 1,
            "last_sync": self.last_sync, "fingerprint": self.table.fingerprint()});
        let opened = open(self.client, 2, body);
        let session = &opened["sync_uuid"];
        let mut end = opened["max_checkin"].clone();
        let new = self.made.clone();
        match mode {
            "pull_truth" => {
                self.table.0.clear();
                self.made.clear();
            }
            "push_truth" => {
                let keys: Vec<Value> = self.table.0.keys().map(|key| json!(key)).collect();
                let mut records: Vec<Value> = keys.iter().map(|key| self.whole(key)).collect();
                records.extend(new);
                end = self.push(session, &records);
            }
            _ => {
                if direction != "pull" && !new.is_empty() {
                    end = self.push(session, &new);
                }
                end = self.compare(session, &end);
            }
        }
        if mirror && direction == "pull" {
            self.made.clear();
        }
        self.pull(session);
        if direction != "pull" {
            self.made.clear();
        }
        // Of one that has never synced down nothing is taken for deleted.
        let is_untold = mode == "slow" && direction == "push" && self.last_sync.is_null();
        let is_told = (direction != "pull" || mirror) && !is_untold;
        let finished = finish(self.client, session, &end, &self.table.records());
        if is_told {
            assert_eq!(finished["in_sync"], true, "{mode} {direction} {mirror}");
        }
        if direction != "push" {
            self.last_sync = end;
        }
        let truth = Held::of(&self.client.records());
        if is_told && (direction == "both" || mirror) {
            assert_eq!(
                self.table.fingerprint(),
                truth.fingerprint(),
                "{mode} {direction}"
            );
        }
    }

    /// Every word that reached the truth is in it still, or in its history, or a conflict's.
    fn nothing_is_lost(&self, said: &BTreeSet<u64>) {
        let mut found = BTreeSet::new();
        let word = |value: &Value| value["word"].as_u64();
        for settled in [false, true] {
            let path = format!("/v1/conflicts?settled={settled}&limit=4000");
            let page = self.client.get(&path).done();
            for conflict in page["conflicts"].as_array().unwrap() {
                found.extend(
                    [&conflict["truth"], &conflict["device"]]
                        .into_iter()
                        .filter_map(word),
                );
            }
        }
        for record in pull(self.client, 3, &Value::Null) {
            let path = format!("/v1/records/{}/history", record["key"].as_str().unwrap());
            let page = self.client.get(&path).done();
            let versions = page["versions"].as_array().unwrap();
            found.extend(
                versions
                    .iter()
                    .filter_map(|version| word(&version["value"])),
            );
        }
        let lost: Vec<&u64> = said.difference(&found).collect();
        assert_eq!(lost, Vec::<&u64>::new());
    }
}

fn run(seed: u64) {
    println!("TIDEMARK_SEED={seed} repeats this");
    let server = Server::start();
    let client = server.client("alice");
    let mut world = World {
        client: &client,
        rng: fastrand::Rng::with_seed(seed),
        words: 0,
        table: Held::default(),
        last_sync: Value::Null,
        made: Vec::new(),
    };
    let mut said = BTreeSet::new();
    for _ in 0..ROUNDS {
        world.others_go_on();
        world.table_goes_on();
        let (mode, direction, mirror) = WAYS[world.rng.usize(..WAYS.len())];
        println!("{mode} {direction} {mirror}");
        // A pull-only session that leaves edits is followed by one that takes them up.
        world.sync(mode, direction, mirror);
        if direction == "pull" && !mirror {
            world.sync("slow", "both", false);
        }
        let live = client.records();
        said.extend(
            live.iter()
                .filter_map(|record| record["value"]["word"].as_u64()),
        );
    }
    world.nothing_is_lost(&said);
}

#[test]
fn p70_a_table_in_every_mode() {
    match std::env::var("TIDEMARK_SEED") {
        Ok(seed) => run(seed.parse().unwrap()),
        Err(_) => (0..4).for_each(run),
    }
}
