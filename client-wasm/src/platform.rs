//! What the browser gives besides storage and network, one service a file. Each works in a
//! page, a Worker and a service worker alike, so nothing here asks for `window`.

pub(crate) mod clock;
pub(crate) mod locks;
pub(crate) mod network;
pub(crate) mod random;
pub(crate) mod storage;
pub(crate) mod tabs;
pub(crate) mod timer;

use std::{future::Future, pin::Pin};

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// Begins some work that nobody waits for. Boxed, so that what drives it is compiled once.
pub(crate) fn spawn(work: impl Future<Output = ()> + 'static) {
    let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(work);
    spawn_local(work);
}

/// A member of `navigator` that not every browser or context has.
fn navigator<T: JsCast>(name: &str) -> Option<T> {
    let navigator = Reflect::get(&js_sys::global(), &JsValue::from_str("navigator")).ok()?;
    let member = Reflect::get(&navigator, &JsValue::from_str(name)).ok()?;
    (!member.is_undefined() && !member.is_null()).then(|| member.unchecked_into())
}
