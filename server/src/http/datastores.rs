//! `/v1/datastores/{id}`: how a datastore stands, and what its owner sets.

use axum::extract::State;
use axum::response::Response;
use tidemark_protocol::DatastoreRequest;

use super::App;
use super::address::Named;
use super::body::Json;
use super::error::Failure;
use super::sync::through;
use crate::session::Caller;

pub(super) async fn look(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(&app, async move { service.datastore(&caller, &id).await }).await
}

pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named,
    Json(request): Json<DatastoreRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    let call = async move { service.change_datastore(&caller, &id, request).await };
    through(&app, call).await
}
