//! A native device: the engine's client over HTTP as it is spoken, with pages in memory that outlive
//! every tab on them.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tidemark_engine::{
    client::{Client, Environment, Error, Options, Reply, Transport, TransportError},
    store::MemoryPages,
};
use ureq::http::Response;

/// Where the server is now, and what it answered so far: shared by all devices.
#[derive(Clone, Debug, Default)]
pub struct Line(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    address: String,
    statuses: BTreeMap<u16, u64>,
    /// What was said with a status of 500 and more, one text each.
    failures: BTreeMap<String, u64>,
}

impl Line {
    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.0.lock().expect("nobody panics with it")
    }

    /// The server is at this address from now on.
    pub fn moved(&self, address: &str) {
        address.clone_into(&mut self.shared().address);
    }

    /// How often each status was answered.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        self.shared().statuses.clone()
    }

    /// What was answered with a status of 500 and more, and how often.
    pub fn failures(&self) -> BTreeMap<String, u64> {
        self.shared().failures.clone()
    }

    fn note(&self, reply: &Reply) {
        let mut shared = self.shared();
        *shared.statuses.entry(reply.status).or_default() += 1;
        if reply.status >= 500 {
            *shared.failures.entry(reply.body.clone()).or_default() += 1;
        }
    }
}

/// What a native tab is given.
pub struct Surroundings {
    pages: MemoryPages,
    wire: Wire,
    random: RefCell<fastrand::Rng>,
}

impl Environment for Surroundings {
    type Pages = MemoryPages;
    type Transport = Wire;

    fn pages(&self) -> &MemoryPages {
        &self.pages
    }

    fn transport(&self) -> &Wire {
        &self.wire
    }

    fn now_millis(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.random.borrow_mut().fill(bytes);
    }
}

/// HTTP, a call at a time.
pub struct Wire {
    line: Line,
    token: String,
    agent: ureq::Agent,
}

impl Transport for Wire {
    async fn call(&self, path: &str, body: String) -> Result<Reply, TransportError> {
        let url = format!("{}{path}", self.line.shared().address);
        let authorization = format!("Bearer {}", self.token);
        let sent = if body.is_empty() {
            let request = self.agent.get(&url);
            request.header("authorization", authorization).call()
        } else {
            let request = self.agent.post(&url);
            request
                .header("authorization", authorization)
                .header("content-type", "application/json")
                .send(body)
        };
        let reply = sent.and_then(read).map_err(|error| match error {
            ureq::Error::Timeout(_) => TransportError::Timeout,
            other => TransportError::Offline(other.to_string()),
        })?;
        self.line.note(&reply);
        Ok(reply)
    }

    async fn renew_token(&self) -> bool {
        false
    }
}

fn read(mut answer: Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let retry_after = answer.headers().get("retry-after");
    let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Reply {
        status: answer.status().as_u16(),
        retry_after_seconds: seconds,
        body: answer.body_mut().read_to_string()?,
        ..Reply::default()
    })
}

/// Opens a tab on pages; a call that takes longer than `patience` is given up.
///
/// # Errors
/// The client's.
pub async fn open(
    line: &Line,
    token: &str,
    pages: &MemoryPages,
    seed: u64,
    patience: Duration,
) -> Result<Client<Surroundings>, Error> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience));
    let surroundings = Surroundings {
        pages: pages.clone(),
        wire: Wire {
            line: line.clone(),
            token: token.to_owned(),
            agent: config.build().into(),
        },
        random: RefCell::new(fastrand::Rng::with_seed(seed)),
    };
    Client::open(surroundings, Options::default()).await
}
