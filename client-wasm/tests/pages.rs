//! The page port's conformance suite on IndexedDB, in a real browser.
#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that finds something else than expected fails"
)]

use std::{cell::Cell, rc::Rc};

use idb::{DatabaseEvent as _, Event as _, Factory, ObjectStoreParams, Request as _};
use tidemark_client_wasm::pages::{Durability, IndexedDbPages};
use tidemark_engine::store::{
    Commit, Committed, PageId, Pages as _, PagesError, Revision, conformance::Backend,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// One fresh database.
struct Fresh(String);

impl Fresh {
    fn new() -> Self {
        Self(format!("pages-{}", js_sys::Math::random()))
    }
}

impl Backend for Fresh {
    type Pages = IndexedDbPages;

    async fn open(&self) -> IndexedDbPages {
        let opened = IndexedDbPages::open(&self.0, Durability::Relaxed, Box::new(|_| ())).await;
        opened.expect("the database opens")
    }
}

tidemark_engine::pages_conformance!(wasm_bindgen_test, Fresh::new());

async fn open(name: &str) -> Result<IndexedDbPages, PagesError> {
    IndexedDbPages::open(name, Durability::Strict, Box::new(|_| ())).await
}

/// A commit that appends one byte to the root, planned on the root as it is now.
async fn append(pages: &IndexedDbPages, byte: u8, page: PageId) -> Result<Committed, PagesError> {
    let root = pages.root().await?;
    let expected = root.as_ref().map(|root| root.revision);
    let mut bytes = root.map(|root| root.bytes).unwrap_or_default();
    bytes.push(byte);
    let commit = Commit {
        expected,
        revision: expected.map_or(Revision(1), Revision::next),
        root: bytes,
        pages: vec![(page, Rc::from([byte]))],
        freed: vec![],
    };
    pages.commit(&commit).await
}

#[wasm_bindgen_test]
async fn two_tabs_committing_at_once_lose_nothing() {
    const EACH: u8 = 40;
    let backend = Fresh::new();
    let (sender, stale) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    for tab in 0..2_u8 {
        let pages = backend.open().await;
        let (sender, stale) = (Rc::clone(&sender), Rc::clone(&stale));
        spawn_local(async move {
            for number in 0..EACH {
                let (byte, id) = (tab * EACH + number, u32::from(tab * EACH + number));
                let page = PageId::numbered(*b"two tabs....", id);
                while append(&pages, byte, page).await == Ok(Committed::Stale) {
                    stale.set(stale.get() + 1);
                }
            }
            sender.set(sender.get() + 1);
        });
    }
    let pages = backend.open().await;
    while sender.get() < 2 {
        // Another transaction among theirs, and a wait.
        pages.root().await.expect("the root is read");
    }
    let mut bytes = pages.root().await.unwrap().unwrap().bytes;
    bytes.sort_unstable();
    assert_eq!(bytes, (0..2 * EACH).collect::<Vec<u8>>());
    assert!(stale.get() > 0, "the two never met");
}

#[wasm_bindgen_test]
async fn a_handle_that_died_is_opened_again() {
    let backend = Fresh::new();
    let pages = backend.open().await;
    let id = PageId::numbered(*b"died........", 1);
    for (byte, exception) in (0..).zip(["InvalidStateError", "UnknownError"]) {
        // The next transaction finds a dead connection, as after Safari's storage process died.
        let script = format!(
            "const own = IDBDatabase.prototype.transaction;
             IDBDatabase.prototype.transaction = function () {{
                 IDBDatabase.prototype.transaction = own;
                 throw new DOMException('Connection to Indexed Database server lost', '{exception}');
             }}"
        );
        let die = js_sys::Function::new_no_args(&script);
        die.call0(&JsValue::NULL).expect("the script runs");
        let page = PageId::numbered(*b"died........", byte + 1);
        let done = append(&pages, u8::try_from(byte).unwrap_or(0), page).await;
        assert_eq!(done, Ok(Committed::Done));
        die.call0(&JsValue::NULL).expect("the script runs");
        assert!(pages.read(&[id]).await.unwrap()[0].is_some());
    }
    assert_eq!(pages.root().await.unwrap().unwrap().bytes, [0, 1]);
}

#[wasm_bindgen_test]
async fn deleting_closes_the_other_tabs() {
    let backend = Fresh::new();
    let pages = backend.open().await;
    let id = PageId::numbered(*b"deleted.....", 1);
    assert_eq!(append(&pages, 1, id).await, Ok(Committed::Done));
    assert_eq!(IndexedDbPages::delete(&backend.0).await, Ok(()));
    let error = pages.root().await.unwrap_err();
    assert!(matches!(error, PagesError::Closed(_)), "{error}");
    let error = append(&pages, 2, id).await.unwrap_err();
    assert!(matches!(error, PagesError::Closed(_)), "{error}");
    assert_eq!(backend.open().await.root().await, Ok(None));
}

#[wasm_bindgen_test]
async fn a_closed_handle_says_so() {
    let backend = Fresh::new();
    let pages = backend.open().await;
    pages.close();
    let error = pages.root().await.unwrap_err();
    assert!(matches!(error, PagesError::Closed(_)), "{error}");
}

#[wasm_bindgen_test]
async fn a_layout_that_only_grew_opens_and_no_other_does() {
    for (version, stores, opens) in [
        (250, ["pages", "roots", "later"], true),
        (300, ["pages", "roots", "later"], false),
        (100, ["pages", "root", "old"], false),
    ] {
        let Fresh(name) = Fresh::new();
        let factory = Factory::new().unwrap();
        let mut request = factory.open(&name, Some(version)).unwrap();
        request.on_upgrade_needed(move |event| {
            let database = event.database().unwrap();
            for store in stores {
                let made = database.create_object_store(store, ObjectStoreParams::new());
                made.expect("an object store is made");
            }
        });
        let made = Rc::new(Cell::new(false));
        let made_too = Rc::clone(&made);
        request.on_success(move |event| {
            event.target().unwrap().database().unwrap().close();
            made_too.set(true);
        });
        let waited = Fresh::new().open().await;
        while !made.get() {
            waited.root().await.expect("the root is read");
        }
        let opened = open(&name).await;
        assert_eq!(opened.is_ok(), opens, "{:?}", opened.err());
    }
}

#[wasm_bindgen_test]
async fn each_done_commit_is_told() {
    let Fresh(name) = Fresh::new();
    let told = Rc::new(Cell::new(None));
    let tell = Rc::clone(&told);
    let on_commit = Box::new(move |revision| tell.set(Some(revision)));
    let pages = IndexedDbPages::open(&name, Durability::Relaxed, on_commit).await;
    let pages = pages.expect("the database opens");
    let id = PageId::numbered(*b"told........", 1);
    assert_eq!(append(&pages, 1, id).await, Ok(Committed::Done));
    assert_eq!(told.take(), Some(Revision(1)));
    // The same page again: the commit fails, and nothing is told.
    assert!(append(&pages, 2, id).await.is_err());
    assert_eq!(told.take(), None);
}
