//! `tidemark devices`: the devices of a database, and what an operator sets for them; a server may
//! run on it.

use std::error::Error;

use clap::{Subcommand, ValueEnum};
use tidemark_protocol::{DeviceAnswer, DeviceId, DeviceRequest, Direction, Mode};

use crate::config::{PlaceOptions, Upkeep, UpkeepOptions};
use crate::session::{Service, Settings, SystemClock};
use crate::store::Store;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: PlaceOptions,
    /// Only this datastore; needed where two know the same device.
    #[arg(long, global = true, value_name = "ID")]
    datastore: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print the devices, those seen last first.
    List,
    /// Set what people call a device.
    Rename {
        #[command(flatten)]
        which: Which,
        /// Its new name
        #[arg(long)]
        name: String,
    },
    /// Set the mode that a device's next sync gets, whatever it asks for; it stands until one of
    /// that mode is in sync.
    Reset {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        mode: Reset,
    },
    /// Set the one way in which a device syncs, for good.
    Fix {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        direction: Way,
        /// The receiving side is made equal to the sending one
        #[arg(long)]
        mirror: bool,
    },
    /// Forget a device: what it told of itself, and what is fixed for it. What it pushed stays; if it
    /// comes again, it comes as a new one.
    Forget {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct Which {
    /// The device, as `list` prints it
    #[arg(value_parser = DeviceId::parse)]
    device: DeviceId,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reset {
    /// It compares all that it has with the truth.
    Repair,
    /// It gives back all that it has, and nothing is deleted.
    Refresh,
    /// It starts again from the truth; what was pending there is set aside for its person.
    PullTruth,
    /// As it asks.
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    Pull,
    Push,
    /// As it asks
    Both,
}

/// Prints the devices, or the one that was changed.
pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let upkeep = Upkeep::load(UpkeepOptions::at(arguments.place))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let store = Store::existing(&upkeep.database).await?;
            let service = Service::new(store, Settings::default(), SystemClock);
            let datastore = arguments.datastore.as_deref();
            let done = work(&service, datastore, arguments.verb).await;
            service.close().await;
            done
        })
}

async fn work(
    service: &Service,
    datastore: Option<&str>,
    verb: Verb,
) -> Result<(), Box<dyn Error>> {
    let devices = service.all_devices(datastore).await?;
    let (which, request) = match verb {
        Verb::List => {
            print(&devices);
            return Ok(());
        }
        Verb::Forget { which } => {
            let datastore = place_of(&devices, which.device)?;
            service.operate_forget(&datastore, which.device).await?;
            println!("forgotten");
            return Ok(());
        }
        Verb::Rename { which, name } => (which, named(name)),
        Verb::Reset { which, mode } => (which, reset(mode)),
        Verb::Fix {
            which,
            direction,
            mirror,
        } => (which, fixed(direction, mirror)),
    };
    let datastore = place_of(&devices, which.device)?;
    let changed = service.operate_device(&datastore, which.device, &request);
    let changed = changed.await.map_err(|problem| problem.detail)?;
    print(&[(datastore, changed)]);
    Ok(())
}

fn named(name: String) -> DeviceRequest {
    DeviceRequest {
        name: Some(Some(name)),
        ..DeviceRequest::default()
    }
}

fn reset(mode: Reset) -> DeviceRequest {
    DeviceRequest {
        reset: Some(match mode {
            Reset::Repair => Some(Mode::Repair),
            Reset::Refresh => Some(Mode::Refresh),
            Reset::PullTruth => Some(Mode::PullTruth),
            Reset::None => None,
        }),
        ..DeviceRequest::default()
    }
}

fn fixed(direction: Way, mirror: bool) -> DeviceRequest {
    DeviceRequest {
        direction: Some(match direction {
            Way::Pull => Direction::Pull,
            Way::Push => Direction::Push,
            Way::Both => Direction::Both,
        }),
        mirror: Some(mirror),
        ..DeviceRequest::default()
    }
}

/// The one datastore that knows a device.
fn place_of(devices: &[(String, DeviceAnswer)], device: DeviceId) -> Result<String, String> {
    let known = devices.iter();
    let mut known = known.filter(|(_, known)| known.device_uuid == device);
    match (known.next(), known.next()) {
        (Some((datastore, _)), None) => Ok(datastore.clone()),
        (Some(_), Some(_)) => Err(format!(
            "more than one datastore knows the device {device}: name one with --datastore"
        )),
        (None, _) => Err(format!(
            "no datastore knows a device {device}: `tidemark devices list` prints those there are"
        )),
    }
}

/// A table: a line a device, what is unknown or not set as `-`.
fn print(devices: &[(String, DeviceAnswer)]) {
    const HEAD: [&str; 7] = [
        "datastore",
        "device",
        "last sync",
        "seen",
        "direction",
        "reset",
        "name",
    ];
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let lines = devices.iter().map(|(datastore, device)| {
        let mirror = if device.mirror { ", mirror" } else { "" };
        [
            datastore.clone(),
            device.device_uuid.to_string(),
            or_none(device.last_sync.map(|at| at.to_string())),
            device.seen.to_string(),
            format!("{}{mirror}", device.direction.as_str()),
            or_none(device.reset.map(|mode| mode.as_str().to_owned())),
            // Names are people's: one may hold anything, and stands in one line all the same.
            or_none(
                device
                    .name
                    .as_ref()
                    .map(|name| name.escape_debug().collect()),
            ),
        ]
    });
    let table: Vec<[String; 7]> = std::iter::once(HEAD.map(str::to_owned))
        .chain(lines)
        .collect();
    let width = |column: usize| table.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for line in table {
        let cells = line.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
}
