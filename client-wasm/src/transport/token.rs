//! Where the token comes from: a string, or the app's function, asked once and again on 401.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A source of tokens, and the last one it gave.
pub(crate) struct Token {
    /// The app's function; none where it gave a string or nothing.
    function: Option<Function>,
    known: RefCell<Option<String>>,
}

impl Token {
    /// From what the app gave: a string, a function, or nothing.
    pub(crate) fn new(given: JsValue) -> Self {
        let known = RefCell::new(given.as_string());
        Self {
            function: given.dyn_into().ok(),
            known,
        }
    }

    /// The token to send, if there is one. An error is the app's function's own, as text.
    pub(super) async fn get(&self) -> Result<Option<String>, String> {
        let known = self.known.borrow().clone();
        match &self.function {
            Some(function) if known.is_none() => self.ask(function).await,
            _ => Ok(known),
        }
    }

    /// Asks the app for another token. False: there is none, or still the same.
    pub(super) async fn renew(&self) -> bool {
        let Some(function) = &self.function else {
            // A fixed one is kept: it may be good again once the server's clock or key is.
            return false;
        };
        let refused = self.known.take();
        matches!(self.ask(function).await, Ok(Some(token)) if Some(&token) != refused.as_ref())
    }

    async fn ask(&self, function: &Function) -> Result<Option<String>, String> {
        let answer = match function.call0(&JsValue::UNDEFINED) {
            Ok(answer) => JsFuture::from(Promise::resolve(&answer)).await,
            Err(thrown) => Err(thrown),
        };
        let token = answer
            .map_err(|thrown| super::describe(&thrown))?
            .as_string()
            .filter(|token| !token.is_empty());
        self.known.borrow_mut().clone_from(&token);
        Ok(token)
    }
}
