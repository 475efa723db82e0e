//! `GET /v1/records`: the truth as anybody with a right to it may read it, page by page.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use tidemark_protocol::{Checkin, Code};

use super::App;
use super::error::Failure;
use super::sync::through;
use crate::session::{Caller, RecordsQuery};

#[derive(Deserialize)]
pub(super) struct Wanted {
    datastore: Option<String>,
    entity: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
    at: Option<Checkin>,
}

pub(super) async fn page(
    State(app): State<App>,
    caller: Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(wanted) =
        wanted.map_err(|rejection| Failure::new(Code::Malformed, rejection.body_text()))?;
    let query = RecordsQuery {
        datastore: wanted.datastore,
        entity: wanted.entity,
        cursor: wanted.cursor,
        limit: wanted.limit,
        at: wanted.at,
    };
    let service = app.service.clone();
    through(&app, async move { service.records(&caller, query).await }).await
}
