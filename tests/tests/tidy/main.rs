//! The walls of the house, read from its files: which way dependencies point, what may be named
//! where, and that documents and code say the same. Builds nothing and runs nothing.

mod complaints;
mod documents;
mod files;
mod planted;
mod source;
mod walls;
