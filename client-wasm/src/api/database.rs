//! The database as JavaScript holds it.

use std::rc::Rc;

use js_sys::{Function, Promise};
use tidemark_engine::client::{Choice, Client};
use wasm_bindgen::prelude::*;

use super::{
    answer::{plain, promise, thrown},
    operations::Operations,
    options::{OpenOptions, sync_options},
    work::{Question, Reading, Work, start},
};
use crate::{
    environment::Browser,
    events::Events,
    pages::IndexedDbPages,
    platform::random,
    syncing::{Syncing, Ticket},
    transport::{Connection, Http, Token},
};

/// One open local database.
#[wasm_bindgen]
pub struct Core(Rc<Inner>);

/// What the database and its batches share.
pub(super) struct Inner {
    pub(super) client: Client<Browser>,
    pages: IndexedDbPages,
    pub(super) http: Http,
    events: Events,
    pub(super) syncing: Syncing,
    /// The lock of a writer that others have been ahead of.
    pub(super) writing: String,
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
        start(&self.0, operations.into_vec().map(Work::Write))
    }

    /// Reads records, as JSON arrays in slices; or a count; or conflicts, each as text.
    #[wasm_bindgen(unchecked_return_type = "Promise<any>")]
    pub fn read(&self, what: Reading, entity: String, text: String) -> Promise {
        start(&self.0, Ok(Work::Read(Question { what, entity, text })))
    }

    /// Begins a batch.
    #[wasm_bindgen(unchecked_return_type = "Promise<CoreBatch>")]
    pub fn begin(&self) -> Promise {
        start(&self.0, Ok(Work::Begin))
    }

    /// Something was committed by a batch.
    pub fn changed(&self) {
        self.0.syncing.changed();
    }

    /// Calls the function, and waits for its promise, while no other tab does the same: for a
    /// writer that others have been ahead of.
    #[wasm_bindgen(js_name = whileOthersWait, unchecked_return_type = "Promise<void>")]
    pub fn while_others_wait(&self, work: Function) -> Promise {
        start(&self.0, Ok(Work::WhileOthersWait(work)))
    }

    /// Settles a conflict: with a value if there is one, else as the device that pushed had it, or the
    /// truth before that.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn resolve(&self, id: String, is_device: bool, value: Option<String>) -> Promise {
        let choice = match value {
            Some(value) => Choice::Value(value),
            None if is_device => Choice::Device,
            None => Choice::Truth,
        };
        start(&self.0, Ok(Work::Resolve(id, choice)))
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
        start(&self.0, Ok(Work::Info))
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
        let options = sync_options(mode, direction, mirror, confirm);
        let ticket = handle.ticket.clone();
        start(&self.0, options.map(|options| Work::Sync(options, ticket)))
    }

    /// Ends the sync and closes the database, for good.
    pub fn close(&self) {
        self.0.syncing.close();
        self.0.events.close(&self.0.client);
        self.0.pages.close();
    }
}
