//! What the verbs that work on a database alone are set to: the same words, variables and file
//! as `serve`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ConfigError, Options, Period, period};
use crate::session::Retention;

/// The options of `compact`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct UpkeepOptions {
    #[command(flatten)]
    place: PlaceOptions,
    /// How long what was superseded can be shown again [default: 30d]
    #[arg(long, env = "TIDEMARK_KEEP_HISTORY", value_name = "TIME")]
    keep_history: Option<Period>,
    /// How long a deletion is remembered [default: 90d]
    #[arg(long, env = "TIDEMARK_KEEP_TOMBSTONES", value_name = "TIME")]
    keep_tombstones: Option<Period>,
    /// How long a session lives after its last call, as the server has it [default: 10m]
    #[arg(long, env = "TIDEMARK_SESSION_EXPIRY", value_name = "TIME")]
    session_expiry: Option<Period>,
}

/// Which database; the options of `verify`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PlaceOptions {
    /// A TOML file, the same as for `serve`
    #[arg(long, env = "TIDEMARK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the truth is kept [default: sqlite:tidemark.db]
    #[arg(long, env = "TIDEMARK_DATABASE", value_name = "URL")]
    database: Option<String>,
}

impl UpkeepOptions {
    /// Of a database alone.
    pub(crate) fn at(place: PlaceOptions) -> Self {
        Self {
            place,
            ..Self::default()
        }
    }
}

/// A database, and what is kept in it.
#[derive(Clone, Debug)]
pub(crate) struct Upkeep {
    pub(crate) database: String,
    pub(crate) session_expiry: Duration,
    pub(crate) retention: Retention,
}

impl Upkeep {
    /// Completes the options from the file and the defaults.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn load(options: UpkeepOptions) -> Result<Self, ConfigError> {
        let PlaceOptions { config, database } = options.place;
        let file: Option<&Path> = config.as_deref();
        let options = Options {
            database,
            keep_history: options.keep_history,
            keep_tombstones: options.keep_tombstones,
            session_expiry: options.session_expiry,
            ..Options::default()
        };
        let options = match file {
            Some(file) => options.over(file)?,
            None => options,
        };
        Ok(Self::of(&options))
    }

    pub(super) fn of(options: &Options) -> Self {
        let database = options.database.clone();
        let defaults = Retention::default();
        Self {
            database: database.unwrap_or_else(|| "sqlite:tidemark.db".to_owned()),
            session_expiry: period(options.session_expiry, Duration::from_mins(10)),
            retention: Retention {
                history: period(options.keep_history, defaults.history),
                tombstones: period(options.keep_tombstones, defaults.tombstones),
            },
        }
    }
}
