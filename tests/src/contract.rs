//! The server's OpenAPI document, as a check: real answers must fit it, and say nothing that it
//! does not name.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

const DOCUMENT: &str = include_str!("../../server/src/http/openapi.json");

struct Contract {
    document: Value,
    schemas: BTreeMap<String, Validator>,
}

fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let document = document();
        let mut components = document["components"].clone();
        close(&mut components);
        let names = document["components"]["schemas"].as_object();
        let schemas = names.expect("schemas").keys().map(|name| {
            let schema = json!({
                "$ref": format!("#/components/schemas/{name}"),
                "components": components,
            });
            let validator = jsonschema::draft202012::new(&schema).expect("a JSON schema");
            (name.clone(), validator)
        });
        Contract {
            schemas: schemas.collect(),
            document,
        }
    })
}

/// The document.
pub fn document() -> Value {
    serde_json::from_str(DOCUMENT).expect("JSON")
}

/// Has every object schema refuse members that it does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && is_object_schema(members) {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn is_object_schema(members: &Map<String, Value>) -> bool {
    members.get("type").and_then(Value::as_str) == Some("object")
}

/// Fails unless a value fits the schema of this name.
pub fn holds(schema: &str, value: &Value) {
    let validator = &contract().schemas[schema];
    let wrong: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "no {schema}: {wrong:#?}\n{value:#}");
}

/// Fails unless a value fits what the document says a call answers.
pub fn answers(method: &str, path: &str, value: &Value) {
    let path = path.split('?').next().unwrap_or(path);
    let paths = contract().document["paths"].as_object().expect("paths");
    let Some((_, route)) = paths.iter().find(|(route, _)| leads_to(route, path)) else {
        panic!("{path} is not in the document");
    };
    let done = &route[method]["responses"]["200"];
    let schema = &done["content"]["application/json"]["schema"]["$ref"];
    if let Some(name) = schema.as_str().and_then(|path| path.rsplit('/').next()) {
        holds(name, value);
    }
}

/// Whether an address is one of a route, `{…}` being any one part.
fn leads_to(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(named), Some(given)) if named == given || named.starts_with('{') => {}
            _ => return false,
        }
    }
}
