//! IndexedDB as a disk of pages: the engine's [`Pages`](tidemark_engine::store::Pages) port.
//!
//! IndexedDB is a disk here and not a database: one object store of pages, one for root
//! records, no index. Every call is one whole transaction, opened and finished inside, and
//! nothing is awaited within it but its own requests. What a page means is the engine's matter.

mod commit;
mod failure;
mod handle;
mod indexeddb;
mod open;
mod transaction;

pub use indexeddb::IndexedDbPages;

/// The layout of the database, in hundreds: code of layout 2xx opens whatever is from 200
/// to 299.
const LAYOUT: u32 = 200;
const LAYOUTS_END: u32 = 300;

/// The object store of pages: the 16 bytes of a page's id, and its bytes.
///
/// Measured in Chromium 156 with 200 pages of 16 kB: bytes or text, and number, text or binary
/// keys, are written and read equally fast; a `get` a page (21–38 ms) is faster than one
/// `getAll` of everything (40–52 ms).
const PAGES: &str = "pages";

/// The object store of root records, as bytes; the newest counts. Its keys are revisions, which
/// the browser gives: one `add` so both writes a root and tells whether somebody else was first.
const ROOTS: &str = "roots";

/// Where layout 1xx kept its one root record. No released version ever did.
const ROOT_OF_OLD: &str = "root";

/// After how many commits the older root records are deleted, unless a commit writes pages
/// anyway: one request more costs as much as a whole small commit.
const ROOTS_KEPT: u64 = 32;

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the operating system has it: it survives the browser, not a power cut.
    #[default]
    Relaxed,
    /// When it is flushed to the disk.
    Strict,
}
