//! The Tidemark sync server: http -> session -> store, one direction. The `tidemark` binary is
//! [`run`] and nothing else.

pub mod session;
pub mod store;

/// What `tidemark` does with its command line; the code that the process ends with.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
