//! How much room the origin has, and whether the browser has promised to keep its data.

use js_sys::{Promise, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// `navigator.storage`; not in every context.
    type StorageManager;
    #[wasm_bindgen(method, catch)]
    fn estimate(this: &StorageManager) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn persisted(this: &StorageManager) -> Result<Promise, JsValue>;
}

/// What the browser tells about storage; what it does not tell is absent.
#[derive(Default, Serialize)]
pub(crate) struct Storage {
    /// Bytes that the whole origin uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<f64>,
    /// Bytes that it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<f64>,
    /// Whether it is kept when the disk fills up.
    #[serde(skip_serializing_if = "Option::is_none")]
    persisted: Option<bool>,
}

/// Asks the browser.
pub(crate) async fn ask() -> Storage {
    let Some(manager) = super::navigator::<StorageManager>("storage") else {
        return Storage::default();
    };
    let estimate = answer(manager.estimate()).await;
    let number = |name: &str| {
        let estimate = estimate.as_ref()?;
        Reflect::get(estimate, &JsValue::from_str(name))
            .ok()?
            .as_f64()
    };
    Storage {
        usage: number("usage"),
        quota: number("quota"),
        persisted: answer(manager.persisted())
            .await
            .and_then(|persisted| persisted.as_bool()),
    }
}

async fn answer(promise: Result<Promise, JsValue>) -> Option<JsValue> {
    JsFuture::from(promise.ok()?).await.ok()
}
