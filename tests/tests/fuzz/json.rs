//! The canonical JSON parser against `serde_json` and a library's canonical form.

use serde::Deserialize;
use serde_json::Value;
use tidemark_conformance::fingerprint;
use tidemark_engine::{
    json::{Canonical, CanonicalRef, JsonError},
    query::Query,
};

use crate::corpus::{fuzz, texts};

/// Deeper than this is refused.
const DEPTH: usize = 128;

/// What a parser without our limits says, and how deep it is.
fn read(text: &str) -> Option<(Value, usize)> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    let mut deepest = 0;
    let mut left = vec![(&value, 0)];
    while let Some((value, depth)) = left.pop() {
        deepest = deepest.max(depth);
        match value {
            Value::Array(elements) => left.extend(elements.iter().map(|it| (it, depth + 1))),
            Value::Object(members) => left.extend(members.values().map(|it| (it, depth + 1))),
            _ => {}
        }
    }
    Some((value, deepest))
}

/// P-7: the same is accepted, and means the same.
#[test]
fn json_is_read_as_others_read_it() {
    let inputs = texts(&[
        r#"{"b":[1,2.50,-0,1e21,1E-7,123456789012345678901],"a":{"é":"\u00e9\n\"\\","":null}}"#,
        r#"["\ud83d\ude00","\u0000",true,false,null,[],{},[[[[{"x":[{}]}]]]]]"#,
        r#"{"a":1,"aa":2,"\u0061a":3,"b":{"a":4}}"#,
        "-12.5e+3",
        " [ 1 , 2 ] ",
    ]);
    fuzz("json", 20_000, inputs, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        match (Canonical::parse(text), read(text)) {
            (Ok(ours), Some((value, _))) => {
                assert_eq!(ours.as_str(), fingerprint::canonical(&value));
                assert_eq!(Canonical::parse(ours.as_str()), Ok(ours));
            }
            (Ok(ours), None) => panic!("accepted: {}", ours.as_str()),
            (Err(JsonError::Syntax(..)), Some(_)) => panic!("refused: {text}"),
            (Err(JsonError::TooDeep), Some((_, depth))) => {
                assert!(depth >= DEPTH || doubles(text), "{depth} deep");
            }
            (Err(JsonError::DoubledName(name)), Some(_)) => {
                assert!(doubles(text), "{name} is there once");
            }
            (Err(_), None) => {}
        }
    });
}

/// Whether an object names a member twice: the texts of both trees differ in length then.
fn doubles(text: &str) -> bool {
    let read = read(text).map(|(value, _)| members(&value));
    read != Some(text_members(text))
}

fn members(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(members).sum(),
        Value::Object(all) => all.len() + all.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

/// The colons outside of strings.
fn text_members(text: &str) -> usize {
    let (mut is_text, mut is_escaped, mut count) = (false, false, 0);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b':' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

/// Walking a text that was never checked ends, and panics at nothing.
#[test]
fn any_text_can_be_walked() {
    let inputs = texts(&[
        r#"{"a":1,"b":[1,{"c":"d"}],"e":"\u00e9"}"#,
        r#"["a",[],{},1.5e3,null]"#,
        r#"{"where":{"a":{"gt":1,"lt":"x"},"b":null},"orderBy":["a","-b"],"limit":3}"#,
    ]);
    fuzz("walk", 20_000, inputs, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let value = CanonicalRef::trusted(&text);
        assert!(value.fields().count() <= text.len());
        assert!(value.elements().count() <= text.len());
        let _ = (value.field("b"), value.kind(), value.as_text());
        let _ = (value.as_number(), value.as_bool(), Query::parse(&text));
    });
}
