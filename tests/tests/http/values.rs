//! Odd values come back equal, and fingerprints are what RFC 8785 makes of them. Rules P-6, P-7, P-14.

use serde_json::{Value, json};
use tidemark_conformance::fingerprint;
use tidemark_tests::server::Server;

use super::talk::{finish, sync, uuid};

/// As it may be written, and as the canonical text is.
const NUMBERS: [(&str, &str); 21] = [
    ("0", "0"),
    ("-0", "0"),
    ("-0.0", "0"),
    ("5e-324", "5e-324"),
    ("-5e-324", "-5e-324"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ("9007199254740992", "9007199254740992"),
    ("9007199254740993", "9007199254740992"),
    ("-9007199254740992", "-9007199254740992"),
    ("295147905179352830000", "295147905179352830000"),
    ("9.999999999999997e22", "9.999999999999997e+22"),
    ("1e23", "1e+23"),
    ("1.0000000000000001e23", "1.0000000000000001e+23"),
    ("999999999999999700000", "999999999999999700000"),
    ("1e21", "1e+21"),
    ("9.999999999999997e-7", "9.999999999999997e-7"),
    ("0.000001", "0.000001"),
    ("333333333.33333325", "333333333.33333325"),
    ("-0.0000033333333333333333", "-0.0000033333333333333333"),
    ("1424953923781206.2", "1424953923781206.2"),
    ("4.50", "4.5"),
];

fn texts() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(""),
        json!("\u{0}\u{1}\u{1f}\u{7f}\u{80}\u{2028}\u{feff}\u{10ffff}\u{fffd}"),
        json!("\"\\/\u{8}\u{c}\n\r\t</script>"),
        json!("x".repeat(200_000)),
        json!("😀".repeat(50_000)),
        json!({"__proto__": {"polluted": true}, "constructor": 1, "toString": null}),
        json!({"": {"": {"": []}}, " ": 0}),
        json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7}),
        json!({"key": "k", "local_id": 1, "deleted": true, "checkin": null}),
        json!([[], {}, [[]], [{}], null, [null]]),
        serde_json::from_str(&("[".repeat(100) + &"]".repeat(100))).unwrap(),
    ]
}

/// P-7, P-14
#[test]
fn odd_values_come_back_equal() {
    let server = Server::start();
    let client = server.client("alice");
    let mut raw: Vec<String> = NUMBERS
        .iter()
        .map(|(written, _)| (*written).to_owned())
        .collect();
    raw.extend(texts().iter().map(Value::to_string));
    let records: Vec<_> = (0..)
        .zip(&raw)
        .map(|(number, value)| {
            format!(
                r#"{{"key":"{}","is_pending":true,"value":{value}}}"#,
                uuid(number)
            )
        })
        .collect();
    let body = format!(
        r#"{{"device_uuid":"{}","pending":1,"push":{{"records":[{}]}},"pull":{{}}}}"#,
        uuid(1),
        records.join(",")
    );
    let answer = client
        .send("POST", "/v1/sync/open", &[], body.as_bytes())
        .unwrap()
        .done();
    assert_eq!(answer["push"]["rejected"], json!([]));
    let holding = client.records();
    assert_eq!(holding.len(), raw.len());
    for pulled in answer["pull"]["records"].as_array().unwrap() {
        let local_id = pulled["local_id"].as_str().unwrap();
        let place = (0..100)
            .position(|number| uuid(number) == local_id)
            .unwrap();
        let sent: Value = serde_json::from_str(&raw[place]).unwrap();
        let back = holding
            .iter()
            .find(|record| record["key"] == pulled["key"])
            .unwrap();
        assert_eq!(
            fingerprint::canonical(&back["value"]),
            fingerprint::canonical(&sent)
        );
        if let Some((_, text)) = NUMBERS.get(place) {
            assert_eq!(fingerprint::canonical(&back["value"]), *text);
        }
        assert_eq!(
            pulled["fingerprint"],
            fingerprint::of_record("record", &sent),
            "{sent}"
        );
    }
    let head = &answer["push"]["max_checkin"];
    assert_eq!(
        finish(&client, &answer["sync_uuid"], head, &holding)["in_sync"],
        true
    );
}

/// P-6: keys of any text, ordered by bytes.
#[test]
fn keys_are_any_text_and_order_by_bytes() {
    let server = Server::start();
    let client = server.client("alice");
    let keys = [
        "a",
        "B",
        "~",
        "é",
        "ｆ",
        "😀",
        "a b",
        "a\u{0}b",
        "%00",
        "__proto__",
        "'; drop table",
    ];
    let long = "k".repeat(255);
    let keys: Vec<&str> = keys.into_iter().chain([long.as_str()]).collect();
    let records = keys
        .iter()
        .map(|key| json!({"key": key, "value": key}))
        .collect();
    let synced = sync(&client, 1, &Value::Null, records);
    assert_eq!(synced["push"]["created"], keys.len());
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    let holding = client.records();
    let holding: Vec<_> = holding
        .iter()
        .map(|record| record["key"].as_str().unwrap())
        .collect();
    assert_eq!(holding, sorted);
}

/// P-11: entities are any text, too, and part of what a record is.
#[test]
fn entities_are_any_text() {
    let server = Server::start();
    let client = server.client("alice");
    let entities = ["note", "Заметка", "a b", "__proto__"];
    let records = (0..)
        .zip(entities)
        .map(|(number, entity)| {
            json!({"key": uuid(number), "is_pending": true, "entity": entity, "value": 1})
        })
        .collect();
    let synced = sync(&client, 1, &Value::Null, records);
    for record in synced["pull"]["records"].as_array().unwrap() {
        let entity = record["entity"].as_str().unwrap();
        assert!(entities.contains(&entity));
        assert_eq!(
            record["fingerprint"],
            fingerprint::of_record(entity, &json!(1))
        );
    }
}
