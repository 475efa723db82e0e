//! Bodies as they go over the wire: compressed when that is worth it, and counted.

use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Performance, PerformanceResourceTiming, Response};

/// A request smaller than this, in bytes, fits one packet anyway.
const COMPRESS_FROM_BYTES: usize = 1_024;

/// A request's body, ready to send.
pub(super) struct Body {
    /// What `fetch` sends.
    pub(super) bytes: Uint8Array,
    /// Whether it is gzip.
    pub(super) is_gzip: bool,
}

/// Makes the body of a text; plain where it is small or the browser cannot compress.
pub(super) async fn pack(text: &str) -> Body {
    let plain = Uint8Array::from(text.as_bytes());
    if text.len() >= COMPRESS_FROM_BYTES
        && let Some(bytes) = gzip(&plain).await
    {
        return Body {
            bytes,
            is_gzip: true,
        };
    }
    Body {
        bytes: plain,
        is_gzip: false,
    }
}

async fn gzip(plain: &Uint8Array) -> Option<Uint8Array> {
    // Older browsers have none. It is itself a pair of streams, and web-sys lacks it.
    let constructor: Function = Reflect::get(&js_sys::global(), &"CompressionStream".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let pair = Reflect::construct(&constructor, &Array::of1(&"gzip".into())).ok()?;
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(plain)).ok()?;
    let packed = blob.stream().pipe_through(pair.unchecked_ref());
    let response = Response::new_with_opt_readable_stream(Some(&packed)).ok()?;
    bytes(&response).await.ok()
}

/// The whole body of an answer.
pub(super) async fn bytes(response: &Response) -> Result<Uint8Array, JsValue> {
    let buffer = JsFuture::from(response.array_buffer()?).await?;
    Ok(Uint8Array::new(&buffer))
}

/// How many bytes an answer's body had on the wire: what the browser measured; else what the
/// server announced; else its length when unpacked.
pub(super) fn received(response: &Response, since: f64, unpacked: u32) -> u64 {
    measured(&response.url(), since)
        .or_else(|| response.headers().get("content-length").ok()??.parse().ok())
        .unwrap_or(u64::from(unpacked))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of bytes, well inside 53 bits"
)]
fn measured(url: &str, since: f64) -> Option<u64> {
    let entries = performance()?.get_entries_by_name_with_entry_type(url, "resource");
    let last: PerformanceResourceTiming = entries
        .get(entries.length().checked_sub(1)?)
        .dyn_into()
        .ok()?;
    let size = last.encoded_body_size();
    // Nought is what is told of another origin that does not allow it.
    (last.start_time() >= since && size > 0.0).then_some(size as u64)
}

/// Milliseconds on the browser's own time line, which `received` compares with.
pub(super) fn now() -> f64 {
    performance().map_or(0.0, |performance| performance.now())
}

fn performance() -> Option<Performance> {
    Reflect::get(&js_sys::global(), &"performance".into())
        .ok()?
        .dyn_into()
        .ok()
}
