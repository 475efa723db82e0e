//! `POST /v1/dev/token`, in `--dev` only: anybody on this machine becomes anybody.
//!
//! A web page from elsewhere, open in a browser on this machine, must not: so its `Origin` must
//! be this server's own, and `Host` a loopback name, which a rebound DNS name is not.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use serde::{Deserialize, Serialize};
use tidemark_protocol::Code;

use super::App;
use super::body::{Answer, Json};
use super::error::Failure;

/// As long as a token's `sub` may be.
const USER_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
pub(super) struct Wanted {
    user: String,
}

#[derive(Serialize)]
pub(super) struct Issued {
    token: String,
}

pub(super) async fn token(
    State(app): State<App>,
    headers: HeaderMap,
    guarded: Result<Json<Wanted>, Failure>,
) -> Result<Answer<Issued>, Failure> {
    guard(&headers)?;
    let Json(Wanted { user }) = guarded?;
    if user.is_empty() || user.len() > USER_BYTES_MAX {
        return Err(Failure::new(
            Code::Malformed,
            "`user` must be 1 to 255 bytes of text.",
        ));
    }
    let Some(dev) = &app.dev else {
        return Err(Failure::new(Code::NotFound, "This server is not in --dev."));
    };
    let token = dev.token(&user)?;
    Ok(Answer(Issued { token }))
}

fn guard(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let host = text(header::HOST).unwrap_or("");
    if !is_loopback(host) {
        return Err(Failure::new(
            Code::Forbidden,
            "Tokens are given to this machine only: call 127.0.0.1 or localhost.",
        ));
    }
    let own = |origin: &str| origin.split_once("://").is_some_and(|(_, at)| at == host);
    if text(header::ORIGIN).is_some_and(|origin| !own(origin)) {
        return Err(Failure::new(
            Code::Forbidden,
            "Tokens are given to this server's own pages only.",
        ));
    }
    Ok(())
}

/// Whether `HOST[:PORT]` is a loopback address or `localhost`.
fn is_loopback(host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else {
        return false;
    };
    let name = uri.host().unwrap_or("");
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        guard(&headers).is_ok()
    }

    #[test]
    fn tokens_are_for_this_machine_and_its_own_pages() {
        assert!(allowed("127.0.0.1:8787", None));
        assert!(allowed("localhost:8787", Some("http://localhost:8787")));
        assert!(allowed("[::1]:8787", Some("http://[::1]:8787")));
        assert!(!allowed("localhost:8787", Some("http://localhost:5173")));
        assert!(!allowed("127.0.0.1:8787", Some("https://evil.example")));
        assert!(!allowed("127.0.0.1:8787", Some("null")));
        assert!(!allowed("evil.example:8787", None));
        assert!(!allowed("127.0.0.1.evil.example", None));
        assert!(!allowed("", None));
    }
}
