//! The client against pages in memory and a server that the test plays.

mod local;
mod session;
mod world;
