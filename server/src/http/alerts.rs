//! `GET /v1/alerts`: commits by other devices as server-sent events, until the token expires.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tidemark_protocol::{Alert, DeviceId};
use tokio::time::{Instant, timeout_at};

use super::App;
use super::address::Asked;
use super::error::Failure;
use crate::auth::Taken;
use crate::session::AlertsQuery;

/// A comment so often tells both ends that the connection lives.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// The longest stream: who may listen is looked at again when it is reopened.
const LASTS_MAX: Duration = Duration::from_hours(1);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Has nginx, and those who read the same header, pass each event on as it comes.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

#[derive(Deserialize)]
pub(super) struct Where {
    datastore: Option<String>,
    device_uuid: Option<DeviceId>,
}

pub(super) async fn stream(
    State(app): State<App>,
    Taken { caller, good_for }: Taken,
    headers: HeaderMap,
    Asked(asked): Asked<Where>,
) -> Result<Response, Failure> {
    let ends = Instant::now() + good_for.unwrap_or(LASTS_MAX).min(LASTS_MAX);
    let last = headers.get(LAST_EVENT_ID);
    let query = AlertsQuery {
        datastore: asked.datastore,
        device: asked.device_uuid,
        last: last.map(|last| String::from_utf8_lossy(last.as_bytes()).into_owned()),
    };
    let alerts = app.service.alerts(&caller, query).await?;
    let events = stream::unfold(alerts, move |mut alerts| async move {
        if Instant::now() >= ends {
            // However much there is to tell.
            return None;
        }
        let alert = timeout_at(ends, alerts.next()).await.ok()??;
        Some((event(&alert), alerts))
    });
    let comments = KeepAlive::new().interval(COMMENT_EVERY);
    Ok(([UNBUFFERED], Sse::new(events).keep_alive(comments)).into_response())
}

fn event(alert: &Alert) -> serde_json::Result<Event> {
    let id = alert.max_checkin.to_string();
    let event = Event::default().event("checkin").id(id);
    Ok(event.data(serde_json::to_string(alert)?))
}
