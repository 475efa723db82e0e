//! A handle on the database that can die: opening it, noticing that it is gone, opening again.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use idb::Database;
use js_sys::{Array, Object, Reflect};
use tidemark_engine::store::PagesError;
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbTransaction, IdbTransactionMode};

use super::{Durability, PAGES, ROOTS, failure, failure::Failure, open};

#[wasm_bindgen]
extern "C" {
    /// An `IDBDatabase`, for the form of `transaction` that takes options: neither web-sys nor
    /// idb has it yet.
    #[wasm_bindgen(extends = IdbDatabase)]
    type WithOptions;
    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &WithOptions,
        stores: &JsValue,
        mode: IdbTransactionMode,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}

/// Where a handle stands. Callbacks only turn this; they free nothing that is running.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    /// The browser closed it under us: the next call opens it again.
    Lost,
    /// Closed for good: by the app, or for another tab that upgrades or deletes the database.
    Closed(&'static str),
}

const BY_THE_APP: &str = "the app closed it";
const FOR_ANOTHER_TAB: &str = "another tab upgraded or deleted it";

/// A handle on the database of this name.
pub(super) struct Handle {
    name: String,
    standing: Rc<Cell<Standing>>,
    connection: RefCell<Option<Rc<Connection>>>,
    scopes: Scopes,
    /// Of each transaction.
    options: Object,
}

/// What a transaction may be over, made once: each name would cross to JavaScript each time.
struct Scopes {
    pages: JsValue,
    roots: JsValue,
    both: JsValue,
}

/// Which object stores a transaction is over.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Pages,
    Roots,
    Both,
}

/// A connection, and the wrapper that owns its callbacks.
struct Connection {
    raw: IdbDatabase,
    _callbacks: Database,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.raw.set_onclose(None);
        self.raw.set_onversionchange(None);
        self.raw.close();
    }
}

impl Handle {
    /// Opens, making the database where there is none.
    pub(super) async fn open(name: &str, durability: Durability) -> Result<Self, PagesError> {
        let options = Object::new();
        let durability = match durability {
            Durability::Relaxed => "relaxed",
            Durability::Strict => "strict",
        };
        // Setting a member of an ordinary object cannot fail.
        drop(Reflect::set(
            &options,
            &"durability".into(),
            &durability.into(),
        ));
        let (pages, roots) = (JsValue::from_str(PAGES), JsValue::from_str(ROOTS));
        let both = Array::of2(&pages, &roots).into();
        let handle = Self {
            name: name.to_owned(),
            standing: Rc::new(Cell::new(Standing::Lost)),
            connection: RefCell::new(None),
            scopes: Scopes { pages, roots, both },
            options,
        };
        handle.reopen().await?;
        Ok(handle)
    }

    /// Begins a transaction. Nothing may be awaited between this and the first request.
    pub(super) fn begin(
        &self,
        scope: Scope,
        mode: IdbTransactionMode,
    ) -> Result<IdbTransaction, Failure> {
        let connection = self.connection.borrow().clone();
        let Some(connection) = connection.filter(|_| self.standing.get() == Standing::Open) else {
            return Err(Failure::Lost {
                begun: false,
                error: self.closed(),
            });
        };
        let stores = match scope {
            Scope::Pages => &self.scopes.pages,
            Scope::Roots => &self.scopes.roots,
            Scope::Both => &self.scopes.both,
        };
        connection
            .raw
            .unchecked_ref::<WithOptions>()
            .transaction(stores, mode, &self.options)
            .map_err(|exception| failure::not_begun(&exception))
    }

    /// Opens again after the connection was lost; `Closed` when it was closed for good.
    pub(super) async fn reopen(&self) -> Result<(), PagesError> {
        if matches!(self.standing.get(), Standing::Closed(_)) {
            return Err(self.closed());
        }
        let raw = open::open(&self.name).await?;
        // Closed while this was waiting: then the new connection goes, too.
        if matches!(self.standing.get(), Standing::Closed(_)) {
            raw.close();
            return Err(self.closed());
        }
        let connection = Rc::new(self.watch(raw));
        self.standing.set(Standing::Open);
        *self.connection.borrow_mut() = Some(connection);
        Ok(())
    }

    /// Closes for good; a transaction under way still ends as it would have.
    pub(super) fn close(&self) {
        if !matches!(self.standing.get(), Standing::Closed(_)) {
            self.standing.set(Standing::Closed(BY_THE_APP));
        }
        drop(self.connection.borrow_mut().take());
    }

    /// Why there is no connection.
    fn closed(&self) -> PagesError {
        PagesError::Closed(match self.standing.get() {
            Standing::Closed(why) => why.into(),
            Standing::Open | Standing::Lost => "the browser closed the connection".into(),
        })
    }

    fn watch(&self, raw: IdbDatabase) -> Connection {
        let mut callbacks = Database::from(raw.clone());
        let standing = Rc::clone(&self.standing);
        callbacks.on_close(move |_| {
            if standing.get() == Standing::Open {
                standing.set(Standing::Lost);
            }
        });
        let (standing, closing) = (Rc::clone(&self.standing), raw.clone());
        callbacks.on_version_change(move |_| {
            standing.set(Standing::Closed(FOR_ANOTHER_TAB));
            closing.close();
        });
        Connection {
            raw,
            _callbacks: callbacks,
        }
    }
}
