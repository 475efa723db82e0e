//! The local store: an ordered map on immutable pages.
//!
//! A disk that can read pages by name and change some of them in one step ([`Pages`]) is
//! all that is asked of IndexedDB, of memory or of a file. On it stand copy-on-write
//! B+trees ([`Tree`]), any number under one root record, where the newest changes of each wait
//! until they are many. This module knows bytes: what a
//! record, an entity or an index is, is said elsewhere.
//!
//! One change, from beginning to end:
//!
//! ```
//! # use tidemark_engine::store::*;
//! # async fn change(store: &Store<MemoryPages>, seed: [u8; 12]) -> Result<(), StoreError> {
//! static SHAPE: Shape = Shape::SMALL;
//! let record = store.root().await?;
//! let tree = match &record {
//!     Some(record) => Tree::decode(&SHAPE, &mut &record.bytes[..]).unwrap(),
//!     None => Tree::new(&SHAPE),
//! };
//! // Synchronous, and called again after lacking pages came: plan on a clone.
//! let edits = Edits::from(vec![Edit::put(*b"key", *b"value")]);
//! let (tree, changes) = store
//!     .plan(seed, |workspace| {
//!         let mut tree = tree.clone();
//!         workspace.apply(&mut tree, &edits)?;
//!         Ok(tree)
//!     })
//!     .await?;
//! let mut root = Vec::new();
//! tree.encode(&mut root);
//! let expected = record.map(|record| record.revision);
//! let revision = expected.map_or(Revision::first(4711), Revision::next);
//! let commit = changes.to_commit(expected, revision, root, vec![]);
//! match store.commit(&commit).await? {
//!     Committed::Done => {}
//!     Committed::Stale => {} // somebody else was first: begin again
//! }
//! let value = store.read(|pages| tree.get(pages, b"key")).await?;
//! assert_eq!(&value.unwrap()[..], b"value");
//! # Ok(())
//! # }
//! # let store = Store::new(MemoryPages::new(), 1 << 20);
//! # pollster::block_on(change(&store, [7; 12])).unwrap();
//! ```

pub mod port;

mod cache;
mod count;
mod cursor;
mod diff;
mod driver;
mod edit;
mod freed;
mod memory;
mod pack;
mod page;
mod page_diff;
mod paged;
mod summary;
mod tree;
mod walk;
mod workspace;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use cursor::{Cursor, Direction, Entry, KeyRange, successor};
pub use diff::{Change, Diff};
pub use driver::{AtHand, Look, Store, StoreError};
pub use edit::{Edit, Edits};
pub use freed::FreedPages;
pub use memory::{Fault, MemoryPages};
pub(crate) use page::{CHECKSUM_BYTES, is_sealed};
pub use page::{Page, Slice, seal};
pub use paged::{Lack, PageSource, Shape, SumOf, TreeError};
pub use port::{Commit, Committed, PageId, Pages, PagesError, Revision, RootRecord};
pub use summary::Summary;
pub use tree::Tree;
pub use workspace::{Changes, Workspace};

#[cfg(test)]
mod tests;
