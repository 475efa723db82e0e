//! Reconcile: ranges of keys compared by their fingerprints, at the session's moment of the truth.

use tidemark_engine::truth::{
    Answer, Before, Comparing, Deviations, Difference, Evidence, Holding, Item, Span, Step, Sum,
    Told, Verdict, differences, narrowed, read_ranges, show,
};
use tidemark_protocol::{
    Checkin, Key, Limits, Problem, ReconcileAnswer, ReconcileRange, ReconcileRequest, ServerRecord,
};

use super::{Caller, Service};
use crate::store::{Datastore, RangeSums, Session, Shown, Snapshot};

/// About how many bytes a range takes on the wire, and an item.
const RANGE_BYTES: u64 = 200;
const ITEM_BYTES: u64 = 80;

/// A range that holds more is cut without reading its rows.
const ROWS_MAX: u64 = 4096;

/// Into no more parts than this.
const PARTS_MAX: usize = 64;

/// A call being answered.
struct Talk {
    snapshot: Snapshot,
    session: Session,
    sums: RangeSums,
    deviations: Deviations,
    comparing: Comparing,
    /// The moment that is compared.
    at: Checkin,
    before: Before,
    limits: Limits,
    answer: ReconcileAnswer,
    /// What the device does not hold and is to be deleted, as it knew it.
    deletes: Vec<(Key, Option<Checkin>)>,
    bytes: u64,
}

impl Service {
    pub(super) async fn reconcile_ranges(
        &self,
        caller: &Caller,
        request: ReconcileRequest,
    ) -> Result<ReconcileAnswer, Problem> {
        let limits = self.inner.settings.limits;
        let confirm = request.confirm;
        let ranges = read_ranges(request.ranges, limits.pull_records)?;
        let now = self.now()?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let session = self
            .alive(&mut snapshot, caller, request.sync_uuid, now)
            .await?;
        drop(snapshot);
        self.fold_if_far(&session.datastore).await?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let datastore = snapshot.datastore(&session.datastore).await?;
        let comparing = comparing(&datastore, &session);
        let at = compared_at(&session, comparing);
        let sums = snapshot.range_sums(&datastore, at).await?;
        let deviations = deviations(&mut snapshot, &session, at).await?;
        let before = before(&mut snapshot, &session, comparing).await?;
        let mut talk = Talk {
            snapshot,
            session,
            sums,
            deviations,
            comparing,
            at,
            before,
            limits,
            answer: ReconcileAnswer::default(),
            deletes: Vec::new(),
            bytes: 0,
        };
        for told in ranges {
            talk.take(told).await?;
        }
        let (mut answer, deletes) = (talk.answer, talk.deletes);
        drop(talk.snapshot);

        // Sent only if the session still lives; what was sent is kept for its acks, and what was
        // asked for until it is pushed.
        let mut change = self.inner.store.change().await?;
        let mut session = self
            .alive(&mut change, caller, request.sync_uuid, now)
            .await?;
        let records = answer.records.iter().map(|record| &record.key);
        let told: Vec<&Key> = records.chain(&answer.drop).collect();
        change
            .keep_reconciled(&session, &told, &answer.send)
            .await?;
        change.gather(&session, &deletes).await?;
        let mut commit = None;
        if comparing.deletes() && answer.ranges.is_empty() {
            commit = self
                .delete_gathered(&mut change, &mut session, confirm, now, &mut answer)
                .await?;
        }
        session.touched = now.micros();
        change.update_session(&session).await?;
        change.commit().await?;
        if let Some(commit) = commit {
            self.tell(&commit);
        }
        Ok(answer)
    }
}

fn comparing(datastore: &Datastore, session: &Session) -> Comparing {
    let is_told = session
        .since
        .is_some_and(|at| Some(at) >= datastore.fingerprints_from);
    Comparing::of(session.mode, session.flow, is_told)
}

/// The session's moment; where nothing is to flow down, and what was held before tells what was
/// changed, that before: what others did since is no difference.
fn compared_at(session: &Session, comparing: Comparing) -> Checkin {
    let is_upwards = comparing == Comparing::Since && !session.flow.sends_down();
    let since = session.since.filter(|_| is_upwards);
    since.unwrap_or(session.max_checkin)
}

/// Where the device may differ from the truth at the moment that is compared. A truth that mirrors it is
/// made equal also where it has not taken what it was sent.
async fn deviations(
    snapshot: &mut Snapshot,
    session: &Session,
    at: Checkin,
) -> Result<Deviations, Problem> {
    let mut exceptions = snapshot
        .exceptions(&session.datastore, session.device, Some(at))
        .await?;
    exceptions.retain(|(exception, _)| !(session.flow.mirrors_up() && exception.is_owed));
    Ok(Deviations::new(exceptions))
}

/// Where it differed from the truth at its `last_sync`, if that is what is compared with: the one
/// that it opened with, so that what it was sent since and does not hold is never taken for deleted.
async fn before(
    snapshot: &mut Snapshot,
    session: &Session,
    comparing: Comparing,
) -> Result<Before, Problem> {
    let at = session.since;
    let exceptions = if comparing.deletes() {
        snapshot
            .exceptions(&session.datastore, session.device, at)
            .await?
    } else {
        Vec::new()
    };
    Ok(Before::new(at, exceptions))
}

impl Talk {
    /// Answers what one range comes to.
    async fn take(&mut self, told: Told) -> Result<(), Problem> {
        let expected = self.expected(&told.span).await?;
        match (told.step(expected), told.holding) {
            (Step::Same, _) => Ok(()),
            (Step::Decide, Holding::Items(held)) if self.has_room() => {
                self.decide(told.span, &held).await
            }
            (Step::Narrow, _) if self.has_room() => self.narrow(told.span, expected).await,
            _ => {
                self.tell(told.span.with_sum(expected));
                Ok(())
            }
        }
    }

    fn has_room(&self) -> bool {
        let most = self.limits.pull_records as usize;
        self.answer.records.len() < most
            && self.answer.ranges.len() < most
            && self.bytes < self.limits.body_bytes
    }

    fn tell(&mut self, range: ReconcileRange) {
        let items = range.items.as_ref().map_or(0, Vec::len);
        self.bytes += RANGE_BYTES + ITEM_BYTES * items as u64;
        self.answer.ranges.push(range);
    }

    /// What is expected of the device in a range.
    async fn expected(&mut self, span: &Span) -> Result<Sum, Problem> {
        let (datastore, sums) = (&self.session.datastore, &mut self.sums);
        let truth = self.snapshot.range_sum(datastore, span, sums).await?;
        Ok(self.deviations.over(span, truth))
    }

    async fn items(&mut self, span: &Span) -> Result<Vec<Item>, Problem> {
        let (datastore, sums) = (&self.session.datastore, &self.sums);
        Ok(self.snapshot.range_items(datastore, span, sums).await?)
    }

    async fn narrow(&mut self, span: Span, expected: Sum) -> Result<(), Problem> {
        if expected.count > ROWS_MAX && self.cut(&span).await? {
            return Ok(());
        }
        let truth = self.items(&span).await?;
        let expected = self.deviations.items(&span, truth);
        for range in narrowed(span, &expected) {
            self.tell(range);
        }
        Ok(())
    }

    /// Cuts a large range where that takes no reading of its rows, if it can be.
    async fn cut(&mut self, span: &Span) -> Result<bool, Problem> {
        let datastore = &self.session.datastore;
        let cuts = self.snapshot.cuts(datastore, span, PARTS_MAX - 1).await?;
        if cuts.is_empty() {
            return Ok(false);
        }
        let ends = cuts.into_iter().map(Some).chain([span.to.clone()]);
        let mut from = span.from.clone();
        for to in ends {
            let next = to.clone().unwrap_or_default();
            let from = std::mem::replace(&mut from, next);
            let part = Span { from, to };
            let expected = self.expected(&part).await?;
            self.tell(part.with_sum(expected));
        }
        Ok(true)
    }

    /// Decides record by record, as far as the answer has room; the rest comes back as a range.
    async fn decide(&mut self, span: Span, held: &[Item]) -> Result<(), Problem> {
        let truth = self.items(&span).await?;
        let mut found = differences(self.deviations.items(&span, truth), held);
        self.bring_up_to_date(&mut found).await?;
        let verdicts = self.verdicts(&found).await?;
        let is_sent = |(_, verdict): &&(&Difference, Verdict)| *verdict == Verdict::Record;
        let sent = verdicts.iter().filter(is_sent).map(|(one, _)| &one.key);
        let room = self.limits.pull_records as usize - self.answer.records.len();
        let keys: Vec<&Key> = sent.take(room).collect();
        let bytes = self.limits.body_bytes.saturating_sub(self.bytes);
        let shown = self
            .snapshot
            .versions_of(&self.session, &keys, bytes)
            .await?;
        self.bytes += shown.iter().map(Shown::bytes).sum::<u64>();
        let mut shown = shown.into_iter().peekable();
        for (Difference { key, .. }, verdict) in verdicts {
            match verdict {
                Verdict::Record => {
                    let Some(version) = shown.next_if(|next| next.version.key == *key) else {
                        let rest = span.rest_from(key);
                        let expected = self.expected(&rest).await?;
                        self.tell(rest.with_sum(expected));
                        break;
                    };
                    self.answer.records.push(record(version));
                }
                Verdict::Drop => self.answer.drop.push(key.clone()),
                Verdict::Send => self.answer.send.push(key.clone()),
                Verdict::Delete => self.deletes.push((key.clone(), self.before.known(key))),
                Verdict::Leave => {}
            }
        }
        Ok(())
    }

    /// What differs was found at an earlier moment: brings what the truth holds of it to the
    /// session's.
    async fn bring_up_to_date(&mut self, found: &mut [Difference]) -> Result<(), Problem> {
        let now = self.session.max_checkin;
        if self.at == now {
            return Ok(());
        }
        let keys: Vec<&Key> = found.iter().map(|one| &one.key).collect();
        let datastore = &self.session.datastore;
        let lived = self.snapshot.lived(datastore, &keys, now).await?;
        for one in found {
            one.truth = lived.get(&one.key).copied();
        }
        Ok(())
    }

    async fn verdicts<'a>(
        &mut self,
        found: &'a [Difference],
    ) -> Result<Vec<(&'a Difference, Verdict)>, Problem> {
        let flow = self.session.flow;
        let evidence = self.evidence(found).await?;
        let verdict = |(one, evidence): (&'a Difference, Evidence)| {
            (one, one.verdict(self.comparing, flow, evidence))
        };
        Ok(found.iter().zip(evidence).map(verdict).collect())
    }

    /// What is known of each record that differs, as far as it is asked.
    async fn evidence(&mut self, found: &[Difference]) -> Result<Vec<Evidence>, Problem> {
        let datastore = &self.session.datastore;
        let keys: Vec<&Key> = found.iter().map(|one| &one.key).collect();
        let (mut lived, mut answered, mut held) = Default::default();
        if self.comparing == Comparing::History {
            let told = found
                .iter()
                .filter_map(|one| Some((one.key.clone(), one.told?)));
            let told: Vec<Item> = told.collect();
            held = self.snapshot.held_ever(datastore, &told).await?;
        }
        if let (Comparing::Since, Some(at)) = (self.comparing, self.session.since) {
            lived = self.snapshot.lived(datastore, &keys, at).await?;
        }
        if self.comparing.deletes() {
            answered = self.snapshot.answered(&self.session, &keys).await?;
        }
        let evidence = |Difference { key, told, .. }: &Difference| {
            let was_acked = told.is_some_and(|told| self.deviations.has_held(key, told));
            Evidence {
                was_held: was_acked || held.contains(key),
                before: self.before.held(key, lived.get(key).copied()),
                is_answered: answered.contains(key),
            }
        };
        Ok(found.iter().map(evidence).collect())
    }
}

/// A record as it is sent whole: what the device holds of it is not known.
pub(super) fn record(shown: Shown) -> ServerRecord {
    let pushed = shown.pushed.map(|answer| Answer {
        whole: None,
        ..answer
    });
    show(shown.version, None, pushed.as_ref(), shown.unconfirmed)
}
