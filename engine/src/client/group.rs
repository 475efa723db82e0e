//! Group commit: writes that come while a commit is under way go together in the next one.
//!
//! Each write is still all or nothing by itself: one that fails takes no other with it. A
//! write's future must be driven to its end.

use alloc::{rc::Rc, vec::Vec};
use core::cell::RefCell;

use super::database::Rows;
use super::prepare::Prepared;
use super::shared::Shared;
use super::write::Planner;
use super::{Doc, Environment, Error};

/// Answers of a write: the documents of each operation.
pub(super) type Answers = Vec<Vec<Doc>>;

/// A write that waits for its commit.
#[derive(Debug)]
pub(super) struct Job {
    operations: Vec<Prepared>,
    now: Rc<str>,
    outcome: RefCell<Option<Result<Answers, Error>>>,
}

/// Writes that wait.
#[derive(Debug, Default)]
pub(super) struct Queue(RefCell<Vec<Rc<Job>>>);

impl Queue {
    /// Does a write, together with others that wait.
    pub(super) async fn write<E: Environment>(
        &self,
        shared: &Shared<E>,
        operations: Vec<Prepared>,
        now: Rc<str>,
    ) -> Result<Answers, Error> {
        let job = Rc::new(Job {
            operations,
            now,
            outcome: RefCell::default(),
        });
        self.0.borrow_mut().push(Rc::clone(&job));
        let _turn = shared.writing.hold().await;
        if let Some(outcome) = job.outcome.take() {
            return outcome;
        }
        let jobs = self.0.take();
        let outcomes = shared
            .change_in_turn(|database| {
                let mut rows = Rows::default();
                let mut newest = database.root.edit;
                let mut outcomes = Vec::with_capacity(jobs.len());
                for job in &jobs {
                    let mut planner = Planner::new(database.view(), &job.now, &rows, newest);
                    let outcome = planner.plan_all(&job.operations)?;
                    if outcome.is_ok() {
                        newest = planner.edit;
                        let edited = planner.rows;
                        rows.extend(edited);
                    }
                    outcomes.push(outcome);
                }
                if !rows.is_empty() {
                    database.root.edit = newest;
                    database.write_edits(&rows)?;
                }
                Ok(outcomes)
            })
            .await;
        match outcomes {
            Ok(outcomes) => {
                for (job, outcome) in jobs.iter().zip(outcomes) {
                    job.outcome.replace(Some(outcome));
                }
            }
            Err(error) => {
                for job in &jobs {
                    job.outcome.replace(Some(Err(error.clone())));
                }
            }
        }
        job.outcome
            .take()
            .unwrap_or_else(|| Err(Error::invalid("the write was abandoned")))
    }
}
