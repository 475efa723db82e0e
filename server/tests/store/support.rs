//! A store in a temporary place, a clock that jumps as told, and a small device that keeps what
//! it was sent and proves it by fingerprints.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Row, sqlite::SqliteConnection};
use tempfile::TempDir;
use tidemark_engine::{
    fingerprint::{DatastoreFingerprint, RecordFingerprint},
    json::Canonical,
};
use tidemark_protocol::{
    Alert, FinishAnswer, OpenAnswer, Problem, PullAnswer, PushAnswer, PushOutcome, PushSummary,
    ServerRecord,
};
use tidemark_server::{
    session::{Alerts, AlertsQuery, Caller, Clock, RecordsQuery, Retention, Service, Settings},
    store::{Finding, Store},
};
use uuid::Uuid;

/// A clock that shows what it is told, and a microsecond more at each look.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn jump(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_micros(&self) -> i64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// A service on a database of its own.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) clock: TestClock,
    pub(crate) url: String,
    pub(crate) dir: TempDir,
}

impl World {
    /// On `SQLite`, in a file.
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("truth.db").display());
        let clock = TestClock(Arc::new(AtomicI64::new(1_795_000_000_000_000)));
        let store = Store::connect(&url).await.unwrap();
        let service = Service::new(store, Settings::default(), clock.clone());
        Self {
            service,
            clock,
            url,
            dir,
        }
    }

    /// The same database, opened once more.
    pub(crate) async fn served(&self, settings: Settings) -> Service {
        let store = Store::connect(&self.url).await.unwrap();
        Service::new(store, settings, self.clock.clone())
    }

    /// The same database, served with nothing kept that nobody needs.
    pub(crate) async fn forgetful(&self) -> Service {
        let retention = Retention {
            history: Duration::ZERO,
            tombstones: Duration::ZERO,
        };
        self.keeping(retention).await
    }

    /// The same database, served with this retention.
    pub(crate) async fn keeping(&self, retention: Retention) -> Service {
        let settings = Settings {
            retention,
            ..Settings::default()
        };
        self.served(settings).await
    }

    /// Listens to the commits of the datastore that all of its devices share.
    pub(crate) async fn commits(&self) -> Alerts {
        let ann = caller("ann");
        let listening = self.service.alerts(&ann, AlertsQuery::default());
        listening.await.unwrap()
    }

    /// The first column of what a statement finds, as text, straight from the file.
    pub(crate) async fn sql(&self, statement: &'static str) -> Vec<String> {
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        let rows = sqlx::query(statement).fetch_all(&mut connection).await;
        let rows = rows.unwrap();
        let texts = rows.iter().map(|row| match row.try_get::<String, _>(0) {
            Ok(text) => text,
            Err(_) => row.get::<i64, _>(0).to_string(),
        });
        texts.collect()
    }

    /// Does something to the file that no server would do.
    pub(crate) async fn execute(&self, statement: &str) {
        assert_ne!(self.try_execute(statement).await, 0, "{statement}");
    }

    /// The same, of how many rows it is to be told.
    pub(crate) async fn try_execute(&self, statement: &str) -> u64 {
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        let query = sqlx::query(AssertSqlSafe(statement.to_owned()));
        query
            .execute(&mut connection)
            .await
            .unwrap()
            .rows_affected()
    }

    /// What a verification finds.
    pub(crate) async fn verified(&self) -> Vec<String> {
        let store = Store::to_read(&self.url).await.unwrap();
        let mut findings = Vec::new();
        let tell = |finding: Finding| findings.push(finding.to_string());
        let verified = store.verify(tell).await.unwrap();
        store.close().await;
        assert_eq!(verified.findings, findings.len() as u64);
        findings
    }

    /// Mends what a verification can mend for certain; what is found after that.
    pub(crate) async fn repaired(&self) -> Vec<String> {
        let store = Store::existing(&self.url).await.unwrap();
        for _ in 0..3 {
            let mut repairs = BTreeSet::new();
            let tell = |finding: Finding| repairs.extend(finding.repair);
            store.verify(tell).await.unwrap();
            for repair in &repairs {
                store.repair(repair).await.unwrap();
            }
        }
        store.close().await;
        self.verified().await
    }

    /// The files of the database, byte for byte.
    pub(crate) fn image(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for name in ["truth.db", "truth.db-wal"] {
            if let Ok(bytes) = std::fs::read(self.dir.path().join(name)) {
                files.push((name.to_owned(), bytes));
            }
        }
        files
    }

    /// A world on the files of another, as a crash at that instant leaves them.
    pub(crate) async fn from_image(image: &[(String, Vec<u8>)], clock: &TestClock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in image {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let url = format!("sqlite:{}", dir.path().join("truth.db").display());
        let store = Store::connect(&url).await.unwrap();
        Self {
            service: Service::new(store, Settings::default(), clock.clone()),
            clock: clock.clone(),
            url,
            dir,
        }
    }

    /// How many records live in the datastore of the tests' user.
    pub(crate) async fn live(&self) -> usize {
        self.keys().await.len()
    }

    /// Their keys.
    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let mut query = RecordsQuery::default();
        loop {
            let page = self.service.records(&caller("ann"), query).await.unwrap();
            keys.extend(page.records.iter().map(|record| record.key.to_string()));
            let Some(cursor) = page.cursor else {
                return keys;
            };
            query = RecordsQuery {
                cursor: Some(cursor),
                ..RecordsQuery::default()
            };
        }
    }
}

pub(crate) fn caller(user: &str) -> Caller {
    Caller {
        user: user.to_owned(),
    }
}

/// A request as it comes over the wire.
pub(crate) fn request<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap()
}

/// An answer as it goes over the wire.
pub(crate) fn wire(answer: &impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(answer).unwrap()).unwrap()
}

pub(crate) fn mingled(answer: PushAnswer) -> PushSummary {
    match answer.outcome {
        PushOutcome::Mingled(summary) => summary,
        PushOutcome::Staged(count) => panic!("staged {count}"),
    }
}

/// A device that stores whatever it is sent, without edits of its own.
pub(crate) struct Device {
    pub(crate) service: Service,
    pub(crate) user: String,
    pub(crate) id: Uuid,
    pub(crate) attempts: Vec<Uuid>,
    pub(crate) last_sync: Option<String>,
    pub(crate) records: BTreeMap<String, RecordFingerprint>,
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) local_ids: BTreeMap<String, String>,
    pub(crate) session: Option<String>,
    pub(crate) max_checkin: String,
}

impl Device {
    pub(crate) fn new(world: &World) -> Self {
        Self::of(&world.service, "ann")
    }

    pub(crate) fn of(service: &Service, user: &str) -> Self {
        Self {
            service: service.clone(),
            user: user.to_owned(),
            id: Uuid::new_v4(),
            attempts: Vec::new(),
            last_sync: None,
            records: BTreeMap::new(),
            values: BTreeMap::new(),
            local_ids: BTreeMap::new(),
            session: None,
            max_checkin: String::new(),
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        caller(&self.user)
    }

    pub(crate) fn fingerprint(&self) -> String {
        let mut sum = DatastoreFingerprint::EMPTY;
        for (key, fingerprint) in &self.records {
            sum.insert(key, fingerprint);
        }
        sum.to_string()
    }

    pub(crate) fn open_request(&mut self, pending: u64) -> Value {
        self.attempts.push(Uuid::new_v4());
        json!({
            "device_uuid": self.id, "attempts": self.attempts, "last_sync": self.last_sync,
            "pending": pending, "fingerprint": self.fingerprint(), "device": {"name": "test"},
        })
    }

    pub(crate) async fn open(&mut self, pending: u64) -> Result<OpenAnswer, Problem> {
        let body = self.open_request(pending);
        self.open_with(&body).await
    }

    pub(crate) async fn open_with(&mut self, body: &Value) -> Result<OpenAnswer, Problem> {
        let answer = self.service.open(&self.caller(), request(body)).await?;
        self.session = answer.sync_uuid.map(|session| session.to_string());
        if self.session.is_some() {
            self.attempts = self.attempts.split_off(self.attempts.len() - 1);
        } else {
            self.attempts.pop();
            self.last_sync = answer.last_sync.map(|checkin| checkin.to_string());
        }
        self.max_checkin = answer.max_checkin.to_string();
        Ok(answer)
    }

    pub(crate) async fn push(&mut self, records: Value) -> Result<PushSummary, Problem> {
        self.push_as(0, records).await
    }

    /// Closes a push with the batch of this place.
    pub(crate) async fn push_as(
        &mut self,
        seq: u32,
        records: Value,
    ) -> Result<PushSummary, Problem> {
        let body = json!({"sync_uuid": self.session, "seq": seq, "records": records});
        let answer = self.service.push(&self.caller(), request(&body)).await?;
        let summary = mingled(answer);
        self.max_checkin = summary.max_checkin.to_string();
        Ok(summary)
    }

    pub(crate) async fn stage(&mut self, seq: u32, records: Value) -> Result<PushAnswer, Problem> {
        let body = json!({"sync_uuid": self.session, "seq": seq, "records": records, "more": true});
        self.service.push(&self.caller(), request(&body)).await
    }

    pub(crate) async fn page(
        &mut self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<PullAnswer, Problem> {
        let body = json!({"sync_uuid": self.session, "cursor": cursor, "limit": limit});
        let answer = self.service.pull(&self.caller(), request(&body)).await?;
        for record in &answer.records {
            self.store(record);
        }
        Ok(answer)
    }

    /// Pulls all pages; what came, in order.
    pub(crate) async fn pull(&mut self, limit: u32) -> Result<Vec<ServerRecord>, Problem> {
        let mut records = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let answer = self.page(cursor.as_deref(), limit).await?;
            assert_eq!(answer.cursor.is_none(), answer.remaining == 0);
            assert!(answer.records.len() <= limit as usize);
            records.extend(answer.records);
            cursor = answer.cursor;
            if cursor.is_none() {
                return Ok(records);
            }
        }
    }

    pub(crate) async fn finish(&mut self) -> Result<FinishAnswer, Problem> {
        let body = self.finish_request();
        let answer = self.service.finish(&self.caller(), request(&body)).await?;
        self.last_sync = answer.last_sync.map(|checkin| checkin.to_string());
        Ok(answer)
    }

    pub(crate) fn finish_request(&self) -> Value {
        json!({
            "sync_uuid": self.session, "last_update": self.max_checkin,
            "fingerprint": self.fingerprint(), "count": self.records.len(),
        })
    }

    /// A whole sync: open, push, pull, finish; it must end in sync.
    pub(crate) async fn sync(&mut self, records: Value) -> Option<PushSummary> {
        let pending = records.as_array().unwrap().len();
        let answer = self.open(pending as u64).await.unwrap();
        if answer.in_sync {
            return None;
        }
        let summary = self.push(records).await.unwrap();
        self.pull(1000).await.unwrap();
        let finish = self.finish().await.unwrap();
        assert!(finish.in_sync, "device and truth differ");
        Some(summary)
    }

    fn store(&mut self, record: &ServerRecord) {
        let key = record.key.to_string();
        if let Some(local_id) = record.local_id {
            let local_id = local_id.to_string();
            if let Some(value) = self.values.remove(&local_id) {
                self.values.entry(key.clone()).or_insert(value);
            }
            self.local_ids.insert(local_id, key.clone());
        }
        if record.deleted {
            self.records.remove(&key);
            self.values.remove(&key);
            return;
        }
        let told: RecordFingerprint = record.fingerprint.as_ref().unwrap().parse().unwrap();
        if let Some(value) = &record.value {
            let value = Canonical::parse(value.get()).unwrap();
            assert_eq!(told, RecordFingerprint::of(&record.entity, value.borrow()));
            let value = serde_json::from_str(value.as_str()).unwrap();
            self.values.insert(key.clone(), value);
        }
        self.records.insert(key, told);
    }

    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.records.keys().cloned().collect()
    }
}

/// The next commit that a listener was told of, if there is one by now.
pub(crate) fn told(commits: &mut Alerts) -> Option<Alert> {
    commits.next().now_or_never().flatten()
}

/// A new record, made offline.
pub(crate) fn pending(local_id: Uuid, value: &Value) -> Value {
    json!({
        "key": local_id, "is_pending": true, "value": value,
        "created": "2026-11-22T04:41:01.123Z", "updated": "2026-11-22T04:41:01.123Z",
    })
}

/// So many new records.
pub(crate) fn many(count: usize) -> Value {
    (0..count)
        .map(|at| {
            pending(
                Uuid::new_v4(),
                &json!({"name": format!("record {at}"), "at": at}),
            )
        })
        .collect()
}
