//! Pull: a page of what the session is to be sent, at one moment of the truth.

use tidemark_engine::truth::{Answer, Cursor, Place, Start, show, show_gone};
use tidemark_protocol::{Checkin, Key, Problem, PullAnswer, PullRequest, ServerRecord, SessionId};

use super::{Caller, Service, problem::malformed};
use crate::store::{Session, Shown, Snapshot, WindowPart};

/// A page, and how many records are left after it.
struct Page {
    records: Vec<ServerRecord>,
    remaining: u64,
}

impl Service {
    pub(super) async fn pull_page(
        &self,
        caller: &Caller,
        id: SessionId,
        request: PullRequest,
    ) -> Result<PullAnswer, Problem> {
        let records_max = self.page_limit(request.limit)?;
        let now = self.now()?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let session = self.alive(&mut snapshot, caller, id, now).await?;
        let cursor = read_cursor(&session, request.cursor.as_deref())?;
        let counted_to = session.max_checkin;
        let own_place = cursor
            .as_ref()
            .filter(|cursor| cursor.session == id)
            .map(|cursor| cursor.at.clone());
        let mut start = Start::of(id, session.last_sync, cursor);
        if !session.flow.sends_down() {
            start = start.of_pushed(session.max_checkin);
        }
        let part = WindowPart {
            session: &session,
            start: &start,
            records_max,
            bytes_max: self.inner.settings.limits.body_bytes,
        };
        let known = session.remaining.filter(|_| own_place == session.pulled);
        let page = page(&mut snapshot, part, known).await?;
        drop(snapshot);

        // Sent only if the session still lives; what was sent is kept for its acks.
        let mut change = self.inner.store.change().await?;
        let mut session = self.alive(&mut change, caller, id, now).await?;
        if own_place.is_none() {
            session.from.clone_from(&start.window);
        }
        let last = page
            .records
            .last()
            .map(|record| (record.checkin, record.key.clone()));
        if let Some((checkin, key)) = &last {
            session.pulled = Some(later(session.pulled, *checkin, key));
            // A push that the network repeats may have moved the window's end since it was counted.
            session.remaining = (session.max_checkin == counted_to).then_some(page.remaining);
        }
        if !request.acks.is_empty() {
            change.keep_acks(&session, &request.acks).await?;
            session.acked = true;
        }
        session.touched = now.micros();
        change.update_session(&session).await?;
        change.commit().await?;

        let cursor = last.filter(|_| page.remaining > 0).map(|(checkin, key)| {
            let cursor = start.cursor(id, checkin, key);
            cursor.encode(&session.datastore, session.device)
        });
        Ok(PullAnswer {
            records: page.records,
            cursor,
            remaining: page.remaining,
            finish: None,
        })
    }

    /// How many records a page holds.
    pub(super) fn page_limit(&self, wanted: Option<u32>) -> Result<u32, Problem> {
        let most = self.inner.settings.limits.pull_records;
        match wanted {
            Some(0) => Err(malformed("`limit` is at least 1.")),
            Some(wanted) => Ok(wanted.min(most)),
            None => Ok(most),
        }
    }
}

fn read_cursor(session: &Session, text: Option<&str>) -> Result<Option<Cursor>, Problem> {
    text.map(|text| {
        Cursor::decode(
            text,
            &session.datastore,
            session.device,
            session.max_checkin,
        )
    })
    .transpose()
}

fn later(pulled: Option<Place>, checkin: Checkin, key: &Key) -> Place {
    match pulled {
        Some(pulled) if !pulled.is_before(checkin, key) => pulled,
        _ => Place {
            checkin,
            key: Some(key.clone()),
        },
    }
}

/// Puts the page together; `known` is how many records there are from its start on, where that
/// was counted before.
async fn page(
    snapshot: &mut Snapshot,
    part: WindowPart<'_>,
    known: Option<u64>,
) -> Result<Page, Problem> {
    let WindowPart { session, start, .. } = part;
    let gone = gone_after(snapshot, session, start).await?;
    let total = match known {
        Some(total) => total,
        None => snapshot.count_due(session, start).await? + gone.len() as u64,
    };
    let mut shown = snapshot.early(part).await?;
    let bytes: u64 = shown.iter().map(Shown::bytes).sum();
    let rest = WindowPart {
        records_max: part.records_max - u32::try_from(shown.len()).unwrap_or(part.records_max),
        bytes_max: part.bytes_max.saturating_sub(bytes),
        ..part
    };
    if rest.records_max > 0 && rest.bytes_max > 0 {
        shown.extend(snapshot.window(rest).await?);
    }
    let is_cut = (shown.len() + gone.len()) as u64 != total;
    let mut records: Vec<ServerRecord> = shown
        .into_iter()
        .map(|one| {
            show(
                one.version,
                session.last_sync,
                one.pushed.as_ref(),
                one.unconfirmed,
            )
        })
        .collect();
    merge_gone(&mut records, &gone, session.max_checkin, is_cut);
    records.truncate(part.records_max as usize);
    let remaining = total.saturating_sub(records.len() as u64);
    Ok(Page { records, remaining })
}

async fn gone_after(
    snapshot: &mut Snapshot,
    session: &Session,
    start: &Start,
) -> Result<Vec<Answer>, Problem> {
    let mut gone = snapshot.gone(session).await?;
    if let Some(after) = &start.pushed {
        gone.retain(|answer| after.is_before(session.max_checkin, &answer.key));
    }
    Ok(gone)
}

/// Puts what is gone in its place, at the window's end by key; where the window was cut, only
/// what comes before its last record.
fn merge_gone(records: &mut Vec<ServerRecord>, gone: &[Answer], end: Checkin, is_cut: bool) {
    if gone.is_empty() {
        return;
    }
    let last = records
        .last()
        .map(|record| (record.checkin, record.key.clone()));
    let due = gone.iter().filter(|answer| {
        !is_cut
            || last
                .as_ref()
                .is_some_and(|last| (end, &answer.key) < (last.0, &last.1))
    });
    records.extend(due.map(|answer| show_gone(answer, end)));
    records.sort_by(|one, other| (one.checkin, &one.key).cmp(&(other.checkin, &other.key)));
}
