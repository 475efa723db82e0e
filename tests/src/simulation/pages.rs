//! A device's disk: pages that outlive every tab, and that may keep a tab waiting before and
//! after each call, so that it can die there.

use std::rc::Rc;

use tidemark_engine::store::{
    Commit, Committed, MemoryPages, PageId, Pages, PagesError, Revision, RootRecord,
};

use super::world::World;

/// One tab's handle on its device's pages.
pub(super) struct Disk {
    pub(super) pages: MemoryPages,
    pub(super) world: Rc<World>,
}

impl Disk {
    async fn wait(&self) {
        if self.world.random.chance(self.world.manner.disk_waits) && !self.world.is_quiet.get() {
            self.world.turns.pause().await;
        }
    }
}

impl Pages for Disk {
    async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        self.wait().await;
        self.pages.root().await
    }

    async fn root_before(&self, revision: Revision) -> Result<Option<RootRecord>, PagesError> {
        self.pages.root_before(revision).await
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, PagesError> {
        self.wait().await;
        self.pages.read(ids).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        self.wait().await;
        let outcome = self.pages.commit(commit).await;
        let Revision(revision) = commit.revision;
        self.world.note(&[b"commit", &revision.to_be_bytes()]);
        self.wait().await;
        outcome
    }
}
