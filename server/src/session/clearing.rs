//! Deletions that no push tells: of what a device that replaces the truth does not name, and of
//! what one that is compared does not hold. Each in one commit, a slice at a time, behind the
//! airbag.

use std::collections::HashSet;

use tidemark_engine::truth::{Claim, Exception, Held, Mingle, Named, Resolved, rejected_ids};
use tidemark_protocol::{Checkin, Key, Mode, Problem, ReconcileAnswer};

use super::{Commit, Service, push::SLICE_RECORDS, reconcile::record};
use crate::store::{Change, Session};

/// So many live records are looked at at once for those that a push does not name.
const SLICE_KEYS: u32 = 2000;

impl Service {
    /// Deletes what a session's reconciling has gathered, all calls together, and tells it in the
    /// answer; the commit to tell to others.
    pub(super) async fn delete_gathered(
        &self,
        change: &mut Change,
        session: &mut Session,
        is_confirmed: bool,
        now: Checkin,
        answer: &mut ReconcileAnswer,
    ) -> Result<Option<Commit>, Problem> {
        let gathered = change.gathered(session).await?;
        if gathered.is_empty() {
            return Ok(None);
        }
        let (mut mingle, tick) = self
            .begin(change, session, is_confirmed, now, Vec::new())
            .await?;
        mingle.weigh_again(session.deleted);
        let made = mingle.made();
        let keys: Vec<Key> = gathered.iter().map(|(key, _)| key.clone()).collect();
        let claims = gathered.into_iter();
        let mut claims = claims.map(|(key, base)| Claim::deleting(key, base));
        loop {
            let slice: Vec<Claim> = claims.by_ref().take(SLICE_RECORDS).collect();
            if slice.is_empty() {
                break;
            }
            let view = change
                .view(&session.datastore, session.device, &slice)
                .await?;
            let mut writes = mingle.clear(slice, &view);
            // The answer tells what became of it.
            writes.answers.clear();
            let deleted = writes.versions.iter().map(|new| new.version.key.clone());
            answer.deleted.extend(deleted);
            change.write(session, made, tick, &writes).await?;
        }
        let closed = mingle.close().map_err(Held::problem)?;
        change.forget_gathered(session).await?;
        if let Some(commit) = &closed.commit {
            let datastore = &session.datastore;
            change
                .commit_push(datastore, session.device, commit)
                .await?;
            session.max_checkin = commit.checkin;
            session.remaining = None;
            session.deleted += answer.deleted.len() as u64;
            answer.max_checkin = Some(commit.checkin);
            let told: Vec<&Key> = answer.deleted.iter().collect();
            change.keep_reconciled(session, &told, &[]).await?;
        }
        self.give_back(change, session, &keys, answer).await?;
        Ok(closed.commit.map(|commit| Commit {
            datastore: session.datastore.clone(),
            checkin: commit.checkin,
            device: session.device,
        }))
    }

    /// Sends what has survived its deletion, as far as the answer has room: the device has
    /// nothing of it. Where nothing flows down it stays owed to it.
    async fn give_back(
        &self,
        change: &mut Change,
        session: &Session,
        keys: &[Key],
        answer: &mut ReconcileAnswer,
    ) -> Result<(), Problem> {
        let limits = &self.inner.settings.limits;
        let gone: HashSet<&Key> = answer.deleted.iter().collect();
        let survives = keys.iter().filter(|key| !gone.contains(key));
        if !session.flow.sends_down() {
            let survives: Vec<&Key> = survives.collect();
            let shown = change.versions_of(session, &survives, u64::MAX).await?;
            let owed = shown.into_iter().map(|shown| Exception {
                key: shown.version.key,
                checkin: shown.version.checkin,
                held: None,
                is_owed: true,
            });
            let owed: Vec<Exception> = owed.collect();
            return Ok(change.note_exceptions(session, &owed).await?);
        }
        let room = (limits.pull_records as usize).saturating_sub(answer.records.len());
        let survives: Vec<&Key> = survives.take(room).collect();
        let shown = change
            .versions_of(session, &survives, limits.body_bytes)
            .await?;
        let records: Vec<_> = shown.into_iter().map(record).collect();
        let told: Vec<&Key> = records.iter().map(|record| &record.key).collect();
        change.keep_reconciled(session, &told, &[]).await?;
        answer.records.extend(records);
        Ok(())
    }
}

/// The keys that a push names which the truth is to become.
pub(super) async fn named(
    change: &mut Change,
    session: &Session,
    resolved: &Resolved,
) -> Result<Option<Named>, Problem> {
    if session.mode != Mode::PushTruth {
        return Ok(None);
    }
    let ids = rejected_ids(&resolved.rejected);
    let known = change.keys_of(&session.datastore, &ids).await?;
    let named = Named::of(&resolved.claims, &resolved.rejected, known);
    Ok(Some(named))
}

/// Deletes what lives and is not named.
pub(super) async fn clear_unnamed(
    change: &mut Change,
    session: &Session,
    mut mingle: Mingle,
    tick: u64,
    named: &Named,
) -> Result<Mingle, Problem> {
    let made = mingle.made();
    let mut after = String::new();
    loop {
        let live = change
            .live_after(&session.datastore, &after, SLICE_KEYS)
            .await?;
        let Some(last) = live.last() else {
            return Ok(mingle);
        };
        after = last.to_string();
        let missing = named.missing(live, made.checkin);
        let view = change
            .view(&session.datastore, session.device, &missing)
            .await?;
        let mut writes = mingle.clear(missing, &view);
        if session.flow.sends_down() {
            // The window tells it.
            writes.answers.clear();
        }
        change.write(session, made, tick, &writes).await?;
    }
}
