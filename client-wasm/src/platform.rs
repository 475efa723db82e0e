//! What the browser gives besides storage, one service a file; most of it through JavaScript. Each works in a
//! page, a Worker and a service worker alike, so nothing here asks for `window`.

pub(crate) mod clock;
pub(crate) mod host;
pub(crate) mod random;
pub(crate) mod timer;

use std::{future::Future, pin::Pin};

use wasm_bindgen_futures::spawn_local;

/// Begins some work that nobody waits for. Boxed, so that what drives it is compiled once.
pub(crate) fn spawn(work: impl Future<Output = ()> + 'static) {
    let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(work);
    spawn_local(work);
}
