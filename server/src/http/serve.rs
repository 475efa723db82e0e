//! Accepts connections until told to stop, then lets those that work finish.

use std::io;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use super::{App, routes};
use crate::auth::{DevIssuer, Verifier};
use crate::config::Config;
use crate::session::Service;

/// A connection on which no call begins for so long is closed; it is reopened at no loss.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// When no connection can be taken (too many open files), waiting is all that helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The HTTP server, bound and not yet running.
pub(crate) struct Server {
    listener: TcpListener,
    routes: axum::Router,
    grace: Duration,
    service: Service,
}

impl Server {
    /// Puts the routes before a socket that already listens.
    pub(crate) fn new(
        listener: TcpListener,
        config: &Config,
        service: Service,
        verifier: Verifier,
        dev: Option<DevIssuer>,
    ) -> Self {
        let app = App {
            service: service.clone(),
            verifier,
            dev: dev.map(std::sync::Arc::new),
            request_timeout: config.request_timeout,
        };
        Self {
            listener,
            routes: routes(config, app),
            grace: config.shutdown_grace,
            service,
        }
    }

    /// Serves until `stop`, then waits for the calls that run, for as long as the grace lasts.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.attend(stream, &graceful),
                    Err(error) => rest(&error).await,
                },
                () = &mut stop => break,
            }
        }
        drop(self.listener);
        self.service.end_alerts();
        if tokio::time::timeout(self.grace, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("calls were still running when the grace was over");
        }
    }

    fn attend(&self, stream: TcpStream, graceful: &GracefulShutdown) {
        // Answers are written whole: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not to be had");
        }
        let service = TowerToHyperService::new(self.routes.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
}

/// Errors of one connection pass at once; those of the process only with time.
async fn rest(error: &io::Error) {
    let passing = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    );
    if !passing {
        tracing::error!(%error, "no connection can be taken");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
