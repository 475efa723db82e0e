//! The browser side of Tidemark: IndexedDB pages, fetch, the JavaScript API.

#[cfg(target_arch = "wasm32")]
mod allocator;
pub mod api;
pub mod numbers;
pub mod pages;

mod environment;
mod events;
mod platform;
mod signal;
mod syncing;
mod transport;
