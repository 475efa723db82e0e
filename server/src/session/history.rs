//! The kept versions of one record.

use tidemark_engine::version::Version;
use tidemark_protocol::{Checkin, Code, HistoryAnswer, Key, Problem, RecordVersion};

use super::{
    Caller, Service,
    problem::{malformed, no_datastore},
    records::raw,
};
use crate::store::{HistoryPart, KeptVersion};

/// Which versions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The datastore; `None` means the caller's own.
    pub datastore: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Versions wanted: at least 1, cut to `pull_records`.
    pub limit: Option<u32>,
}

impl Service {
    pub(super) async fn history_page(
        &self,
        caller: &Caller,
        key: &str,
        query: HistoryQuery,
    ) -> Result<HistoryAnswer, Problem> {
        let records_max = self.page_limit(query.limit)?;
        let after = query.cursor.as_deref().map(read_cursor).transpose()?;
        let key = Key::parse(key).map_err(|_| no_record())?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let named = query.datastore.as_deref();
        let Some(datastore) = snapshot.datastore_of(&caller.user, named).await? else {
            return Err(named.map_or_else(no_record, |_| no_datastore()));
        };
        let part = HistoryPart {
            datastore: &datastore.id,
            key: &key,
            after,
            records_max,
            bytes_max: self.inner.settings.limits.body_bytes,
        };
        let total = snapshot.count_history(part).await?;
        if total == 0 && after.is_none() {
            return Err(no_record());
        }
        let page = snapshot.history(part).await?;
        let remaining = total.saturating_sub(page.len() as u64);
        let last = page.last().filter(|_| remaining > 0);
        Ok(HistoryAnswer {
            cursor: last.map(|last| last.version.checkin.micros().to_string()),
            versions: page.into_iter().map(answer).collect(),
            remaining,
        })
    }
}

fn answer(kept: KeptVersion) -> RecordVersion {
    let KeptVersion {
        version,
        superseded,
    } = kept;
    let changed = changed(&version);
    let fingerprint = version
        .content
        .as_ref()
        .map(|it| it.fingerprint.to_string());
    RecordVersion {
        checkin: version.checkin,
        superseded,
        device_uuid: version.device,
        entity: version.entity,
        deleted: version.content.is_none(),
        value: version.content.and_then(|content| raw(content.value)),
        created: version.created,
        updated: version.updated,
        fingerprint,
        changed,
        conflict: version.conflict.map(|id| id.to_string()),
    }
}

/// The fields that this very version changed.
fn changed(version: &Version) -> Option<Vec<String>> {
    version.content.as_ref()?;
    let before = Checkin::from_micros(version.checkin.micros() - 1).ok()?;
    version.stamps.changed_since(Some(before))
}

/// A cursor is the checkin of the last version of the page before.
fn read_cursor(cursor: &str) -> Result<Checkin, Problem> {
    let micros = cursor.parse().ok();
    let checkin = micros.and_then(|micros| Checkin::from_micros(micros).ok());
    checkin.ok_or_else(|| malformed("This `cursor` was never given out: begin without one."))
}

fn no_record() -> Problem {
    Problem::new(
        Code::NotFound,
        "The datastore has no record of this key, nor remembers one.",
    )
}
