//! The services of the browser that JavaScript asks for (`js/host.ts`), in the page's own words.
//! Each is one call here, where web-sys would need ten, and each of those a part of the module
//! and of its glue (docs/decisions/0009).

use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// What JavaScript does for one open database. A clone is the same.
    #[derive(Clone)]
    #[wasm_bindgen(typescript_type = "import('../js/host.ts').Host")]
    pub type Host;

    /// Tells the app's listeners; it does not throw.
    #[wasm_bindgen(method)]
    pub(crate) fn emit(this: &Host, name: &str, detail: &JsValue);

    /// Tells the other tabs and workers that have the same database open. What is said is small
    /// plain data; nobody relies on having heard it.
    #[wasm_bindgen(method)]
    pub(crate) fn tell(this: &Host, name: &str, detail: &JsValue);

    /// Whether there is a server to talk to.
    #[wasm_bindgen(method, getter, js_name = isConnected)]
    pub(crate) fn is_connected(this: &Host) -> bool;

    /// Whether the browser believes that there is a network; true where it does not say. A hint:
    /// only an answer proves a network.
    #[wasm_bindgen(method, getter, js_name = isOnline)]
    pub(crate) fn is_online(this: &Host) -> bool;

    /// Exchanges one body with the server; empty, it asks by `GET`.
    #[wasm_bindgen(method)]
    pub(crate) fn exchange(this: &Host, path: &str, body: Uint8Array) -> Promise;

    /// Stops the call under way: it answers that the server was not reached.
    #[wasm_bindgen(method)]
    pub(crate) fn abort(this: &Host);

    /// Asks the app for another token; true where it gave one.
    #[wasm_bindgen(method, js_name = renewToken)]
    pub(crate) fn ask_new_token(this: &Host) -> Promise;

    /// Takes the lock of a name, over all tabs; with what lets it go, or `null` where it is held.
    #[wasm_bindgen(method)]
    fn lock(this: &Host, name: &str, gives_up: bool) -> Promise;
}

/// What to do when somebody else holds the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfHeld {
    /// Wait for it.
    Wait,
    /// Leave the work undone.
    GiveUp,
}

impl Host {
    /// Runs the work while holding the lock; `None` where it was held and the work left undone.
    pub(crate) async fn with_lock<T>(
        &self,
        name: &str,
        if_held: IfHeld,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let granted = JsFuture::from(self.lock(name, if_held == IfHeld::GiveUp)).await;
        let guard = Release(granted.ok()?.dyn_into().ok()?);
        let done = work.await;
        // Until it is free: whoever asks next is not to find it held.
        drop(JsFuture::from(guard.let_go()).await);
        Some(done)
    }
}

/// Lets the lock go, also when the future that holds it is dropped.
struct Release(Function);

impl Release {
    fn let_go(&self) -> Promise {
        let freed = self.0.call0(&JsValue::UNDEFINED);
        Promise::resolve(&freed.unwrap_or_default())
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        // A second time it changes nothing.
        drop(self.let_go());
    }
}
