//! The `tidemark` binary.

fn main() -> std::process::ExitCode {
    tidemark_server::run()
}
