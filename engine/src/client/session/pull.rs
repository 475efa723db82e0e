//! Pull: the window of the truth, page by page, and its publication.
//!
//! The next page is on its way while this one is applied. All but the last are staged; the
//! last is applied, and everything published, in one commit.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use tidemark_protocol::{Code, Mode};

use super::offer::{ROWS_READ, rows_after};
use super::{Session, call};
use crate::client::database::View;
use crate::client::publish::{Publication, publish};
use crate::client::pulled::{PulledPage, read_page};
use crate::client::wire::{Members, Request};
use crate::client::{Environment, Error, ErrorCode, Event, Phase, reply};
use crate::json::Canonical;
use crate::sort::sort_by;

const PULL: &str = "/v1/sync/pull";
/// Room for a request.
const PULL_BYTES: usize = 256;

/// Adds what a pull asks for, riding or not.
pub(super) fn ask(request: &mut Request, cursor: Option<&str>) {
    match cursor {
        Some(cursor) => request.text("cursor", cursor),
        None => request.json("cursor", "null"),
    }
}

/// A pull that rides.
pub(super) fn riding(cursor: Option<&str>) -> String {
    let mut request = Request::with_capacity(PULL_BYTES);
    ask(&mut request, cursor);
    request.finish()
}

impl<E: Environment> Session<'_, E> {
    /// Pulls to the end of the window and publishes it; true: some records were refused for
    /// now because the server wants them whole. `first` is the answer of a pull that rode.
    pub(super) async fn pull(&mut self, first: Option<Canonical>) -> Result<bool, Error> {
        self.phase(Phase::Pulling);
        let mut cursor = self.shared.current().root.cursor().map(ToString::to_string);
        let mut answer = match first {
            Some(answer) => {
                reply::ridden(answer.borrow())?;
                answer
            }
            None => self.call(PULL, self.pull_body(cursor.as_deref())).await?,
        };
        let mut done = 0;
        loop {
            let members = Members(answer.borrow());
            let mut page = read_page(members.needed("records")?, &self.outgoing)?;
            done += page.records;
            self.progress(done, done + members.number("remaining")?.unwrap_or(0));
            self.count(&page);
            let Some(next) = members.text("cursor")?.map(Cow::into_owned) else {
                if self.mode == Mode::PullTruth {
                    page.take_away(self.unseen().await?);
                }
                return self.publish(&page, cursor.as_deref()).await;
            };
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorCode::Cancelled, "the sync was cancelled"));
            }
            let called = call(self.shared, PULL, self.pull_body(Some(&next)));
            let staged = self.stage(&page, cursor.as_deref(), &next);
            let (staged, called) = both(staged, called).await;
            staged?;
            answer = self.account(called)?;
            cursor = Some(next);
        }
    }

    fn pull_body(&self, cursor: Option<&str>) -> String {
        let mut request = self.request(PULL_BYTES);
        ask(&mut request, cursor);
        request.finish()
    }

    /// Notes what a page answers and brings.
    pub(super) fn count(&mut self, page: &PulledPage) {
        for (row, answer) in &page.answers {
            // What is shown of a record is no answer to what was refused of it.
            if let Some(sent) = self.outgoing.sent.get_mut(row)
                && self.refused.get(row).is_none()
            {
                sent.answer = Some(answer.clone());
            }
        }
        if self.mode == Mode::PullTruth {
            page.add_rows(&mut self.seen);
        }
        // A push that the network repeats moves the session's end once more.
        self.max_checkin = self.max_checkin.max(page.newest);
        self.report.pulled += page.pulled;
        self.report.deleted += page.deleted;
    }

    /// The confirmed rows that did not come.
    async fn unseen(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        sort_by(&mut self.seen, Ord::cmp);
        let (mut unseen, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let read =
                |view: View<'_>| rows_after(&view, &[&view.root.confirmed], after.as_deref());
            let rows = self.shared.look(read).await?;
            let is_last = rows.len() < ROWS_READ;
            after = rows.last().cloned();
            for row in rows {
                if self.seen.binary_search(&row).is_err() {
                    unseen.push(row);
                }
            }
            if is_last {
                return Ok(unseen);
            }
        }
    }

    /// Applies a page where nobody sees it yet, and keeps where the next starts.
    async fn stage(&self, page: &PulledPage, at: Option<&str>, next: &str) -> Result<(), Error> {
        let at = at.filter(|_| !self.is_apart());
        self.shared
            .apply(&mut |database| {
                database.check_fence(self.attempt)?;
                database.begin_staged(self.start, at)?;
                page.apply(database)?;
                if !self.is_apart() {
                    database.keep_cursor(next);
                }
                database.root.attempts = [self.attempt].into();
                Ok(())
            })
            .await
    }

    pub(super) async fn publish(
        &mut self,
        page: &PulledPage,
        at: Option<&str>,
    ) -> Result<bool, Error> {
        let at = at.filter(|_| !self.is_apart());
        let code = if self.lessons.is_truth_pushed {
            "truth_pushed"
        } else {
            "pull_truth"
        };
        let truth_taken = self.takes_truth().then_some((self.sent, code));
        let published = self
            .shared
            .change(|database| {
                database.check_fence(self.attempt)?;
                database.begin_staged(self.start, at)?;
                page.apply(database)?;
                database.root.attempts = [self.attempt].into();
                if let Some(last_sync) = self.applied_up_to() {
                    database.root.last_sync = Some(last_sync);
                }
                publish(
                    database,
                    &Publication {
                        outgoing: &self.outgoing,
                        refused: &self.refused,
                        truth_taken,
                    },
                )
            })
            .await?;
        if !published.remapped.is_empty() {
            self.tell(Event::Remap(published.remapped));
        }
        self.report.rejected += published.set_aside.len() as u64;
        if !published.set_aside.is_empty() {
            self.tell(Event::Rejected(published.set_aside));
        }
        Ok(self
            .refused
            .values()
            .iter()
            .any(|(_, problem)| problem.code == Code::NeedWhole))
    }
}

/// Runs two futures to their ends, side by side.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}
