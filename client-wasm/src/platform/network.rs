//! Whether the browser believes that there is a network, and being told when it returns.
//! "Online" is a hint: only an answer proves a network.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = addEventListener)]
    fn add_event_listener(event: &str, handler: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = removeEventListener)]
    fn remove_event_listener(event: &str, handler: &JsValue) -> Result<(), JsValue>;
}

/// What the browser believes; true where it does not say.
pub(crate) fn is_online() -> bool {
    super::navigator::<JsValue>("onLine").and_then(|online| online.as_bool()) != Some(false)
}

/// Listens to `online` and `offline` until dropped.
pub(crate) struct Listener {
    handler: Closure<dyn FnMut()>,
}

/// Calls back after each change of what [`is_online`] says.
pub(crate) fn listen(changed: impl FnMut() + 'static) -> Listener {
    let handler = Closure::new(changed);
    for event in ["online", "offline"] {
        // A context without such events stays as it is.
        drop(add_event_listener(event, handler.as_ref()));
    }
    Listener { handler }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for event in ["online", "offline"] {
            drop(remove_event_listener(event, self.handler.as_ref()));
        }
    }
}
