//! `GET /v1/records`, and the history of one: the truth as anybody with a right to it may read it,
//! page by page.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tidemark_protocol::Checkin;

use super::App;
use super::address::{Asked, Named};
use super::error::Failure;
use super::sync::through;
use crate::session::{Caller, HistoryQuery, RecordsQuery};

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
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
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

#[derive(Deserialize)]
pub(super) struct WantedHistory {
    datastore: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn history(
    State(app): State<App>,
    caller: Caller,
    Named(key): Named,
    Asked(wanted): Asked<WantedHistory>,
) -> Result<Response, Failure> {
    let query = HistoryQuery {
        datastore: wanted.datastore,
        cursor: wanted.cursor,
        limit: wanted.limit,
    };
    let service = app.service.clone();
    let call = async move { service.history(&caller, &key, query).await };
    through(&app, call).await
}
