//! Finish and cancel: the two ways in which a session ends on purpose.

use tidemark_engine::{
    fingerprint::DatastoreFingerprint,
    truth::{self, Exception, FinishView},
};
use tidemark_protocol::{
    CancelAnswer, CancelRequest, Checkin, FinishAnswer, FinishRequest, Problem, SessionId,
};

use super::{Caller, Service, open::expected};
use crate::store::{Change, Datastore, Session};

impl Service {
    pub(super) async fn finish_session(
        &self,
        caller: &Caller,
        id: SessionId,
        request: FinishRequest,
    ) -> Result<FinishAnswer, Problem> {
        let now = self.now()?;
        let mut change = self.inner.store.change().await?;
        let mut session = self.alive(&mut change, caller, id, now).await?;
        session.touched = now.micros();
        let datastore = change.datastore(&session.datastore).await?;
        let last_sync = last_sync_after(&mut change, &session, &request).await?;
        settle_acks(&mut change, &session, last_sync).await?;

        let mut in_sync = is_in_sync(&mut change, &session, &request, last_sync).await?;
        if !in_sync && session.flow.mirrors_up() {
            // What the truth was made equal to may be more than the device was ever sent.
            let end = Some(session.max_checkin);
            in_sync = is_in_sync(&mut change, &session, &request, end).await?;
        }
        change.finish_device(&session, last_sync, &request).await?;
        if in_sync {
            change.clear_reset(&session).await?;
            change.end_session(&session).await?;
        } else {
            tell_mismatch(&session, &datastore, last_sync);
            let is_answered = if session.flow.sends_down() {
                last_sync == Some(session.max_checkin)
            } else {
                session.remaining == Some(0)
            };
            if is_answered {
                // All that was pushed is answered; the next pull answers what is pushed from now on.
                change.forget_answers(&session).await?;
            }
            session.last_sync = last_sync;
            (session.from, session.pulled, session.remaining) = (None, None, None);
            session.acked = false;
            change.forget_told(&session).await?;
            change.update_session(&session).await?;
        }
        change.commit().await?;
        Ok(FinishAnswer {
            in_sync,
            last_sync,
            conflicts: Some(datastore.conflicts),
        })
    }

    pub(super) async fn cancel_session(
        &self,
        caller: &Caller,
        request: CancelRequest,
    ) -> Result<CancelAnswer, Problem> {
        let now = self.now()?;
        let mut change = self.inner.store.change().await?;
        let session = self
            .alive(&mut change, caller, request.sync_uuid, now)
            .await?;
        change.end_session(&session).await?;
        change.commit().await?;
        Ok(CancelAnswer { cancelled: true })
    }
}

/// Whether the device holds what is expected of it at a checkin.
async fn is_in_sync(
    change: &mut Change,
    session: &Session,
    request: &FinishRequest,
    at: Option<Checkin>,
) -> Result<bool, Problem> {
    let datastore = &session.datastore;
    let truth = match at {
        Some(at) => change.commit_at(datastore, at).await?.flatten(),
        None => Some(DatastoreFingerprint::EMPTY),
    };
    let Some(truth) = truth else {
        return Ok(false);
    };
    let expected = expected(change, datastore, session.device, at, truth).await?;
    truth::is_in_sync(request, expected)
}

async fn last_sync_after(
    change: &mut Change,
    session: &Session,
    request: &FinishRequest,
) -> Result<Option<Checkin>, Problem> {
    let is_issued = match request.last_update {
        Some(told) => change.commit_at(&session.datastore, told).await?.is_some(),
        None => true,
    };
    let last_sync = if session.flow.sends_down() {
        let device = change.device(&session.datastore, session.device).await?;
        device.and_then(|device| device.last_sync)
    } else {
        session.last_sync
    };
    let view = FinishView {
        max_checkin: session.max_checkin,
        is_issued,
        last_sync,
        flow: session.flow,
    };
    truth::last_sync_after(request, &view)
}

/// Turns what the session was sent and acked into the device's exceptions.
async fn settle_acks(
    change: &mut Change,
    session: &Session,
    last_sync: Option<Checkin>,
) -> Result<(), Problem> {
    let pulled = change.pulled(session, last_sync).await?;
    let exceptions: Vec<Exception> = pulled
        .iter()
        .filter_map(|(pulled, ack)| {
            truth::acknowledge(pulled, ack.as_ref(), session.acked, last_sync)
        })
        .collect();
    Ok(change.keep_exceptions(session, &exceptions).await?)
}

fn tell_mismatch(session: &Session, datastore: &Datastore, last_sync: Option<Checkin>) {
    tracing::warn!(
        device = %session.device,
        datastore = datastore.id,
        last_sync = last_sync.map(tracing::field::display),
        "a device's fingerprint is not the expected one"
    );
}
