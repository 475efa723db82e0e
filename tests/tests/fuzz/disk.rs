//! A device's disk with damaged bytes: the root record and every page, of a database in which all is
//! in use. Whatever lies there, it is an error or a value, never a panic, and it ends. Also where
//! the checksum is right, as only a fault of our own would make it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use serde_json::json;
use tidemark_engine::{
    client::{Cancel, Client, DeclaredIndex, Operation, Options, SyncOptions},
    store::{
        Commit, Committed, MemoryPages, PageId, Pages, PagesError, Revision, RootRecord, seal,
    },
};

use crate::{
    answers::{Surroundings, recorded, runtime},
    corpus::fuzz,
};

/// More reads than any of these calls needs.
const READS_MAX: u32 = 5_000;

/// A disk that holds whatever it was given.
#[derive(Clone)]
struct Damaged {
    root: RefCell<Option<RootRecord>>,
    pages: RefCell<HashMap<PageId, Rc<[u8]>>>,
    reads: Cell<u32>,
}

impl Pages for Damaged {
    async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        Ok(self.root.borrow().clone())
    }

    async fn root_before(&self, _: Revision) -> Result<Option<RootRecord>, PagesError> {
        Ok(None)
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, PagesError> {
        self.reads.set(self.reads.get() + 1);
        assert!(self.reads.get() < READS_MAX, "it reads for ever");
        let pages = self.pages.borrow();
        Ok(ids.iter().map(|id| pages.get(id).cloned()).collect())
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        let mut pages = self.pages.borrow_mut();
        pages.extend(commit.pages.iter().cloned());
        let (revision, bytes) = (commit.revision, commit.root.clone());
        self.root.replace(Some(RootRecord { revision, bytes }));
        Ok(Committed::Done)
    }
}

fn options() -> Options {
    let index = DeclaredIndex {
        entity: "note".to_owned(),
        fields: vec!["n".to_owned()],
    };
    Options {
        indexes: vec![index],
        ..Options::default()
    }
}

/// A database with everything in it: confirmed records, edits, aliases, conflicts, an index, pages of
/// several levels.
async fn full(pages: MemoryPages) -> (RootRecord, Vec<(PageId, Rc<[u8]>)>) {
    let tab = Client::open(Surroundings::alone(pages.clone(), 2), options()).await;
    let tab = tab.expect("it opens");
    let values: Vec<_> = (0..120)
        .map(|n| json!({"n": n, "text": "y".repeat(700)}))
        .collect();
    let entity = "note".into();
    let values = json!(values).to_string();
    let create = Operation::Create { entity, values };
    tab.write(vec![create]).await.expect("it can be written");
    let root = pages.root().await.expect("a root").expect("a root");
    // Not those that wait for readers of older roots: no copy has them.
    let copy = tab.export().await.expect("a copy").concat();
    let is_in_use = |page: &Rc<[u8]>| copy.windows(page.len()).any(|bytes| *bytes == **page);
    let ids = pages.page_ids();
    let bytes = pages.read(&ids).await.expect("pages");
    let found = ids.into_iter().zip(bytes.into_iter().flatten());
    let found = found.filter(|(_, page)| is_in_use(page)).collect();
    (root, found)
}

/// The root record and the pages of a database, of which one is something else.
type Disk = (RootRecord, Vec<(PageId, Rc<[u8]>)>);

/// Tries disks of which the root record or a page was damaged.
fn with_damage(target: &str, check: impl Fn(Disk)) {
    let (root, pages) = runtime().block_on(full(recorded().0));
    assert!(pages.len() > 4, "{} pages", pages.len());
    let one = |place: usize, bytes: &[u8]| [&[u8::try_from(place).unwrap_or(0)], bytes].concat();
    let mut inputs = vec![one(0, &root.bytes), one(0, &root.bytes)];
    let pages_of_inputs = pages.iter().enumerate().take(250);
    inputs.extend(pages_of_inputs.map(|(place, (_, bytes))| one(place + 1, bytes)));
    // The first byte says what is damaged: the root, or which page.
    fuzz(target, 500, inputs, |bytes| {
        let Some((place, bytes)) = bytes.split_first() else {
            return;
        };
        let (mut root, mut pages) = (root.clone(), pages.clone());
        let mut bytes = bytes.to_vec();
        let is_sealed = bytes.len().is_multiple_of(2);
        match usize::from(*place) % (pages.len() + 1) {
            0 => {
                if is_sealed {
                    seal(&PageId([0; 16]), &mut bytes);
                }
                root.bytes = bytes;
            }
            page => {
                let (id, page) = &mut pages[page - 1];
                if is_sealed {
                    seal(id, &mut bytes);
                }
                *page = bytes.into();
            }
        }
        check((root, pages));
    });
}

#[test]
fn any_bytes_on_a_disk_are_read_or_refused() {
    let runtime = runtime();
    with_damage("disk", |(root, pages)| {
        let damaged = Damaged {
            root: RefCell::new(Some(root)),
            pages: RefCell::new(pages.into_iter().collect()),
            reads: Cell::default(),
        };
        runtime.block_on(async {
            if let Ok(tab) = Client::open(Surroundings::alone(damaged, 3), options()).await {
                uses(&tab).await;
            }
        });
    });
}

#[test]
fn any_bytes_are_taken_up_as_a_copy_or_refused() {
    let runtime = runtime();
    let taken_up = Cell::new(0);
    with_damage("copy", |(root, pages)| {
        let tab = Surroundings::alone(MemoryPages::new(), 3);
        runtime.block_on(async {
            let tab = Client::open(tab, options()).await.expect("it opens");
            match tab.import(&copy(&root.bytes, &pages)).await {
                Ok(_) => taken_up.set(taken_up.get() + 1),
                Err(_) => assert_eq!(tab.info().confirmed + tab.info().pending, 0),
            }
            uses(&tab).await;
        });
    });
    assert!(taken_up.get() > 20, "{} were taken up", taken_up.get());
}

/// A copy as its form has it, of whatever bytes.
fn copy(root: &[u8], pages: &[(PageId, Rc<[u8]>)]) -> Vec<u8> {
    let put_number = |copy: &mut Vec<u8>, mut number: usize| {
        while number > 127 {
            copy.push(u8::try_from(number & 127).expect("a byte") | 128);
            number >>= 7;
        }
        copy.push(u8::try_from(number).expect("a byte"));
    };
    let mut copy = b"tidemark copy 1\n".to_vec();
    put_number(&mut copy, root.len());
    copy.extend_from_slice(root);
    put_number(&mut copy, pages.len());
    for (id, page) in pages {
        copy.extend_from_slice(&id.0);
        put_number(&mut copy, page.len());
        copy.extend_from_slice(page);
    }
    copy
}

/// All that an app may do, whatever it comes to.
async fn uses<P: Pages + 'static>(tab: &Client<Surroundings<P>>) {
    let docs = tab.find("note", "").await.unwrap_or_default();
    let ordered = r#"{"where":{"n":{"gte":3}},"orderBy":["n"],"limit":9}"#;
    let _ = (tab.find("note", ordered).await, tab.count("note", "").await);
    let _ = (tab.pending().await, tab.conflicts().await);
    let keys: Vec<_> = docs.iter().map(|doc| doc.key.clone()).collect();
    let _ = tab.get_many("note", &keys).await;
    for key in keys.into_iter().take(3) {
        let entity = "note".into();
        let _ = tab.write(vec![Operation::Delete { entity, key }]).await;
    }
    let (entity, values) = ("note".into(), r#"[{"n":1}]"#.to_owned());
    let _ = tab.write(vec![Operation::Create { entity, values }]).await;
    let _ = Box::pin(tab.sync(SyncOptions::default(), &Cancel::default())).await;
    let _ = tab.export().await;
}
