//! Whole-system tests of Tidemark.
