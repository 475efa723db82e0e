//! The client against pages in memory and a server that the test plays.

mod answers;
mod chaos;
mod conflicts;
mod copies;
mod damage;
mod directions;
mod follow;
mod indexes;
mod local;
mod model;
mod modes;
mod reconcile;
mod refusals;
mod session;
mod truths;
mod world;
