//! Reads what a refusing handler left unread of a body.
//!
//! Else the connection would be closed under a sender in mid-body, and a browser then reports a
//! broken network instead of the 401 or 413 that was answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use hyper::body::Frame;

/// Whoever sends more than this, or for longer, loses the connection after all.
const REST_BYTES_MAX: usize = 16 * 1024 * 1024;
const REST_MAX: Duration = Duration::from_secs(10);

/// A body that is read from in two places, one after the other.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }
}

pub(super) async fn drain(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let shared = Shared(Arc::new(Mutex::new(body)));
    let request = Request::from_parts(parts, Body::new(shared.clone()));
    let response = next.run(request).await;
    let mut rest = Limited::new(shared, REST_BYTES_MAX);
    let read = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Over the bounds or not, the answer is the same.
    let _ = tokio::time::timeout(REST_MAX, read).await;
    response
}
