//! What is found equals everything, filtered and sorted: for random records on both sides,
//! random indexes and random queries.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::json::{Canonical, CanonicalRef};
use crate::store::{Edit, Edits, MemoryPages, Shape, Slice, Store, Tree, TreeError};

const CREATED: &str = "2026-11-22T04:41:01Z";

#[derive(Clone, Debug, PartialEq)]
struct Record {
    key: String,
    created: String,
    updated: String,
    value: Canonical,
}

impl Row for Record {
    fn key(&self) -> &str {
        &self.key
    }
    fn created(&self) -> &str {
        &self.created
    }
    fn updated(&self) -> &str {
        &self.updated
    }
    fn value(&self) -> CanonicalRef<'_> {
        self.value.borrow()
    }
}

fn row(key: &str, value: &str) -> Record {
    Record {
        key: key.to_owned(),
        created: CREATED.to_owned(),
        updated: "2026-11-22 04:41:01".to_owned(),
        value: Canonical::parse(value).unwrap(),
    }
}

/// Records by key on each side; on the overlay `None` is a deletion.
#[derive(Clone, Debug, Default)]
struct Data {
    confirmed: BTreeMap<String, Record>,
    overlay: BTreeMap<String, Option<Record>>,
}

impl Data {
    fn visible(&self) -> Vec<Record> {
        let mut records = self.confirmed.clone();
        for (key, edit) in &self.overlay {
            match edit {
                Some(record) => records.insert(key.clone(), record.clone()),
                None => records.remove(key),
            };
        }
        records.into_values().collect()
    }
}

/// Index trees over tiny pages, so that a few records make a deep tree.
struct TreeWorld<'a, P> {
    data: &'a Data,
    pages: &'a P,
    trees: &'a [(Tree, Tree)],
}

const PREFIX: &[u8] = b"entity\0";
static TINY: Shape = Shape {
    page_bytes: 256,
    inline_root_bytes: 16,
    inline_value_bytes: 64,
    buffer_bytes: 200,
    sum_of: None,
};

impl<P: crate::store::PageSource> World for TreeWorld<'_, P> {
    type Row = Record;
    type Pages = P;

    fn pages(&self) -> &P {
        self.pages
    }

    fn index(&self, index: IndexName, side: Side) -> (&Tree, &[u8]) {
        let place = match index {
            IndexName::ByKey => 0,
            IndexName::Declared(place) => place + 1,
        };
        let (confirmed, overlay) = &self.trees[place];
        (
            if side == Side::Confirmed {
                confirmed
            } else {
                overlay
            },
            PREFIX,
        )
    }

    fn rows(&self, candidates: &[Candidate]) -> Result<Vec<Option<Record>>, TreeError> {
        let key = |value: &Slice| String::from_utf8(value.to_vec()).unwrap();
        let find = |candidate: &Candidate| {
            let key = key(&candidate.value);
            match candidate.side {
                Side::Overlay => self.data.overlay[&key].clone(),
                Side::Confirmed if self.data.overlay.contains_key(&key) => None,
                Side::Confirmed => Some(self.data.confirmed[&key].clone()),
            }
        };
        Ok(candidates.iter().map(find).collect())
    }
}

/// Keeps the data in trees on pages, and runs a query over them with nothing cached.
fn run(
    data: &Data,
    indexes: &[Vec<Field>],
    query: &Query,
    after: Option<&Position>,
) -> Vec<Record> {
    let store = Store::new(MemoryPages::new(), 1 << 20);
    let tree_of = |fields: &Vec<Field>, records: Vec<&Record>, seed: u8| {
        let edit = |record: &&Record| {
            let key = [PREFIX, &index_key(fields, *record)].concat();
            Edit::put(key, record.key.as_bytes())
        };
        let edits = Edits::from(records.iter().map(edit).collect::<Vec<_>>());
        pollster::block_on(store.plan([seed; 12], |workspace| {
            let mut tree = Tree::new(&TINY);
            workspace.apply(&mut tree, &edits)?;
            Ok(tree)
        }))
        .unwrap()
    };
    let mut trees = Vec::new();
    let mut revision = None;
    let all = core::iter::once(vec![]).chain(indexes.iter().cloned());
    for (place, fields) in all.enumerate() {
        let seed = u8::try_from(place).unwrap() * 2;
        let (confirmed, changes) = tree_of(&fields, data.confirmed.values().collect(), seed);
        revision = Some(commit(&store, revision, &changes));
        let (overlay, changes) =
            tree_of(&fields, data.overlay.values().flatten().collect(), seed + 1);
        revision = Some(commit(&store, revision, &changes));
        trees.push((confirmed, overlay));
    }
    let store = Store::new(store.pages().clone(), 1 << 20);
    let plan = Plan::of(query, indexes);
    let mut execution: Option<Execution<Record>> = None;
    pollster::block_on(store.read(|pages| {
        let world = TreeWorld {
            data,
            pages,
            trees: &trees,
        };
        execution
            .get_or_insert_with(|| {
                Execution::new(query.clone(), plan.clone(), after.cloned(), &world)
            })
            .advance(&world)
    }))
    .unwrap()
}

fn commit(
    store: &Store<MemoryPages>,
    expected: Option<crate::store::Revision>,
    changes: &crate::store::Changes,
) -> crate::store::Revision {
    let revision = expected.map_or(
        crate::store::Revision::first(1),
        crate::store::Revision::next,
    );
    let commit = changes.to_commit(expected, revision, vec![], vec![]);
    let committed = pollster::block_on(store.commit(&commit)).unwrap();
    assert_eq!(committed, crate::store::Committed::Done);
    revision
}

/// The plain answer: every visible record, filtered, sorted, cut.
fn model(data: &Data, query: &Query, after: Option<&Record>) -> Vec<Record> {
    let mut rows: Vec<Record> = data
        .visible()
        .into_iter()
        .filter(|record| query.matches(record))
        .collect();
    rows.sort_by(|one, other| compare(query, one, other));
    rows.retain(|record| after.is_none_or(|after| compare(query, record, after).is_gt()));
    rows.truncate(query.limit.unwrap_or(usize::MAX));
    rows
}

fn compare(query: &Query, one: &Record, other: &Record) -> core::cmp::Ordering {
    // A position may be that of a row which no longer meets the query: where an equality binds
    // a field, what the row has in it does not count.
    let is_bound = |field: &Field| {
        let binds = |test: &Test| matches!(test, Test::Equal(_));
        query
            .filters
            .iter()
            .any(|filter| filter.field == *field && binds(&filter.test))
    };
    for order in &query.order {
        if is_bound(&order.field) && order.field != Field::Key {
            continue;
        }
        let fields = order.field.encoded(one).cmp(&order.field.encoded(other));
        let fields = if order.descending {
            fields.reverse()
        } else {
            fields
        };
        if fields.is_ne() {
            return fields;
        }
    }
    one.key.cmp(&other.key)
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("false".to_owned()),
        Just("true".to_owned()),
        (-3i32..4).prop_map(|number| format!("{number}")),
        prop_oneof![
            Just(""),
            Just("a"),
            Just("ab"),
            Just("b"),
            Just("\\u0000"),
            Just("a\\u0000"),
            Just("a\\u0001"),
            Just("é")
        ]
        .prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(2, 4, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|list| format!("[{}]", list.join(","))),
            inner.prop_map(|value| format!("{{\"x\":{value}}}")),
        ]
    })
}

fn record() -> impl Strategy<Value = Record> {
    let member = |name: &'static str| {
        prop::option::of(value())
            .prop_map(move |value| value.map(|value| format!("\"{name}\":{value}")))
    };
    let object = (member("p"), member("q"), member("key")).prop_map(|(p, q, key)| {
        let members: Vec<String> = [p, q, key].into_iter().flatten().collect();
        format!("{{{}}}", members.join(","))
    });
    let text = prop_oneof![9 => object, 1 => value()];
    (0..14u8, 0..4u8, text).prop_map(|(key, second, text)| Record {
        key: format!("k{}", "x".repeat(usize::from(key % 5)) + &format!("{key}")),
        created: CREATED.to_owned(),
        updated: format!("2026-11-22T04:41:0{second}Z"),
        value: Canonical::parse(&text).unwrap(),
    })
}

fn data() -> impl Strategy<Value = Data> {
    let deletion = (record(), any::<bool>());
    (
        prop::collection::vec(record(), 0..24),
        prop::collection::vec(deletion, 0..8),
    )
        .prop_map(|(confirmed, edits)| Data {
            confirmed: confirmed
                .into_iter()
                .map(|record| (record.key.clone(), record))
                .collect(),
            overlay: edits
                .into_iter()
                .map(|(record, is_deleted)| (record.key.clone(), (!is_deleted).then_some(record)))
                .collect(),
        })
}

const FIELDS: [&str; 5] = ["p", "q", "key", "updated", "value.key"];

fn field_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&FIELDS[..])
}

fn condition() -> impl Strategy<Value = (String, String)> {
    let operand = |name: &'static str| match name {
        "updated" => (0..4u8)
            .prop_map(|second| format!("\"2026-11-22 04:41:0{second}\""))
            .boxed(),
        "key" => (0..14u8)
            .prop_map(|key| {
                format!(
                    "\"k{}\"",
                    "x".repeat(usize::from(key % 5)) + &format!("{key}")
                )
            })
            .boxed(),
        _ => value().boxed(),
    };
    let operator = prop::sample::select(
        &[
            "eq",
            "ne",
            "gt",
            "gte",
            "lt",
            "lte",
            "in",
            "exists",
            "startsWith",
        ][..],
    );
    (field_name(), operator).prop_flat_map(move |(name, operator)| {
        let test = match operator {
            "in" => prop::collection::vec(operand(name), 0..3)
                .prop_map(|list| format!("[{}]", list.join(",")))
                .boxed(),
            "exists" => any::<bool>().prop_map(|wanted| format!("{wanted}")).boxed(),
            "startsWith" if name == "updated" => Just("\"\"".to_owned()).boxed(),
            "startsWith" => {
                prop::sample::select(&["\"\"", "\"a\"", "\"k\"", "\"kx\"", "\"\\u0000\""][..])
                    .prop_map(str::to_owned)
                    .boxed()
            }
            _ => operand(name),
        };
        let operator = if operator == "startsWith" && name == "updated" {
            "gte"
        } else {
            operator
        };
        let test = if name == "updated" && operator == "gte" {
            Just("\"2026-11-22T05:41:01+01:00\"".to_owned()).boxed()
        } else {
            test
        };
        test.prop_map(move |test| (name.to_owned(), format!("{{\"{operator}\":{test}}}")))
    })
}

fn query() -> impl Strategy<Value = Query> {
    let order = (field_name(), any::<bool>())
        .prop_map(|(name, descending)| format!("\"{}{name}\"", if descending { "-" } else { "" }));
    (
        prop::collection::btree_map(field_name(), condition(), 0..3),
        prop::collection::vec(order, 0..3),
        prop::option::of(0..10usize),
    )
        .prop_map(|(filters, order, limit)| {
            let filters: BTreeMap<String, String> = filters.into_values().collect();
            let filters: Vec<String> = filters
                .iter()
                .map(|(name, test)| format!("\"{name}\":{test}"))
                .collect();
            let limit = limit.map_or_else(String::new, |limit| format!(",\"limit\":{limit}"));
            let (filters, order) = (filters.join(","), order.join(","));
            Query::parse(&format!(
                "{{\"where\":{{{filters}}},\"orderBy\":[{order}]{limit}}}"
            ))
            .unwrap()
        })
}

fn indexes() -> impl Strategy<Value = Vec<Vec<Field>>> {
    let index = prop::collection::vec(field_name().prop_map(Field::named), 1..3);
    prop::collection::vec(index, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn rule_q1_what_is_found_is_everything_filtered_and_sorted(
        data in data(), indexes in indexes(), query in query(), after in prop::option::of(record()),
    ) {
        let expected = model(&data, &query, after.as_ref());
        let after = after.map(|record| query.position(&record));
        prop_assert_eq!(run(&data, &indexes, &query, after.as_ref()), expected);
    }

    #[test]
    fn rule_q2_encodings_compare_as_values_do_and_none_begins_another(
        one in value(), other in value(),
    ) {
        let encode = |text: &str| {
            let mut bytes = Vec::new();
            order::append(&mut bytes, Some(Canonical::parse(text).unwrap().borrow()));
            bytes
        };
        let (a, b) = (encode(&one), encode(&other));
        if a != b {
            prop_assert!(!a.starts_with(&b) && !b.starts_with(&a));
        }
        prop_assert_eq!(order::length(&[&a[..], b"rest"].concat(), 1), a.len());
        let (one, other): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(&one).unwrap(), serde_json::from_str(&other).unwrap());
        prop_assert_eq!(a.cmp(&b), compare_values(&one, &other));
    }
}

/// DESIGN's order of values, spelled out over parsed ones.
fn compare_values(one: &serde_json::Value, other: &serde_json::Value) -> core::cmp::Ordering {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    let rank = |value: &serde_json::Value| match value {
        Null => 0,
        Bool(false) => 1,
        Bool(true) => 2,
        Number(_) => 3,
        String(_) => 4,
        Array(_) => 5,
        Object(_) => 6,
    };
    match (one, other) {
        (Number(a), Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap(),
        (String(a), String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Array(a), Array(b)) => a
            .iter()
            .zip(b)
            .map(|(a, b)| compare_values(a, b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.len().cmp(&b.len())),
        (Object(_), Object(_)) => format!("{one}").cmp(&format!("{other}")),
        _ => rank(one).cmp(&rank(other)),
    }
}

#[test]
fn an_index_serves_equality_range_order_and_limit() {
    let indexes = [
        vec![Field::named("list")],
        vec![Field::named("list"), Field::named("updated")],
    ];
    let plan = |text: &str| Plan::of(&Query::parse(text).unwrap(), &indexes);
    let by_list = plan(r#"{"where":{"list":"a"}}"#);
    assert_eq!(
        (by_list.index, by_list.is_ordered),
        (IndexName::Declared(0), true)
    );
    assert!(by_list.residual.is_empty());
    let newest = plan(r#"{"where":{"list":"a"},"orderBy":["-updated"],"limit":5}"#);
    assert_eq!(
        (newest.index, newest.is_ordered),
        (IndexName::Declared(1), true)
    );
    assert!(newest.turns_ties);
    let prefix = plan(r#"{"where":{"list":{"startsWith":"a"},"done":false}}"#);
    assert_eq!(prefix.index, IndexName::Declared(0));
    assert_eq!(prefix.residual.len(), 1);
    assert_eq!(plan(r#"{"orderBy":["title"]}"#).index, IndexName::ByKey);
    assert_eq!(plan(r#"{"where":{"key":"k"}}"#).index, IndexName::ByKey);
}

#[test]
fn what_a_query_does_not_understand_it_names() {
    let error = |text: &str| format!("{}", Query::parse(text).unwrap_err());
    assert!(error(r#"{"wehre":{}}"#).contains("wehre"));
    assert!(error(r#"{"where":{"a":{"like":1}}}"#).contains("like"));
    assert!(error(r#"{"where":{"a":{}}}"#).contains("where.a"));
    assert!(error(r#"{"where":{"a":{"in":1}}}"#).contains("a list"));
    assert!(error(r#"{"where":{"created":{"gt":"soon"}}}"#).contains("a time"));
    assert!(error(r#"{"limit":-1}"#).contains("limit"));
    assert!(error(r#"{"limit":1.5}"#).contains("limit"));
    assert!(error(r#"{"orderBy":"a"}"#).contains("orderBy"));
    assert!(error("[]").contains("object"));
    assert!(error("{").contains("cannot be read"));
}

#[test]
fn a_string_is_neither_more_nor_less_than_a_number() {
    let query = Query::parse(r#"{"where":{"a":{"gt":3}}}"#).unwrap();
    assert!(query.matches(&row("k", r#"{"a":4}"#)));
    assert!(!query.matches(&row("k", r#"{"a":"4"}"#)));
    assert!(!query.matches(&row("k", "{}")));
}
