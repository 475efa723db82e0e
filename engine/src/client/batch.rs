//! A batch: several writes and reads that see them, then one commit or nothing.

use alloc::{rc::Rc, string::String, vec::Vec};

use super::database::{Database, Rows};
use super::read::{self, Finding};
use super::shared::Current;
use super::write::Planner;
use super::{Client, Doc, Environment, Error, Operation};
use crate::query::Query;
use crate::store::Committed;

/// A batch under way. It reads one moment, and what it wrote itself; dropped, it leaves nothing.
pub struct Batch<E: Environment> {
    client: Client<E>,
    base: Rc<Current>,
    rows: Rows,
    edit: u64,
}

impl<E: Environment> Batch<E> {
    pub(super) fn new(client: Client<E>) -> Self {
        let base = client.shared().current();
        let edit = base.root.edit;
        Self {
            client,
            base,
            rows: Rows::default(),
            edit,
        }
    }

    /// Does these writes within the batch, all or none of them; gives the documents that each
    /// made or changed.
    ///
    /// # Errors
    /// As [`Client::write`]. A batch whose moment is no longer on the disk fails as `busy`:
    /// run it again.
    pub async fn apply(&mut self, operations: Vec<Operation>) -> Result<Vec<Vec<Doc>>, Error> {
        let prepared = self.client.prepare(operations)?;
        let now = self.client.now();
        let (rows, edit) = (&self.rows, self.edit);
        let (answers, planned, newest) = self
            .client
            .shared()
            .look_at(&self.base, |view| {
                let mut planner = Planner::new(view, &now, rows, edit);
                let answers = planner.plan_all(&prepared)?;
                let Planner { rows, edit, .. } = planner;
                Ok(answers.map(|answers| (answers, rows, edit)))
            })
            .await
            .flatten()?;
        self.rows.extend(planned);
        self.edit = newest;
        Ok(answers)
    }

    /// As [`Client::get_many`], with the batch's own writes.
    ///
    /// # Errors
    /// Where the pages cannot be read.
    pub async fn get_many(&self, entity: &str, keys: &[String]) -> Result<Vec<Option<Doc>>, Error> {
        let entity = Rc::from(entity);
        self.client
            .shared()
            .look_at(&self.base, |view| {
                read::get_many(view, &self.rows, &entity, keys)
            })
            .await
    }

    /// As [`Client::find`], with the batch's own writes.
    ///
    /// # Errors
    /// As [`Client::find`].
    pub async fn find(&self, entity: &str, query: &str) -> Result<Vec<Doc>, Error> {
        let query = Query::parse(query)?;
        let entity: Rc<str> = Rc::from(entity);
        let seeds = [self.client.shared().random(), self.client.shared().random()];
        self.client
            .shared()
            .look_at(&self.base, |view| {
                let mut database = Database::new(view.root.clone(), &view.pages, seeds);
                database.write_edits(&self.rows)?;
                Finding::new(Rc::clone(&entity)).advance(database.view(), &query, None)
            })
            .await
    }

    /// As [`Client::count`], with the batch's own writes.
    ///
    /// # Errors
    /// As [`Client::find`].
    pub async fn count(&self, entity: &str, query: &str) -> Result<u64, Error> {
        Ok(self.find(entity, query).await?.len() as u64)
    }

    /// Commits everything at once; `Stale`: somebody else committed first, and what was read
    /// here may no longer be so. Run the batch again.
    ///
    /// # Errors
    /// Where the pages cannot be written; then nothing was.
    pub async fn commit(self) -> Result<Committed, Error> {
        let shared = self.client.shared();
        let _turn = shared.writing.hold().await;
        if self.rows.is_empty() {
            return Ok(Committed::Done);
        }
        if shared.current().revision != self.base.revision {
            return Ok(Committed::Stale);
        }
        let (rows, edit) = (&self.rows, self.edit);
        let planned = shared
            .plan(&self.base, &mut |database: &mut Database<'_>| {
                database.root.edit = edit;
                database.write_edits(rows)
            })
            .await;
        let written = planned?;
        let committed = shared.commit(&self.base, written).await?;
        if committed == Committed::Stale {
            shared.reload().await?;
        }
        Ok(committed)
    }
}
