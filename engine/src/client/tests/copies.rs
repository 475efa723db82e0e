//! Copies of a database: taken up elsewhere they are the same records on another device, or nothing at all.

use alloc::{borrow::ToOwned, format, rc::Rc, string::String, vec::Vec};
use core::ops::Range;

use serde_json::Value;

use super::damage::{Damaged, options};
use super::reconcile::{dice, held};
use super::world::{Tab, World, create};
use crate::client::{Client, ErrorCode, Imported, Options, TransportError};
use crate::store::{MemoryPages, PageId, seal};

async fn copy(client: &Client<Tab>) -> Vec<u8> {
    client.export().await.unwrap().concat()
}

/// A device with nothing on it, that talks to the same server.
async fn fresh(world: &Damaged, options: Options) -> Client<Tab> {
    let tab = World::on(MemoryPages::new(), 99);
    let server = Rc::clone(&world.model);
    tab.plays(move |path, body| Ok(server.borrow_mut().call(path, body)));
    Client::open(tab, options).await.unwrap()
}

async fn copied_and_synced(seed: u64) {
    let mut roll = dice(seed);
    let world = Damaged::in_step(seed, 10 + roll(150)).await;
    world.edits([0, 3, 60][roll(3)], &mut roll).await;
    let copy = copy(&world.client).await;
    let other = fresh(&world, options()).await;
    let imported = other.import(&copy).await.unwrap();

    let (mine, theirs) = (world.client.info(), other.info());
    assert_eq!(
        (imported.confirmed, imported.pending),
        (mine.confirmed, mine.pending),
        "seed {seed}"
    );
    assert_eq!(
        (
            theirs.fingerprint,
            theirs.last_sync,
            theirs.datastore,
            theirs.pending
        ),
        (
            mine.fingerprint,
            mine.last_sync,
            mine.datastore,
            mine.pending
        ),
        "seed {seed}"
    );
    assert_ne!(theirs.device_uuid, mine.device_uuid);
    for query in ["", r#"{"where":{"n":{"gte":3}},"orderBy":["n"]}"#] {
        let (mine, theirs) = (
            world.client.find("note", query).await,
            other.find("note", query).await,
        );
        assert_eq!(theirs, mine, "seed {seed}: {query}");
    }
    assert_eq!(
        other.pending().await,
        world.client.pending().await,
        "seed {seed}"
    );

    // Whichever is first, nothing is there twice.
    let mut order = [&world.client, &other];
    order.swap(0, roll(2));
    let expected = held(order[1]).await.len();
    for client in order.into_iter().chain(order) {
        assert!(client.syncs().await.unwrap().in_sync, "seed {seed}");
    }
    let truth = world.model.borrow().truth();
    assert_eq!(truth.len(), expected, "seed {seed}");
    for client in order {
        assert_eq!(held(client).await, truth, "seed {seed}");
        assert_eq!(client.info().pending, 0, "seed {seed}");
    }
}

#[test]
fn rule_d73_a_copy_is_the_same_records_on_another_device() {
    for seed in 0..20 {
        pollster::block_on(copied_and_synced(seed));
    }
}

#[pollster::test]
async fn rule_d73_a_pull_under_way_and_its_sessions_stay_behind() {
    let world = Damaged::in_step(4, 60).await;
    let other = fresh(&world, options()).await;
    for number in 0..200 {
        other
            .does(create("note", &format!(r#"[{{"n":{number}}}]"#)))
            .await;
    }
    assert!(other.syncs().await.unwrap().in_sync);
    // A page of its pull comes, and the next does not.
    let server = Rc::clone(&world.model);
    let mut pulls = 0;
    world.tab.plays(move |path, body| {
        pulls += u32::from(path == "/v1/sync/pull");
        if pulls > 1 {
            return Err(TransportError::Timeout);
        }
        Ok(server.borrow_mut().call(path, body))
    });
    world.client.syncs().await.unwrap_err();
    let root = world.client.shared().current();
    assert!(root.root.staged.is_some() && !root.root.attempts.is_empty());

    let copy = copy(&world.client).await;
    let taken = World::on(MemoryPages::new(), 7);
    let server = Rc::clone(&world.model);
    taken.plays(move |path, body| Ok(server.borrow_mut().call(path, body)));
    let client = Client::open(taken.clone(), options()).await.unwrap();
    assert_eq!(client.import(&copy).await.unwrap().confirmed, 60);
    assert!(client.syncs().await.unwrap().in_sync);
    assert_eq!(client.count("note", "").await.unwrap(), 260);
    let (_, open) = &taken.bodies()[0];
    assert_eq!(open["attempts"].as_array().unwrap().len(), 1, "{open}");
    assert_eq!(open["pull"]["cursor"], Value::Null, "{open}");
}

#[pollster::test]
async fn rule_d73_what_is_damaged_is_mended_before_it_is_copied() {
    let world = Damaged::in_step(5, 100).await;
    world.client.does(create("note", r#"[{"n":1000}]"#)).await;
    let first = world.pages()[1];
    world.tab.0.pages.damage(&first, |_| None);
    let tab = World::on(world.tab.0.pages.snapshot(), 3);
    let damaged = Client::open(tab, options()).await.unwrap();
    let other = fresh(&world, options()).await;
    other.import(&copy(&damaged).await).await.unwrap();
    assert!(other.is_damaged());
    assert!(other.count("note", "").await.unwrap() < 101);
    assert!(other.syncs().await.unwrap().in_sync);
    assert_eq!(other.count("note", "").await.unwrap(), 101);
}

#[pollster::test]
async fn rule_d74_a_copy_is_taken_up_whole_or_not_at_all() {
    let world = Damaged::in_step(2, 80).await;
    world.client.does(create("note", r#"[{"n":1000}]"#)).await;
    let copy = copy(&world.client).await;
    let other = fresh(&world, options()).await;
    let mut roll = dice(8);
    let mut wrong: Vec<Vec<u8>> = (0..60).map(|_| copy[..roll(copy.len())].to_vec()).collect();
    for _ in 0..200 {
        let mut flipped = copy.clone();
        flipped[roll(copy.len())] ^= 1 << roll(8);
        wrong.push(flipped);
    }
    wrong.push([&copy[..], b"?"].concat());
    wrong.push(with_one_more(&copy));
    wrong.push(b"tidemark copy 2\nwhatever".to_vec());
    let before = other.info();
    for bytes in wrong {
        let error = other.import(&bytes).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert_eq!(other.info(), before);
    }

    let options = Options {
        datastore: Some("another".to_owned()),
        ..options()
    };
    let foreign = fresh(&world, options).await;
    let error = foreign.import(&copy).await.unwrap_err();
    assert_eq!(
        (error.code, foreign.info().confirmed),
        (ErrorCode::WrongUser, 0)
    );

    other.does(create("note", r#"[{"n":1}]"#)).await;
    let error = other.import(&copy).await.unwrap_err();
    assert_eq!((error.code, other.info().pending), (ErrorCode::Invalid, 1));
}

/// Where a copy's root record lies, and where each of its pages: all in order.
fn parts_of(copy: &[u8]) -> (Range<usize>, Vec<(PageId, Range<usize>)>) {
    fn number(copy: &[u8], at: &mut usize) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = copy[*at];
            *at += 1;
            number |= usize::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return number;
            }
        }
    }
    let mut at = b"tidemark copy 1\n".len();
    let length = number(copy, &mut at);
    let root = at..at + length;
    at = root.end;
    let mut pages = Vec::new();
    for _ in 0..number(copy, &mut at) {
        let id = PageId(copy[at..at + 16].try_into().unwrap());
        at += 16;
        let length = number(copy, &mut at);
        pages.push((id, at..at + length));
        at += length;
    }
    (root, pages)
}

/// The copy with a page that belongs to no tree: the first again, under another name.
fn with_one_more(copy: &[u8]) -> Vec<u8> {
    let (root, pages) = parts_of(copy);
    let (first, page) = &pages[0];
    let start = page.start - first.0.len() - 2;
    assert_eq!(copy[start..][..16], first.0, "its length takes two bytes");
    let mut more = copy[..=root.end].to_vec();
    more[root.end] += 1;
    more.extend_from_slice(&copy[root.end + 1..]);
    let name = PageId([9; 16]);
    let mut again = copy[page.clone()].to_vec();
    seal(&name, &mut again);
    more.extend_from_slice(&name.0);
    more.extend_from_slice(&copy[start + 16..page.start]);
    more.extend_from_slice(&again);
    more
}

/// Where the record of a root says how high its first tree is: after its version, the tree's form, and its page.
const HEIGHT: usize = 1 + 1 + 16;

#[pollster::test]
async fn rule_d74_pages_that_lead_round_in_circles_are_no_copy() {
    let world = Damaged::in_step(2, 1_000).await;
    let whole = copy(&world.client).await;
    let (root, pages) = parts_of(&whole);
    let first: [u8; 16] = whole[root.start + 2..root.start + HEIGHT]
        .try_into()
        .unwrap();
    assert_eq!(
        whole[root.start + HEIGHT],
        2,
        "a branch and leaves below it"
    );
    // Every child of the branch is the branch itself; and the tree is as high as it may be, or higher.
    for height in [32, 33, 127] {
        let mut circle = whole.clone();
        circle[root.start + HEIGHT] = height;
        seal(&PageId([0; 16]), &mut circle[root.clone()]);
        for (id, page) in &pages {
            let page = &mut circle[page.clone()];
            for (child, _) in &pages {
                let places: Vec<usize> = page
                    .windows(16)
                    .enumerate()
                    .filter_map(|(place, bytes)| (bytes == child.0).then_some(place))
                    .collect();
                for place in places {
                    page[place..place + 16].copy_from_slice(&first);
                }
            }
            seal(id, page);
        }
        let error = fresh(&world, options()).await.import(&circle).await;
        assert_eq!(error.unwrap_err().code, ErrorCode::Invalid, "{height}");
    }
}

#[pollster::test]
async fn a_copy_of_nothing_and_one_of_what_never_synced_are_copies_too() {
    let alone = Tab::new();
    alone.plays(|_, _| Err(TransportError::NotConnected));
    let client = alone.open().await;
    let nothing = copy(&client).await;
    client.does(create("note", r#"[{"n":1},{"n":2}]"#)).await;
    let two = copy(&client).await;
    let other = World::on(MemoryPages::new(), 5).open().await;
    for (copy, pending) in [(nothing, 0), (two, 2)] {
        let imported = other.import(&copy).await.unwrap();
        assert_eq!(
            imported,
            Imported {
                confirmed: 0,
                pending
            }
        );
    }
    let keys = |docs: Vec<crate::client::Doc>| -> Vec<String> {
        docs.into_iter().map(|doc| doc.key).collect()
    };
    assert_eq!(
        keys(other.find("note", "").await.unwrap()),
        keys(client.find("note", "").await.unwrap())
    );
}
