//! HTTP: decodes a call, makes one call to the service, encodes its answer. Every route is on
//! this screen. No SQL and no rules of sessions in here.

mod address;
mod alerts;
mod assets;
mod body;
mod caller;
mod conflicts;
mod datastores;
mod dev;
mod devices;
mod drain;
mod error;
mod health;
mod middleware;
mod openapi;
mod records;
mod serve;
mod sync;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, patch, post};

pub(crate) use serve::Server;

use crate::auth::{DevIssuer, Verifier};
use crate::config::Config;
use crate::session::Service;

/// What every handler may use.
#[derive(Clone)]
struct App {
    service: Service,
    verifier: Verifier,
    dev: Option<Arc<DevIssuer>>,
    request_timeout: Duration,
}

/// All that is served.
fn routes(config: &Config, app: App) -> Router {
    let datastore = get(datastores::look).patch(datastores::set);
    let device = patch(devices::set).delete(devices::forget);
    let api = Router::new()
        .route("/v1/sync/open", post(sync::open))
        .route("/v1/sync/push", post(sync::push))
        .route("/v1/sync/pull", post(sync::pull))
        .route("/v1/sync/finish", post(sync::finish))
        .route("/v1/sync/reconcile", post(sync::reconcile))
        .route("/v1/sync/cancel", post(sync::cancel))
        .route("/v1/alerts", get(alerts::stream))
        .route("/v1/records", get(records::page))
        .route("/v1/records/{key}/history", get(records::history))
        .route("/v1/conflicts", get(conflicts::page))
        .route("/v1/conflicts/{id}", post(conflicts::settle))
        .route("/v1/datastores/{id}", datastore)
        .route("/v1/devices", get(devices::list))
        .route("/v1/devices/{device_uuid}", device)
        .route("/v1/openapi.json", get(openapi::document))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(error::no_such_method)
        .layer(middleware::timing(&config.cors_origins))
        .layer(middleware::cross_origin(&config.cors_origins));
    let api = match app.dev {
        // Outside of the cross-origin layer: no other page may read a token.
        Some(_) => api.route("/v1/dev/token", post(dev::token)),
        None => api,
    };
    let all = if config.demo {
        api.fallback(assets::demo)
    } else {
        api.fallback(error::no_such_route)
    };
    middleware::around(all.method_not_allowed_fallback(error::no_such_method)).with_state(app)
}
