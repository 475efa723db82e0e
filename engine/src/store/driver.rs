//! The one place where the store waits: it fetches lacking pages and asks again.

use alloc::vec::Vec;
use core::cell::RefCell;

use super::cache::Cache;
use super::page::Page;
use super::paged::{Lack, PageSource, TreeError};
use super::port::{Commit, Committed, PageId, Pages, PagesError, RootRecord};
use super::workspace::{Changes, Workspace};

/// A disk of pages with a cache before it.
#[derive(Debug)]
pub struct Store<P> {
    pages: P,
    cache: RefCell<Cache>,
}

/// Why a look or a plan came to no end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk has no such page, or another one than was written. Where the root is not the newest
    /// any more, it was freed: start again at that one.
    #[error("the page {0} is missing or damaged")]
    Unreadable(PageId),
    /// The disk failed.
    #[error(transparent)]
    Pages(#[from] PagesError),
}

/// The pages at hand in one look or plan: those of the cache, and all that were fetched for
/// it, whatever the cache has room for.
#[derive(Debug)]
pub struct AtHand<'s> {
    cache: &'s RefCell<Cache>,
    held: &'s Cache,
}

impl PageSource for AtHand<'_> {
    fn page(&self, id: &PageId) -> Option<Page> {
        self.held.get(id).or_else(|| self.cache.borrow().get(id))
    }
}

/// What looks at pages, and is called again when those that it lacked have come.
pub type Look<'l> = dyn FnMut(&AtHand<'_>) -> Result<(), TreeError> + 'l;

impl<P: Pages> Store<P> {
    /// A store on these pages that keeps up to `cache_bytes` of them in memory.
    pub fn new(pages: P, cache_bytes: usize) -> Self {
        Self {
            pages,
            cache: RefCell::new(Cache::new(cache_bytes)),
        }
    }

    /// The disk.
    pub fn pages(&self) -> &P {
        &self.pages
    }

    /// The present root record, read from the disk.
    ///
    /// # Errors
    /// Where the disk fails.
    pub async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        self.pages.root().await
    }

    /// Calls `look` until it lacks no page, and gives its answer.
    ///
    /// A [`Cursor`](super::Cursor) or a [`Diff`](super::Diff) goes on where it was when it
    /// is called again.
    ///
    /// # Errors
    /// [`StoreError`] where a page cannot be read, or the disk fails.
    pub async fn read<T>(
        &self,
        mut look: impl FnMut(&AtHand<'_>) -> Result<T, TreeError>,
    ) -> Result<T, StoreError> {
        let mut answer = None;
        loop {
            // `drive` ends well only after a look that did.
            if let Some(answer) = answer.take() {
                return Ok(answer);
            }
            let mut look = |pages: &AtHand<'_>| {
                answer = Some(look(pages)?);
                Ok(())
            };
            self.drive(&mut look).await?;
        }
    }

    /// As [`Self::read`], compiled once for all that look: whoever looks keeps its answer.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn drive(&self, look: &mut Look<'_>) -> Result<(), StoreError> {
        let mut held = Cache::unbounded();
        loop {
            match look(&AtHand {
                cache: &self.cache,
                held: &held,
            }) {
                Ok(()) => return Ok(()),
                Err(lack) => self.fetch(lack, &mut held).await?,
            }
        }
    }

    /// Calls `plan` with a fresh workspace until it lacks no page, and gives its answer and
    /// what is to be committed. `plan` starts from the same trees each time: it is to change
    /// clones of them, and to answer with these.
    ///
    /// # Errors
    /// [`StoreError`] where a page cannot be read, or the disk fails.
    pub async fn plan<T>(
        &self,
        seed: [u8; 12],
        mut plan: impl FnMut(&mut Workspace<'_>) -> Result<T, TreeError>,
    ) -> Result<(T, Changes), StoreError> {
        let mut held = Cache::unbounded();
        loop {
            let lack = {
                let at_hand = AtHand {
                    cache: &self.cache,
                    held: &held,
                };
                let mut workspace = Workspace::new(&at_hand, seed);
                match plan(&mut workspace) {
                    Ok(answer) => return Ok((answer, workspace.finish())),
                    Err(lack) => lack,
                }
            };
            self.fetch(lack, &mut held).await?;
        }
    }

    /// Commits, and takes the new pages into the cache once they are on the disk.
    ///
    /// # Errors
    /// Where the disk fails. Whether the commit was done is then to be read from the root.
    pub async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        let answer = self.pages.commit(commit).await?;
        if answer == Committed::Done {
            let mut cache = self.cache.borrow_mut();
            for (id, bytes) in &commit.pages {
                if let Some(page) = Page::checked(id, bytes.clone()) {
                    cache.insert(*id, page);
                }
            }
        }
        Ok(answer)
    }

    async fn fetch(&self, lack: TreeError, held: &mut Cache) -> Result<(), StoreError> {
        let ids: Vec<PageId> = match lack.into_lack() {
            Lack::Missing(ids) => ids,
            Lack::Damaged(id) => return Err(StoreError::Unreadable(id)),
        };
        // Who lacks what was fetched for it will lack it for ever.
        if let Some(id) = ids.iter().find(|id| held.get(id).is_some()) {
            return Err(StoreError::Unreadable(*id));
        }
        let found = self.pages.read(&ids).await?;
        let mut cache = self.cache.borrow_mut();
        for (id, bytes) in ids.into_iter().zip(found) {
            let page = bytes.and_then(|bytes| Page::checked(&id, bytes));
            if let Some(page) = &page {
                cache.insert(id, page.clone());
            }
            // Whoever can do without it is asked again, too.
            held.insert(id, page.unwrap_or_else(Page::unreadable));
        }
        Ok(())
    }
}
