//! Numbers as the browser converts them: ECMAScript's own conversions, which RFC 8785 prescribes.

use js_sys::{Number, Object, parse_float};
use tidemark_engine::json::{Host, use_host};
use wasm_bindgen::prelude::*;

/// Runs when the module is started.
#[wasm_bindgen(start)]
pub fn start() {
    use_host(&Host {
        parse: parse_float,
        write: |number| String::from(Object::from(Number::from(number)).to_string()),
    });
}
