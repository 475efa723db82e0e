//! `tidemark conformance`: whether a server, ours or another, keeps the rules of the protocol.

use std::error::Error;

use tidemark_conformance::{Options, check, rules};

/// Calls a server as devices would and says of each rule whether it holds.
///
/// It writes: devices and records of its own go into the datastore of the user whose token it is
/// told, and stay there, and for a moment the settings of that datastore are changed. Name a user who is
/// there for it, and whom nobody else is using meanwhile. A server in --dev is asked for users of its own.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The server: `http://HOST:PORT` or `https://…`; all calls go below it, at /v1.
    #[arg(required_unless_present = "list")]
    url: Option<String>,
    /// A token of the user in whose datastore is written. None: the server, in --dev, is asked for one.
    #[arg(long, env = "TIDEMARK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A token of another user, who must not see anything of the first.
    #[arg(long, env = "TIDEMARK_SECOND_TOKEN", hide_env_values = true)]
    second_token: Option<String>,
    /// Check these rules only, by ID: `--only P-33,T-2`.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    only: Vec<String>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
    /// Print the IDs of the rules that are checked, and call nobody.
    #[arg(long)]
    list: bool,
}

/// Prints a line for each check and the counts; an error if the server broke a rule.
pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.list {
        println!("{}", rules().join("\n"));
        return Ok(());
    }
    let options = Options {
        url: arguments.url.unwrap_or_default(),
        token: arguments.token,
        second_token: arguments.second_token,
        only: arguments.only,
    };
    let is_json = arguments.json;
    let report = check(&options, |line| {
        if !is_json {
            println!("{line}");
        }
    })?;
    if is_json {
        println!("{:#}", report.json());
    } else {
        println!("{report}");
    }
    match report.failed() {
        0 => Ok(()),
        1 => Err("one check failed".into()),
        more => Err(format!("{more} checks failed").into()),
    }
}
