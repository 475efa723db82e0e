//! What a session is to be sent: the window of the truth after its start, and before that what
//! it must be told whatever the window holds.
//!
//! Three lists, each in the order of (checkin, key), put together by the caller: what lies at or
//! before the window's start, yet was pushed in this session, or is owed to the device; the
//! window proper; and pushed names for which the truth has no record.

use futures_util::{Stream, TryStreamExt};
use sqlx::sqlite::SqliteRow;
use tidemark_engine::{
    truth::{Answer, Place, Start},
    version::ConflictId,
};
use tidemark_protocol::{Key, LocalId};

use super::{
    super::{Session, Shown, StoreError},
    Snapshot, decode,
    due::{about, due, is_in_window},
    view,
};

/// What the session is told beside the value of a version: ?1 datastore, ?2 session, ?3 device.
macro_rules! beside_value {
    () => {
        "version.key, version.checkin, version.entity, version.created, \
         version.updated, version.device, version.stamps, version.fingerprint, \
         version.conflict, \
         pushed.key as pushed_key, pushed.local_id as pushed_local_id, \
         pushed.fingerprint as pushed_whole, pushed.conflict as pushed_conflict, \
         local_key.local_id as unconfirmed"
    };
}

/// A version with that. A value that the device is known to hold is not read.
macro_rules! shown {
    () => {
        concat!(
            "select case when pushed.fingerprint = version.fingerprint then '' \
             else version.value end as value, ",
            beside_value!()
        )
    };
}

macro_rules! beside {
    () => {
        " left join pushed on pushed.datastore = ?1 and pushed.sync_uuid = ?2 \
            and pushed.key = version.key \
          left join local_key on local_key.datastore = ?1 and local_key.device = ?3 \
            and local_key.key = version.key and local_key.confirmed = 0 "
    };
}

/// What is due after the place (?7, ?8) though it lies at or before the window's start.
macro_rules! early_from {
    () => {
        concat!(
            " from",
            due!(" and (checkin, key) > (?7, ?8)"),
            "and (version.checkin, version.key) > (?7, ?8) "
        )
    };
}

pub(super) use {beside, beside_value};

/// A part of what a session is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowPart<'a> {
    /// The session that asks.
    pub(crate) session: &'a Session,
    /// Where the part starts.
    pub(crate) start: &'a Start,
    /// At most so many records.
    pub(crate) records_max: u32,
    /// No further record once the values have reached so many bytes.
    pub(crate) bytes_max: u64,
}

/// The pushed names for which the truth has no record.
pub(super) const GONE: &str = "\
    select key as pushed_key, local_id as pushed_local_id, \
    fingerprint as pushed_whole, conflict as pushed_conflict from pushed \
    where datastore = ?1 and sync_uuid = ?2 and fresh = 0 and checkin is null \
    and not exists (select 1 from version where version.datastore = ?1 \
    and version.key = pushed.key and version.checkin <= ?3) \
    order by key";

/// [`Snapshot::early`].
pub(super) const EARLY: &str = concat!(
    shown!(),
    early_from!(),
    beside!(),
    "order by version.checkin, version.key limit cast(?9 as integer)"
);

/// [`Snapshot::window`].
pub(super) const WINDOW: &str = concat!(
    shown!(),
    " from version indexed by version_window",
    beside!(),
    " where",
    is_in_window!(),
    "order by version.checkin, version.key limit cast(?8 as integer)"
);

/// How many [`EARLY`] finds.
pub(super) const EARLY_COUNT: &str = concat!("select count(*) as count", early_from!());

/// How many [`WINDOW`] finds.
pub(super) const WINDOW_COUNT: &str = concat!(
    "select count(*) as count, ?3 from version indexed by version_window",
    " where",
    is_in_window!()
);

impl Snapshot {
    /// What lies at or before the window's start and is to be sent all the same.
    pub(crate) async fn early(&mut self, part: WindowPart<'_>) -> Result<Vec<Shown>, StoreError> {
        let window = bound(part.start.window.as_ref());
        let after = bound(part.start.pushed.as_ref());
        let rows = about(EARLY, part.session)
            .bind(window.0)
            .bind(window.1)
            .bind(after.0)
            .bind(after.1)
            .bind(part.records_max)
            .fetch(&mut *self.tx);
        collect(rows, part.bytes_max, shown, Shown::bytes).await
    }

    /// The window proper.
    pub(crate) async fn window(&mut self, part: WindowPart<'_>) -> Result<Vec<Shown>, StoreError> {
        let after = bound(part.start.window.as_ref());
        let rows = about(WINDOW, part.session)
            .bind(after.0)
            .bind(after.1)
            .bind(part.session.leaves_out_tombstones)
            .bind(part.records_max)
            .fetch(&mut *self.tx);
        collect(rows, part.bytes_max, shown, Shown::bytes).await
    }

    /// How many records [`Self::early`] and [`Self::window`] have from a start on.
    pub(crate) async fn count_due(
        &mut self,
        session: &Session,
        start: &Start,
    ) -> Result<u64, StoreError> {
        let window = bound(start.window.as_ref());
        let after = bound(start.pushed.as_ref());
        let early = about(EARLY_COUNT, session)
            .bind(window.0)
            .bind(window.1)
            .bind(after.0)
            .bind(after.1)
            .fetch_one(&mut *self.tx)
            .await?;
        let proper = about(WINDOW_COUNT, session)
            .bind(window.0)
            .bind(window.1)
            .bind(session.leaves_out_tombstones)
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(decode::count(&early, "count")? + decode::count(&proper, "count")?)
    }

    /// The pushed names for which the truth has no record, by key. They are few: a device
    /// deletes what nobody knows only when it could not tell.
    pub(crate) async fn gone(&mut self, session: &Session) -> Result<Vec<Answer>, StoreError> {
        let rows = sqlx::query(GONE)
            .bind(&session.datastore)
            .bind(session.id.to_string())
            .bind(session.max_checkin.micros())
            .fetch_all(&mut *self.tx)
            .await?;
        let answers = rows.iter().map(|row| {
            let answer = answer(row, true)?;
            answer.ok_or_else(|| decode::corrupt("pushed key", "null"))
        });
        answers.collect()
    }
}

/// Reads rows until their values have reached `bytes_max`.
pub(super) async fn collect<T>(
    mut rows: impl Stream<Item = Result<SqliteRow, sqlx::Error>> + Unpin,
    bytes_max: u64,
    read: impl Fn(&SqliteRow) -> Result<T, StoreError>,
    bytes_of: impl Fn(&T) -> u64,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    let mut bytes = 0;
    while bytes < bytes_max {
        let Some(row) = rows.try_next().await? else {
            break;
        };
        let one = read(&row)?;
        bytes += bytes_of(&one);
        all.push(one);
    }
    Ok(all)
}

/// A place as columns: after this key of this checkin. Checkins are whole microseconds and no
/// key is empty.
pub(super) fn bound(place: Option<&Place>) -> (i64, &str) {
    match place {
        None => (i64::MIN, ""),
        Some(Place { checkin, key: None }) => (checkin.micros() + 1, ""),
        Some(Place {
            checkin,
            key: Some(key),
        }) => (checkin.micros(), key.as_str()),
    }
}

/// Reads a version with what is told beside it.
pub(super) fn shown(row: &SqliteRow) -> Result<Shown, StoreError> {
    Ok(Shown {
        version: view::version(row)?,
        pushed: answer(row, false)?,
        unconfirmed: decode::read_maybe(row, "unconfirmed", LocalId::parse)?,
    })
}

fn answer(row: &SqliteRow, is_gone: bool) -> Result<Option<Answer>, StoreError> {
    let Some(key) = decode::read_maybe(row, "pushed_key", Key::parse)? else {
        return Ok(None);
    };
    Ok(Some(Answer {
        key,
        local_id: decode::read_maybe(row, "pushed_local_id", LocalId::parse)?,
        whole: decode::parsed_maybe(row, "pushed_whole")?,
        conflict: decode::parsed_maybe::<uuid::Uuid>(row, "pushed_conflict")?.map(ConflictId),
        is_gone,
    }))
}
