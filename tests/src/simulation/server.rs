//! The server: the shipped `Service` on the shipped store, a clock that jumps, and a process that
//! dies and comes back, on the same database or on an old one.

use std::{
    cell::{Cell, RefCell},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use tidemark_engine::truth::Airbag;
use tidemark_server::{
    session::{Clock, Service, Settings},
    store::Store,
};

use super::{
    database::{self, Database},
    gate::{Door, Gatekeeper},
};

/// The server's clock and names.
#[derive(Clone)]
struct World {
    micros: Arc<AtomicI64>,
    random: Arc<Mutex<fastrand::Rng>>,
}

impl Clock for World {
    fn now_micros(&self) -> i64 {
        self.micros.fetch_add(1, Relaxed)
    }

    fn random_uuid(&self) -> uuid::Uuid {
        let bits = self.random.lock().expect("one thread").u128(..);
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }
}

/// A server process and its database.
pub(super) struct Server {
    database: PathBuf,
    backup: Cell<Option<u32>>,
    backups: Cell<u32>,
    world: World,
    settings: Settings,
    pub(super) gate: Arc<Gatekeeper>,
    store: RefCell<Store>,
    service: RefCell<Service>,
}

impl Server {
    /// Begins on a database that has nothing in its tables.
    pub(super) fn start(
        database: &Database,
        gate: Arc<Gatekeeper>,
        random: fastrand::Rng,
        settings: Settings,
    ) -> Self {
        let world = World {
            micros: Arc::new(AtomicI64::new(1_795_000_000_000_000)),
            random: Arc::new(Mutex::new(random)),
        };
        let store = database.store.clone().behind(Door(Arc::clone(&gate)));
        let service = Service::new(store.clone(), settings.clone(), world.clone());
        Self {
            database: database.path.clone(),
            backup: Cell::default(),
            backups: Cell::default(),
            world,
            settings,
            gate,
            store: RefCell::new(store),
            service: RefCell::new(service),
        }
    }

    pub(super) fn service(&self) -> Service {
        self.service.borrow().clone()
    }

    /// The airbag's thresholds.
    pub(super) fn airbag(&self) -> Airbag {
        self.settings.airbag
    }

    /// The clock jumps.
    pub(super) fn jump(&self, micros: i64) {
        self.world.micros.fetch_add(micros, Relaxed);
    }

    /// Another process takes over, on the connections of the one before.
    pub(super) fn take_over(&self) {
        let store = self.store.borrow().clone();
        self.service.replace(Service::new(
            store,
            self.settings.clone(),
            self.world.clone(),
        ));
    }

    /// Another process takes over and opens the database anew.
    pub(super) async fn reopen(&self) {
        self.close().await;
        self.store.replace(open(&self.database, &self.gate).await);
        self.take_over();
    }

    pub(super) async fn close(&self) {
        let store = self.store.borrow().clone();
        store.close().await;
    }

    /// The file to copy the database to: the newest backup from now on.
    pub(super) fn next_backup(&self) -> PathBuf {
        let number = self.backups.get() + 1;
        self.backups.set(number);
        self.backup.set(Some(number));
        self.backup_file(number)
    }

    /// The database is what it was at the newest backup; false: there is none.
    pub(super) async fn restore(&self) -> bool {
        let Some(number) = self.backup.get() else {
            return false;
        };
        self.close().await;
        remove(&self.database);
        fs::copy(self.backup_file(number), &self.database).expect("a backup can be copied");
        self.store.replace(open(&self.database, &self.gate).await);
        self.take_over();
        true
    }

    /// What an operator is told who verifies the database.
    pub(super) async fn verify(&self) -> Result<Vec<String>, String> {
        let store = self.store.borrow().clone();
        let mut told = Vec::new();
        let verified = store.verify(|finding| told.push(finding.to_string())).await;
        verified.map_err(|error| error.to_string())?;
        Ok(told)
    }

    fn backup_file(&self, number: u32) -> PathBuf {
        self.database.with_extension(format!("backup{number}"))
    }

    /// Ends, and leaves no backup behind; gives what the database is open as now.
    pub(super) fn end(&self) -> Store {
        for number in 1..=self.backups.get() {
            remove(&self.backup_file(number));
        }
        self.store.borrow().clone()
    }
}

fn remove(database: &Path) {
    for more in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(more);
        // Not each of them is there.
        let _ = fs::remove_file(path);
    }
}

async fn open(database: &Path, gate: &Arc<Gatekeeper>) -> Store {
    database::open(database)
        .await
        .behind(Door(Arc::clone(gate)))
}
