//! Phases riding together: each call's own answer, then those of the phases it carries.
//!
//! A riding phase that fails leaves its problem under its name and the later ones undone.
//! Nothing rides after a staged answer, nor on an open that opens no session.

use tidemark_protocol::{
    FinishAnswer, FinishRequest, OpenAnswer, OpenRequest, Previous, Problem, PullAnswer,
    PullRequest, PushAnswer, PushOutcome, PushRequest, Ridden, SessionId,
};

use super::{Caller, Service, problem::malformed};

/// What a phase's answer becomes under its name, and whether later phases may be done.
fn ridden<T>(result: Result<T, Problem>) -> (Option<Ridden<T>>, bool) {
    match result {
        Ok(answer) => (Some(Ridden::Done(answer)), true),
        Err(problem) => (Some(Ridden::Failed(problem)), false),
    }
}

/// A rider belongs to its carrier's session, and may say so.
fn join(named: &mut Option<SessionId>, carrier: SessionId) -> Result<(), Problem> {
    match named.replace(carrier) {
        Some(other) if other != carrier => Err(malformed(
            "A phase that rides belongs to the session of the call that carries it.",
        )),
        _ => Ok(()),
    }
}

/// The session that a call of its own names.
pub(super) fn named(session: Option<SessionId>) -> Result<SessionId, Problem> {
    session.ok_or_else(|| malformed("Name the session as \"sync_uuid\"."))
}

impl Service {
    pub(super) async fn ride_open(
        &self,
        caller: &Caller,
        mut request: OpenRequest,
    ) -> Result<OpenAnswer, Problem> {
        let previous = match request.previous.take() {
            Some(previous) => Some(self.finish_previous(caller, previous).await),
            None => None,
        };
        let mut answer = self.open_session(caller, &request).await?;
        answer.previous = previous;
        let Some(session) = answer.sync_uuid else {
            return Ok(answer);
        };
        if let Some(push) = request.push {
            let (ridden, go_on) = self.ride_push_on(caller, session, push).await;
            answer.push = ridden;
            if !go_on {
                return Ok(answer);
            }
        }
        (answer.pull, answer.finish) = self
            .ride_rest_on(caller, session, request.pull, request.finish)
            .await;
        Ok(answer)
    }

    pub(super) async fn ride_push(
        &self,
        caller: &Caller,
        mut request: PushRequest,
    ) -> Result<PushAnswer, Problem> {
        let session = named(request.sync_uuid)?;
        let (pull, finish) = (request.pull.take(), request.finish.take());
        let outcome = self.push_batch(caller, session, request).await?;
        let mut answer = PushAnswer {
            outcome,
            pull: None,
            finish: None,
        };
        if matches!(answer.outcome, PushOutcome::Mingled(_)) {
            (answer.pull, answer.finish) = self.ride_rest_on(caller, session, pull, finish).await;
        }
        Ok(answer)
    }

    pub(super) async fn ride_pull(
        &self,
        caller: &Caller,
        mut request: PullRequest,
    ) -> Result<PullAnswer, Problem> {
        let session = named(request.sync_uuid)?;
        let finish = request.finish.take();
        let mut answer = self.pull_page(caller, session, request).await?;
        if let Some(finish) = finish {
            answer.finish = self.ride_finish_on(caller, session, finish).await.0;
        }
        Ok(answer)
    }

    async fn finish_previous(&self, caller: &Caller, previous: Previous) -> Ridden<FinishAnswer> {
        let Previous {
            sync_uuid,
            mut finish,
        } = previous;
        let result = match join(&mut finish.sync_uuid, sync_uuid) {
            Ok(()) => self.finish_session(caller, sync_uuid, finish).await,
            Err(problem) => Err(problem),
        };
        match result {
            Ok(answer) => Ridden::Done(answer),
            Err(problem) => Ridden::Failed(problem),
        }
    }

    /// A push that rides on an open; it may carry riders of its own.
    async fn ride_push_on(
        &self,
        caller: &Caller,
        session: SessionId,
        mut push: PushRequest,
    ) -> (Option<Ridden<PushAnswer>>, bool) {
        if let Err(problem) = join(&mut push.sync_uuid, session) {
            return ridden(Err(problem));
        }
        let (ridden, done) = ridden(self.ride_push(caller, push).await);
        let staged = matches!(
            &ridden,
            Some(Ridden::Done(answer)) if matches!(answer.outcome, PushOutcome::Staged(_))
        );
        (ridden, done && !staged)
    }

    async fn ride_rest_on(
        &self,
        caller: &Caller,
        session: SessionId,
        pull: Option<PullRequest>,
        finish: Option<FinishRequest>,
    ) -> (Option<Ridden<PullAnswer>>, Option<Ridden<FinishAnswer>>) {
        let mut pulled = None;
        if let Some(mut pull) = pull {
            let result = match join(&mut pull.sync_uuid, session) {
                Ok(()) => self.ride_pull(caller, pull).await,
                Err(problem) => Err(problem),
            };
            let (answer, go_on) = ridden(result);
            pulled = answer;
            if !go_on {
                return (pulled, None);
            }
        }
        let mut finished = None;
        if let Some(finish) = finish {
            finished = self.ride_finish_on(caller, session, finish).await.0;
        }
        (pulled, finished)
    }

    async fn ride_finish_on(
        &self,
        caller: &Caller,
        session: SessionId,
        mut finish: FinishRequest,
    ) -> (Option<Ridden<FinishAnswer>>, bool) {
        match join(&mut finish.sync_uuid, session) {
            Ok(()) => ridden(self.finish_session(caller, session, finish).await),
            Err(problem) => ridden(Err(problem)),
        }
    }
}
