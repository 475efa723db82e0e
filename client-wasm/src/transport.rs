//! The way to the server, as the engine's transport: JavaScript's `fetch`, with its token, its
//! time limit and its bytes counted (`js/transport.ts`). It knows no message of the protocol.

use js_sys::{Array, Uint8Array};
use tidemark_engine::client::{Reply, Transport, TransportError};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::platform::host::Host;

impl Transport for Host {
    async fn call(&self, path: &str, text: String) -> Result<Reply, TransportError> {
        if !self.is_connected() {
            return Err(TransportError::NotConnected);
        }
        let body = Uint8Array::from(text.as_bytes());
        drop(text);
        let answer = JsFuture::from(self.exchange(path, body)).await;
        let answer = answer.map_err(|thrown| failure(&thrown))?;
        Ok(reply(answer.unchecked_ref()))
    }

    async fn renew_token(&self) -> bool {
        let renewed = JsFuture::from(self.ask_new_token()).await;
        renewed.is_ok_and(|renewed| renewed.is_truthy())
    }
}

/// An answer as JavaScript gives it: its status, `Retry-After` if it has one, the bytes sent,
/// the bytes received, and its body.
fn reply(answer: &Array) -> Reply {
    let body = Uint8Array::unchecked_from_js(answer.get(4)).to_vec();
    Reply {
        status: number(answer, 0).unwrap_or_default(),
        retry_after_seconds: number(answer, 1),
        bytes_sent: number(answer, 2).unwrap_or_default(),
        bytes_received: number(answer, 3).unwrap_or_default(),
        // Bytes that are no text are no answer either.
        body: String::from_utf8(body).unwrap_or_default(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, well inside 53 bits"
)]
fn number<T: TryFrom<u64>>(answer: &Array, place: u32) -> Option<T> {
    T::try_from(answer.get(place).as_f64()? as u64).ok()
}

/// Why no answer came: nothing was thrown when the time was over, else what says why.
fn failure(thrown: &JsValue) -> TransportError {
    match thrown.as_string() {
        Some(why) => TransportError::Offline(why),
        None => TransportError::Timeout,
    }
}
