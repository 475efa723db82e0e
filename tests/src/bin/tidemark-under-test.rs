//! The `tidemark` binary, built with the tests so that they never run a stale one.

fn main() -> std::process::ExitCode {
    tidemark_server::run()
}
