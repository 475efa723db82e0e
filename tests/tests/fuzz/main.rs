//! What reads bytes from outside is given bytes that nobody meant: no decoder panics, loops, or takes
//! in what it should refuse. And the laws of the merge. Rules P-7 and P-9.
//!
//! Inputs are real ones with something done to them. One that fails is made small and kept as a file
//! in `tests/corpus`, whose files are tried first, for ever. `TIDEMARK_CASES=n` tries n of each.

mod answers;
mod corpus;
mod disk;
mod http;
mod json;
mod laws;
mod text;
