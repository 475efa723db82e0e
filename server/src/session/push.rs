//! Push: batches are staged until one closes the push, which is then mingled into the truth in
//! one atomic change, a slice at a time, so that its size is bounded by the disk and not by
//! memory.

use serde_json::value::RawValue;
use tidemark_engine::faults::{Fault, is_planted};
use tidemark_engine::truth::{Claim, Held, Mark, Mingle, Push, Pusher, Resolved, View, Writes};
use tidemark_protocol::{
    Checkin, Code, Key, Mode, Problem, PushOutcome, PushRequest, PushSummary, Rejection, SessionId,
};

use super::{
    Caller, Commit, Service,
    clearing::{clear_unnamed, named},
    problem::clock_ran_out,
    refresh::{doubt_bases, match_equal},
};
use crate::store::{Change, Session, StoreError};

/// So many records are compared with the truth at once.
pub(super) const SLICE_RECORDS: usize = 2000;

/// A closing batch, and what else came with it.
struct Closing {
    seq: u32,
    records: Vec<Box<RawValue>>,
    is_confirmed: bool,
}

/// What a push came to.
struct Mingled {
    summary: PushSummary,
    commit: Option<tidemark_engine::truth::Commit>,
    /// It said nothing that its session had not said before: its first answer is on its way, or lost.
    is_repeat: bool,
}

impl Service {
    pub(super) async fn push_batch(
        &self,
        caller: &Caller,
        session: SessionId,
        request: PushRequest,
    ) -> Result<PushOutcome, Problem> {
        self.check_batch(&request)?;
        let now = self.now()?;
        if request.more {
            return self.stage_batch(caller, session, request, now).await;
        }
        let mut change = self.inner.store.change().await?;
        let mut session = self.alive(&mut change, caller, session, now).await?;
        session.flow.may_push(session.mode)?;
        let closing = Closing {
            seq: request.seq,
            records: request.records,
            is_confirmed: request.confirm,
        };
        let Mingled {
            mut summary,
            commit,
            is_repeat,
        } = self.mingle(&mut change, &session, closing, now).await?;
        if session.mode == Mode::PushTruth {
            let mark = Mark {
                checkin: summary.max_checkin,
                device: session.device,
            };
            change.mark(&session, mark).await?;
            // What it pushes from now on is a part of what it holds, not all of it.
            session.mode = Mode::Repair;
        }
        if is_repeat {
            // What the device was told already stands, and the pages of its window.
            summary.max_checkin = session.max_checkin;
        }
        session.max_checkin = summary.max_checkin;
        session.remaining = None;
        session.touched = now.micros();
        change.unstage(&session).await?;
        change.update_session(&session).await?;
        change.commit().await?;
        if commit.is_some() {
            self.tell(&Commit {
                datastore: session.datastore,
                checkin: summary.max_checkin,
                device: session.device,
            });
        }
        Ok(PushOutcome::Mingled(summary))
    }

    fn check_batch(&self, request: &PushRequest) -> Result<(), Problem> {
        let records_max = self.inner.settings.limits.push_records;
        if request.records.len() > records_max as usize {
            return Err(Problem::new(
                Code::TooLarge,
                format!("A batch holds at most {records_max} records: send more batches."),
            ));
        }
        Ok(())
    }

    async fn stage_batch(
        &self,
        caller: &Caller,
        session: SessionId,
        request: PushRequest,
        now: Checkin,
    ) -> Result<PushOutcome, Problem> {
        let text = serde_json::to_string(&request.records).map_err(|error| unreadable(&error))?;
        let mut change = self.inner.store.change().await?;
        let mut session = self.alive(&mut change, caller, session, now).await?;
        session.flow.may_push(session.mode)?;
        let staged = change
            .stage(&session, request.seq, request.records.len(), &text)
            .await?;
        session.touched = now.micros();
        change.update_session(&session).await?;
        change.commit().await?;
        Ok(PushOutcome::Staged(staged))
    }

    async fn mingle(
        &self,
        change: &mut Change,
        session: &Session,
        closing: Closing,
        now: Checkin,
    ) -> Result<Mingled, Problem> {
        let is_confirmed = closing.is_confirmed;
        let push = judge(change, session, closing, now).await?;
        let resolved = resolve(change, session, push).await?;
        let was_said = was_said(change, session, &resolved).await?;
        let named = named(change, session, &resolved).await?;

        let (mut mingle, tick) = self
            .begin(change, session, is_confirmed, now, resolved.rejected)
            .await?;
        let made = mingle.made();
        let mut claims = resolved.claims.into_iter();
        loop {
            let slice: Vec<Claim> = claims.by_ref().take(SLICE_RECORDS).collect();
            if slice.is_empty() {
                break;
            }
            let view = change
                .view(&session.datastore, session.device, &slice)
                .await?;
            let (next, writes) = decide(mingle, slice, view).await?;
            mingle = next;
            change.write(session, made, tick, &writes).await?;
        }
        if let Some(named) = named {
            mingle = clear_unnamed(change, session, mingle, tick, &named).await?;
        }
        let closed = mingle.close().map_err(Held::problem)?;
        if let Some(commit) = &closed.commit {
            change
                .commit_push(&session.datastore, session.device, commit)
                .await?;
        }
        Ok(Mingled {
            is_repeat: was_said && closed.commit.is_none(),
            summary: closed.summary,
            commit: closed.commit,
        })
    }

    /// Begins a mingle of what a session does, on the truth's head; and the device's tick.
    pub(super) async fn begin(
        &self,
        change: &mut Change,
        session: &Session,
        is_confirmed: bool,
        now: Checkin,
        rejected: Vec<Rejection>,
    ) -> Result<(Mingle, u64), Problem> {
        let datastore = change.datastore(&session.datastore).await?;
        let device = change.device(&session.datastore, session.device).await?;
        let head = datastore.truth_head();
        let pusher = Pusher {
            device: session.device,
            now,
            random: self.random_behind(now, head.checkin),
            is_confirmed,
            doubted_up_to: session.doubted_up_to,
            overrides: session.flow.overrides(session.mode),
            weighs: session.flow.weighs(session.mode),
        };
        let mingle = Mingle::new(head, pusher, self.rules(&datastore), rejected);
        let tick = device.map_or(0, |device| device.tick) + 1;
        Ok((mingle.ok_or_else(clock_ran_out)?, tick))
    }
}

/// Brings what was pushed under its keys, in the order of keys.
async fn resolve(change: &mut Change, session: &Session, push: Push) -> Result<Resolved, Problem> {
    let local_ids: Vec<_> = push.local_ids().collect();
    let derived: Vec<_> = push.derived_keys().collect();
    let known = change
        .local_keys(&session.datastore, &local_ids, &derived)
        .await?;
    drop((local_ids, derived));
    let mut resolved = push.resolve(known);
    let asked_for = change.asked_for(session).await?;
    let claims = resolved.claims.iter_mut();
    claims
        .filter(|_| session.holds_to_the_truth())
        .filter(|claim| asked_for.contains(claim.key()))
        .for_each(Claim::ask_for);
    if session.mode == Mode::Refresh {
        match_equal(change, session, &mut resolved.claims).await?;
    }
    doubt_bases(change, session, &mut resolved.claims).await?;
    // The tables are ordered by key: written in their order, their pages fill one by one.
    resolved
        .claims
        .sort_unstable_by(|one, other| one.key().cmp(other.key()));
    Ok(resolved)
}

/// Whether its session has pushed all of this before. A push of nothing is none: it moves the end.
async fn was_said(
    change: &mut Change,
    session: &Session,
    resolved: &Resolved,
) -> Result<bool, Problem> {
    let keys: Vec<&Key> = resolved.claims.iter().map(Claim::key).collect();
    if keys.is_empty() || !change.has_pushed(session).await? {
        return Ok(false);
    }
    let answered = change.answered(session, &keys).await?;
    Ok(keys.iter().all(|key| answered.contains(*key)))
}

/// Judges the staged batches and the closing one, in the order of their places.
async fn judge(
    change: &mut Change,
    session: &Session,
    closing: Closing,
    now: Checkin,
) -> Result<Push, Problem> {
    let mut push = Push::new(session.device, now);
    let mut seqs = change.staged_seqs(session).await?;
    seqs.retain(|seq| *seq != closing.seq);
    let closing_place = seqs.partition_point(|seq| *seq < closing.seq);
    for seq in &seqs[..closing_place] {
        push = judge_staged(push, change.staged(session, *seq).await?).await?;
        if is_planted(Fault::StagedTwice) {
            push = judge_staged(push, change.staged(session, *seq).await?).await?;
        }
    }
    push = aside(move || {
        for record in closing.records {
            push.add(record.get());
        }
        push
    })
    .await?;
    for seq in &seqs[closing_place..] {
        push = judge_staged(push, change.staged(session, *seq).await?).await?;
    }
    Ok(push)
}

async fn judge_staged(mut push: Push, batch: String) -> Result<Push, Problem> {
    aside(move || {
        let records: Vec<&RawValue> =
            serde_json::from_str(&batch).map_err(|error| unreadable(&error))?;
        for record in records {
            push.add(record.get());
        }
        Ok(push)
    })
    .await?
}

async fn decide(
    mut mingle: Mingle,
    slice: Vec<Claim>,
    view: View,
) -> Result<(Mingle, Writes), Problem> {
    aside(move || {
        let writes = mingle.decide(slice, &view);
        (mingle, writes)
    })
    .await
}

/// Hashing and comparing takes long enough to hold up other calls: it goes to a thread of its
/// own.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a push could not be judged");
        Problem::new(Code::Internal, "The server failed; its log says why.")
    })
}

fn unreadable(error: &serde_json::Error) -> Problem {
    StoreError::Corrupt {
        what: "staged batch",
        detail: error.to_string(),
    }
    .into()
}
