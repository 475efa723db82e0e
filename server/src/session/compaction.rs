//! Compaction: what nothing needs any more is dropped, a short change at a time, while the
//! server serves. What may go is decided by the engine, anew in each change.
//!
//! It can stop after any step, and another pass, here or in another process, goes on.

use tidemark_engine::truth::{Bounds, Retention};

use super::Service;
use crate::store::{Change, Datastore, Expired, OldPlace, StoreError};

/// So many rows of a kind are dropped by one change: it is over before anybody waits for it.
pub const ROWS_MAX: u32 = 500;

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Sessions that expired, with all that they staged.
    pub sessions: u64,
    /// Values of superseded versions.
    pub values: u64,
    /// Fingerprints of commits.
    pub fingerprints: u64,
    /// Versions, whole; tombstones not counted.
    pub versions: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Pages given back to the file system.
    pub pages: u64,
}

/// One pass over everything; drive it with [`Compaction::step`].
pub struct Compaction {
    service: Service,
    dropped: Dropped,
    stage: Stage,
}

/// Where a pass is.
enum Stage {
    Sessions,
    /// In this datastore; values up to that place were looked at.
    Datastore(String, OldPlace),
    Space,
    Over,
}

/// Whether a step came to its end with what it was to look at.
type IsDone = bool;

impl Service {
    /// Begins a pass over all datastores.
    pub fn compaction(&self) -> Compaction {
        Compaction {
            service: self.clone(),
            dropped: Dropped::default(),
            stage: Stage::Sessions,
        }
    }

    /// A whole pass, without a pause.
    ///
    /// # Errors
    /// The store's.
    pub async fn compact(&self) -> Result<Dropped, StoreError> {
        let mut pass = self.compaction();
        while pass.step().await? {}
        Ok(pass.dropped())
    }

    /// Ends the sessions that expired; how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let mut ended = 0;
        loop {
            match self.expire_one().await? {
                Expired::None => return Ok(ended),
                Expired::Part => {}
                Expired::Whole => ended += 1,
            }
        }
    }

    async fn expire_one(&self) -> Result<Expired, StoreError> {
        let touched_after = self.now_micros().saturating_sub(self.expiry_micros());
        let mut change = self.inner.store.change().await?;
        let expired = change.expire(touched_after, ROWS_MAX).await?;
        if expired != Expired::None {
            change.commit().await?;
        }
        Ok(expired)
    }

    fn now_micros(&self) -> i64 {
        self.inner.clock.now_micros()
    }

    /// How long this datastore keeps what it no longer needs.
    pub(super) fn retention(&self, datastore: &Datastore) -> Retention {
        datastore.retention.unwrap_or(self.inner.settings.retention)
    }
}

impl Compaction {
    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// One change, of at most [`ROWS_MAX`] rows of a kind; whether the pass goes on.
    ///
    /// # Errors
    /// The store's; what was dropped before stays dropped.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Sessions => match self.service.expire_one().await? {
                Expired::None => self.next_datastore("").await?,
                Expired::Part => Stage::Sessions,
                Expired::Whole => {
                    self.dropped.sessions += 1;
                    Stage::Sessions
                }
            },
            Stage::Datastore(datastore, place) => match self.datastore(&datastore, place).await? {
                Some(place) => Stage::Datastore(datastore, place),
                None => self.next_datastore(&datastore).await?,
            },
            Stage::Space => self.space().await?,
            Stage::Over => Stage::Over,
        };
        Ok(!matches!(self.stage, Stage::Over))
    }

    /// Sums are brought forwards before what they are worked out from may be dropped.
    async fn next_datastore(&self, after: &str) -> Result<Stage, StoreError> {
        let mut snapshot = self.service.inner.store.snapshot().await?;
        let Some(next) = snapshot.datastore_after(after).await? else {
            return Ok(Stage::Space);
        };
        self.service.fold(snapshot, &next).await?;
        Ok(Stage::Datastore(next, OldPlace::START))
    }

    /// The first of the datastore's stages that has something to drop; where the next step
    /// goes on, `None`: this datastore is done.
    async fn datastore(
        &mut self,
        id: &str,
        place: OldPlace,
    ) -> Result<Option<OldPlace>, StoreError> {
        let mut change = self.service.inner.store.change().await?;
        let datastore = change.datastore(id).await?;
        let devices = change.holders(id).await?;
        let sessions = change.readers(id).await?;
        let bounds = Bounds::of(
            self.service.now_micros(),
            self.service.retention(&datastore),
            datastore.forgotten,
            &devices,
            &sessions,
        );
        let before = self.dropped;
        let mut next = None;
        let is_done = match self.values(&mut change, id, place, &bounds).await? {
            Some(place) => {
                next = Some(place);
                false
            }
            None => {
                self.fingerprints(&mut change, &datastore, &bounds).await?
                    && self.tombstones(&mut change, id, &bounds).await?
            }
        };
        if self.dropped != before {
            change.commit().await?;
        }
        Ok(next.or((!is_done).then_some(OldPlace::END)))
    }

    /// Drops values; where to go on, `None`: all were looked at.
    async fn values(
        &mut self,
        change: &mut Change,
        datastore: &str,
        place: OldPlace,
        bounds: &Bounds,
    ) -> Result<Option<OldPlace>, StoreError> {
        let Some(up_to) = bounds.values else {
            return Ok(None);
        };
        let (found, next) = change
            .old_values(datastore, place, up_to, bounds.away_since, ROWS_MAX)
            .await?;
        let unneeded = found
            .iter()
            .filter(|(_, version)| !bounds.needs_value(version));
        let rows: Vec<i64> = unneeded.clone().map(|(row, _)| *row).collect();
        if let Some(newest) = unneeded.map(|(_, version)| version.superseded).max() {
            change.drop_values(datastore, &rows, newest).await?;
            self.dropped.values += rows.len() as u64;
        }
        Ok(next)
    }

    /// Drops what proves the truth at moments that nobody stands at any more: fingerprints of
    /// commits, and then the versions that those were made of.
    async fn fingerprints(
        &mut self,
        change: &mut Change,
        datastore: &Datastore,
        bounds: &Bounds,
    ) -> Result<IsDone, StoreError> {
        let Some(up_to) = bounds.fingerprints else {
            return Ok(true);
        };
        let (id, from) = (&datastore.id, datastore.fingerprints_from);
        // What was the head then still was, for a while after it: a device that was in sync all
        // the time, and wrote nothing here, stands there.
        let Some(up_to) = change.head_at(id, up_to).await? else {
            return Ok(true);
        };
        let dropped = change.drop_fingerprints(id, from, up_to, ROWS_MAX).await?;
        let from = match dropped {
            Some((rows, from)) => {
                self.dropped.fingerprints += rows;
                if from < up_to {
                    return Ok(false);
                }
                Some(from)
            }
            None => from,
        };
        let Some(from) = from else {
            return Ok(true);
        };
        let versions = change.drop_versions(id, from.min(up_to), ROWS_MAX).await?;
        self.dropped.versions += versions.rows;
        Ok(!versions.has_more)
    }

    async fn tombstones(
        &mut self,
        change: &mut Change,
        datastore: &str,
        bounds: &Bounds,
    ) -> Result<IsDone, StoreError> {
        let Some(up_to) = bounds.tombstones else {
            return Ok(true);
        };
        let batch = change
            .drop_tombstones(datastore, up_to, bounds.away_since, ROWS_MAX)
            .await?;
        self.dropped.versions += batch.rows - batch.tombstones;
        self.dropped.tombstones += batch.tombstones;
        Ok(!batch.has_more)
    }

    async fn space(&mut self) -> Result<Stage, StoreError> {
        let mut change = self.service.inner.store.change().await?;
        let pages = change.shrink(ROWS_MAX).await?;
        if pages == 0 {
            return Ok(Stage::Over);
        }
        change.commit().await?;
        self.dropped.pages += pages;
        Ok(Stage::Space)
    }
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            sessions,
            values,
            fingerprints,
            versions,
            tombstones,
            pages,
        } = self;
        write!(
            out,
            "{values} values, {versions} versions, {tombstones} tombstones, {fingerprints} \
             fingerprints of commits, {sessions} sessions; {pages} pages given back"
        )
    }
}
