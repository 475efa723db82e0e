//! The Tidemark server: http -> session -> store, one direction. The `tidemark` binary is
//! [`run`] and nothing else.
//!
//! `http` decodes and encodes, `auth` tells who asks, `session` works off the calls of the
//! protocol, `store` keeps the truth, and SQL lives only there. What is decided is decided by
//! `tidemark_engine::truth`; nothing here repeats its rules.

mod auth;
mod cli;
mod config;
mod faults;
mod http;
pub mod session;
pub mod store;

pub use cli::run;
