//! `tidemark verify`: looks at a whole database, also while a server runs on it; where it is asked to,
//! it mends what can be mended for certain.

use std::collections::BTreeSet;
use std::error::Error;

use crate::config::{PlaceOptions, Upkeep, UpkeepOptions};
use crate::store::{Store, StoreError, Verified};

/// So many changes are remembered between looking and mending; what is left over is found again.
const REPAIRS_MAX: usize = 10_000;

/// A change can lay bare what the next look finds; no chain of such is longer.
const LOOKS_MAX: usize = 4;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: PlaceOptions,
    /// Mend what can be mended for certain, in short changes, and look again
    #[arg(long)]
    repair: bool,
}

/// Prints each finding on stdout, with what would mend it; an error if there is any in the end.
pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let upkeep = Upkeep::load(UpkeepOptions::at(arguments.place))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(verify(&upkeep.database, arguments.repair))
}

async fn verify(database: &str, repair: bool) -> Result<(), Box<dyn Error>> {
    let store = if repair {
        Store::existing(database).await?
    } else {
        Store::to_read(database).await?
    };
    let verified = look(&store, repair).await;
    store.close().await;
    let verified = verified?;
    println!("{verified}");
    match verified.findings {
        0 => Ok(()),
        1 => Err("one thing is wrong".into()),
        more => Err(format!("{more} things are wrong").into()),
    }
}

/// Looks, and mends what can be; what the last look came to.
async fn look(store: &Store, repair: bool) -> Result<Verified, StoreError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let mut repairs = BTreeSet::new();
        let verified = store
            .verify(|finding| {
                println!("{finding}");
                if repair && repairs.len() < REPAIRS_MAX {
                    repairs.extend(finding.repair);
                }
            })
            .await?;
        if repairs.is_empty() || looks == LOOKS_MAX {
            return Ok(verified);
        }
        for repair in &repairs {
            store.repair(repair).await?;
        }
        println!("mended by {} changes; looking again", repairs.len());
    }
}
