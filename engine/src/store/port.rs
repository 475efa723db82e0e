//! The port behind which the disk lies: calls that IndexedDB, memory or a file gives.
//!
//! The contract, each rule with a test in [`conformance`](super::conformance):
//!
//! - **S-1** A store that was never written to has no root, and no pages.
//! - **S-2** A commit answered [`Committed::Done`] stays: its root and its pages read back
//!   byte for byte, through every handle, also after reopening.
//! - **S-3** `read` answers as many places as it was asked for, in that order; a page that
//!   never was, or that was freed, is `None` and no error; an id may be asked for twice.
//! - **S-4** A commit planned on another revision than the present one is
//!   [`Committed::Stale`] and leaves nothing.
//! - **S-5** A commit that fails leaves nothing; one that brings a page which is there
//!   already fails.
//! - **S-6** Of several commits planned on one revision, however they run together,
//!   exactly one is done.
//! - **S-7** Freed pages are gone with the commit that frees them; freeing what is not
//!   there is no error.
//! - **S-8** Pages and roots are any bytes: none at all, every byte value, megabytes.
//! - **S-9** A commit of thousands of pages is done whole, and they are read in one call.
//! - **S-12** The root record before the present one is kept, for when that is damaged.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;

/// The name of a page. Random, so that writers that know nothing of each other never clash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageId(pub [u8; 16]);

impl PageId {
    /// The page of this number under a writer's random `seed`. Pages of one commit so lie
    /// side by side on the disk.
    pub fn numbered(seed: [u8; 12], number: u32) -> Self {
        let mut bytes = [0; 16];
        bytes[..12].copy_from_slice(&seed);
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }

    /// The number of a page under this seed, if it is one.
    pub(super) fn number_under(&self, seed: [u8; 12]) -> Option<usize> {
        let number = self.0.strip_prefix(&seed)?;
        number
            .try_into()
            .map(u32::from_be_bytes)
            .ok()
            .map(|number| number as usize)
    }

    /// Reads back what `Display` wrote: 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        (text.len() == 32 && text.is_ascii()).then_some(())?;
        u128::from_str_radix(text, 16)
            .ok()
            .map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for PageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for PageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Which root a store is at. It starts at a random number, so that the revisions of a store
/// that was destroyed and made again are not mistaken for the old one's; it is below 2^53,
/// a JavaScript number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of a store's first commit, from random bits.
    pub fn first(random: u64) -> Self {
        Self(random >> 12)
    }

    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The root record: the one mutable thing in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootRecord {
    /// Which one it is.
    pub revision: Revision,
    /// What the commit of this revision gave as its root.
    pub bytes: Vec<u8>,
}

/// Everything that changes in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The revision this was planned on; `None`: a store without a root.
    pub expected: Option<Revision>,
    /// The revision it makes: the one after `expected`; where that is `None`, any.
    pub revision: Revision,
    /// The new root record.
    pub root: Vec<u8>,
    /// New pages; their ids were never used before.
    pub pages: Vec<(PageId, Rc<[u8]>)>,
    /// Pages that nobody needs any more.
    pub freed: Vec<PageId>,
}

/// The two ordinary answers to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// It is on the disk.
    Done,
    /// Somebody else committed first: plan again on the newest root.
    Stale,
}

/// Why the disk did not do what it was asked. Nothing of a failed commit is left, unless
/// the answer alone was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PagesError {
    /// The device's storage, or this origin's share of it, is full.
    #[error("the storage is full: {0}")]
    Quota(String),
    /// The handle is closed or was lost: open the store again.
    #[error("the store was closed: {0}")]
    Closed(String),
    /// Somebody who has the store open keeps it from being opened or upgraded.
    #[error("another tab holds an old version of the store open: {0}")]
    Blocked(String),
    /// The browser keeps no data in this mode.
    #[error("the browser keeps no data in this mode: {0}")]
    PrivateMode(String),
    /// Anything else.
    #[error("the store failed: {0}")]
    Other(String),
}

/// A disk of pages. See the module for its contract.
///
/// Everything is single-threaded: futures need not be `Send`.
pub trait Pages {
    /// The present root record, if there ever was a commit.
    fn root(&self) -> impl Future<Output = Result<Option<RootRecord>, PagesError>>;

    /// The newest root record of before this revision, if one is kept.
    fn root_before(
        &self,
        revision: Revision,
    ) -> impl Future<Output = Result<Option<RootRecord>, PagesError>>;

    /// The pages of these ids, in their order; `None` for one that is not there.
    fn read(
        &self,
        ids: &[PageId],
    ) -> impl Future<Output = Result<Vec<Option<Rc<[u8]>>>, PagesError>>;

    /// Does all of `commit`, or nothing. Done means durable.
    fn commit(&self, commit: &Commit) -> impl Future<Output = Result<Committed, PagesError>>;
}
