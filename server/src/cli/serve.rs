//! `tidemark serve`: puts the server together, runs it until a signal, takes it apart.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::upkeep;
use crate::auth::{DevIssuer, Verifier};
use crate::config::{Config, Options};
use crate::http::Server;
use crate::session::{Service, Settings, SystemClock};
use crate::store::Store;

const SWEEP_PAUSE: Duration = Duration::from_mins(1);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A TOML file with any of the options below as keys. The command line goes before the
    /// environment, the environment before the file.
    #[arg(long, env = "TIDEMARK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let config = Config::load(arguments.options, arguments.config.as_deref())?;
    let filter =
        EnvFilter::try_new(&config.log).map_err(|error| format!("--log is no filter: {error}"))?;
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .with_env_filter(filter)
        // It would tell of a log that cannot be written on the same stderr, and panic, in the midst
        // of somebody's call: a full disk must not refuse what needs no disk.
        .log_internal_errors(false)
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    // Before anything is announced, so that a signal at any later moment is an orderly end.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let listener = TcpListener::bind(config.listen.as_slice())
        .await
        .map_err(|error| format!("cannot listen on {:?}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let dev = if config.dev {
        Some(DevIssuer::new(&config.upkeep.database)?)
    } else {
        None
    };
    let verifier = Verifier::new(&config.authority, dev.as_ref()).await?;
    let service = Service::new(
        Store::connect(&config.upkeep.database).await?,
        settings(&config),
        SystemClock,
    );

    let server = Server::new(listener, &config, service.clone(), verifier.clone(), dev);
    tokio::spawn(verifier.keep_fresh(config.jwks_refresh));
    tokio::spawn(sweep(service.clone()));
    let compaction = tokio::spawn(upkeep::now_and_then(service.clone(), config.compact_every));
    println!("listening on http://{address}");
    io::stdout().flush()?;
    server
        .run(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping: no new connections, finishing what runs");
        })
        .await;
    // What it did not come to, the next pass does.
    compaction.abort();
    if tokio::time::timeout(config.shutdown_grace, service.close())
        .await
        .is_err()
    {
        tracing::warn!("the database was still working when the grace was over");
    }
    tracing::info!("stopped");
    Ok(())
}

fn settings(config: &Config) -> Settings {
    Settings {
        limits: config.limits,
        session_expiry: config.upkeep.session_expiry,
        retention: config.upkeep.retention,
        policies: config.policies.clone(),
        airbag: config.airbag,
    }
}

/// Ends expired sessions now and then; what they staged goes with them.
async fn sweep(service: Service) {
    loop {
        tokio::time::sleep(SWEEP_PAUSE).await;
        match service.sweep().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "expired sessions were ended"),
            Err(error) => tracing::error!(%error, "expired sessions could not be ended"),
        }
    }
}
