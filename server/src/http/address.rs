//! What the address of a call says beside its route: names in the path, and the query. Whatever
//! is wrong with them is a problem like any other.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tidemark_protocol::Code;

use super::App;
use super::error::Failure;

/// The query, of the right shape.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let query = Query::from_request_parts(parts, app).await;
        let Query(asked) =
            query.map_err(|wrong| Failure::new(Code::Malformed, wrong.body_text()))?;
        Ok(Self(asked))
    }
}

/// The one name in the path.
pub(super) struct Named(pub(super) String);

impl FromRequestParts<App> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let path = Path::from_request_parts(parts, app).await;
        let Path(name) = path.map_err(|wrong| Failure::new(Code::Malformed, wrong.body_text()))?;
        Ok(Self(name))
    }
}
