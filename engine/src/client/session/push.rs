//! Push: the person's edits, batch by batch, until the server has mingled them.

use alloc::string::String;

use tidemark_protocol::{Code, Mode};

use super::Session;
use super::offer::{Offered, ROWS_READ};
use super::open::{Riders, ridden_pull};
use super::pull::riding;
use crate::client::outgoing::{Batch, Offer};
use crate::client::wire::{Members, Request};
use crate::client::{Environment, Error, ErrorCode, Phase, reply};
use crate::faults::{Fault, is_planted};
use crate::json::{Canonical, CanonicalRef};

/// Room in a request for what is not records.
const PUSH_BYTES: usize = 512;

/// A batch, ready to be sent.
pub(super) struct NextBatch {
    pub(super) batch: Batch,
    pub(super) seq: u32,
    /// Others follow.
    pub(super) more: bool,
}

impl<E: Environment> Session<'_, E> {
    /// Pushes everything that this session is to push; gives the pull that rode, if one did.
    pub(super) async fn push(&mut self, riders: Riders) -> Result<Option<Canonical>, Error> {
        if self.total == 0 {
            return Ok(riders.pull);
        }
        self.phase(Phase::Pushing);
        let (mut seq, mut more) = (0, true);
        if let Some((answer, follows)) = riders.push {
            self.answered(answer.borrow())?;
            (seq, more) = (1, follows);
        }
        if !more {
            return Ok(riders.pull);
        }
        self.push_from(seq).await
    }

    /// Pushes so many records whole, after the session's other push has closed.
    pub(super) async fn push_whole(
        &mut self,
        offered: Offered,
        total: u64,
    ) -> Result<Option<Canonical>, Error> {
        self.phase(Phase::Pushing);
        self.total = total;
        self.offered = offered;
        self.offered_up_to = None;
        // Refusals name places in this push.
        self.outgoing.order.clear();
        self.push_from(0).await
    }

    /// Pushes the batches from this one on.
    async fn push_from(&mut self, mut seq: u32) -> Result<Option<Canonical>, Error> {
        let (mut pull, mut more) = (None, true);
        while more {
            let Some(batch) = self.next_batch(seq).await? else {
                break;
            };
            more = batch.more;
            let body = self.push_body(&batch);
            let answer = self.call("/v1/sync/push", body).await?;
            pull = self.answered(answer.borrow())?;
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
            let after = self.offered_up_to.clone();
            let rows = self
                .shared
                .look(|view| self.offered.next(&view, after.as_deref(), self.sent))
                .await?;
            let is_last = rows.len() < ROWS_READ;
            for (row, edit) in rows {
                if edit.set_aside.is_some() && is_planted(Fault::RefusedBlocks) {
                    break 'filling;
                }
                if edit.set_aside.is_none() && edit.born <= self.sent {
                    match batch.offer(&mut self.outgoing, &row, &edit)? {
                        Offer::Added => {}
                        Offer::Full => {
                            more = true;
                            break 'filling;
                        }
                        Offer::TooLarge => {
                            let problem = reply::bare(
                                Code::TooLarge,
                                "The record is larger than the server takes: make it smaller.",
                            );
                            if self.mode == Mode::PushTruth {
                                // Left out, it would be deleted.
                                let message = "a record is too large for the server";
                                return Err(Error::new(ErrorCode::TooLarge, message));
                            }
                            self.refused.insert(row.clone(), (edit.number, problem));
                        }
                    }
                }
                self.offered_up_to = Some(row);
            }
            if is_last {
                break;
            }
        }
        if batch.count == 0 && seq == 0 && self.mode != Mode::PushTruth {
            return Ok(None);
        }
        Ok(Some(NextBatch { batch, seq, more }))
    }

    /// Adds a batch to a request.
    pub(super) fn write_batch(&self, request: &mut Request, next: &NextBatch) {
        let confirm = self.options.confirm && !next.more;
        next.batch.write(request, next.seq, next.more, confirm);
    }

    fn push_body(&self, next: &NextBatch) -> String {
        let mut request = self.request(next.batch.records.len() + PUSH_BYTES);
        self.write_batch(&mut request, next);
        let pull_follows = match self.mode {
            // What differs is looked for first, or told first.
            Mode::Repair | Mode::Refresh | Mode::Slow => !matches!(self.offered, Offered::Edits),
            _ => true,
        };
        if !next.more && pull_follows {
            let current = self.shared.current();
            request.json("pull", &riding(current.root.cursor()));
        }
        request.finish()
    }

    /// Notes what a push was answered; gives the pull that rode on it.
    fn answered(&mut self, answer: CanonicalRef<'_>) -> Result<Option<Canonical>, Error> {
        let members = Members(answer);
        if members.get("staged").is_none() {
            self.mingled(members)?;
        }
        Ok(ridden_pull(members))
    }

    fn mingled(&mut self, summary: Members<'_>) -> Result<(), Error> {
        self.max_checkin = Some(summary.needed_checkin("max_checkin")?);
        self.report.pushed += summary.number("received")?.unwrap_or(0);
        self.report.conflicts += summary.number("conflicts")?.unwrap_or(0);
        let Some(rejected) = summary.get("rejected") else {
            return Ok(());
        };
        for rejection in rejected.elements() {
            let rejection = Members(rejection);
            let place = usize::try_from(rejection.needed_number("index")?).ok();
            let row = place
                .and_then(|place| self.outgoing.order.get(place))
                .ok_or_else(|| Error::protocol("a record was rejected that was not pushed"))?;
            let problem = reply::problem(Members(rejection.needed("problem")?))?;
            if let Some(sent) = self.outgoing.sent.get(row) {
                self.refused.insert(row.clone(), (sent.edit, problem));
            }
            self.report.pushed = self.report.pushed.saturating_sub(1);
        }
        Ok(())
    }
}
