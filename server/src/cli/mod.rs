//! The command line: one verb a file. What goes wrong is said on stderr in one sentence that
//! tells what to do, and the exit code is 1; clap's own refusals exit with 2.

mod compact;
mod conformance;
mod devices;
mod serve;
mod token;
mod upkeep;
mod verify;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Offline-first sync: the server that holds the truth.
#[derive(Parser)]
#[command(name = "tidemark", version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve the sync API.
    Serve(Box<serve::Arguments>),
    /// Drop what nothing needs any more; a server may run on the same database.
    Compact(compact::Arguments),
    /// Look at every row of a database, and tell what is wrong; a server may run on it.
    Verify(verify::Arguments),
    Conformance(conformance::Arguments),
    /// List the devices of a database, reset one, fix its direction, forget it; a server may run on it.
    Devices(devices::Arguments),
    /// Print a token for a user, signed with a shared secret (HS256).
    Token(token::Arguments),
}

/// What `tidemark` does with its command line; the code that the process ends with.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Serve(arguments) => serve::run(*arguments),
        Verb::Compact(arguments) => compact::run(arguments),
        Verb::Verify(arguments) => verify::run(arguments),
        Verb::Conformance(arguments) => conformance::run(arguments),
        Verb::Devices(arguments) => devices::run(arguments),
        Verb::Token(arguments) => token::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidemark: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// An error and what caused it, in one line; a cause that its error already names is left out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
