//! What the store's and the values' hot paths cost, on pages in memory:
//! `cargo run --release -p tidemark-engine --example store_speed`.

use std::time::Instant;

use tidemark_engine::fingerprint::{DatastoreFingerprint, RecordFingerprint};
use tidemark_engine::json::Canonical;
use tidemark_engine::store::{
    Cursor, Diff, Direction, Edit, Edits, KeyRange, MemoryPages, Revision, Shape, Store, Tree,
};

const RECORDS: u32 = 10_000;

fn sum_of(key: &[u8], value: &[u8]) -> DatastoreFingerprint {
    let mut fingerprint = RecordFingerprint([0; 16]);
    fingerprint.0.copy_from_slice(&value[..16]);
    DatastoreFingerprint::of_record(core::str::from_utf8(key).unwrap_or(""), &fingerprint)
}

static CONFIRMED: Shape = Shape::LARGE.with_sum(sum_of);
static OVERLAY: Shape = Shape::SMALL;

fn timed<T>(name: &str, work: impl Fn() -> T) -> T {
    let mut times: Vec<_> = (0..7)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("{name:50} {:>9.2?}", times[3]);
    work()
}

fn text(number: u32) -> String {
    format!(
        r#"{{"title":"The title of record {number}","done":{},"rank":{},"note":"{}","list":"list-{}"}}"#,
        number.is_multiple_of(3),
        f64::from(number) / 7.0,
        "x".repeat(150),
        number % 100,
    )
}

fn key(number: u32) -> String {
    format!(
        "{:08x}-89ab-7cde-8f01-23456789abcd",
        number.wrapping_mul(0x9E37_79B1)
    )
}

fn apply(store: &Store<MemoryPages>, tree: &Tree, edits: &Edits, seed: u32) -> Tree {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    pollster::block_on(async {
        let planned = store.plan(bytes, |workspace| {
            let mut tree = tree.clone();
            workspace.apply(&mut tree, edits)?;
            Ok(tree)
        });
        let (tree, changes) = planned.await.expect("planned");
        let expected = store
            .root()
            .await
            .expect("a root")
            .map(|record| record.revision);
        let revision = expected.map_or(Revision(1), Revision::next);
        let mut root = Vec::new();
        tree.encode(&mut root);
        let commit = changes.to_commit(expected, revision, root, Vec::new());
        store.commit(&commit).await.map(drop).expect("committed");
        tree
    })
}

fn main() {
    let (values, fingerprints) = values();
    let edits = |name: fn(u32) -> String| -> Edits {
        (0..RECORDS)
            .zip(values.iter().zip(&fingerprints))
            .map(|(number, (value, fingerprint))| {
                let value = [&fingerprint.0, value.as_str().as_bytes()].concat();
                Edit::put(name(number), value)
            })
            .collect()
    };
    let (random, ordered) = (edits(key), edits(|number| format!("{number:036}")));
    writes(&random, &ordered);
    let store = fresh();
    let tree = apply(&store, &Tree::new(&CONFIRMED), &random, 0);
    println!("{:50} {}", "pages", store.pages().page_ids().len());
    reads(&store, &tree);
    changes(&store, &tree);
}

fn fresh() -> Store<MemoryPages> {
    Store::new(MemoryPages::new(), 8 << 20)
}

/// Values of records, and their fingerprints.
fn values() -> (Vec<Canonical>, Vec<RecordFingerprint>) {
    let texts: Vec<String> = (0..RECORDS).map(text).collect();
    println!("{RECORDS} records of {} bytes", texts[5_000].len());
    let values = timed("canonicalise", || {
        texts
            .iter()
            .flat_map(|text| Canonical::parse(text))
            .collect::<Vec<_>>()
    });
    let fingerprints = timed("fingerprint", || {
        values
            .iter()
            .map(|value| RecordFingerprint::of("todo", value.borrow()))
            .collect::<Vec<_>>()
    });
    timed("look at one field of each", || {
        values
            .iter()
            .filter_map(|value| value.borrow().field("rank")?.as_number())
            .sum::<f64>()
    });
    (values, fingerprints)
}

/// Many records at once, and one after the other.
fn writes(random: &Edits, ordered: &Edits) {
    timed("bulk put, summed, pages of 16 kB", || {
        apply(&fresh(), &Tree::new(&CONFIRMED), random, 0)
    });
    timed("bulk put, no sum, pages of 4 kB", || {
        apply(&fresh(), &Tree::new(&OVERLAY), ordered, 0)
    });
    timed("1,000 single puts at the end, pages of 4 kB", || {
        let (store, mut tree) = (fresh(), Tree::new(&OVERLAY));
        for (seed, edit) in (0..).zip(ordered.as_slice().iter().take(1_000)) {
            tree = apply(&store, &tree, &Edits::from(vec![edit.clone()]), seed);
        }
        store.pages().page_ids().len()
    });
}

fn reads(store: &Store<MemoryPages>, tree: &Tree) {
    let keys: Vec<String> = (0..RECORDS).map(key).collect();
    let read = |store: &Store<MemoryPages>| {
        pollster::block_on(store.read(|pages| tree.get_many(pages, &keys)))
            .expect("read")
            .len()
    };
    timed("get many, warm", || read(store));
    timed("get many, cold", || {
        read(&Store::new(store.pages().clone(), 8 << 20))
    });
    timed("scan all", || {
        let mut cursor = Cursor::new(tree, KeyRange::ALL, Direction::Descending);
        let mut bytes = 0;
        while let Ok(Some(entry)) = pollster::block_on(store.read(|pages| cursor.next(pages))) {
            bytes += entry.value.len();
        }
        bytes
    });
}

/// Changes of a few, and finding them.
fn changes(store: &Store<MemoryPages>, tree: &Tree) {
    let hundred: Edits = (0..100)
        .map(|n| Edit::put(key(n * 97), vec![b'y'; 250]))
        .collect();
    timed("change 100 of them", || {
        apply(
            &Store::new(store.pages().snapshot(), 8 << 20),
            tree,
            &hundred,
            1,
        )
    });
    let newer = apply(store, tree, &hundred, 1);
    timed("find the 100 changes", || {
        let (mut diff, mut count) = (Diff::new(tree, &newer, KeyRange::ALL), 0);
        while let Ok(Some(_)) = pollster::block_on(store.read(|pages| diff.next(pages))) {
            count += 1;
        }
        count
    });
}
