//! `tidemark token`: a token for a user, for scripts and tests.

use std::error::Error;
use std::path::PathBuf;

use crate::auth::Secret;
use crate::config::Period;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Whom the token is for: its `sub`.
    #[arg(long)]
    user: String,
    /// The file with the secret that the server was given.
    #[arg(long, env = "TIDEMARK_JWT_SECRET", value_name = "FILE")]
    jwt_secret: PathBuf,
    /// How long the token is good for.
    #[arg(long, default_value = "1h", value_name = "TIME")]
    expires: Period,
}

/// Prints the token alone on stdout.
pub(super) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let secret = Secret::read(&arguments.jwt_secret)?;
    println!("{}", secret.token(&arguments.user, arguments.expires.0)?);
    Ok(())
}
