//! The database as JavaScript holds it.

use std::rc::Rc;

use js_sys::Promise;
use tidemark_engine::client::{Choice, Client, Options};
use wasm_bindgen::prelude::*;

use super::{
    answer::{plain, promise},
    operations::Operations,
    options::{declared, sync_options},
    work::{Question, Reading, Work, start},
};
use crate::{
    environment::Browser,
    events::Events,
    pages::{Durability, IndexedDbPages},
    platform::{host::Host, random},
    syncing::{Syncing, Ticket},
};

/// One open local database.
#[wasm_bindgen]
pub struct Core(Rc<Inner>);

/// What the database and its batches share.
pub(super) struct Inner {
    pub(super) client: Client<Browser>,
    pages: IndexedDbPages,
    pub(super) host: Host,
    events: Events,
    pub(super) syncing: Syncing,
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

/// Opens a database, making it where there is none. `host` is told of events with
/// nothing of the database on the stack; `indexes` is a JSON array of arrays, of an entity and its
/// fields each.
#[wasm_bindgen(js_name = openCore, unchecked_return_type = "Promise<Core>")]
pub fn open_core(
    name: String,
    strict: bool,
    datastore: Option<String>,
    device: Option<String>,
    indexes: String,
    host: Host,
) -> Promise {
    let durability = if strict {
        Durability::Strict
    } else {
        Durability::Relaxed
    };
    promise(async move {
        random::check()?;
        let options = Options {
            indexes: declared(&indexes)?,
            datastore,
            device,
        };
        let events = Events::new(host.clone());
        let tell = events.clone();
        let on_commit = Box::new(move |_| tell.tell_commit());
        let pages = IndexedDbPages::open(&name, durability, on_commit).await?;
        let browser = Browser {
            pages: pages.clone(),
            host: host.clone(),
        };
        let client = match Client::open(browser, options).await {
            Ok(client) => client,
            Err(error) => {
                pages.close();
                return Err(error);
            }
        };
        let syncing = Syncing::new(client.clone(), host.clone(), &name);
        events.follow(&client);
        let inner = Inner {
            client,
            pages,
            host,
            events,
            syncing,
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

    /// Another tab committed: sees what, and in time whether its sync is to be done for it.
    #[wasm_bindgen(js_name = heardOfCommit)]
    pub fn heard_of_commit(&self) {
        self.0.events.refresh(&self.0.client);
        self.0.syncing.heard_of_change();
    }

    /// Another device committed to the truth.
    pub fn alerted(&self, checkin: String) {
        self.0.syncing.alerted(checkin);
    }

    /// It is time to look; or the page is hidden, and what waits is to be pushed.
    pub fn wake(&self, is_hidden: bool) {
        self.0.syncing.wake(is_hidden);
    }

    /// The airbag holds what another tab syncs, or does not.
    pub fn hold(&self, is_held: bool) {
        self.0.client.hold(is_held);
    }

    /// The browser went online or offline.
    #[wasm_bindgen(js_name = networkChanged)]
    pub fn network_changed(&self) {
        self.0.syncing.network_changed();
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
    pub fn status(&self) -> JsValue {
        plain(&self.0.client.status().to_json())
    }

    /// What this database is and holds.
    #[wasm_bindgen(unchecked_return_type = "Promise<unknown>")]
    pub fn info(&self) -> Promise {
        start(&self.0, Ok(Work::Info))
    }

    /// Talks to the server that the host has from now on, by itself or when asked.
    pub fn connect(&self, auto: bool, datastore: Option<String>) {
        if datastore.is_some() {
            self.0.client.set_datastore(datastore);
        }
        self.0.syncing.set_auto(auto);
    }

    /// Talks to no server any more.
    pub fn disconnect(&self) {
        self.0.syncing.set_auto(false);
        self.0.syncing.stop();
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
