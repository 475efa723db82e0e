//! The database as JavaScript holds it.

use std::{borrow::Cow, rc::Rc};

use js_sys::{Array, Function, JsString, Promise, Reflect};
use tidemark_engine::{
    client::{Choice, Client, Error, ErrorCode},
    json::{Canonical, CanonicalRef},
};
use wasm_bindgen::prelude::*;

use super::{
    answer::{answers, plain, promise, slices, thrown},
    batch::CoreBatch,
    operations::Operations,
    options::{OpenOptions, sync_options},
};
use crate::{
    environment::Browser,
    events::Events,
    pages::IndexedDbPages,
    platform::{
        locks::{IfHeld, with_lock},
        random, storage,
    },
    syncing::{Syncing, Ticket},
    transport::{Connection, Http, Token},
};

/// One open local database.
#[wasm_bindgen]
pub struct Core(Rc<Inner>);

struct Inner {
    client: Client<Browser>,
    pages: IndexedDbPages,
    http: Http,
    events: Events,
    syncing: Syncing,
    writing: String,
}

/// A sync that can be cancelled while it runs, and waited for.
#[wasm_bindgen]
pub struct SyncHandle {
    ticket: Ticket,
    syncing: Syncing,
}

#[wasm_bindgen]
impl SyncHandle {
    /// Stops it: its promise is rejected with `cancelled`.
    pub fn cancel(&self) {
        self.syncing.cancel(&self.ticket);
    }
}

/// Opens a database, making it where there is none. `listener` is called with an event's name
/// and its detail, never while a call of the database is on the stack.
#[wasm_bindgen(js_name = openCore, unchecked_return_type = "Promise<Core>")]
pub fn open_core(options: OpenOptions, listener: Function) -> Promise {
    promise(async move {
        random::check()?;
        let (name, durability, options) = options.into_parts();
        let events = Events::new(&name, listener);
        let tell = events.clone();
        let on_commit = Box::new(move |_| tell.tell_commit());
        let pages = IndexedDbPages::open(&name, durability, on_commit).await?;
        let http = Http::default();
        let browser = Browser {
            pages: pages.clone(),
            http: http.clone(),
        };
        let client = match Client::open(browser, options).await {
            Ok(client) => client,
            Err(error) => {
                pages.close();
                return Err(error);
            }
        };
        let syncing = Syncing::new(client.clone(), http.clone(), &name);
        events.follow(&client, &syncing);
        let inner = Inner {
            client,
            pages,
            http,
            events,
            syncing,
            writing: format!("tidemark:{name}:write"),
        };
        Ok(Core(Rc::new(inner)).into())
    })
}

/// Deletes a database that nobody needs any more; tabs that have it open are asked to close it.
#[wasm_bindgen(js_name = destroyCore, unchecked_return_type = "Promise<void>")]
pub fn destroy_core(name: String) -> Promise {
    promise(async move {
        IndexedDbPages::delete(&name).await?;
        Ok(JsValue::UNDEFINED)
    })
}

#[wasm_bindgen]
impl Core {
    /// Does these writes in one commit; an answer each, in slices.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[][]>")]
    pub fn write(&self, operations: Operations) -> Promise {
        let (inner, operations) = (Rc::clone(&self.0), operations.into_vec());
        promise(async move {
            let docs = inner.client.write(operations).await?;
            inner.syncing.changed();
            Ok(answers(&docs))
        })
    }

    /// Begins a batch.
    #[wasm_bindgen(unchecked_return_type = "Promise<CoreBatch>")]
    pub fn begin(&self) -> Promise {
        let inner = Rc::clone(&self.0);
        promise(async move { Ok(CoreBatch::new(inner.client.begin().await?).into()) })
    }

    /// Something was committed by a batch.
    pub fn changed(&self) {
        self.0.syncing.changed();
    }

    /// Calls the function, and waits for its promise, while no other tab does the same: for a
    /// writer that others have been ahead of.
    #[wasm_bindgen(js_name = whileOthersWait, unchecked_return_type = "Promise<void>")]
    pub fn while_others_wait(&self, work: Function) -> Promise {
        let inner = Rc::clone(&self.0);
        promise(async move {
            with_lock(&inner.writing, IfHeld::Wait, async {
                let done = work.call0(&JsValue::UNDEFINED);
                if let Ok(done) = done {
                    // Its failure is its caller's own matter.
                    drop(wasm_bindgen_futures::JsFuture::from(Promise::resolve(&done)).await);
                }
            })
            .await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// The records of these keys, a JSON array; `null` for one that is not there.
    #[wasm_bindgen(js_name = getMany, unchecked_return_type = "Promise<string[]>")]
    pub fn get_many(&self, entity: String, keys: String) -> Promise {
        let client = self.0.client.clone();
        promise(async move {
            let docs = client.get_many(&entity, &read_keys(&keys)?).await?;
            Ok(slices(docs.iter().map(Option::as_ref)).into())
        })
    }

    /// The records that a query finds.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[]>")]
    pub fn find(&self, entity: String, query: String) -> Promise {
        let client = self.0.client.clone();
        promise(
            async move { Ok(slices(client.find(&entity, &query).await?.iter().map(Some)).into()) },
        )
    }

    /// How many records a query finds.
    #[wasm_bindgen(unchecked_return_type = "Promise<number>")]
    pub fn count(&self, entity: String, query: String) -> Promise {
        let client = self.0.client.clone();
        promise(async move { Ok(number(client.count(&entity, &query).await?)) })
    }

    /// The records that are not in the truth yet.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[]>")]
    pub fn pending(&self) -> Promise {
        let client = self.0.client.clone();
        promise(async move { Ok(slices(client.pending().await?.iter().map(Some)).into()) })
    }

    /// The conflicts that wait for a person, each as text.
    #[wasm_bindgen(unchecked_return_type = "Promise<string[]>")]
    pub fn conflicts(&self) -> Promise {
        let client = self.0.client.clone();
        promise(async move {
            // Another tab may have told of them before its commit was heard of.
            client.refresh().await?;
            let texts = client.conflicts().await?.into_iter().map(JsString::from);
            Ok(texts.collect::<Array>().into())
        })
    }

    /// Settles a conflict: with a value if there is one, else as the device that pushed had it, or the
    /// truth before that.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn resolve(&self, id: String, is_device: bool, value: Option<String>) -> Promise {
        let inner = Rc::clone(&self.0);
        let choice = match value {
            Some(value) => Choice::Value(value),
            None if is_device => Choice::Device,
            None => Choice::Truth,
        };
        promise(async move {
            inner.client.refresh().await?;
            inner.client.resolve(&id, &choice).await?;
            inner.syncing.changed();
            Ok(JsValue::UNDEFINED)
        })
    }

    /// How the sync stands in this tab.
    ///
    /// # Errors
    ///
    /// None in practice: the status always has a plain form.
    pub fn status(&self) -> Result<JsValue, JsValue> {
        plain(&self.0.client.status()).map_err(|error| thrown(&error))
    }

    /// What this database is and holds, and what the browser says of storage.
    #[wasm_bindgen(unchecked_return_type = "Promise<unknown>")]
    pub fn info(&self) -> Promise {
        let client = self.0.client.clone();
        promise(async move {
            let storage = storage::ask().await;
            client.refresh().await?;
            let info = plain(&client.info())?;
            // Setting a member of an ordinary object cannot fail.
            drop(Reflect::set(&info, &"storage".into(), &plain(&storage)?));
            Ok(info)
        })
    }

    /// Talks to this server from now on, by itself or when asked.
    pub fn connect(&self, server: String, token: JsValue, auto: bool, datastore: Option<String>) {
        if datastore.is_some() {
            self.0.client.set_datastore(datastore);
        }
        self.0.http.connect(Some(Connection {
            server,
            token: Token::new(token),
        }));
        self.0.syncing.set_auto(auto);
    }

    /// Talks to no server any more.
    pub fn disconnect(&self) {
        self.0.syncing.set_auto(false);
        self.0.syncing.stop();
        self.0.http.connect(None);
    }

    /// A handle to cancel a sync by.
    #[wasm_bindgen(js_name = newSync)]
    pub fn new_sync(&self) -> SyncHandle {
        SyncHandle {
            ticket: self.0.syncing.ticket(),
            syncing: self.0.syncing.clone(),
        }
    }

    /// Syncs now; an empty word leaves the choice.
    #[wasm_bindgen(unchecked_return_type = "Promise<unknown>")]
    pub fn sync(
        &self,
        mode: &str,
        direction: &str,
        mirror: bool,
        confirm: bool,
        handle: &SyncHandle,
    ) -> Promise {
        let (inner, ticket) = (Rc::clone(&self.0), handle.ticket.clone());
        let options = sync_options(mode, direction, mirror, confirm);
        promise(async move {
            let options = options?;
            if !inner.http.is_connected() {
                return Err(Error::new(
                    ErrorCode::Offline,
                    "the database is not connected to a server: give `server` to open, or connect first",
                ));
            }
            plain(&inner.syncing.sync(options, ticket).await?)
        })
    }

    /// Ends the sync and closes the database, for good.
    pub fn close(&self) {
        self.0.syncing.close();
        self.0.events.close(&self.0.client);
        self.0.pages.close();
    }
}

/// The keys of a JSON array.
pub(super) fn read_keys(keys: &str) -> Result<Vec<String>, Error> {
    let wrong = || Error::invalid("keys are strings");
    let keys = Canonical::parse(keys).map_err(|_| wrong())?;
    let texts = keys.borrow().elements().map(CanonicalRef::as_text);
    texts
        .map(|text| text.map(Cow::into_owned).ok_or_else(wrong))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "no device holds 2^53 records")]
pub(super) fn number(records: u64) -> JsValue {
    JsValue::from_f64(records as f64)
}
