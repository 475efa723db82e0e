//! For whoever watches over the process: does it live, can it work?

use axum::extract::State;
use serde::Serialize;

use super::App;
use super::body::Answer;
use super::error::Failure;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// It lives: no database is asked.
pub(super) async fn alive() -> Answer<Health> {
    Answer(Health { status: "alive" })
}

/// It can work: the database answers.
pub(super) async fn ready(State(app): State<App>) -> Result<Answer<Health>, Failure> {
    app.service.ready().await?;
    Ok(Answer(Health { status: "ready" }))
}
