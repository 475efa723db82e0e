//! What goes in and out: JSON, read with every bound checked, written once.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidemark_protocol::Code;

use super::App;
use super::error::{Failure, internal};

/// A bigger body is parsed where it holds up no other call.
const PARSE_ASIDE_BYTES: usize = 256 * 1024;
/// A sender that is silent for so long in the middle of a body is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A request's body, decompressed, within the limit, and of the right shape. What the sender
/// calls it (`Content-Type`) does not matter: it is JSON or it is not.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let limit = app.service.settings().limits.body_bytes;
        let bytes = read(request, limit).await?;
        let parsed = if bytes.len() > PARSE_ASIDE_BYTES {
            tokio::task::block_in_place(|| parse(&bytes))
        } else {
            parse(&bytes)
        };
        parsed.map(Self)
    }
}

async fn read(request: Request, limit: u64) -> Result<Bytes, Failure> {
    // gzip was taken off by the layer before; whatever is still named here nobody can read.
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && encoding.as_bytes() != b"identity"
    {
        return Err(Failure::new(
            Code::UnsupportedMedia,
            "Send the body as it is or gzip-encoded; no other Content-Encoding is read here.",
        ));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut body = Limited::new(request.into_body(), limit);
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
        let frame = frame.map_err(|_| Failure::new(Code::Busy, "The body did not arrive."))?;
        match frame {
            None => return Ok(bytes.into()),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    bytes.extend_from_slice(data);
                }
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Failure::new(
                    Code::TooLarge,
                    format!(
                        "A body has at most {limit} bytes after decompression; send less at once."
                    ),
                ));
            }
            Some(Err(error)) => return Err(unreadable(error.as_ref())),
        }
    }
}

fn unreadable(error: &(dyn Error + 'static)) -> Failure {
    tracing::debug!(error, "a body could not be read");
    Failure::new(
        Code::Malformed,
        "The body is cut short, or is not the gzip it says it is.",
    )
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Failure::new(Code::Malformed, "The body is not UTF-8."))?;
    serde_json::from_str(text)
        .map_err(|error| Failure::new(Code::Malformed, format!("The body is wrong: {error}.")))
}

/// An answer, made to text once.
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let mut response = Response::new(Body::from(bytes));
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                internal().into_response()
            }
        }
    }
}
