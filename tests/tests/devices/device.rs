//! A device: pages that survive, a client that does not, and an app that writes through it.

use std::rc::Rc;

use serde_json::{Map, Value};
use tidemark_engine::{
    client::{
        Cancel, Choice, Client, Doc, Environment, Error, Operation, Options, SyncOptions,
        SyncReport,
    },
    store::{Committed, Fault, MemoryPages},
};

use crate::world::{Network, World};

pub(crate) const ENTITY: &str = "note";

/// What the client is given of the world.
pub(crate) struct Surroundings {
    pages: MemoryPages,
    network: Network,
}

impl Environment for Surroundings {
    type Pages = MemoryPages;
    type Transport = Network;

    fn pages(&self) -> &MemoryPages {
        &self.pages
    }

    fn transport(&self) -> &Network {
        &self.network
    }

    /// A clock that nobody should trust: any time within ten years.
    fn now_millis(&self) -> i64 {
        self.network
            .0
            .random
            .borrow_mut()
            .i64(1_600_000_000_000..1_900_000_000_000)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.network.0.random.borrow_mut().fill(bytes);
    }
}

pub(crate) struct Device {
    world: Rc<World>,
    pages: MemoryPages,
    client: Client<Surroundings>,
}

/// What a write did, as far as the app knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    Surely,
    Perhaps,
    Nothing,
}

impl Device {
    pub(crate) async fn new(world: &Rc<World>) -> Self {
        Self::on(world, MemoryPages::new()).await
    }

    async fn on(world: &Rc<World>, pages: MemoryPages) -> Self {
        let client = open(world, &pages).await;
        Self {
            world: Rc::clone(world),
            pages,
            client,
        }
    }

    /// The tab dies here; the next one starts on what is on the disk.
    pub(crate) async fn crash(&mut self) {
        self.pages = self.pages.snapshot();
        self.client = open(&self.world, &self.pages).await;
    }

    /// A copy of the whole profile, used on as another machine.
    pub(crate) async fn copy(&self) -> Self {
        Self::on(&self.world, self.pages.snapshot()).await
    }

    /// One of the next commits fails, with or without effect.
    pub(crate) fn plan_fault(&self) {
        let fault = if self.world.chance(50) {
            Fault::Before
        } else {
            Fault::After
        };
        self.pages.fail_after(self.world.below(8) as u64, fault);
    }

    pub(crate) async fn all(&self) -> Vec<Doc> {
        self.client.find(ENTITY, "").await.unwrap()
    }

    pub(crate) async fn pending(&self) -> Vec<Doc> {
        self.client.pending().await.unwrap()
    }

    /// The conflicts that it shows.
    pub(crate) async fn conflicts(&self) -> Vec<Value> {
        let texts = self.client.conflicts().await.unwrap();
        texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    /// Settles one of the conflicts that it shows, if there are any.
    pub(crate) async fn settle(&self, place: usize) {
        let conflicts = self.conflicts().await;
        let Some(conflict) = conflicts.get(place % conflicts.len().max(1)) else {
            return;
        };
        let choice = if self.world.chance(50) {
            Choice::Device
        } else {
            Choice::Truth
        };
        let id = conflict["id"].as_str().unwrap();
        // A planned fault may hit it.
        let _ = self.client.resolve(id, &choice).await;
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.client.info().fingerprint
    }

    pub(crate) async fn sync(&self) -> Result<SyncReport, Error> {
        self.sync_as(SyncOptions::default()).await
    }

    pub(crate) async fn sync_as(&self, options: SyncOptions) -> Result<SyncReport, Error> {
        self.client.sync(options, &Cancel::default()).await
    }

    pub(crate) async fn create(&self, value: &Value) -> Wrote {
        let values = format!("[{value}]");
        let create = Operation::Create {
            entity: ENTITY.into(),
            values,
        };
        match self.client.write(vec![create]).await {
            Ok(_) => Wrote::Surely,
            Err(_) => Wrote::Perhaps,
        }
    }

    /// Writes a whole value under a key, whether or not there is a record.
    pub(crate) async fn put(&self, key: &str, value: &Value) {
        let put = Operation::Put {
            entity: Rc::from(ENTITY),
            key: key.to_owned(),
            value: value.to_string(),
        };
        self.client.write(vec![put]).await.unwrap();
    }

    /// Drops what was edited of a record.
    pub(crate) async fn undo(&self, key: &str) {
        let undo = Operation::Undo {
            entity: Rc::from(ENTITY),
            key: key.to_owned(),
        };
        self.client.write(vec![undo]).await.unwrap();
    }

    /// Sets fields, or deletes where there are none; answers what was seen under it.
    pub(crate) async fn change(
        &self,
        key: &str,
        fields: Option<&Map<String, Value>>,
    ) -> (Wrote, Value) {
        loop {
            let mut batch = self.client.begin().await.unwrap();
            let keys = [key.to_owned()];
            let Ok(mut seen) = batch.get_many(ENTITY, &keys).await else {
                return (Wrote::Nothing, Value::Null);
            };
            let Some(doc) = seen.pop().flatten() else {
                return (Wrote::Nothing, Value::Null);
            };
            let value: Value = serde_json::from_str(doc.value.as_str()).unwrap();
            let entity = Rc::from(ENTITY);
            let operation = match fields {
                Some(fields) => Operation::Update {
                    entity,
                    key: key.to_owned(),
                    fields: Value::Object(fields.clone()).to_string(),
                    removed: Vec::new(),
                },
                None => Operation::Delete {
                    entity,
                    key: key.to_owned(),
                },
            };
            if batch.apply(vec![operation]).await.is_err() {
                return (Wrote::Nothing, value);
            }
            match batch.commit().await {
                Ok(Committed::Done) => return (Wrote::Surely, value),
                Ok(Committed::Stale) => {}
                Err(_) => return (Wrote::Perhaps, value),
            }
        }
    }
}

async fn open(world: &Rc<World>, pages: &MemoryPages) -> Client<Surroundings> {
    loop {
        let surroundings = Surroundings {
            pages: pages.clone(),
            network: Network(Rc::clone(world)),
        };
        // A planned fault may hit the opening itself.
        if let Ok(client) = Client::open(surroundings, Options::default()).await {
            return client;
        }
    }
}
