//! Declared indexes: which queries they serve.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use std::string::ToString;

use super::world::{Tab, create, json};
use crate::client::{Client, DeclaredIndex, Options};

fn index(fields: &[&str]) -> DeclaredIndex {
    DeclaredIndex {
        entity: "todo".into(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    }
}

fn options(indexes: &[&[&str]]) -> Options {
    Options {
        indexes: indexes.iter().map(|fields| index(fields)).collect(),
        ..Options::default()
    }
}

/// An array of so many values: `n` counts, `list` is one of 400.
fn values(count: usize) -> String {
    let value = |n| {
        format!(
            r#"{{"n":{n},"list":"l{}","text":"{}"}}"#,
            n % 400,
            "x".repeat(200)
        )
    };
    let values: Vec<String> = (0..count).map(value).collect();
    format!("[{}]", values.join(","))
}

#[pollster::test]
async fn rule_q6_no_query_reads_a_whole_entity_where_an_index_serves() {
    let tab = Tab::new();
    let options = options(&[&["list", "n"], &["n"]]);
    let client = Client::open(tab.clone(), options.clone()).await.unwrap();
    client.does(create("todo", &values(4_000))).await;
    let pages = tab.0.pages.page_ids().len() as u64;
    for (query, count, index, reads) in [
        (r#"{"where":{"n":17}}"#, 1, r#"["n"]"#, "range"),
        (
            r#"{"where":{"n":{"gte":10,"lt":20}}}"#,
            10,
            r#"["n"]"#,
            "range",
        ),
        (r#"{"where":{"n":{"in":[1,3000]}}}"#, 2, r#"["n"]"#, "range"),
        (
            r#"{"where":{"list":{"startsWith":"l77"}}}"#,
            10,
            r#"["list","n"]"#,
            "range",
        ),
        (
            r#"{"where":{"list":"l5"},"orderBy":["-n"],"limit":3}"#,
            3,
            r#"["list","n"]"#,
            "range",
        ),
        (r#"{"orderBy":["n"],"limit":5}"#, 5, r#"["n"]"#, "limit"),
        (r#"{"orderBy":["-n"],"limit":5}"#, 5, r#"["n"]"#, "limit"),
        (r#"{"limit":5}"#, 5, "null", "limit"),
        (r#"{"where":{"text":"y"}}"#, 0, "null", "all"),
        (r#"{"orderBy":["text"],"limit":1}"#, 1, "null", "all"),
    ] {
        // With nothing in its cache.
        let client = Client::open(tab.clone(), options.clone()).await.unwrap();
        let told = json(&client.explain("todo", query).unwrap());
        assert_eq!(told["index"].to_string(), index, "{query}");
        assert_eq!(told["reads"], reads, "{query}");
        let before = tab.0.pages.pages_read();
        assert_eq!(
            client.find("todo", query).await.unwrap().len(),
            count,
            "{query}"
        );
        let read = tab.0.pages.pages_read() - before;
        if reads == "all" {
            assert!(read > pages / 3, "{query}: {read} of {pages}");
        } else {
            // Rows of one list lie far apart.
            let most = 24 + count as u64;
            assert!(read <= most, "{query}: {read} of {pages}");
        }
    }
    let told = client.explain("todo", r#"{"where":{"n":1,"text":"x","value.key":2}}"#);
    assert_eq!(
        json(&told.unwrap()),
        serde_json::json!({
            "index": ["n"], "reads": "range", "ordered": true, "checks": ["text", "value.key"],
        })
    );
    assert!(client.explain("todo", "[]").is_err());
}
