//! A client's reading of answers: real ones, recorded, with one of them spoilt. Whatever comes back,
//! nothing panics, no sync goes on for ever, and the database can be read and opened as before.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use serde_json::json;
use tidemark_engine::{
    client::{
        Cancel, Client, Environment, Operation, Options, Reply, SyncOptions, Transport,
        TransportError,
    },
    store::{MemoryPages, Pages},
};
use tidemark_tests::{client as http, server::Server};
use tokio::runtime::{Builder, Runtime};

use crate::corpus::fuzz;

/// More calls than any of these syncs needs.
const CALLS_MAX: u32 = 200;

/// The way to a real server, or to what it said once.
enum Way {
    Real(http::Client),
    Recorded,
}

pub(crate) struct Surroundings<P = MemoryPages> {
    pages: P,
    way: Way,
    random: RefCell<fastrand::Rng>,
    answers: RefCell<VecDeque<Reply>>,
    calls: Cell<u32>,
}

impl<P: Pages + 'static> Environment for Surroundings<P> {
    type Pages = P;
    type Transport = Self;

    fn pages(&self) -> &P {
        &self.pages
    }

    fn transport(&self) -> &Self {
        self
    }

    fn now_millis(&self) -> i64 {
        1_795_000_000_000
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.random.borrow_mut().fill(bytes);
    }
}

impl<P> Transport for Surroundings<P> {
    async fn call(&self, path: &str, body: String) -> Result<Reply, TransportError> {
        self.calls.set(self.calls.get() + 1);
        assert!(self.calls.get() < CALLS_MAX, "it calls for ever");
        let gone = || TransportError::Offline("nobody answers".to_owned());
        let Way::Real(client) = &self.way else {
            return self.answers.borrow_mut().pop_front().ok_or_else(gone);
        };
        let method = if body.is_empty() { "GET" } else { "POST" };
        let headers = [("content-type", "application/json")];
        let sent = client.send(method, path, &headers, body.as_bytes());
        let answer = sent.map_err(|_| gone())?;
        let reply = Reply {
            status: answer.status,
            body: String::from_utf8(answer.body).expect("text"),
            ..Reply::default()
        };
        self.answers.borrow_mut().push_back(reply.clone());
        Ok(reply)
    }

    async fn renew_token(&self) -> bool {
        false
    }
}

impl<P> Surroundings<P> {
    /// Pages, and nobody who answers. What was seeded alike must not write to the same pages: the ids
    /// of new ones are drawn.
    pub(crate) fn alone(pages: P, seed: u64) -> Self {
        Self {
            pages,
            way: Way::Recorded,
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
            answers: RefCell::default(),
            calls: Cell::default(),
        }
    }
}

pub(crate) fn runtime() -> Runtime {
    let built = Builder::new_current_thread().build();
    built.expect("a runtime")
}

fn write(entity: &str, values: &serde_json::Value) -> Vec<Operation> {
    let (entity, values) = (entity.into(), values.to_string());
    vec![Operation::Create { entity, values }]
}

/// What a device does: it writes and syncs, others write, it edits, deletes and syncs again.
async fn lives(tab: &Client<Surroundings>, others: impl Fn()) {
    let values: Vec<_> = (0..12)
        .map(|n| json!({"n": n, "text": "x".repeat(n * 40)}))
        .collect();
    let _ = tab.write(write("note", &json!(values))).await;
    let sync = || Box::pin(async { tab.sync(SyncOptions::default(), &Cancel::default()).await });
    let _ = sync().await;
    others();
    let docs = tab.find("note", "").await.expect("it can be read");
    for (number, doc) in docs.iter().take(6).enumerate() {
        let (entity, key) = ("note".into(), doc.key.clone());
        let operation = if number == 0 {
            Operation::Delete { entity, key }
        } else {
            Operation::Update {
                entity,
                key,
                fields: json!({"n": 100 + number}).to_string(),
                removed: Vec::new(),
            }
        };
        tab.write(vec![operation]).await.expect("it can be written");
    }
    let _ = tab.write(write("task", &json!([{"n": 1}]))).await;
    let _ = sync().await;
    let _ = sync().await;
}

/// Others change what the device holds, so that its next sync pulls, merges and hears of a conflict.
fn others(server: &Server) {
    let client = server.client("alice");
    let records = client.records();
    let changes: Vec<_> = records
        .iter()
        .take(8)
        .enumerate()
        .map(|(number, record)| {
            let (key, base) = (&record["key"], &record["checkin"]);
            if number == 7 {
                return json!({"key": key, "base": base, "deleted": true});
            }
            let fields = json!({"n": 200 + number, "more": "é"});
            json!({"key": key, "base": base, "value": fields, "changed": ["n", "more"]})
        })
        .collect();
    client.done(
        "/v1/sync/open",
        &json!({"device_uuid": "00000000-0000-4000-8000-000000000009", "pending": changes.len(),
            "push": {"records": changes}}),
    );
}

/// A device that has lived against a real server: its disk, and what it was answered.
pub(crate) fn recorded() -> (MemoryPages, Vec<Reply>) {
    let server = Server::start();
    let pages = MemoryPages::new();
    let surroundings = Surroundings {
        way: Way::Real(server.client("alice")),
        ..Surroundings::alone(pages.clone(), 1)
    };
    let answers = runtime().block_on(async {
        let tab = Client::open(surroundings, Options::default()).await;
        let tab = tab.expect("it opens");
        lives(&tab, || others(&server)).await;
        let answers = tab.environment().answers.borrow();
        answers.iter().cloned().collect::<Vec<_>>()
    });
    assert!(answers.len() > 5, "{answers:?}");
    (pages, answers)
}

#[test]
fn any_answer_is_read_or_refused() {
    let (_, answers) = recorded();
    let runtime = runtime();
    let inputs = answers.iter().enumerate().map(|(place, reply)| {
        let place = u8::try_from(place).expect("a few");
        [&[place, 0], reply.body.as_bytes()].concat()
    });
    // The first byte says which answer is spoilt, the second with what status it comes.
    fuzz("answer", 400, inputs.collect(), |bytes| {
        let [place, status, body @ ..] = bytes else {
            return;
        };
        let mut answers = answers.clone();
        let place = usize::from(*place) % answers.len();
        answers[place].body = String::from_utf8_lossy(body).into_owned();
        answers[place].status =
            [200, 200, 200, 200, 401, 409, 410, 423, 500][usize::from(*status) % 9];
        let pages = MemoryPages::new();
        let surroundings = Surroundings {
            answers: RefCell::new(answers.into()),
            ..Surroundings::alone(pages.clone(), 1)
        };
        runtime.block_on(async {
            let tab = Client::open(surroundings, Options::default()).await;
            lives(&tab.expect("it opens"), || {}).await;
            let again = Surroundings::alone(pages.snapshot(), 2);
            let tab = Client::open(again, Options::default()).await;
            let tab = tab.expect("it opens again");
            tab.find("note", "").await.expect("records can be read");
            tab.pending().await.expect("edits can be read");
            tab.conflicts().await.expect("conflicts can be read");
        });
    });
}
