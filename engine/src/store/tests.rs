//! Random work on trees against a plain map, on pages so small that trees grow high.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use core::ops::Bound;
use proptest::prelude::*;
use proptest::sample::Index;
use sha2::{Digest, Sha256};

use super::*;
use crate::fingerprint::DatastoreFingerprint;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn sum_of(key: &[u8], value: &[u8]) -> DatastoreFingerprint {
    DatastoreFingerprint(
        Sha256::new()
            .chain_update(key)
            .chain_update(value)
            .finalize()
            .into(),
    )
}

const TINY: Shape = Shape {
    page_bytes: 100,
    inline_root_bytes: 0,
    inline_value_bytes: 12,
    buffer_bytes: 0,
    sum_of: Some(sum_of),
};
static SHAPES: [Shape; 6] = [
    TINY,
    Shape {
        buffer_bytes: 150,
        sum_of: None,
        ..TINY
    },
    Shape {
        buffer_bytes: 2_000,
        ..Shape::SMALL
    },
    Shape {
        inline_root_bytes: 90,
        sum_of: None,
        ..TINY
    },
    Shape {
        page_bytes: 400,
        inline_root_bytes: 150,
        ..TINY
    },
    Shape::LARGE.with_sum(sum_of),
];

/// A store with one tree, and the map it should be.
struct World {
    store: Store<MemoryPages>,
    tree: Tree,
    model: Model,
    seeds: u8,
}

impl World {
    fn new(shape: &'static Shape) -> Self {
        let store = Store::new(MemoryPages::new(), 2_000);
        Self {
            store,
            tree: Tree::new(shape),
            model: Model::new(),
            seeds: 0,
        }
    }

    fn plan(&mut self, edits: &[Edits]) -> (Tree, Changes) {
        self.seeds += 1;
        let tree = self.tree.clone();
        let planned = self.store.plan([self.seeds; 12], |workspace| {
            let mut tree = tree.clone();
            edits
                .iter()
                .try_for_each(|edits| workspace.apply(&mut tree, edits).map(drop))?;
            Ok(tree)
        });
        pollster::block_on(planned).unwrap()
    }

    /// Commits several lots of edits as one, and frees what they replaced.
    fn change(&mut self, edits: &[Edits]) -> Changes {
        self.try_change(edits).unwrap()
    }

    fn try_change(&mut self, edits: &[Edits]) -> Result<Changes, PagesError> {
        let (tree, changes) = self.plan(edits);
        let record = pollster::block_on(self.store.root()).unwrap();
        let expected = record.map(|record| record.revision);
        let revision = expected.map_or(Revision(1), Revision::next);
        let mut root = vec![];
        tree.encode(&mut root);
        let commit = changes.to_commit(expected, revision, root, changes.freed.clone());
        assert_eq!(
            pollster::block_on(self.store.commit(&commit))?,
            Committed::Done
        );
        self.tree = tree;
        apply_to(&mut self.model, edits);
        Ok(changes)
    }

    fn scan(&self, range: &KeyRange, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut cursor = Cursor::new(&self.tree, range.clone(), direction);
        let mut entries = vec![];
        while let Some(entry) = pollster::block_on(self.store.read(|s| cursor.next(s))).unwrap() {
            entries.push((entry.key.to_vec(), entry.value.to_vec()));
        }
        entries
    }

    fn check(&self) {
        let all: Vec<_> = self.model.clone().into_iter().collect();
        assert_eq!(self.scan(&KeyRange::ALL, Direction::Ascending), all);
        assert_eq!(
            self.tree.summary(),
            summary(self.tree.pages.shape, self.model.iter())
        );

        let reachable = pollster::block_on(self.store.read(|s| self.tree.page_ids(s))).unwrap();
        let distinct: BTreeSet<_> = reachable.iter().copied().collect();
        assert_eq!(distinct.len(), reachable.len());
        assert_eq!(
            distinct,
            self.store.pages().page_ids().into_iter().collect()
        );

        let mut encoded = vec![];
        self.tree.encode(&mut encoded);
        encoded.push(77);
        let mut rest = &encoded[..];
        let decoded = Tree::decode(self.tree.pages.shape, &mut rest).unwrap();
        assert_eq!(
            (&decoded, decoded.len(), rest),
            (&self.tree, self.tree.len(), &[77][..])
        );
    }
}

fn apply_to(model: &mut Model, edits: &[Edits]) {
    for edit in edits.iter().flat_map(Edits::as_slice) {
        match &edit.value {
            Some(value) => model.insert(edit.key.clone(), value.clone()),
            None => model.remove(&edit.key),
        };
    }
}

fn summary<'a>(
    shape: &Shape,
    entries: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
) -> Summary {
    let mut summary = Summary::EMPTY;
    entries.for_each(|(k, v)| {
        summary += Summary {
            count: 1,
            sum: shape.sum(k, v),
        }
    });
    summary
}

fn in_range(model: &Model, range: &KeyRange) -> Model {
    model
        .iter()
        .filter(|(key, _)| range.contains(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..400_u32).prop_map(|number| std::format!("{number:03}").into_bytes()),
        2 => proptest::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 0..4),
        1 => (0..20_u8, 30..150_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn any_put() -> impl Strategy<Value = Edit> {
    (any_key(), proptest::collection::vec(0..3_u8, 0..18)).prop_map(|(key, value)| Edit {
        key,
        value: Some(value),
    })
}

fn any_edits() -> impl Strategy<Value = Edits> {
    let edit = prop_oneof![2 => any_put(), 1 => any_key().prop_map(Edit::delete)];
    let deletes = (any_key(), 0..60_u32).prop_map(|(from, count)| {
        // A stretch of numbered keys goes at once, so that pages starve and trees shrink.
        let first = from.first().map_or(0, |byte| u32::from(*byte) * 2 % 400);
        (first..first + count)
            .map(|n| Edit::delete(std::format!("{n:03}").into_bytes()))
            .collect()
    });
    let mixed = move |count| proptest::collection::vec(edit.clone(), count).prop_map(Edits::from);
    let bulk = proptest::collection::vec(any_put(), 100..300).prop_map(Edits::from);
    prop_oneof![4 => mixed(0..4), 3 => mixed(5..60), 1 => bulk, 2 => deletes]
}

fn any_bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        any_key().prop_map(Bound::Included),
        any_key().prop_map(Bound::Excluded),
    ]
}

fn any_range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        (any_bound(), any_bound()).prop_map(|(from, to)| KeyRange { from, to }),
        proptest::collection::vec(prop_oneof![Just(255), Just(b'1')], 0..3)
            .prop_map(|prefix| KeyRange::prefix(&prefix)),
    ]
}

fn any_shape() -> impl Strategy<Value = &'static Shape> {
    (0..SHAPES.len()).prop_map(|index| &SHAPES[index])
}

fn any_work() -> impl Strategy<Value = Vec<Vec<Edits>>> {
    proptest::collection::vec(proptest::collection::vec(any_edits(), 1..3), 1..12)
}

/// Fewer than usual, for each is much work; `PROPTEST_CASES` still sets how many.
fn some_cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(8),
        ..usual
    }
}

proptest! {
    #![proptest_config(some_cases())]

    #[test]
    fn a_tree_is_a_map_and_its_pages_are_all_there_is(shape in any_shape(), work in any_work()) {
        let mut world = World::new(shape);
        for edits in work {
            let unchanged = {
                let before = world.model.clone();
                let (tree, changes) = (world.tree.clone(), world.change(&edits));
                // Large values are written anew, and what waits may go to the pages all the same.
                let stays = shape.inline_value_bytes > 17 && tree.buffer_leaf().is_none();
                (stays && before == world.model && edits.len() == 1).then_some((tree, changes))
            };
            if let Some((tree, changes)) = unchanged {
                prop_assert_eq!(&tree, &world.tree);
                prop_assert!(changes.pages.is_empty() && changes.freed.is_empty());
            }
            world.check();
        }
        let everything: Edits = world.model.keys().cloned().map(Edit::delete).collect();
        world.change(&[everything]);
        world.check();
        prop_assert!(world.tree.is_empty());
        // That keys of the pages are gone may wait, too.
        prop_assert!(shape.buffer_bytes > 0 || world.tree == Tree::new(shape));
    }

    #[test]
    fn ranges_and_look_ups(
        shape in any_shape(), work in any_work(),
        ranges in proptest::collection::vec(any_range(), 1..6),
        keys in proptest::collection::vec(any_key(), 0..40),
    ) {
        let mut world = World::new(shape);
        for edits in &work {
            world.change(edits);
        }

        for range in &ranges {
            let expected: Vec<_> = in_range(&world.model, range).into_iter().collect();
            prop_assert_eq!(&world.scan(range, Direction::Ascending), &expected);
            let past = keys.first().map(|key| range.clone().past(key, Direction::Descending));
            let mut reversed = world.scan(range, Direction::Descending);
            reversed.reverse();
            prop_assert_eq!(&reversed, &expected);
            for (past, key) in past.iter().zip(&keys) {
                let mut rest = world.scan(past, Direction::Descending);
                rest.reverse();
                prop_assert_eq!(&rest[..], &expected[..expected.partition_point(|(k, _)| k < key)]);
            }
        }
        let summaries = pollster::block_on(world.store.read(|s| world.tree.summaries(s, &ranges)));
        let expected: Vec<_> =
            ranges.iter().map(|range| summary(shape, in_range(&world.model, range).iter())).collect();
        prop_assert_eq!(summaries.unwrap(), expected);
        if shape.sum_of.is_some() {
            let places: Vec<u64> = (0..=world.model.len() as u64).collect();
            let found = pollster::block_on(world.store.read(|s| world.tree.keys_at(s, &places)));
            prop_assert_eq!(found.unwrap(), world.model.keys().cloned().collect::<Vec<_>>());
        }

        let found = pollster::block_on(world.store.read(|s| world.tree.get_many(s, &keys))).unwrap();
        for (key, value) in keys.iter().zip(found) {
            prop_assert_eq!(value.as_deref(), world.model.get(key).map(Vec::as_slice));
        }
    }

    #[test]
    fn a_diff_is_what_changed(
        shape in any_shape(), work in any_work(), edits in any_work(), range in any_range(),
    ) {
        let mut world = World::new(shape);
        for edits in &work {
            world.change(edits);
        }
        let (tree, model) = (world.tree.clone(), world.model.clone());
        // The older tree's pages stay on the disk beside the newer's.
        let edits: Vec<Edits> = edits.into_iter().flatten().collect();
        let (newer, changes) = world.plan(&edits);
        apply_to(&mut world.model, &edits);
        let source = Newer { world: &world, changes: &changes };
        for (older, newer, before, after) in
            [(&tree, &newer, &model, &world.model), (&newer, &tree, &world.model, &model)]
        {
            let mut diff = Diff::new(older, newer, range.clone());
            let mut found = BTreeMap::new();
            while let Some(change) = diff.next(&source).unwrap() {
                let values = (change.before.map(|v| v.to_vec()), change.after.map(|v| v.to_vec()));
                if values.0 != values.1 {
                    prop_assert!(found.insert(change.key.to_vec(), values).is_none());
                }
            }
            let keys: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
            let expected: BTreeMap<_, _> = keys.into_iter()
                .map(|key| (key.clone(), (before.get(&key).cloned(), after.get(&key).cloned())))
                .filter(|(key, (before, after))| range.contains(key) && before != after)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_crash_at_any_commit_leaves_one_of_two_moments(
        shape in any_shape(), work in any_work(), at in any::<Index>(),
        fault in prop_oneof![Just(Fault::Before), Just(Fault::After), Just(Fault::Quota)],
    ) {
        let at = at.index(work.len());
        let mut world = World::new(shape);
        for edits in &work[..at] {
            world.change(edits);
        }
        let before = world.model.clone();
        let disk = world.store.pages().clone();
        disk.fail_after(0, fault);
        prop_assert!(world.try_change(&work[at]).is_err());

        let mut world = World { store: Store::new(disk.snapshot(), 2_000), seeds: 100, ..world };
        let record = pollster::block_on(world.store.root()).unwrap();
        world.tree = match &record {
            Some(record) => Tree::decode(shape, &mut &record.bytes[..]).unwrap(),
            None => Tree::new(shape),
        };
        world.model = before;
        if fault == Fault::After {
            apply_to(&mut world.model, &work[at]);
        }
        world.check();
        for edits in &work[at..] {
            world.change(edits);
            world.check();
        }
    }
}

/// The disk, and what is not on it yet.
struct Newer<'w> {
    world: &'w World,
    changes: &'w Changes,
}

impl PageSource for Newer<'_> {
    fn page(&self, id: &PageId) -> Option<Page> {
        let made = self.changes.pages.iter().find(|(made, _)| made == id);
        made.map(|(_, page)| page.clone()).or_else(|| {
            let found = pollster::block_on(self.world.store.pages().read(&[*id])).unwrap();
            let bytes = found.into_iter().flatten().next();
            bytes.and_then(|bytes| Page::checked(id, bytes))
        })
    }
}

/// Keys and values far beyond a page, alike for longer than a page.
#[test]
fn giant_keys_and_values_make_a_tree_all_the_same() {
    let key = |number: u32| [&vec![b'k'; 60_000][..], &number.to_be_bytes()].concat();
    let mut world = World::new(&SHAPES[1]);
    for start in [0, 20, 10] {
        let edits = (start..start + 15).map(|n| Edit::put(key(n * 7 % 41), vec![b'v'; 90_000]));
        world.change(&[edits.collect()]);
        world.check();
    }
    for number in 0..41 {
        world.change(&[Edits::from(vec![Edit::delete(key(number))])]);
        world.check();
    }
    assert!(world.tree.is_empty());
}

/// S-10: small changes wait in the tree value, seen by every look, until they are many.
#[test]
fn rule_s10_small_changes_write_no_page_until_they_are_many() {
    let mut world = World::new(&SHAPES[2]);
    let put = |number: u32| Edit::put(number.to_be_bytes(), [7; 100]);
    let written = |changes: Changes| changes.pages.len();
    assert!(written(world.change(&[(0..100).map(put).collect()])) > 0);
    assert!(world.tree.buffer_leaf().is_none(), "many go at once");

    let fitting = (0..40).take_while(|number| {
        let edits = vec![
            put(number * 50),
            Edit::delete((number * 50 + 1).to_be_bytes()),
        ];
        let pages = written(world.change(&[edits.into()]));
        world.check();
        pages == 0
    });
    assert!((10..30).contains(&fitting.count()));
    assert!(world.tree.buffer_leaf().is_none(), "all go together");
}

/// S-11: whichever pages are damaged, what the others hold stays, and nothing else.
#[test]
fn rule_s11_a_damaged_page_is_found_and_takes_nothing_else_with_it() {
    for (round, shape) in SHAPES.iter().cycle().enumerate().take(48) {
        let mut world = World::new(shape);
        let put = |number: u32| {
            let bytes = if number.is_multiple_of(40) { 9_000 } else { 10 };
            Edit::put(number.to_be_bytes(), vec![7; bytes])
        };
        world.change(&[(0..900).map(put).collect()]);
        world.change(&[(900..903).map(put).collect()]);
        let ids = world.store.read(|pages| world.tree.page_ids(pages));
        let ids = pollster::block_on(ids).unwrap();
        let (id, other) = (ids[round * 7 % ids.len()], ids[(round * 5 + 1) % ids.len()]);
        let disk = world.store.pages().clone();
        let other = pollster::block_on(disk.read(&[other])).unwrap()[0].clone();
        let other = other.filter(|_| round % 4 == 3).map(|other| other.to_vec());
        disk.damage(&id, |bytes| match round % 4 {
            0 => None,
            1 => Some(bytes[..bytes.len() - 1].to_vec()),
            2 => Some([&bytes[..3], &[bytes[3] ^ 1], &bytes[4..]].concat()),
            _ => other.filter(|other| *other != bytes),
        });
        world.store = Store::new(disk, 1 << 20);
        let planned = world.store.plan([99; 12], |workspace| {
            let mut tree = world.tree.clone();
            assert!(workspace.mend(&mut tree)?);
            assert!(!workspace.mend(&mut tree)?);
            Ok(tree)
        });
        let (tree, changes) = pollster::block_on(planned).unwrap();
        let pages = Newer {
            world: &world,
            changes: &changes,
        };
        let (mut cursor, mut left) = (
            Cursor::new(&tree, KeyRange::ALL, Direction::Ascending),
            Model::new(),
        );
        while let Some(entry) = cursor.next(&pages).unwrap() {
            left.insert(entry.key.to_vec(), entry.value.to_vec());
        }
        assert_eq!(tree.summary(), summary(shape, left.iter()), "round {round}");
        let is_kept = |(key, value): (&Vec<u8>, _)| world.model.get(key) == Some(value);
        assert!(left.iter().all(is_kept) && left.len() < world.model.len());
        // All but the root has others beside it.
        assert!(id == ids[0] || !left.is_empty(), "round {round}");
    }
}

#[pollster::test]
async fn who_lacks_what_was_fetched_for_it_is_not_asked_for_ever() {
    let store = Store::new(MemoryPages::new(), 2_000);
    let id = PageId([7; 16]);
    let mut looks = 0;
    let outcome = store
        .read(|_| {
            looks += 1;
            Err::<(), _>(TreeError::missing(vec![id]))
        })
        .await;
    assert_eq!((outcome, looks), (Err(StoreError::Unreadable(id)), 2));
}

#[test]
fn no_tree_is_taken_for_higher_than_any_disk_makes_one() {
    let mut world = World::new(&SHAPES[0]);
    let put = |number: u32| Edit::put(number.to_be_bytes(), [7; 10]);
    world.change(&[(0..100).map(put).collect()]);
    let mut bytes = Vec::new();
    world.tree.encode(&mut bytes);
    assert_eq!(bytes[0], 2, "its root is a page");
    for (height, is_one) in [(1, true), (32, true), (33, false), (127, false), (0, false)] {
        bytes[17] = height;
        let tree = Tree::decode(&SHAPES[0], &mut &bytes[..]);
        assert_eq!(tree.is_some(), is_one, "{height}");
    }
}

#[test]
fn ranges_that_meet_at_a_key_are_counted_each_by_itself() {
    let mut world = World::new(&SHAPES[0]);
    let put = |number: u32| Edit::put(number.to_be_bytes(), [7; 10]);
    world.change(&[(0..100).map(put).collect()]);
    let key = || 40_u32.to_be_bytes().to_vec();
    let mut ranges = Vec::new();
    for to in [Bound::Included(key()), Bound::Excluded(key())] {
        for from in [Bound::Included(key()), Bound::Excluded(key())] {
            let below = Bound::Unbounded;
            ranges.push(KeyRange {
                from: below.clone(),
                to: to.clone(),
            });
            ranges.push(KeyRange { from, to: below });
        }
    }
    let count = |ranges: &[KeyRange]| {
        let look = world
            .store
            .read(|pages| world.tree.summaries(pages, ranges));
        pollster::block_on(look).unwrap()
    };
    let together = count(&ranges);
    let counts: Vec<u64> = together.iter().map(|summary| summary.count).collect();
    assert_eq!(counts, [41, 60, 41, 59, 40, 60, 40, 59]);
    for (range, summary) in ranges.into_iter().zip(together) {
        assert_eq!(count(&[range]), [summary]);
    }
}
