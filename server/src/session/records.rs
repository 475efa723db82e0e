//! The read-only view of the truth, outside of any session.

use serde_json::value::RawValue;
use tidemark_engine::{json::Canonical, truth::show};
use tidemark_protocol::{Checkin, Code, Problem};

use super::{
    Caller, RecordsPage, RecordsQuery, Service,
    problem::{malformed, no_datastore},
};
use crate::store::RecordsPart;

impl Service {
    pub(super) async fn records_page(
        &self,
        caller: &Caller,
        query: RecordsQuery,
    ) -> Result<RecordsPage, Problem> {
        let records_max = self.page_limit(query.limit)?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let named = query.datastore.as_deref();
        let Some(datastore) = snapshot.datastore_of(&caller.user, named).await? else {
            // One's own datastore is made by the first open; before that it is empty.
            return match named {
                Some(_) => Err(no_datastore()),
                None => Ok(RecordsPage::default()),
            };
        };
        let (at, after) = match &query.cursor {
            Some(cursor) => read_cursor(cursor, datastore.head)?,
            None => (query.at.unwrap_or(datastore.head), ""),
        };
        if let Some(from) = datastore.history_from.filter(|from| at < *from) {
            return Err(forgotten(at, from));
        }
        let part = RecordsPart {
            datastore: &datastore.id,
            at: at.min(datastore.head),
            entity: query.entity.as_deref(),
            after,
            records_max,
            bytes_max: self.inner.settings.limits.body_bytes,
        };
        let total = snapshot.count_records(part).await?;
        let page = snapshot.records(part).await?;
        let records: Vec<_> = page
            .into_iter()
            .map(|one| show(one.version, None, None, None))
            .collect();
        let remaining = total.saturating_sub(records.len() as u64);
        let last = records.last().filter(|_| remaining > 0);
        Ok(RecordsPage {
            cursor: last.map(|last| format!("{}.{}", part.at.micros(), last.key)),
            records,
            remaining,
        })
    }
}

/// A moment of which some is gone is not shown in part.
fn forgotten(at: Checkin, from: Checkin) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("The truth as of {at} is no longer kept: ask for {from} or later."),
    )
}

/// A value as it goes over the wire.
pub(super) fn raw(value: Canonical) -> Option<Box<RawValue>> {
    RawValue::from_string(value.into_string()).ok()
}

/// A cursor is the moment that the pages show, and the last key of the page before.
fn read_cursor(cursor: &str, head: Checkin) -> Result<(Checkin, &str), Problem> {
    cursor
        .split_once('.')
        .filter(|(_, key)| !key.is_empty())
        .and_then(|(at, key)| Some((Checkin::from_micros(at.parse().ok()?).ok()?, key)))
        .filter(|(at, _)| *at <= head)
        .ok_or_else(|| malformed("This `cursor` was never given out: begin without one."))
}
