//! The cases of OMA's smart sync, each as its notes tell it, played by a phone: it has little room,
//! stores what it was sent in forms of its own, and acks each record with what it really stored.
//! Rules P-16, P-24, P-42, P-45 to P-48, P-61, P-68.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::client::Client;
use tidemark_tests::server::Server;

use super::talk::{
    EMPTY, changed, code, deleted, fingerprint, made, open, opening, pending, sync, uuid,
};

/// How many characters of a name the phone keeps.
const ROOM: usize = 8;

/// Device 9. It has no `attempts`: it is never copied.
struct Phone {
    client: Client,
    last_sync: Value,
    /// What the server last confirmed, by key, as the phone has it.
    held: BTreeMap<String, Value>,
    /// What it made and has no key for yet.
    unborn: Vec<Value>,
}

impl Phone {
    fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            last_sync: Value::Null,
            held: BTreeMap::new(),
            unborn: Vec::new(),
        }
    }

    fn create(&mut self, number: u64, name: &str) {
        let mut record = pending(number, &entry(name, number));
        record["fingerprint"] = json!(fingerprint::of_record("record", &record["value"]));
        self.unborn.push(record);
    }

    /// What it tells of itself when it has nothing to send.
    fn fingerprint(&self) -> String {
        let prints = self.items();
        fingerprint::of_datastore(prints.iter().map(|(key, print)| (*key, print.as_str())))
    }

    fn items(&self) -> Vec<(&str, String)> {
        let print = |record: &Value| fingerprint::of_record("record", &record["value"]);
        let items = self.held.iter();
        items.map(|(key, held)| (&**key, print(held))).collect()
    }

    fn open(&self, more: Value) -> Value {
        let mut body = json!({"last_sync": self.last_sync});
        if let Value::Object(more) = more {
            body.as_object_mut().unwrap().extend(more);
        }
        open(&self.client, 9, body)
    }

    fn push(&self, session: &Value, records: &[Value], seq: u64, more: bool) -> Value {
        let body = json!({"sync_uuid": session, "seq": seq, "records": records, "more": more});
        self.client.done("/v1/sync/push", &body)
    }

    /// Stores what it was sent, and says what it stored; pictures it has no room for.
    fn store(&mut self, record: &Value) -> Value {
        let key = record["key"].as_str().unwrap().to_owned();
        if record["deleted"] == json!(true) {
            self.held.remove(&key);
            return json!({"key": key});
        }
        let own = |made: &&Value| made["key"] == record["local_id"];
        let value = match record.get("value") {
            Some(value) => value.clone(),
            None => self.unborn.iter().find(own).map_or_else(
                || self.held[&key]["value"].clone(),
                |made| made["value"].clone(),
            ),
        };
        if value.get("picture").is_some() {
            return json!({"key": key, "rejected": "no room for pictures"});
        }
        self.unborn.retain(|made| made["key"] != record["local_id"]);
        let value = short(&value);
        let ack = json!({"key": key, "fingerprint": fingerprint::of_record("record", &value)});
        let held = json!({"value": value, "checkin": record["checkin"]});
        self.held.insert(key, held);
        ack
    }

    /// Pulls to the end, each page acked with the next call and the last with one more; how many
    /// records came.
    fn pull(&mut self, session: &Value, limit: u64) -> usize {
        let (mut cursor, mut acks) = (Value::Null, json!([]));
        let mut came = 0;
        loop {
            let page = self.page(session, &cursor, limit, &acks);
            let records = page["records"].as_array().unwrap();
            came += records.len();
            acks = records.iter().map(|record| self.store(record)).collect();
            if page["cursor"].is_null() {
                self.page(session, &cursor, 1, &acks);
                return came;
            }
            cursor = page["cursor"].clone();
        }
    }

    fn page(&self, session: &Value, cursor: &Value, limit: u64, acks: &Value) -> Value {
        let body = json!({"sync_uuid": session, "cursor": cursor, "limit": limit, "acks": acks});
        self.client.done("/v1/sync/pull", &body)
    }

    /// Tells what it holds then; whether the server agrees.
    fn finish(&mut self, session: &Value, last_update: &Value) -> bool {
        let body = json!({"sync_uuid": session, "last_update": last_update,
            "fingerprint": self.fingerprint(), "count": self.held.len()});
        let answer = self.client.done("/v1/sync/finish", &body);
        self.last_sync = answer["last_sync"].clone();
        answer["in_sync"] == json!(true)
    }

    /// A whole sync that sends these records and what it made; it ends in agreement.
    fn sync(&mut self, edits: &[Value]) -> Value {
        let records = [edits, &self.unborn].concat();
        let opened = self.open(json!({"pending": records.len()}));
        let session = &opened["sync_uuid"];
        let pushed = self.push(session, &records, 0, false);
        self.pull(session, 10);
        assert!(self.finish(session, &pushed["max_checkin"]), "{pushed:#}");
        pushed
    }

    fn key_of(&self, number: u64) -> Value {
        let mut held = self.held.iter();
        let found = held.find(|(_, held)| held["value"]["number"] == json!(number));
        json!(found.unwrap().0)
    }

    /// Whether an open finds nothing to do.
    fn is_in_sync(&self) -> bool {
        let opened = self.open(json!({"fingerprint": self.fingerprint()}));
        opened["in_sync"] == json!(true)
    }
}

/// What the phone makes of a value: a name cut short, a number dialled without spaces.
fn short(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(Value::String(name)) = value.get_mut("name") {
        name.truncate(ROOM);
    }
    if let Some(Value::String(dialled)) = value.get_mut("dial") {
        dialled.retain(|letter| letter != ' ');
    }
    value
}

fn entry(name: &str, number: u64) -> Value {
    json!({"name": name, "number": number})
}

/// A name that the phone has no room for.
fn long(number: u64) -> Value {
    json!({"name": format!("Number {number} of the office"), "dial": "01 23", "number": number})
}

/// A server with so many records of the office, and a phone that has never synced.
fn unsynced(count: u64) -> (Server, Client, Phone) {
    let server = Server::start();
    let client = server.client("alice");
    made(&client, (0..count).map(|n| pending(n, &long(n))).collect());
    let phone = Phone::new(&client);
    (server, client, phone)
}

/// So many records of the office, and a phone that has synced them; the office's last sync.
fn synced(server: &Server, count: u64) -> (Client, Phone, Value) {
    let client = server.client("alice");
    let records = (0..count).map(|number| pending(number, &long(number)));
    let base = made(&client, records.collect())["push"]["max_checkin"].clone();
    let mut phone = Phone::new(&client);
    phone.sync(&[]);
    assert_eq!(phone.held.len() as u64, count);
    (client, phone, base)
}

/// What the truth has of a record.
fn truth(client: &Client, number: u64) -> Option<Value> {
    let records = client.records();
    let mut of = records.iter().map(|record| &record["value"]);
    of.find(|value| value["number"] == json!(number)).cloned()
}

/// Case 1, the initial sync. P-16, P-46: both sides have records and neither knows the other; each
/// record the phone sends with its own name and fingerprint, and acks with what it stored. Then the
/// server knows what the phone holds, and the names are mapped.
#[test]
fn case_1_the_initial_sync() {
    let (_server, client, mut phone) = unsynced(40);
    (100..130).for_each(|number| phone.create(number, "mobile"));
    let sent = phone.unborn.clone();
    let pushed = phone.sync(&[]);
    assert_eq!(
        (&pushed["created"], pushed["rejected"].clone()),
        (&json!(30), json!([]))
    );
    assert_eq!((phone.held.len(), phone.unborn.len()), (70, 0));
    assert_eq!(client.records().len(), 70);
    assert_eq!(truth(&client, 7), Some(long(7)), "the truth keeps it whole");
    assert!(phone.is_in_sync());
    // Sent again under their names, they are the same records.
    phone.unborn = sent;
    let again = phone.sync(&[]);
    assert_eq!(
        (&again["unchanged"], &again["created"]),
        (&json!(30), &json!(0))
    );
    assert_eq!(client.records().len(), 70);
}

/// Case 2, the empty sync. P-24: one round trip of less than 1 kB both ways, also of a phone that
/// stores in forms of its own.
#[test]
fn case_2_the_empty_sync_is_one_small_round_trip() {
    let server = Server::start();
    let client = server.client("alice");
    let many = (0..300).map(|number| pending(number, &json!({"n": number})));
    let synced = sync(&client, 1, &Value::Null, many.collect());
    let head = &synced["push"]["max_checkin"];
    let holding = client.records();
    let mut phone = Phone::new(&client);
    phone.sync(&[]);
    // Also right after the push, before any finish: the mapping is told by the fingerprint.
    for (device, last_sync, holds) in [
        (1, head, fingerprint(&holding)),
        (1, &Value::Null, fingerprint(&holding)),
        (9, head, phone.fingerprint()),
    ] {
        let body = opening(
            device,
            json!({"attempts": [uuid(5)], "protocol": 1, "mode": "auto",
            "last_sync": last_sync, "pending": 0, "fingerprint": holds}),
        );
        let answer = client.post("/v1/sync/open", &body);
        let bytes = body.to_string().len() + answer.body.len();
        assert!(bytes < 1000, "{bytes} bytes");
        let answer = answer.done();
        assert_eq!(answer["in_sync"], true);
        assert_eq!(answer["last_sync"], answer["max_checkin"]);
    }
    // An empty device at an empty truth is in sync, too.
    let fresh = open(&server.client("bob"), 2, json!({"fingerprint": EMPTY}));
    assert_eq!(fresh["in_sync"], true);
}

/// Case 3, changes on the server only. P-42: the phone tells its fingerprint and is sent just what
/// changed, in two calls.
#[test]
fn case_3_changes_on_the_server_only() {
    let server = Server::start();
    let (client, mut phone, base) = synced(&server, 20);
    let theirs = json!([
        changed(&phone.key_of(3), &base, &json!({"dial": "55 55"})),
        deleted(&phone.key_of(4), &base),
        pending(50, &long(50)),
    ]);
    sync(&client, 1, &base, theirs);
    let opened = phone.open(json!({"fingerprint": phone.fingerprint(), "pull": {}}));
    assert_eq!(opened["mode"], "fast");
    let records = opened["pull"]["records"].as_array().unwrap();
    assert_eq!(records.len(), 3);
    let acks: Vec<Value> = records.iter().map(|record| phone.store(record)).collect();
    let finish = json!({"last_update": opened["max_checkin"], "fingerprint": phone.fingerprint()});
    let body = json!({"sync_uuid": opened["sync_uuid"], "limit": 1, "acks": acks,
        "finish": finish});
    let closed = client.done("/v1/sync/pull", &body);
    assert_eq!(closed["finish"]["in_sync"], true, "{closed:#}");
    phone.last_sync = closed["finish"]["last_sync"].clone();
    assert!(phone.is_in_sync() && phone.held.len() == 20);
    let (_, third) = phone
        .held
        .iter()
        .find(|(_, held)| held["value"]["dial"] == "5555")
        .unwrap();
    assert_eq!(third["value"]["name"], "Number 3");
}

/// Case 4, changes on both sides. P-34: the phone knows that it has something to send, so it tells no
/// fingerprint at first; what it does not hold whole it says field by field.
#[test]
fn case_4_changes_on_both_sides() {
    let server = Server::start();
    let (client, mut phone, base) = synced(&server, 20);
    let theirs = json!([
        changed(&phone.key_of(3), &base, &json!({"dial": "55 55"})),
        deleted(&phone.key_of(4), &base),
        pending(50, &long(50)),
    ]);
    sync(&client, 1, &base, theirs);
    phone.create(60, "new here");
    let since = phone.last_sync.clone();
    let edits = [
        changed(&phone.key_of(3), &since, &json!({"ring": "loud"})),
        deleted(&phone.key_of(5), &since),
    ];
    let pushed = phone.sync(&edits);
    assert_eq!(
        (&pushed["created"], &pushed["conflicts"]),
        (&json!(1), &json!(0))
    );
    let merged = json!({"name": "Number 3 of the office", "dial": "55 55", "number": 3,
        "ring": "loud"});
    assert_eq!(truth(&client, 3), Some(merged));
    assert_eq!((truth(&client, 4), truth(&client, 5)), (None, None));
    assert_eq!((phone.held.len(), client.records().len()), (20, 20));
    assert!(phone.is_in_sync());
}

/// Case 4, where the fingerprints do not match in the end. P-48, P-61: the server asks for the table of
/// names and fingerprints, sends what the phone lacks, and asks for what it never saw.
#[test]
fn case_4_the_tables_are_compared_where_both_differ() {
    let server = Server::start();
    let (client, mut phone, _) = synced(&server, 20);
    phone.create(60, "mine");
    phone.sync(&[]);
    let (lost, spoilt) = (phone.key_of(7), phone.key_of(60));
    phone.held.remove(lost.as_str().unwrap());
    phone.held.get_mut(spoilt.as_str().unwrap()).unwrap()["value"]["number"] = json!(61);
    let opened = phone.open(json!({"pending": 1}));
    let session = &opened["sync_uuid"];
    assert!(!phone.finish(session, &opened["max_checkin"]));

    let table = json!([{"from": "", "to": null, "items": phone.items()}]);
    let body = json!({"sync_uuid": session, "ranges": table});
    let told = client.done("/v1/sync/reconcile", &body);
    assert_eq!(told["send"], json!([spoilt]));
    let missing = &told["records"][0];
    assert_eq!((&missing["key"], &missing["value"]), (&lost, &long(7)));
    let ack = phone.store(missing);
    let held = &phone.held[spoilt.as_str().unwrap()];
    let record = json!({"key": spoilt, "value": held["value"], "base": held["checkin"]});
    let pushed = phone.push(session, &[record], 0, false);
    phone.page(session, &Value::Null, 1, &json!([ack]));
    phone.pull(session, 10);
    assert!(phone.finish(session, &pushed["max_checkin"]));
    assert!(phone.is_in_sync());
    assert_eq!(truth(&client, 61), Some(entry("mine", 61)));
    assert_eq!(truth(&client, 7), Some(long(7)), "whole, as it was");
}

/// Case 5, one way from the server. P-68: the phone has made, changed and deleted records, and does not
/// send them now; it is sent what changed there, and agrees on what is confirmed. Later it sends its own.
#[test]
fn case_5_one_way_from_the_server() {
    let server = Server::start();
    let (client, mut phone, base) = synced(&server, 20);
    let since = phone.last_sync.clone();
    let edits = [
        changed(&phone.key_of(3), &since, &json!({"ring": "loud"})),
        deleted(&phone.key_of(5), &since),
    ];
    phone.create(60, "new here");
    let theirs = json!([
        changed(&phone.key_of(3), &base, &json!({"dial": "55 55"})),
        deleted(&phone.key_of(4), &base),
        pending(50, &long(50)),
    ]);
    sync(&client, 1, &base, theirs);
    let before = client.records();
    let told = json!({"direction": "pull", "pending": 3, "fingerprint": phone.fingerprint()});
    let opened = phone.open(told);
    assert_eq!(
        (&opened["direction"], &opened["mode"]),
        (&json!("pull"), &json!("fast"))
    );
    let session = &opened["sync_uuid"];
    let push = json!({"sync_uuid": session, "records": phone.unborn});
    let refused = client.post("/v1/sync/push", &push);
    assert_eq!((refused.status, &*refused.code()), (403, "forbidden"));
    assert_eq!(phone.pull(session, 2), 3);
    assert!(phone.finish(session, &opened["max_checkin"]), "as expected");
    assert_eq!((phone.held.len(), phone.unborn.len()), (20, 1));
    assert_eq!(client.records(), before, "nothing flowed up");

    let pushed = phone.sync(&edits);
    assert_eq!(
        (&pushed["created"], &pushed["conflicts"]),
        (&json!(1), &json!(0))
    );
    let third = truth(&client, 3).unwrap();
    assert_eq!(
        (&third["dial"], &third["ring"]),
        (&json!("55 55"), &json!("loud"))
    );
    assert_eq!((phone.held.len(), client.records().len()), (20, 20));
    assert!(phone.is_in_sync());
}

/// Interrupted while the phone sends. P-31, P-33: it sends what it thinks is the rest, some of it twice,
/// and misses some; that waits as pending, and nothing is doubled.
#[test]
fn interrupted_while_sending() {
    let (_server, client, mut phone) = unsynced(5);
    (100..130).for_each(|number| phone.create(number, "mobile"));
    let all = phone.unborn.clone();
    // Two batches arrive, the third never does: nothing is in the truth yet.
    let first = phone.open(json!({"pending": 30}));
    phone.push(&first["sync_uuid"], &all[..10], 0, true);
    phone.push(&first["sync_uuid"], &all[10..20], 1, true);
    assert_eq!(client.records().len(), 5);

    // The rest, and some of what went before; the answer of this is lost.
    let second = phone.open(json!({"pending": 30}));
    phone.push(&second["sync_uuid"], &all[15..], 0, false);
    // A late repeat of the first session comes too late.
    let late = json!({"sync_uuid": first["sync_uuid"], "seq": 2, "records": all[20..]});
    assert_eq!(
        code(&client.post("/v1/sync/push", &late).json()),
        "session_gone"
    );
    // The phone's owner goes on; then the same again, to the end.
    phone.unborn[29]["value"]["name"] = json!("renamed");
    phone.unborn[29]["fingerprint"] =
        json!(fingerprint::of_record("record", &phone.unborn[29]["value"]));
    let third = phone.open(json!({"pending": 30}));
    let session = &third["sync_uuid"];
    let pushed = phone.push(session, &phone.unborn[15..], 0, false);
    assert_eq!(
        (&pushed["created"], &pushed["updated"], &pushed["unchanged"]),
        (&json!(0), &json!(1), &json!(14))
    );
    phone.pull(session, 10);
    assert!(phone.finish(session, &pushed["max_checkin"]));
    assert_eq!((phone.held.len(), phone.unborn.len()), (20, 15));
    let pushed = phone.sync(&[]);
    assert_eq!(pushed["created"], 15);
    assert_eq!((client.records().len(), phone.held.len()), (35, 35));
    assert_eq!(truth(&client, 129), Some(entry("renamed", 129)));
    assert!(phone.is_in_sync());
}

/// Interrupted while the phone receives. P-46: what it stored and could not ack is offered again; nothing
/// is doubled, and nothing that it cut short comes back as a change.
#[test]
fn interrupted_while_receiving() {
    let (_server, client, mut phone) = unsynced(40);
    phone.create(100, "mine");
    let records = phone.unborn.clone();
    let first = phone.open(json!({"pending": 1}));
    phone.push(&first["sync_uuid"], &records, 0, false);
    // One page is stored and acked, the next one stored only; then the line is dead.
    let page = phone.page(&first["sync_uuid"], &Value::Null, 15, &json!([]));
    let stored = page["records"].as_array().unwrap().iter();
    let acks: Value = stored.map(|record| phone.store(record)).collect();
    let next = phone.page(&first["sync_uuid"], &page["cursor"], 15, &acks);
    for record in next["records"].as_array().unwrap() {
        phone.store(record);
    }
    assert_eq!((phone.held.len(), &phone.last_sync), (30, &Value::Null));

    // It has changed one of those meanwhile, and does not tell a fingerprint.
    let edited = phone.key_of(3);
    let base = phone.held[edited.as_str().unwrap()]["checkin"].clone();
    let pushed = phone.sync(&[changed(&edited, &base, &json!({"ring": "loud"}))]);
    assert_eq!(pushed["conflicts"], 0);
    assert_eq!((phone.held.len(), client.records().len()), (41, 41));
    assert_eq!(truth(&client, 3).unwrap()["ring"], "loud");
    for number in (0..40).filter(|number| *number != 3) {
        assert_eq!(truth(&client, number), Some(long(number)));
    }
    assert!(phone.is_in_sync());
    assert_eq!(client.get("/v1/conflicts").done()["conflicts"], json!([]));
}

/// P-46, T-20: a value that was cut short or written otherwise, and is given back so, is no change; the
/// truth keeps its own. After a real change of it the phone acks anew.
#[test]
fn a_shortened_value_given_back_is_no_change() {
    let server = Server::start();
    let (client, mut phone, base) = synced(&server, 12);
    let whole = |phone: &Phone, number: u64| {
        let key = phone.key_of(number);
        let held = &phone.held[key.as_str().unwrap()];
        json!({"key": key, "value": held["value"], "base": held["checkin"]})
    };
    for _ in 0..2 {
        let records: Vec<Value> = (0..12).map(|number| whole(&phone, number)).collect();
        let pushed = phone.sync(&records);
        assert_eq!(pushed["unchanged"], 12, "{pushed:#}");
    }
    let edit = changed(&phone.key_of(2), &base, &json!({"dial": "9 9 9"}));
    sync(&client, 1, &base, json!([edit]));
    phone.sync(&[]);
    let pushed = phone.sync(&[whole(&phone, 2)]);
    assert_eq!(pushed["unchanged"], 1, "{pushed:#}");
    assert_eq!(truth(&client, 2).unwrap()["dial"], "9 9 9");
    assert_eq!(truth(&client, 3), Some(long(3)));
    assert!(phone.is_in_sync());
}

/// P-46, P-16: what the phone rejects is offered again with each session until it takes it; it agrees
/// all the while with what is expected of it.
#[test]
fn what_is_rejected_is_offered_until_it_is_taken() {
    let server = Server::start();
    let (client, mut phone, base) = synced(&server, 3);
    let mut painted = long(7);
    painted["picture"] = json!("data:");
    let made = sync(&client, 1, &base, json!([pending(7, &painted)]));
    let key = &made["pull"]["records"][0]["key"];
    for _ in 0..3 {
        let opened = phone.open(json!({"pending": 1}));
        let session = &opened["sync_uuid"];
        assert_eq!(phone.pull(session, 10), 1, "that one alone");
        assert!(phone.finish(session, &opened["max_checkin"]));
        assert_eq!(phone.held.len(), 3);
        assert!(phone.is_in_sync());
    }
    // Its owner takes the picture out; that one there is room for.
    let last = &made["push"]["max_checkin"];
    let plain = json!({"key": key, "base": last, "value": long(7)});
    sync(&client, 1, last, json!([plain]));
    phone.sync(&[]);
    assert_eq!(phone.held.len(), 4);
    assert!(phone.is_in_sync());
}

/// P-45 to P-47, in two phases: pages are accepted by acks and committed by a finish, batch by batch; what
/// was accepted after the last commit is offered again when the line went dead.
#[test]
fn accepted_in_batches_and_committed_by_batches() {
    let server = Server::start();
    let client = server.client("alice");
    let mut head = Value::Null;
    for commit in 0..3 {
        let records = (0..10).map(|n| pending(commit * 10 + n, &long(commit * 10 + n)));
        head = sync(&client, 1, &head, records.collect())["push"]["max_checkin"].clone();
    }
    let mut phone = Phone::new(&client);
    let mut cursor = Value::Null;
    // Whole commits that were applied: none after four records, one after twelve.
    let mut applied: Vec<Value> = Vec::new();
    for batch in 0..3 {
        let holds = phone.fingerprint();
        let opened = phone.open(json!({"fingerprint": holds}));
        assert_eq!(opened["mode"], "fast", "what was committed is known");
        let session = &opened["sync_uuid"];
        let page = phone.page(session, &cursor, 4, &json!([]));
        let records = page["records"].as_array().unwrap();
        let acks: Value = records.iter().map(|record| phone.store(record)).collect();
        applied.extend(records.iter().map(|record| record["checkin"].clone()));
        phone.page(session, &cursor, 1, &acks);
        let newest = applied.last().unwrap();
        let before = applied.iter().rev().find(|checkin| *checkin != newest);
        let whole = before.cloned().unwrap_or_default();
        assert!(phone.finish(session, &whole), "batch {batch}");
        cursor = page["cursor"].clone();
    }
    assert_eq!(phone.held.len(), 12);
    assert!(phone.last_sync.is_string());
    // The next batch is accepted and never committed.
    let opened = phone.open(json!({"fingerprint": phone.fingerprint()}));
    let session = &opened["sync_uuid"];
    let committed = phone.held.clone();
    let page = phone.page(session, &cursor, 4, &json!([]));
    let records = page["records"].as_array().unwrap().iter();
    let acks: Value = records.map(|record| phone.store(record)).collect();
    phone.page(session, &cursor, 1, &acks);
    phone.held = committed;
    // It is offered again, with all that came after it.
    let opened = phone.open(json!({"fingerprint": phone.fingerprint()}));
    assert_eq!(opened["mode"], "fast");
    let session = &opened["sync_uuid"];
    assert_eq!(
        phone.pull(session, 100),
        20,
        "what is later than the last whole commit"
    );
    assert!(phone.finish(session, &opened["max_checkin"]));
    assert_eq!(phone.held.len(), 30);
    assert!(phone.is_in_sync());
}
