//! Answers as JavaScript takes them: promises, slices of text, plain objects, errors.

use std::{future::Future, pin::Pin};

use js_sys::{Array, JSON, JsString, Promise};
use tidemark_engine::client::{Doc, Error};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

/// No slice of text is larger, in bytes, unless one record alone is.
const SLICE_BYTES: usize = 256 * 1024;

/// A promise of what the work answers. Boxed, so that what drives it is compiled once.
pub(super) fn promise(work: impl Future<Output = Result<JsValue, Error>> + 'static) -> Promise {
    settle(Box::pin(work))
}

fn settle(work: Pin<Box<dyn Future<Output = Result<JsValue, Error>>>>) -> Promise {
    future_to_promise(async move { work.await.map_err(|error| thrown(&error)) })
}

/// The documents as JSON arrays in slices; an absent one is `null`.
pub(super) fn slices(docs: &mut dyn Iterator<Item = Option<&Doc>>) -> Array {
    let slices = Array::new();
    let mut slice = String::from("[");
    for doc in docs {
        if slice.len() > SLICE_BYTES {
            take(&mut slice, &slices);
        }
        if slice.len() > 1 {
            slice.push(',');
        }
        match doc {
            Some(doc) => doc.write_json(&mut slice),
            None => slice.push_str("null"),
        }
    }
    if slice.len() > 1 {
        take(&mut slice, &slices);
    }
    slices
}

fn take(slice: &mut String, slices: &Array) {
    slice.push(']');
    slices.push(&JsString::from(slice.as_str()));
    slice.clear();
    slice.push('[');
}

/// An answer per operation, each in slices.
pub(super) fn answers(answers: &[Vec<Doc>]) -> JsValue {
    answers
        .iter()
        .map(|docs| slices(&mut docs.iter().map(Some)))
        .collect::<Array>()
        .into()
}

/// The value of a JSON text.
pub(crate) fn plain(json: &str) -> JsValue {
    // It is of our own making.
    JSON::parse(json).unwrap_or_default()
}

/// The error as TypeScript makes a `TidemarkError` of it: `{code, message, help, cause?}`.
pub(super) fn thrown(error: &Error) -> JsValue {
    plain(&error.to_json())
}
