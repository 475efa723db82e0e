//! How the statements that touch many rows are run: each finds its rows by their names. A plan
//! that reads a whole datastore is right on ten records and dead on a hundred thousand.

use sqlx::{AssertSqlSafe, Row};

use super::{
    Gates, Sqlite, acks, compaction, conflicts, datastores, mingle, range_sums, reconcile, records,
    replacing, sessions, view, window,
};

/// What may be read from end to end: what was bound, and what a statement itself made.
const SMALL: [&str; 8] = [
    "jsonb_each",
    "answer",
    "wanted",
    "due",
    "sent",
    "acked",
    "item",
    "CONSTANT",
];

/// Tables that are large by datastore.
const LARGE: [&str; 7] = [
    "version",
    "local_key",
    "pushed",
    "acked",
    "conflict",
    "told",
    "range_sum",
];

const HOT: [(&str, &str); 37] = [
    ("issued", datastores::ISSUED),
    ("supersede", mingle::SUPERSEDE),
    ("keep answers", mingle::KEEP_ANSWERS),
    ("versions", view::VERSIONS),
    ("local keys", view::LOCAL_KEYS),
    ("conflicts", view::CONFLICTS),
    ("acked", view::ACKED),
    ("confirm", sessions::CONFIRM),
    ("gone", window::GONE),
    ("early", window::EARLY),
    ("early count", window::EARLY_COUNT),
    ("window", window::WINDOW),
    ("window count", window::WINDOW_COUNT),
    ("pulled", acks::PULLED),
    ("drop exceptions", acks::DROP_EXCEPTIONS),
    ("exceptions", acks::EXCEPTIONS),
    ("records", records::RECORDS),
    ("records count", records::RECORDS_COUNT),
    ("history", records::HISTORY),
    ("history count", records::HISTORY_COUNT),
    ("open conflicts", conflicts::OPEN[0]),
    ("open conflicts count", conflicts::OPEN[1]),
    ("settled conflicts", conflicts::SETTLED[0]),
    ("settled conflicts count", conflicts::SETTLED[1]),
    ("items", reconcile::ITEMS),
    ("gathered items", reconcile::GATHERED_ITEMS),
    ("held", reconcile::HELD),
    ("lived", reconcile::LIVED),
    ("answered", reconcile::ANSWERED),
    ("has pushed", reconcile::HAS_PUSHED),
    ("versions of", reconcile::VERSIONS),
    ("keep told", reconcile::KEEP_TOLD),
    ("changed", range_sums::CHANGED),
    ("is far", range_sums::IS_FAR),
    ("buckets", range_sums::BUCKETS),
    ("around", range_sums::AROUND),
    ("live after", replacing::LIVE_AFTER),
];

const COMPACTION: [(&str, &str); 10] = [
    ("old values", compaction::OLD_VALUES),
    ("drop values", compaction::DROP_VALUES),
    ("drop versions", compaction::DROP_VERSIONS),
    ("commit at", compaction::COMMIT_AT),
    ("commits end", compaction::COMMITS_END),
    ("drop fingerprints", compaction::DROP_FINGERPRINTS),
    ("tombstones", compaction::TOMBSTONES),
    ("drop history", compaction::DROP_HISTORY),
    ("drop tombstones", compaction::DROP_TOMBSTONES),
    ("drop states", compaction::DROP_STATES),
];

async fn plan(change: &mut super::Change, statement: &str) -> Vec<String> {
    assert!(
        !statement.contains("limit ?"),
        "planned again for each limit: {statement}"
    );
    let explain = AssertSqlSafe(format!("explain query plan {statement}"));
    let steps = sqlx::query(explain).fetch_all(&mut *change.tx).await;
    let steps = steps.unwrap();
    steps.iter().map(|step| step.get("detail")).collect()
}

/// T-68: compaction finds by an index what it drops, in the order in which it drops it: it reads
/// nothing else, and sorts nothing.
#[tokio::test]
async fn compaction_reads_what_it_drops_and_no_more() {
    let store = Sqlite::connect(":memory:").await.unwrap();
    let mut change = store.change(Gates::default()).await.unwrap();
    for (name, statement) in COMPACTION {
        let steps = plan(&mut change, statement).await;
        assert!(!steps.is_empty(), "{name}");
        for step in steps {
            let is_whole_datastore = step.ends_with("(datastore=?)");
            let is_scan = step.starts_with("SCAN")
                && !step.contains("VIRTUAL TABLE")
                && !step.contains("(subquery-");
            let is_sort = step.contains("TEMP B-TREE");
            assert!(
                !is_whole_datastore && !is_scan && !is_sort,
                "{name}: {step}"
            );
        }
    }
}

/// T-45: what is done for many records is done by look-ups, however many others there are.
#[tokio::test]
async fn hot_statements_look_up_what_they_touch() {
    let store = Sqlite::connect(":memory:").await.unwrap();
    let mut change = store.change(Gates::default()).await.unwrap();
    for (name, statement) in HOT {
        let steps = plan(&mut change, statement).await;
        assert!(!steps.is_empty(), "{name}");
        for step in steps {
            let words: Vec<&str> = step.split(' ').collect();
            match words.first() {
                Some(&"SCAN") => {
                    assert!(SMALL.contains(&words[1]), "{name}: {step}");
                }
                Some(&"SEARCH") if LARGE.contains(&words[1]) => {
                    assert!(!step.contains("(datastore=?)"), "{name}: {step}");
                }
                _ => assert!(
                    !step.contains("ORDER BY") || name == "early",
                    "{name}: {step}"
                ),
            }
        }
    }
}
