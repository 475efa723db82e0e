//! IndexedDB as a disk of pages: the engine's [`Pages`](tidemark_engine::store::Pages) port.
//!
//! IndexedDB is a disk here and not a database: one object store of pages, one for the root
//! record, no index. Every call is one whole transaction, opened and finished inside, and
//! nothing is awaited within it but its own requests. What a page means is the engine's matter.

mod failure;
mod handle;
mod indexeddb;
mod open;
mod transaction;

pub use indexeddb::IndexedDbPages;

/// The layout of the database, in hundreds: code of layout 1xx opens whatever is below 200.
const LAYOUT: u32 = 100;
const LAYOUTS_END: u32 = 200;

/// The object store of pages: the 16 bytes of a page's id, and its bytes.
///
/// Measured in Chromium 156 with 200 pages of 16 kB: bytes or text, and number, text or binary
/// keys, are written and read equally fast; a `get` a page (21–38 ms) is faster than one
/// `getAll` of everything (40–52 ms).
const PAGES: &str = "pages";

/// The object store of the one root record, `{revision, bytes}`, under [`ROOT_KEY`].
const ROOT: &str = "root";
const ROOT_KEY: &str = "root";

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the operating system has it: it survives the browser, not a power cut.
    #[default]
    Relaxed,
    /// When it is flushed to the disk.
    Strict,
}
