//! `/v1/conflicts`: what lost, and a person's decision on it.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tidemark_protocol::SettleRequest;

use super::App;
use super::address::{Asked, Named};
use super::body::Json;
use super::error::Failure;
use super::sync::through;
use crate::session::{Caller, ConflictsQuery};

#[derive(Deserialize)]
pub(super) struct Wanted {
    datastore: Option<String>,
    #[serde(default)]
    settled: bool,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Where {
    datastore: Option<String>,
}

pub(super) async fn page(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let query = ConflictsQuery {
        datastore: wanted.datastore,
        is_settled: wanted.settled,
        cursor: wanted.cursor,
        limit: wanted.limit,
    };
    let service = app.service.clone();
    through(&app, async move { service.conflicts(&caller, query).await }).await
}

pub(super) async fn settle(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    Asked(Where { datastore }): Asked<Where>,
    Json(request): Json<SettleRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    let call = async move {
        let datastore = datastore.as_deref();
        service.settle(&caller, datastore, &id, request).await
    };
    through(&app, call).await
}
