//! Brings the sums of a truth forwards: where a call would else read more than a few thousand rows,
//! and in the background. Reading is done beside everybody else; what changes then is little.

use super::Service;
use crate::store::{Datastore, Snapshot, StoreError};

/// A smaller truth is summed up row by row.
const LIVE_MIN: u64 = 4096;

/// So many versions later than the sums are put on top of them at each call.
const CHANGES_MAX: u32 = 2000;

impl Service {
    /// Folds where a call that asks for sums would read too much.
    pub(super) async fn fold_if_far(&self, id: &str) -> Result<(), StoreError> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let datastore = snapshot.datastore(id).await?;
        let is_far = match datastore.sums_at {
            Some(sums_at) => snapshot.is_far(id, sums_at, CHANGES_MAX).await?,
            None => datastore.live >= LIVE_MIN,
        };
        if is_far {
            self.fold(snapshot, id).await?;
        }
        Ok(())
    }

    /// Folds what is worth it, as of a snapshot, which it ends.
    pub(super) async fn fold(&self, mut snapshot: Snapshot, id: &str) -> Result<(), StoreError> {
        let datastore = snapshot.datastore(id).await?;
        if !is_worth_it(&datastore) {
            return Ok(());
        }
        let fold = snapshot.fold(&datastore).await?;
        drop(snapshot);
        let mut change = self.inner.store.change().await?;
        let datastore = change.datastore(id).await?;
        if change.keep_fold(&datastore, &fold).await? {
            change.commit().await?;
        }
        Ok(())
    }
}

fn is_worth_it(datastore: &Datastore) -> bool {
    match datastore.sums_at {
        Some(sums_at) => sums_at != datastore.head,
        None => datastore.live >= LIVE_MIN,
    }
}
