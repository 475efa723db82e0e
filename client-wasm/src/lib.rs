//! The browser side of Tidemark: IndexedDB pages, fetch, the JavaScript API.

pub mod api;
pub mod numbers;
pub mod pages;

mod environment;
mod events;
mod platform;
mod signal;
mod syncing;
mod transport;
