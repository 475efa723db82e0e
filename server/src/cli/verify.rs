//! `tidemark verify`: looks at a whole database, also while a server runs on it.

use std::error::Error;

use crate::config::{PlaceOptions, Upkeep, UpkeepOptions};
use crate::store::Store;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: PlaceOptions,
}

/// Prints each finding on stdout, with what would mend it; an error if there is any.
pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let upkeep = Upkeep::load(UpkeepOptions::at(arguments.place))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(verify(&upkeep.database))
}

async fn verify(database: &str) -> Result<(), Box<dyn Error>> {
    let store = Store::to_read(database).await?;
    let verified = store.verify(|finding| println!("{finding}")).await;
    store.close().await;
    let verified = verified?;
    println!("{verified}");
    match verified.findings {
        0 => Ok(()),
        1 => Err("one thing is wrong".into()),
        more => Err(format!("{more} things are wrong").into()),
    }
}
