//! Push: the person's edits, batch by batch, until the server has mingled them.

use alloc::string::{String, ToString};

use tidemark_protocol::{Code, Problem, PullAnswer, PushAnswer, PushOutcome, PushSummary, Ridden};

use super::Session;
use super::open::Riders;
use crate::client::doc::write_text;
use crate::client::outgoing::{Batch, Offer};
use crate::client::{Environment, Error, ErrorCode, Event, Phase, reply};

/// How many rows are read from the overlay at once.
const ROWS_READ: usize = 1_000;

/// A batch, ready to be sent.
pub(super) struct NextBatch {
    /// The members of its push, without braces.
    pub(super) members: String,
    /// Others follow.
    pub(super) more: bool,
}

impl<E: Environment> Session<'_, E> {
    /// Pushes everything that this session is to push; gives the pull that rode, if one did.
    pub(super) async fn push(
        &mut self,
        riders: Riders,
    ) -> Result<Option<Ridden<PullAnswer>>, Error> {
        if self.total == 0 {
            return Ok(riders.pull);
        }
        self.phase(Phase::Pushing);
        let (mut seq, mut more) = (0, true);
        if let Some((answer, follows)) = riders.push {
            self.answered(answer)?;
            (seq, more) = (1, follows);
            if !more {
                return Ok(riders.pull);
            }
        }
        let mut pull = None;
        while more {
            let Some(batch) = self.next_batch(seq).await? else {
                break;
            };
            more = batch.more;
            let body = self.push_body(&batch);
            let reply = self.call("/v1/sync/push", body).await?;
            let answer = reply::read(&reply).map_err(|error| self.held(error))?;
            pull = self.answered(answer)?;
            seq += 1;
            let (done, total) = (self.outgoing.order.len() as u64, self.total);
            self.progress(done.min(total), total);
        }
        Ok(pull)
    }

    /// Fills the batch of this number; `None`: there is nothing to push at all.
    pub(super) async fn next_batch(&mut self, seq: u32) -> Result<Option<NextBatch>, Error> {
        let mut batch = Batch::new(self.limits);
        let mut more = false;
        'filling: loop {
            let after = self.offered.clone();
            let rows = self
                .shared
                .look(|database| database.edits_after(after.as_deref(), ROWS_READ))
                .await?;
            let is_last = rows.len() < ROWS_READ;
            for (row, edit) in rows {
                if edit.set_aside.is_none() && edit.born <= self.sent {
                    match batch.offer(&mut self.outgoing, &row, &edit)? {
                        Offer::Added => {}
                        Offer::Full => {
                            more = true;
                            break 'filling;
                        }
                        Offer::TooLarge => {
                            let problem = Problem::new(
                                Code::TooLarge,
                                "The record is larger than the server takes: make it smaller.",
                            );
                            self.refused.insert(row.clone(), (edit.number, problem));
                        }
                    }
                }
                self.offered = Some(row);
            }
            if is_last {
                break;
            }
        }
        if batch.count == 0 && seq == 0 {
            return Ok(None);
        }
        let members = batch.members(seq, more, self.options.confirm && !more);
        Ok(Some(NextBatch { members, more }))
    }

    fn push_body(&self, batch: &NextBatch) -> String {
        let mut body = String::with_capacity(batch.members.len() + 160);
        body.push_str("{\"sync_uuid\":");
        write_text(
            &mut body,
            &self.sync_uuid.map(|id| id.to_string()).unwrap_or_default(),
        );
        body.push(',');
        body.push_str(&batch.members);
        if !batch.more {
            body.push_str(",\"pull\":");
            body.push_str(&super::pull::request(
                None,
                self.shared.current().root.cursor(),
            ));
        }
        body.push('}');
        body
    }

    fn answered(&mut self, answer: PushAnswer) -> Result<Option<Ridden<PullAnswer>>, Error> {
        if let PushOutcome::Mingled(summary) = answer.outcome {
            self.mingled(summary)?;
        }
        Ok(answer.pull)
    }

    fn mingled(&mut self, summary: PushSummary) -> Result<(), Error> {
        self.max_checkin = Some(summary.max_checkin);
        self.report.pushed += summary
            .received
            .saturating_sub(summary.rejected.len() as u64);
        self.report.conflicts += summary.conflicts;
        for rejection in summary.rejected {
            let place = usize::try_from(rejection.index).ok();
            let row = place
                .and_then(|place| self.outgoing.order.get(place))
                .ok_or_else(|| Error::protocol("a record was rejected that was not pushed"))?;
            if let Some(sent) = self.outgoing.sent.get(row) {
                self.refused
                    .insert(row.clone(), (sent.edit, rejection.problem));
            }
        }
        Ok(())
    }

    /// Tells of an airbag, which a person has to see.
    fn held(&self, error: Error) -> Error {
        if error.code == ErrorCode::Airbag {
            let problem = error.problem.as_deref();
            self.tell(Event::Airbag {
                deletes: problem.and_then(|problem| problem.deletes).unwrap_or(0),
                changes: problem.and_then(|problem| problem.changes).unwrap_or(0),
                live: problem.and_then(|problem| problem.live).unwrap_or(0),
            });
        }
        error
    }
}
