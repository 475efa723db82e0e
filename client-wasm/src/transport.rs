//! The way to the server: one HTTP call at a time through `fetch`, with its token, its time
//! limit and its bytes counted. It knows no message of the protocol.

mod body;
mod http;
mod token;

use js_sys::Reflect;
use wasm_bindgen::JsValue;

pub(crate) use http::{Connection, Http};
pub(crate) use token::Token;

/// What a thrown thing says of itself.
fn describe(thrown: &JsValue) -> String {
    Reflect::get(thrown, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .or_else(|| thrown.as_string())
        .unwrap_or_else(|| "unknown".to_owned())
}
