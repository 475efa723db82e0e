//! `/v1/devices`: the devices of a datastore, and what their people set for them.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tidemark_protocol::DeviceRequest;

use super::App;
use super::address::{Asked, Named};
use super::body::Json;
use super::error::Failure;
use super::sync::through;
use crate::session::Caller;

#[derive(Deserialize)]
pub(super) struct Where {
    datastore: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(Where { datastore }): Asked<Where>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    let call = async move { service.devices(&caller, datastore.as_deref()).await };
    through(&app, call).await
}

pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Named(device): Named,
    Asked(Where { datastore }): Asked<Where>,
    Json(request): Json<DeviceRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    let call = async move {
        let datastore = datastore.as_deref();
        service
            .change_device(&caller, datastore, &device, request)
            .await
    };
    through(&app, call).await
}

pub(super) async fn forget(
    State(app): State<App>,
    caller: Caller,
    Named(device): Named,
    Asked(Where { datastore }): Asked<Where>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    let call = async move {
        let datastore = datastore.as_deref();
        service.forget_device(&caller, datastore, &device).await
    };
    through(&app, call).await
}
