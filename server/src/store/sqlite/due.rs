//! What a session is due, in words that several statements share: ?1 datastore, ?2 session,
//! ?3 device, as of ?4; its window starts after (?5, ?6); without tombstones if ?7. A session that
//! is sent nothing but what it pushed has a window that starts after ?4.

use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};

use super::super::Session;

/// The versions of the window that were live as of ?4. Tombstones may be left out, but for what
/// the session itself pushed.
macro_rules! is_in_window {
    () => {
        " version.datastore = ?1 and (version.checkin, version.key) > (?5, ?6) \
          and version.checkin <= ?4 \
          and (version.superseded is null or version.superseded > ?4) \
          and (version.deleted = 0 or ?7 = 0 or exists (select 1 from pushed told \
            where told.datastore = ?1 and told.sync_uuid = ?2 and told.key = version.key)) "
    };
}

/// The keys at or before the window's start that are due all the same: pushed by the session,
/// and owed to its device, unless nothing is sent but what was pushed.
macro_rules! due {
    ($more:literal) => {
        concat!(
            " (select key from pushed where datastore = ?1 and sync_uuid = ?2 and fresh = 0 \
                and (checkin, key) <= (?5, ?6)",
            $more,
            " union select key from client_state where datastore = ?1 and device = ?3 \
                and owed = 1 and not exists (select 1 from session \
                  where session.sync_uuid = ?2 and session.direction = 'push')) as due \
              cross join version on version.datastore = ?1 and version.key = due.key \
                and version.checkin = (select max(newest.checkin) from version newest \
                  where newest.datastore = ?1 and newest.key = due.key \
                    and newest.checkin <= ?4) \
                and (version.checkin, version.key) <= (?5, ?6) "
        )
    };
}

pub(super) use {due, is_in_window};

/// A statement about a session, with ?1 to ?4 bound.
pub(super) fn about<'a>(
    statement: &'static str,
    session: &'a Session,
) -> Query<'a, Sqlite, SqliteArguments> {
    sqlx::query(statement)
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .bind(session.device.to_string())
        .bind(session.max_checkin.micros())
}
