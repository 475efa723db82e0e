//! What an operator can set, and where from: command line, environment, TOML file, defaults, in
//! this order. Nothing else in the server reads the environment.

mod upkeep;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use serde::{Deserialize, Serialize};
use tidemark_engine::truth::{Airbag, Policies};
use tidemark_protocol::{Limits, UnknownPolicy};

pub(crate) use upkeep::{PlaceOptions, Upkeep, UpkeepOptions};

/// Every option of `serve`: its flag, its `TIDEMARK_…` variable and its key in the file are the
/// same word. Absent everywhere means the default that the help names.
#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Options {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8787]
    #[arg(long, env = "TIDEMARK_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where the truth is kept [default: sqlite:tidemark.db]
    #[arg(long, env = "TIDEMARK_DATABASE", value_name = "URL")]
    database: Option<String>,
    /// A file with the secret that tokens are signed with (HS256)
    #[arg(long, env = "TIDEMARK_JWT_SECRET", value_name = "FILE")]
    #[serde(alias = "jwt_secret")]
    jwt_secret: Option<PathBuf>,
    /// The public keys that tokens are signed with (RS256, ES256, EdDSA): a JWK set
    #[arg(long, env = "TIDEMARK_JWKS", value_name = "FILE|URL")]
    jwks: Option<String>,
    /// How often the public keys are read again [default: 10m]
    #[arg(long, env = "TIDEMARK_JWKS_REFRESH", value_name = "TIME")]
    #[serde(alias = "jwks_refresh")]
    jwks_refresh: Option<Period>,
    /// Take only tokens whose `iss` is this
    #[arg(long, env = "TIDEMARK_JWT_ISSUER", value_name = "TEXT")]
    #[serde(alias = "jwt_issuer")]
    jwt_issuer: Option<String>,
    /// Take only tokens whose `aud` is or contains this
    #[arg(long, env = "TIDEMARK_JWT_AUDIENCE", value_name = "TEXT")]
    #[serde(alias = "jwt_audience")]
    jwt_audience: Option<String>,
    /// Take only tokens that expire: those with an `exp`
    #[arg(long, env = "TIDEMARK_JWT_REQUIRE_EXP", value_parser = BoolishValueParser::new(),
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    #[serde(alias = "jwt_require_exp")]
    jwt_require_exp: Option<bool>,
    /// For developing: anybody may sign in as anybody; only on a loopback address
    #[arg(long, env = "TIDEMARK_DEV", value_parser = BoolishValueParser::new(),
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    dev: Option<bool>,
    /// Serve the demo app at / (always so with --dev)
    #[arg(long, env = "TIDEMARK_DEMO", value_parser = BoolishValueParser::new(),
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    demo: Option<bool>,
    /// Origins of the web pages that may call, comma-separated; * means any [default: *]
    #[arg(
        long,
        env = "TIDEMARK_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    #[serde(alias = "cors_origins")]
    cors_origins: Option<Vec<String>>,
    /// How long a session lives after its last call [default: 10m]
    #[arg(long, env = "TIDEMARK_SESSION_EXPIRY", value_name = "TIME")]
    #[serde(alias = "session_expiry")]
    session_expiry: Option<Period>,
    /// Who wins a field that two devices changed: POLICY, or ENTITY=POLICY for one kind of
    /// record, comma-separated; merge, newest, truth, device, device:UUID or store [default:
    /// merge]
    #[arg(
        long,
        env = "TIDEMARK_CONFLICT_POLICY",
        value_name = "POLICIES",
        value_delimiter = ','
    )]
    #[serde(alias = "conflict_policy")]
    conflict_policy: Option<Vec<String>>,
    /// A call that deletes fewer records than this is never held until a person confirms it
    /// [default: 20]
    #[arg(long, env = "TIDEMARK_AIRBAG_DELETES", value_name = "COUNT")]
    #[serde(alias = "airbag_deletes")]
    airbag_deletes: Option<u32>,
    /// Nor is one that deletes no more than this part of the live records, in hundredths
    /// [default: 20]
    #[arg(long, env = "TIDEMARK_AIRBAG_PERCENT", value_name = "PERCENT")]
    #[serde(alias = "airbag_percent")]
    airbag_percent: Option<u32>,
    /// How long what was superseded can be shown again [default: 30d]
    #[arg(long, env = "TIDEMARK_KEEP_HISTORY", value_name = "TIME")]
    #[serde(alias = "keep_history")]
    keep_history: Option<Period>,
    /// How long a deletion is remembered; a device that stays away for longer must be repaired
    /// [default: 90d]
    #[arg(long, env = "TIDEMARK_KEEP_TOMBSTONES", value_name = "TIME")]
    #[serde(alias = "keep_tombstones")]
    keep_tombstones: Option<Period>,
    /// How often what nothing needs any more is dropped; 0s means never [default: 1h]
    #[arg(long, env = "TIDEMARK_COMPACT_EVERY", value_name = "TIME")]
    #[serde(alias = "compact_every")]
    compact_every: Option<Period>,
    /// The most records in one push batch [default: 4000]
    #[arg(long, env = "TIDEMARK_PUSH_RECORDS", value_name = "COUNT")]
    #[serde(alias = "push_records")]
    push_records: Option<u32>,
    /// The most records in one pull page [default: 4000]
    #[arg(long, env = "TIDEMARK_PULL_RECORDS", value_name = "COUNT")]
    #[serde(alias = "pull_records")]
    pull_records: Option<u32>,
    /// The most bytes in one request body, after decompression [default: 8388608]
    #[arg(long, env = "TIDEMARK_BODY_BYTES", value_name = "BYTES")]
    #[serde(alias = "body_bytes")]
    body_bytes: Option<u64>,
    /// How long one call may take once its body has arrived [default: 60s]
    #[arg(long, env = "TIDEMARK_REQUEST_TIMEOUT", value_name = "TIME")]
    #[serde(alias = "request_timeout")]
    request_timeout: Option<Period>,
    /// How long a stop waits for calls that run [default: 20s]
    #[arg(long, env = "TIDEMARK_SHUTDOWN_GRACE", value_name = "TIME")]
    #[serde(alias = "shutdown_grace")]
    shutdown_grace: Option<Period>,
    /// What is logged: error, warn, info, debug or trace, also per module [default: info]
    #[arg(long, env = "TIDEMARK_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// A span of time, written like `90s`, `10m`, `1h` or `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

impl FromStr for Period {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text).map(Self)
    }
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Who may sign tokens, besides the server itself in `--dev`.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) secret: Option<PathBuf>,
    pub(crate) jwks: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) requires_exp: bool,
}

/// The options, complete and checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Resolved; binding takes the first that works.
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) upkeep: Upkeep,
    /// Zero: never.
    pub(crate) compact_every: Duration,
    pub(crate) authority: Authority,
    pub(crate) jwks_refresh: Duration,
    pub(crate) dev: bool,
    pub(crate) demo: bool,
    /// Empty: any origin.
    pub(crate) cors_origins: Vec<String>,
    pub(crate) policies: Policies,
    pub(crate) airbag: Airbag,
    pub(crate) limits: Limits,
    pub(crate) request_timeout: Duration,
    pub(crate) shutdown_grace: Duration,
    pub(crate) log: String,
}

/// Why the server does not start as it is set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the config file {path}: {source}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    #[error("the config file {path} is wrong: {source}")]
    File {
        path: String,
        source: Box<toml::de::Error>,
    },
    #[error("the options do not fit together: {0}")]
    Merge(String),
    #[error("--listen {0:?} is no address: use ADDRESS:PORT, like 127.0.0.1:8787")]
    Listen(String),
    #[error(
        "nobody could sign in: give --jwt-secret FILE (HS256) or --jwks FILE|URL (RS256, ES256, \
         EdDSA), or --dev to try it out on this machine"
    )]
    NoAuthority,
    #[error(
        "--dev lets anybody sign in as anybody, so it listens on loopback only, not on {0}: use \
         --listen 127.0.0.1:8787, or --jwt-secret or --jwks instead of --dev"
    )]
    DevNotLoopback(SocketAddr),
    #[error("--{0} must be at least {1}")]
    TooSmall(&'static str, u64),
    #[error("--airbag-percent is 0 to 100")]
    AirbagPercent,
    #[error("--conflict-policy: {0}")]
    Policy(UnknownPolicy),
    #[error("--conflict-policy names {0} twice")]
    PolicyTwice(String),
    #[error("--cors-origins: {0:?} is no origin: use scheme://host[:port], or * alone for any")]
    Origin(String),
}

impl Options {
    /// These options, and for those that are absent, the file's.
    fn over(self, file: &Path) -> Result<Self, ConfigError> {
        let path = || file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
            path: path(),
            source,
        })?;
        let below: Self = toml::from_str(&text).map_err(|source| ConfigError::File {
            path: path(),
            source: Box::new(source),
        })?;
        let merge = |error: &dyn std::fmt::Display| ConfigError::Merge(error.to_string());
        let mut table = toml::Table::try_from(below).map_err(|error| merge(&error))?;
        table.extend(toml::Table::try_from(self).map_err(|error| merge(&error))?);
        table.try_into().map_err(|error| merge(&error))
    }
}

impl Config {
    /// Completes the options of command line and environment from the file and the defaults.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) fn load(options: Options, file: Option<&Path>) -> Result<Self, ConfigError> {
        let options = match file {
            Some(file) => options.over(file)?,
            None => options,
        };
        let dev = options.dev.unwrap_or(false);
        let upkeep = Upkeep::of(&options);
        let authority = Authority {
            secret: options.jwt_secret,
            jwks: options.jwks,
            issuer: options.jwt_issuer,
            audience: options.jwt_audience,
            requires_exp: options.jwt_require_exp.unwrap_or(false),
        };
        if !dev && authority.secret.is_none() && authority.jwks.is_none() {
            return Err(ConfigError::NoAuthority);
        }
        let listen = resolve(options.listen.as_deref().unwrap_or("127.0.0.1:8787"))?;
        if let Some(open) = listen.iter().find(|address| !address.ip().is_loopback())
            && dev
        {
            return Err(ConfigError::DevNotLoopback(*open));
        }
        let defaults = Limits::default();
        Ok(Self {
            listen,
            upkeep,
            compact_every: period(options.compact_every, Duration::from_hours(1)),
            authority,
            jwks_refresh: period(options.jwks_refresh, Duration::from_mins(10))
                .max(Duration::from_secs(1)),
            dev,
            demo: dev || options.demo.unwrap_or(false),
            cors_origins: origins(options.cors_origins.unwrap_or_default())?,
            policies: policies(&options.conflict_policy.unwrap_or_default())?,
            airbag: airbag(options.airbag_deletes, options.airbag_percent)?,
            limits: Limits {
                push_records: at_least(
                    "push-records",
                    options.push_records,
                    defaults.push_records,
                    1,
                )?,
                pull_records: at_least(
                    "pull-records",
                    options.pull_records,
                    defaults.pull_records,
                    1,
                )?,
                body_bytes: at_least("body-bytes", options.body_bytes, defaults.body_bytes, 1024)?,
            },
            request_timeout: period(options.request_timeout, Duration::from_mins(1)),
            shutdown_grace: period(options.shutdown_grace, Duration::from_secs(20)),
            log: options.log.unwrap_or_else(|| "info".to_owned()),
        })
    }
}

fn period(given: Option<Period>, default: Duration) -> Duration {
    given.map_or(default, |period| period.0)
}

fn resolve(listen: &str) -> Result<Vec<SocketAddr>, ConfigError> {
    let found: Vec<_> = listen
        .to_socket_addrs()
        .map_err(|_| ConfigError::Listen(listen.to_owned()))?
        .collect();
    if found.is_empty() {
        return Err(ConfigError::Listen(listen.to_owned()));
    }
    Ok(found)
}

fn at_least<N: Copy + PartialOrd + Into<u64>>(
    name: &'static str,
    given: Option<N>,
    default: N,
    least: u32,
) -> Result<N, ConfigError> {
    let value = given.unwrap_or(default);
    if value.into() < u64::from(least) {
        return Err(ConfigError::TooSmall(name, u64::from(least)));
    }
    Ok(value)
}

fn airbag(deletes: Option<u32>, percent: Option<u32>) -> Result<Airbag, ConfigError> {
    if percent.is_some_and(|percent| percent > 100) {
        return Err(ConfigError::AirbagPercent);
    }
    let default = Airbag::default();
    Ok(Airbag {
        deletes: deletes.map_or(default.deletes, u64::from),
        percent: percent.map_or(default.percent, u64::from),
    })
}

/// `POLICY` for all entities, `ENTITY=POLICY` for one; a policy has no `=` in it.
fn policies(given: &[String]) -> Result<Policies, ConfigError> {
    let mut policies = Policies::default();
    for one in given {
        let (entity, policy) = match one.rsplit_once('=') {
            Some((entity, policy)) => (Some(entity), policy),
            None => (None, one.as_str()),
        };
        let policy = policy.parse().map_err(ConfigError::Policy)?;
        let before = match entity {
            Some(entity) => policies.entities.insert(entity.to_owned(), policy),
            None => policies.policy.replace(policy),
        };
        if before.is_some() {
            let named = entity.map_or_else(|| "a default".to_owned(), |it| format!("{it:?}"));
            return Err(ConfigError::PolicyTwice(named));
        }
    }
    Ok(policies)
}

fn origins(given: Vec<String>) -> Result<Vec<String>, ConfigError> {
    if given.iter().any(|origin| origin == "*") {
        return Ok(Vec::new());
    }
    for origin in &given {
        let host = origin.split_once("://").map(|(_, host)| host);
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            return Err(ConfigError::Origin(origin.clone()));
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn the_file_fills_what_the_command_line_leaves() {
        let file =
            file("dev = true\nlisten = '127.0.0.1:1'\nsession-expiry = '5m'\nbody_bytes = 2048");
        let options = Options {
            listen: Some("127.0.0.1:2".to_owned()),
            ..Options::default()
        };
        let config = Config::load(options, Some(file.path())).unwrap();
        assert_eq!(config.listen[0].port(), 2);
        assert_eq!(config.upkeep.session_expiry, Duration::from_mins(5));
        assert_eq!(config.limits.body_bytes, 2048);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let file = file("dev = true\nlissten = '127.0.0.1:1'");
        let error = Config::load(Options::default(), Some(file.path())).unwrap_err();
        assert!(error.to_string().contains("lissten"), "{error}");
    }

    #[test]
    fn without_an_authority_nothing_starts() {
        let error = Config::load(Options::default(), None).unwrap_err();
        assert!(error.to_string().contains("--jwt-secret FILE"), "{error}");
    }

    #[test]
    fn dev_is_for_loopback() {
        for (listen, good) in [
            ("127.0.0.1:0", true),
            ("[::1]:0", true),
            ("0.0.0.0:0", false),
        ] {
            let options = Options {
                dev: Some(true),
                listen: Some(listen.to_owned()),
                ..Options::default()
            };
            assert_eq!(Config::load(options, None).is_ok(), good, "{listen}");
        }
    }

    /// P-59: a policy that is none is refused with those that are.
    #[test]
    fn policies_are_named_for_all_and_by_entity() {
        let given = |text: &str| policies(&text.split(',').map(str::to_owned).collect::<Vec<_>>());
        let set = given("truth,note=newest,a=b=store").unwrap();
        let texts = ["other", "note", "a=b"].map(|entity| set.of(entity).to_string());
        assert_eq!(texts, ["truth", "newest", "store"]);
        for (wrong, told) in [
            ("latest", "use merge, newest"),
            ("note=device:me", "device:UUID"),
            ("merge,truth", "a default twice"),
            ("note=merge,note=truth", "\"note\" twice"),
        ] {
            let error = given(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    /// P-41: an operator sets when the airbag holds.
    #[test]
    fn the_airbag_is_set() {
        let file = file("dev = true\nairbag_deletes = 3\nairbag-percent = 5");
        let options = Options {
            airbag_deletes: Some(1),
            ..Options::default()
        };
        let airbag = Config::load(options, Some(file.path())).unwrap().airbag;
        assert_eq!((airbag.deletes, airbag.percent), (1, 5));
        assert_eq!(super::airbag(None, None).unwrap(), Airbag::default());
        assert!(super::airbag(None, Some(101)).is_err());
    }

    #[test]
    fn an_origin_has_no_path() {
        assert!(origins(vec!["https://app.example.com".to_owned()]).is_ok());
        assert!(origins(vec!["https://app.example.com/".to_owned()]).is_err());
        assert!(origins(vec!["app.example.com".to_owned()]).is_err());
        assert!(origins(vec!["*".to_owned()]).unwrap().is_empty());
    }
}
