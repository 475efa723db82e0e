//! The browser side of Tidemark: IndexedDB pages, fetch, the JavaScript API.

pub mod pages;

mod platform;
mod signal;
