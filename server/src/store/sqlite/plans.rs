//! How the statements that touch many rows are run: each finds its rows by their names. A plan
//! that reads a whole datastore is right on ten records and dead on a hundred thousand.

use sqlx::{AssertSqlSafe, Row};

use super::{Sqlite, acks, mingle, records, sessions, view, window};

/// What may be read from end to end: what was bound, and what a statement itself made.
const SMALL: [&str; 7] = [
    "json_each",
    "answer",
    "wanted",
    "due",
    "sent",
    "acked",
    "CONSTANT",
];

/// Tables that are large by datastore.
const LARGE: [&str; 6] = [
    "version",
    "local_key",
    "pushed",
    "acked",
    "conflict",
    "told",
];

const HOT: [(&str, &str); 17] = [
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
];

/// T-45: what is done for many records is done by look-ups, however many others there are.
#[tokio::test]
async fn hot_statements_look_up_what_they_touch() {
    let store = Sqlite::connect(":memory:").await.unwrap();
    let mut change = store.change().await.unwrap();
    for (name, statement) in HOT {
        let explain = AssertSqlSafe(format!("explain query plan {statement}"));
        let steps = sqlx::query(explain)
            .fetch_all(&mut *change.tx)
            .await
            .unwrap();
        assert!(!steps.is_empty(), "{name}");
        for step in &steps {
            let step: String = step.get("detail");
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
