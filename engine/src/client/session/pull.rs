//! Pull: the window of the truth, page by page, and its publication.
//!
//! The next page is on its way while this one is applied. All but the last are staged; the
//! last is applied, and everything published, in one commit.

use alloc::string::{String, ToString};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use tidemark_protocol::{Code, PullAnswer, Ridden, SessionId};

use super::{Session, call};
use crate::client::doc::write_text;
use crate::client::publish::{Publication, publish};
use crate::client::pulled::{PulledPage, read_page};
use crate::client::{Environment, Error, ErrorCode, Event, Phase, reply};

/// The body of a pull, riding or not.
pub(super) fn request(sync_uuid: Option<SessionId>, cursor: Option<&str>) -> String {
    let mut body = String::from("{");
    if let Some(sync_uuid) = sync_uuid {
        body.push_str("\"sync_uuid\":");
        write_text(&mut body, &sync_uuid.to_string());
        body.push(',');
    }
    body.push_str("\"cursor\":");
    match cursor {
        Some(cursor) => write_text(&mut body, cursor),
        None => body.push_str("null"),
    }
    body.push('}');
    body
}

impl<E: Environment> Session<'_, E> {
    /// Pulls to the end of the window and publishes it; true: some records were refused for
    /// now because the server wants them whole.
    pub(super) async fn pull(&mut self, first: Option<Ridden<PullAnswer>>) -> Result<bool, Error> {
        self.phase(Phase::Pulling);
        let mut cursor = self.shared.current().root.cursor().map(ToString::to_string);
        let mut answer: PullAnswer = match first {
            Some(ridden) => reply::ridden(ridden)?,
            None => {
                let body = request(self.sync_uuid, cursor.as_deref());
                reply::read(&self.call("/v1/sync/pull", body).await?)?
            }
        };
        let mut done = 0;
        loop {
            done += answer.records.len() as u64;
            self.progress(done, done + answer.remaining);
            let page = read_page(answer.records, &self.outgoing)?;
            self.count(&page);
            let Some(next) = answer.cursor else {
                return self.publish(&page, cursor.as_deref()).await;
            };
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorCode::Cancelled, "the sync was cancelled"));
            }
            let body = request(self.sync_uuid, Some(&next));
            let called = call(self.shared, "/v1/sync/pull", body);
            let staged = self.stage(&page, cursor.as_deref(), &next);
            let (staged, called) = both(staged, called).await;
            staged?;
            answer = reply::read(&self.account(called)?)?;
            cursor = Some(next);
        }
    }

    /// Notes what a page answers and brings.
    fn count(&mut self, page: &PulledPage) {
        for (row, answer) in &page.answers {
            if let Some(sent) = self.outgoing.sent.get_mut(row) {
                sent.answer = Some(answer.clone());
            }
        }
        self.report.pulled += page.pulled;
        self.report.deleted += page.deleted;
        if !page.conflicts.is_empty() {
            self.tell(Event::Conflict(page.conflicts.clone()));
        }
    }

    /// Applies a page where nobody sees it yet, and keeps where the next starts.
    async fn stage(&self, page: &PulledPage, at: Option<&str>, next: &str) -> Result<(), Error> {
        self.shared
            .change(|database| {
                database.check_fence(self.attempt)?;
                database.begin_staged(self.start, at)?;
                page.apply(database)?;
                database.keep_cursor(next);
                database.root.attempts = [self.attempt].into();
                Ok(())
            })
            .await
    }

    async fn publish(&mut self, page: &PulledPage, at: Option<&str>) -> Result<bool, Error> {
        let published = self
            .shared
            .change(|database| {
                database.check_fence(self.attempt)?;
                database.begin_staged(self.start, at)?;
                page.apply(database)?;
                database.root.attempts = [self.attempt].into();
                database.root.last_sync = self.max_checkin;
                publish(
                    database,
                    &Publication {
                        outgoing: &self.outgoing,
                        refused: &self.refused,
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
