//! The demo app, embedded from `web/dist` as it was when the server was built.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::{no_such_method, no_such_route};

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";
/// Vite names what is in here by its content, so it never changes under its name.
const HASHED: &str = "assets/";

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Tidemark</title>\
<p>This server was built without the demo app. Build it with <code>script/run</code>, which \
builds the app first and the server then. The API is at <a href=/v1/openapi.json>/v1</a>.\n";

/// The page may run its own code and WebAssembly, talk to any sync server, and is nobody's frame.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' http: https:; \
worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
frame-ancestors 'none'";

/// A file of the app; the app itself for every address that a person could open in it.
pub(super) async fn demo(method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("v1/") {
        return no_such_route(uri).await.into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return no_such_method(method, uri).await.into_response();
    }
    if let Some(file) = Files::get(path) {
        return send(path, &file, &headers);
    }
    if path.is_empty() || navigates(&headers) {
        return match Files::get(INDEX) {
            Some(file) => send(INDEX, &file, &headers),
            None => not_built(),
        };
    }
    no_such_route(uri).await.into_response()
}

/// Whether a person goes there, rather than a page loading a part of itself.
fn navigates(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.contains("text/html"))
}

fn send(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response<Body> {
    let hash = file.metadata.sha256_hash();
    let hex = u128::from_be_bytes(std::array::from_fn(|at| hash[at]));
    // Weak: the same file may go out compressed in several ways.
    let tag = format!("W/\"{hex:032x}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.contains(&tag) || tags == "*");
    let mut response = Response::new(if known {
        Body::empty()
    } else {
        Body::from(file.data.clone().into_owned())
    });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let cache = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    guard(headers);
    response
}

fn not_built() -> Response<Body> {
    let mut response = Response::new(Body::from(NOT_BUILT));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    guard(headers);
    response
}

fn guard(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
}
