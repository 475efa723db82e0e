//! What happens around every handler: compression both ways, cross-origin leave, panics caught,
//! calls logged, headers that keep browsers from guessing.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, DefaultPredicate};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::App;
use super::drain::drain;
use super::error::panicked;

/// Brotli's usual 11 is for files that are compressed once; answers are made anew each time.
const COMPRESSION: CompressionLevel = CompressionLevel::Precise(4);
/// An answer smaller than this, in bytes, fits one packet anyway, and goes out with its length.
const COMPRESS_FROM_BYTES: u64 = 1024;
/// Browsers that keep the leave for less time keep it for theirs.
const LEAVE_KEPT: Duration = Duration::from_hours(24);

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// Wraps all routes. The last layer is the outermost.
pub(super) fn around(routes: Router<App>) -> Router<App> {
    routes
        .layer(
            RequestDecompressionLayer::new()
                .no_br()
                .no_deflate()
                .no_zstd()
                .pass_through_unaccepted(true),
        )
        .layer(from_fn(drain))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(
            CompressionLayer::new()
                .quality(COMPRESSION)
                .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESS_FROM_BYTES))),
        )
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(SetResponseHeaderLayer::overriding(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(from_fn(log))
}

/// Lets the pages of these origins call; none named means any. Tokens are not cookies: a page
/// that holds none gets nothing by calling.
pub(super) fn cross_origin(origins: &[String]) -> CorsLayer {
    let origin = if origins.is_empty() {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([header::RETRY_AFTER])
        .max_age(LEAVE_KEPT)
}

/// Lets those pages see how long their calls took on the wire, in their browser's performance
/// entries: else a sync that is slow in the field cannot be told from a slow network.
pub(super) fn timing(origins: &[String]) -> SetResponseHeaderLayer<HeaderValue> {
    let allowed = match origins {
        [] => "*".to_owned(),
        named => named.join(", "),
    };
    // An origin that is no header value was named by nobody's browser.
    let allowed = HeaderValue::from_str(&allowed).unwrap_or(HeaderValue::from_static("null"));
    SetResponseHeaderLayer::overriding(TIMING_ALLOW_ORIGIN, allowed)
}

async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    let status = response.status();
    let ms = began.elapsed().as_millis();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(%method, path, status = status.as_u16(), ms, "failed");
    } else if status.is_client_error() || status.is_server_error() {
        tracing::info!(%method, path, status = status.as_u16(), ms, "refused");
    } else {
        tracing::debug!(%method, path, status = status.as_u16(), ms, "answered");
    }
    response
}
