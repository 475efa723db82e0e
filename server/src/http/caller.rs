//! Takes the caller out of a request: `Authorization: Bearer <JWT>`.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use tidemark_protocol::Code;

use super::App;
use super::error::Failure;
use crate::auth::Taken;
use crate::session::Caller;

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Taken::from_request_parts(parts, app).await?.caller)
    }
}

impl FromRequestParts<App> for Taken {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(token) = token else {
            return Err(Failure::new(
                Code::Unauthenticated,
                "Send a token: Authorization: Bearer <JWT>.",
            ));
        };
        Ok(app.verifier.verify(token).await?)
    }
}
