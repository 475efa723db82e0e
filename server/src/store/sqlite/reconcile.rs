//! What the truth holds of ranges of keys at a session's moment, and what a session was told of
//! them, or asked for.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use serde_json::json;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use tidemark_engine::{
    fingerprint::RecordFingerprint,
    truth::{Item, Span, Sum},
};
use tidemark_protocol::{Checkin, Key};

use super::{
    super::{Session, Shown, StoreError},
    Change, Snapshot, decode,
    due::about,
    window,
};

/// What lived in a range as of ?4. A key is less than any blob: the empty one is no end.
macro_rules! lived_in_range {
    () => {
        "from version where datastore = ?1 and key >= ?2 and key < ?3 \
        and checkin <= ?4 and (superseded is null or superseded > ?4) and deleted = 0"
    };
}

/// Row by row, as there may be any number.
pub(super) const ITEMS: &str = concat!(
    "select key, fingerprint ",
    lived_in_range!(),
    " order by key"
);

/// The same of a few thousand at once: handing rows over one by one takes longer than finding them.
pub(super) const GATHERED_ITEMS: &str = concat!(
    "select json_group_array(json_array(key, fingerprint)) as items \
    from (select key, fingerprint ",
    lived_in_range!(),
    " order by key) as item"
);

/// Which of `[key, fingerprint]` the kept history of their records has.
pub(super) const HELD: &str = "\
    select distinct wanted.value ->> 0 as key from jsonb_each(?2) as wanted \
    cross join version on version.datastore = ?1 and version.key = wanted.value ->> 0 \
    and version.fingerprint = wanted.value ->> 1";

/// The versions of the keys ?5 as of ?4, with what the session is told beside them. Their values are
/// read whatever the device has pushed: what it holds is in question.
pub(super) const VERSIONS: &str = concat!(
    "select version.value, ",
    window::beside_value!(),
    " from jsonb_each(?5) as wanted \
      cross join version on version.datastore = ?1 and version.key = wanted.value \
        and version.checkin = (select max(newest.checkin) from version newest \
          where newest.datastore = ?1 and newest.key = wanted.value and newest.checkin <= ?4)",
    window::beside!()
);

/// Keeps that the keys ?3 were told as of ?4.
pub(super) const KEEP_TOLD: &str = "\
    insert into reconciled (datastore, sync_uuid, key, checkin, asked) \
    select ?1, ?2, wanted.value, (select max(checkin) from version where version.datastore = ?1 \
      and version.key = wanted.value and version.checkin <= ?4), 0 \
    from jsonb_each(?3) as wanted where true \
    on conflict (datastore, sync_uuid, key) do update set \
    checkin = excluded.checkin, asked = excluded.asked";

const KEEP_ASKED: &str = "\
    insert into reconciled (datastore, sync_uuid, key, asked) \
    select ?1, ?2, value, 1 from jsonb_each(?3) where true \
    on conflict (datastore, sync_uuid, key) do update set \
    checkin = excluded.checkin, asked = excluded.asked";

/// Keeps that `[key, base]` are to be deleted.
const GATHER: &str = "\
    insert into reconciled (datastore, sync_uuid, key, checkin, asked) \
    select ?1, ?2, value ->> 0, value ->> 1, 2 from jsonb_each(?3) where true \
    on conflict (datastore, sync_uuid, key) do update set \
    checkin = excluded.checkin, asked = excluded.asked";

/// What lived as of ?3 of the keys ?2.
pub(super) const LIVED: &str = "\
    select wanted.value as key, version.fingerprint from jsonb_each(?2) as wanted \
    cross join version on version.datastore = ?1 and version.key = wanted.value \
      and version.checkin = (select max(newest.checkin) from version newest \
        where newest.datastore = ?1 and newest.key = wanted.value and newest.checkin <= ?3) \
    where version.deleted = 0";

/// Which of the keys ?3 a session has pushed.
pub(super) const ANSWERED: &str = "\
    select key from pushed where datastore = ?1 and sync_uuid = ?2 \
    and key in (select value from jsonb_each(?3))";

pub(super) const HAS_PUSHED: &str =
    "select exists (select 1 from pushed where datastore = ?1 and sync_uuid = ?2)";

impl Snapshot {
    /// What the truth as of a checkin holds of a small range, in the order of keys.
    pub(crate) async fn items(
        &mut self,
        datastore: &str,
        span: &Span,
        at: Checkin,
    ) -> Result<Vec<Item>, StoreError> {
        let query = about_span(GATHERED_ITEMS, datastore, span, at);
        let row = query.fetch_one(&mut *self.tx).await?;
        let mut items: Vec<Item> = decode::json(&row, "items")?;
        // They come so; nothing but SQLite's habit says it.
        items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(items)
    }

    /// What that comes to, row by row.
    pub(super) async fn row_sum(
        &mut self,
        datastore: &str,
        span: &Span,
        at: Checkin,
    ) -> Result<Sum, StoreError> {
        let mut rows = about_span(ITEMS, datastore, span, at).fetch(&mut *self.tx);
        let mut sum = Sum::default();
        while let Some(row) = rows.try_next().await? {
            let (key, fingerprint) = item(&row)?;
            sum.insert(key.as_str(), &fingerprint);
        }
        Ok(sum)
    }

    /// The keys of these items of which the truth ever held just that, as far as it is kept.
    pub(crate) async fn held_ever(
        &mut self,
        datastore: &str,
        items: &[Item],
    ) -> Result<HashSet<Key>, StoreError> {
        let rows = sqlx::query(HELD)
            .bind(datastore)
            .bind(json!(items).to_string())
            .fetch_all(&mut *self.tx)
            .await?;
        let keys = rows.iter().map(|row| decode::read(row, "key", Key::parse));
        keys.collect()
    }

    /// What lived of these keys as of a checkin, as far as it is kept.
    pub(crate) async fn lived(
        &mut self,
        datastore: &str,
        keys: &[&Key],
        at: Checkin,
    ) -> Result<HashMap<Key, RecordFingerprint>, StoreError> {
        let rows = sqlx::query(LIVED)
            .bind(datastore)
            .bind(json!(keys).to_string())
            .bind(at.micros())
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(item).collect()
    }

    /// Which of these keys a session has pushed, so that its pull answers them.
    pub(crate) async fn answered(
        &mut self,
        session: &Session,
        keys: &[&Key],
    ) -> Result<HashSet<Key>, StoreError> {
        let rows = sqlx::query(ANSWERED)
            .bind(&session.datastore)
            .bind(session.id.to_string())
            .bind(json!(keys).to_string())
            .fetch_all(&mut *self.tx)
            .await?;
        let keys = rows.iter().map(|row| decode::read(row, "key", Key::parse));
        keys.collect()
    }

    /// Whether a session has pushed anything.
    pub(crate) async fn has_pushed(&mut self, session: &Session) -> Result<bool, StoreError> {
        let has_pushed = sqlx::query_scalar(HAS_PUSHED)
            .bind(&session.datastore)
            .bind(session.id.to_string())
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(has_pushed)
    }

    /// What a session's reconciling is to delete, in the order of keys: each as the device knew
    /// it then.
    pub(crate) async fn gathered(
        &mut self,
        session: &Session,
    ) -> Result<Vec<(Key, Option<Checkin>)>, StoreError> {
        let rows = sqlx::query(
            "select key, checkin from reconciled where datastore = ?1 and sync_uuid = ?2 \
             and asked = 2 order by key",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        let gathered = rows.iter().map(|row| {
            let key = decode::read(row, "key", Key::parse)?;
            Ok((key, decode::checkin_maybe(row, "checkin")?))
        });
        gathered.collect()
    }

    /// The versions of these keys as of the session's moment, in the order of these, until they have
    /// reached so many bytes.
    pub(crate) async fn versions_of(
        &mut self,
        session: &Session,
        keys: &[&Key],
        bytes_max: u64,
    ) -> Result<Vec<Shown>, StoreError> {
        let rows = about(VERSIONS, session)
            .bind(json!(keys).to_string())
            .fetch(&mut *self.tx);
        window::collect(rows, bytes_max, window::shown, Shown::bytes).await
    }

    /// What a session asked for.
    pub(crate) async fn asked_for(
        &mut self,
        session: &Session,
    ) -> Result<HashSet<Key>, StoreError> {
        let rows = sqlx::query(
            "select key from reconciled where datastore = ?1 and sync_uuid = ?2 and asked = 1",
        )
        .bind(&session.datastore)
        .bind(session.id.to_string())
        .fetch_all(&mut *self.tx)
        .await?;
        let keys = rows.iter().map(|row| decode::read(row, "key", Key::parse));
        keys.collect()
    }
}

impl Change {
    /// Keeps which records a session was told of, be it that they are gone, and which it is asked
    /// for.
    pub(crate) async fn keep_reconciled(
        &mut self,
        session: &Session,
        told: &[&Key],
        asked_for: &[Key],
    ) -> Result<(), StoreError> {
        if !told.is_empty() {
            sqlx::query(KEEP_TOLD)
                .bind(&session.datastore)
                .bind(session.id.to_string())
                .bind(json!(told).to_string())
                .bind(session.max_checkin.micros())
                .execute(&mut *self.tx)
                .await?;
        }
        if !asked_for.is_empty() {
            sqlx::query(KEEP_ASKED)
                .bind(&session.datastore)
                .bind(session.id.to_string())
                .bind(json!(asked_for).to_string())
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }

    /// Keeps what a session's reconciling is to delete, each as the device knew it then.
    pub(crate) async fn gather(
        &mut self,
        session: &Session,
        deletes: &[(Key, Option<Checkin>)],
    ) -> Result<(), StoreError> {
        if deletes.is_empty() {
            return Ok(());
        }
        let rows = deletes
            .iter()
            .map(|(key, base)| (key, base.map(Checkin::micros)));
        sqlx::query(GATHER)
            .bind(&session.datastore)
            .bind(session.id.to_string())
            .bind(json!(rows.collect::<Vec<_>>()).to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Forgets what was to be deleted: it is decided.
    pub(crate) async fn forget_gathered(&mut self, session: &Session) -> Result<(), StoreError> {
        let gathered =
            "delete from reconciled where datastore = ?1 and sync_uuid = ?2 and asked = 2";
        self.run_for(session, gathered).await
    }

    /// Forgets what a session was told: its finish has heeded it; and what it was to delete.
    pub(crate) async fn forget_told(&mut self, session: &Session) -> Result<(), StoreError> {
        let told = "delete from reconciled where datastore = ?1 and sync_uuid = ?2 and asked <> 1";
        self.run_for(session, told).await
    }
}

/// A statement about a range as of a moment.
pub(super) fn about_span<'a>(
    statement: &'static str,
    datastore: &'a str,
    span: &'a Span,
    at: Checkin,
) -> Query<'a, Sqlite, SqliteArguments> {
    let query = sqlx::query(statement).bind(datastore).bind(&span.from);
    let query = match &span.to {
        Some(to) => query.bind(to.as_str()),
        None => query.bind(&[][..]),
    };
    query.bind(at.micros())
}

pub(super) fn item(row: &SqliteRow) -> Result<Item, StoreError> {
    Ok((
        decode::read(row, "key", Key::parse)?,
        decode::parsed(row, "fingerprint")?,
    ))
}
