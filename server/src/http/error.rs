//! The only place where what went wrong becomes a response: RFC 9457 problems, and nothing of
//! the server's insides.

use std::any::Any;

use axum::http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use http_body_util::Full;
use tidemark_protocol::{Code, Problem};

use crate::auth::{AuthError, Refused};

/// How long a device that was told `busy` leaves the server in peace.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// A problem on its way out.
#[derive(Debug)]
pub(super) struct Failure(Problem);

pub(super) type Body = Full<axum::body::Bytes>;

impl Failure {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    fn response(self) -> Response<Body> {
        let Self(problem) = self;
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Full::from(body));
        *response.status_mut() =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match problem.code {
            Code::Busy => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        self.response().map(axum::body::Body::new)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::new(Code::Unauthenticated, refused.to_string())
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        tracing::error!(%error, "a token could not be made");
        internal()
    }
}

/// What is told of a fault of the server's own: nothing but that it was one.
pub(super) fn internal() -> Failure {
    Failure::new(
        Code::Internal,
        "The server made a mistake; its log says more. Trying again later may help.",
    )
}

/// What a panic in a handler becomes. The panic itself is in the log.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    internal().response()
}

/// For addresses that nothing is at.
pub(super) async fn no_such_route(uri: Uri) -> Failure {
    Failure::new(
        Code::NotFound,
        format!("There is nothing at {}; see /v1/openapi.json.", uri.path()),
    )
}

/// For addresses that do not take this method.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Failure {
    Failure::new(
        Code::MethodNotAllowed,
        format!(
            "{} does not take {method}; see /v1/openapi.json.",
            uri.path()
        ),
    )
}
