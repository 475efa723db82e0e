//! `tidemark compact`: one pass of compaction, also beside a server that runs.

use std::error::Error;

use super::upkeep;
use crate::config::{Upkeep, UpkeepOptions};
use crate::session::{Service, Settings, SystemClock};
use crate::store::Store;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: UpkeepOptions,
}

/// Prints what was dropped.
pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let upkeep = Upkeep::load(arguments.options)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(compact(upkeep))
}

async fn compact(upkeep: Upkeep) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        session_expiry: upkeep.session_expiry,
        retention: upkeep.retention,
        ..Settings::default()
    };
    let store = Store::existing(&upkeep.database).await?;
    let service = Service::new(store, settings, SystemClock);
    let done = upkeep::pass(&service).await;
    service.close().await;
    println!("dropped {}", done?);
    Ok(())
}
