//! `/v1/sync/…`: the calls of a session.

use std::future::Future;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidemark_protocol::{
    CancelRequest, Code, FinishRequest, OpenRequest, Problem, PullRequest, PushRequest,
    ReconcileRequest,
};

use super::App;
use super::body::{Answer, Json};
use super::error::{Failure, internal};
use crate::session::Caller;

pub(super) async fn open(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<OpenRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(&app, async move { service.open(&caller, request).await }).await
}

pub(super) async fn push(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<PushRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(&app, async move { service.push(&caller, request).await }).await
}

pub(super) async fn pull(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<PullRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(&app, async move { service.pull(&caller, request).await }).await
}

pub(super) async fn finish(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<FinishRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(&app, async move { service.finish(&caller, request).await }).await
}

pub(super) async fn reconcile(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<ReconcileRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(
        &app,
        async move { service.reconcile(&caller, request).await },
    )
    .await
}

pub(super) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<CancelRequest>,
) -> Result<Response, Failure> {
    let service = app.service.clone();
    through(&app, async move { service.cancel(&caller, request).await }).await
}

/// Works a call off in a task of its own: a caller that hangs up, or whom we stop waiting for,
/// does not cut a transaction in two. Its next open finds out what became of it.
pub(super) async fn through<T: Serialize + Send + 'static>(
    app: &App,
    call: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<Response, Failure> {
    let task = tokio::spawn(call);
    match tokio::time::timeout(app.request_timeout, task).await {
        Ok(Ok(Ok(answer))) => Ok(Answer(answer).into_response()),
        Ok(Ok(Err(problem))) => Err(problem.into()),
        Ok(Err(error)) => {
            tracing::error!(%error, "a call did not end");
            Err(internal())
        }
        Err(_) => Err(Failure::new(
            Code::Busy,
            "The call took too long; it may still be worked off. Open again later.",
        )),
    }
}
