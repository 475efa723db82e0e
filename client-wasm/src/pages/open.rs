//! Opening and deleting the database itself: its layout, and what other tabs can do to it.

use std::{cell::Cell, rc::Rc};

use idb::{
    Database, DatabaseEvent as _, Error, Event, Factory, ObjectStoreParams, Request,
    event::OpenDatabaseRequestEvent,
};
use tidemark_engine::store::PagesError;
use web_sys::IdbDatabase;

use super::{LAYOUT, LAYOUTS_END, PAGES, ROOT_OF_OLD, ROOTS, failure};
use crate::{
    platform::{spawn, timer::sleep},
    signal::{Signal, signal},
};

/// Why a database is not opened: an older one was never released, a later one may mean other things.
const ANOTHER_VERSION: &str = "the database was made by another version of Tidemark";
/// What another tab did about being asked to close.
const KEPT_OPEN: &str = "it did not close the database";

/// How long another tab may take to end its transactions and let go of the database.
const LET_GO_MILLIS: u32 = 3_000;

/// Opens the database, making it where there is none.
pub(super) async fn open(name: &str) -> Result<IdbDatabase, PagesError> {
    match open_version(name, Some(LAYOUT)).await? {
        Ok(database) => not_old(database),
        Err(error) if failure::is_later_version(&error) => open_later(name).await,
        Err(error) => Err(failure::open(&error)),
    }
}

/// The database, unless an earlier layout lies in it.
fn not_old(database: IdbDatabase) -> Result<IdbDatabase, PagesError> {
    let stores = Database::from(database.clone()).store_names();
    if stores.iter().all(|name| name != ROOT_OF_OLD) {
        return Ok(database);
    }
    database.close();
    Err(PagesError::Other(ANOTHER_VERSION.into()))
}

/// Opens a database of a later layout, if that one only grew.
async fn open_later(name: &str) -> Result<IdbDatabase, PagesError> {
    let database = open_version(name, None)
        .await?
        .map_err(|error| failure::open(&error))?;
    if database.version() < f64::from(LAYOUTS_END) {
        return Ok(database);
    }
    database.close();
    Err(PagesError::Other(ANOTHER_VERSION.into()))
}

type Opened = Result<Result<IdbDatabase, Error>, PagesError>;

async fn open_version(name: &str, version: Option<u32>) -> Opened {
    let factory = Factory::new().map_err(|error| failure::open(&error))?;
    let mut request = match factory.open(name, version) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    let (answer, answered) = signal();
    let too_late = Rc::new(Cell::new(false));
    request.on_upgrade_needed(|event| {
        if let Ok(database) = event.database() {
            lay_out(&database);
        }
    });
    let (give, late) = (answer.clone(), Rc::clone(&too_late));
    request.on_success(move |event| give.give(Ok(opened(&event, &late))));
    let give = answer.clone();
    request.on_error(move |event| give.give(Ok(Err(error_of(&event)))));
    let late = Rc::clone(&too_late);
    request.on_blocked(move |_| give_up_later(answer, late, KEPT_OPEN));
    let answered = answered.await;
    if too_late.get() {
        // The request goes on, and its callbacks close what it opens in the end.
        request.forget_callbacks();
    }
    answered
}

fn opened(event: &OpenDatabaseRequestEvent, too_late: &Cell<bool>) -> Result<IdbDatabase, Error> {
    let raw = IdbDatabase::from(event.target()?.database()?);
    if too_late.get() {
        raw.close();
    }
    Ok(raw)
}

/// A failed layout aborts the upgrade and with it the opening, which then tells why.
fn lay_out(database: &Database) {
    for store in [PAGES, ROOTS] {
        if !database.store_names().iter().any(|name| name == store) {
            let mut params = ObjectStoreParams::new();
            params.auto_increment(store == ROOTS);
            drop(database.create_object_store(store, params));
        }
    }
}

/// Deletes the database; every tab that has it open is asked to close it first.
pub(super) async fn delete(name: &str) -> Result<(), PagesError> {
    let factory = Factory::new().map_err(|error| failure::open(&error))?;
    let mut request = factory
        .delete(name)
        .map_err(|error| failure::open(&error))?;
    let (answer, answered) = signal();
    let give = answer.clone();
    request.on_success(move |_| give.give(Ok(Ok(()))));
    let give = answer.clone();
    request.on_error(move |event| give.give(Ok(Err(error_of(&event)))));
    let too_late = Rc::new(Cell::new(false));
    let late = Rc::clone(&too_late);
    request.on_blocked(move |_| {
        give_up_later(answer, late, KEPT_OPEN);
    });
    let answered = answered.await;
    if too_late.get() {
        request.forget_callbacks();
    }
    answered?.map_err(|error| failure::open(&error))
}

/// `blocked` comes also when the other tab is about to close: it gets some time.
fn give_up_later<T: 'static>(
    answer: Signal<Result<T, PagesError>>,
    too_late: Rc<Cell<bool>>,
    why: &'static str,
) {
    spawn(async move {
        sleep(LET_GO_MILLIS).await;
        too_late.set(true);
        answer.give(Err(PagesError::Blocked(why.into())));
    });
}

fn error_of<E: Event<Target: Request>>(event: &E) -> Error {
    match event.target().and_then(|request| request.error()) {
        Ok(Some(exception)) => Error::DomException(exception),
        Ok(None) => Error::DomExceptionNotFound,
        Err(error) => error,
    }
}
