//! The server, its database file and its clock; and the network to it, which is not to be
//! trusted.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tidemark_engine::client::{Reply, Transport, TransportError};
use tidemark_protocol::Limits;
use tidemark_server::{
    session::{Caller, Clock, ConflictsQuery, RecordsQuery, Retention, Service, Settings},
    store::Store,
};
use tidemark_tests::calls::handle;

#[derive(Clone)]
struct JumpingClock(Arc<AtomicI64>);

impl Clock for JumpingClock {
    fn now_micros(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// The server side of a schedule.
pub(crate) struct World {
    directory: tempfile::TempDir,
    clock: JumpingClock,
    service: RefCell<Service>,
    pub(crate) random: RefCell<fastrand::Rng>,
    /// Of 100 calls so many are lost on their way there, and on their way back.
    pub(crate) loss_percent: Cell<u32>,
    /// Requests that are still on their way.
    late: RefCell<Vec<(String, String)>>,
}

impl World {
    pub(crate) async fn start(seed: u64) -> Rc<Self> {
        let directory = tempfile::tempdir().unwrap();
        let clock = JumpingClock(Arc::new(AtomicI64::new(1_795_000_000_000_000)));
        let service = serve(&database(&directory), clock.clone()).await;
        Rc::new(Self {
            directory,
            clock,
            service: RefCell::new(service),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
            loss_percent: Cell::new(0),
            late: RefCell::default(),
        })
    }

    pub(crate) fn chance(&self, percent: u32) -> bool {
        self.random.borrow_mut().u32(0..100) < percent
    }

    pub(crate) fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().usize(0..end)
    }

    pub(crate) fn database(&self) -> PathBuf {
        database(&self.directory)
    }

    /// The server dies without a word, and another takes over its database.
    pub(crate) async fn restart(&self) {
        let service = serve(&self.database(), self.clock.clone()).await;
        let before = self.service.replace(service);
        before.close().await;
    }

    /// The server's clock jumps by up to an hour, either way.
    pub(crate) fn jump(&self) {
        let micros = self.random.borrow_mut().i64(-3_600_000_000..3_600_000_000);
        self.clock.0.fetch_add(micros, Ordering::Relaxed);
    }

    /// Whatever nobody needs any more is forgotten.
    pub(crate) async fn compact(&self) {
        let service = self.service.borrow().clone();
        service.compact().await.unwrap();
    }

    /// Nothing in the database is what a server would not have written.
    pub(crate) async fn verify(&self) {
        let url = format!("sqlite:{}", self.database().display());
        let store = Store::to_read(&url).await.unwrap();
        let verified = store.verify(|finding| panic!("{finding}")).await;
        assert!(verified.unwrap().datastores <= 1);
        store.close().await;
    }

    /// A request of long ago arrives; nobody waits for its answer.
    pub(crate) async fn deliver_late(&self) {
        let due = {
            let mut late = self.late.borrow_mut();
            let place = self.random.borrow_mut().usize(0..late.len().max(1));
            (place < late.len()).then(|| late.swap_remove(place))
        };
        if let Some((path, body)) = due {
            let _ = self.serve(&path, &body).await;
        }
    }

    /// Every live record of the truth, as JSON text.
    pub(crate) async fn truth(&self) -> Vec<(String, String)> {
        let service = self.service.borrow().clone();
        let mut query = RecordsQuery::default();
        let mut found = Vec::new();
        loop {
            let page = service.records(&caller(), query.clone()).await.unwrap();
            for record in page.records {
                let value = record.value.map(|value| value.get().to_owned());
                found.push((record.key.to_string(), value.unwrap()));
            }
            match page.cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return found,
            }
        }
    }

    async fn serve(&self, path: &str, body: &str) -> Reply {
        let service = self.service.borrow().clone();
        handle(service, USER, path, body).await
    }

    /// The conflicts that wait for a person, as JSON texts in the order of their ids.
    pub(crate) async fn conflicts(&self) -> Vec<Value> {
        let service = self.service.borrow().clone();
        let mut query = ConflictsQuery::default();
        let mut found = Vec::new();
        loop {
            let page = service.conflicts(&caller(), query.clone()).await.unwrap();
            found.extend(
                page.conflicts
                    .iter()
                    .map(|one| serde_json::to_value(one).unwrap()),
            );
            match page.cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        found.sort_by_key(|conflict| conflict["id"].to_string());
        found
    }
}

const USER: &str = "alice";

fn caller() -> Caller {
    Caller {
        user: USER.to_owned(),
    }
}

fn database(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("truth.db")
}

async fn serve(database: &std::path::Path, clock: JumpingClock) -> Service {
    let store = Store::connect(&format!("sqlite:{}", database.display()))
        .await
        .unwrap();
    // Small bounds, so that a few records already take several batches and pages.
    let limits = Limits {
        push_records: 3,
        pull_records: 4,
        ..Limits::default()
    };
    Service::new(
        store,
        Settings {
            limits,
            // History goes at once; deletions are remembered, so that every device is in time.
            retention: Retention {
                history: Duration::ZERO,
                tombstones: Duration::MAX,
            },
            ..Settings::default()
        },
        clock,
    )
}

/// One device's way to the server.
pub(crate) struct Network(pub Rc<World>);

impl Transport for Network {
    async fn call(&self, path: &str, body: String) -> Result<Reply, TransportError> {
        let world = &self.0;
        let loss = world.loss_percent.get();
        tokio::task::yield_now().await;
        if world.chance(loss) {
            if world.chance(50) {
                world.late.borrow_mut().push((path.to_owned(), body));
            }
            return Err(TransportError::Offline("the request was lost".to_owned()));
        }
        let reply = world.serve(path, &body).await;
        if world.chance(loss / 4) {
            // The same request arrives once more.
            let _ = world.serve(path, &body).await;
        }
        if world.chance(loss) {
            return Err(TransportError::Timeout);
        }
        Ok(reply)
    }

    async fn renew_token(&self) -> bool {
        false
    }
}
