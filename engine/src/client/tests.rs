//! The client against pages in memory and a server that the test plays.

mod chaos;
mod local;
mod model;
mod session;
mod world;
