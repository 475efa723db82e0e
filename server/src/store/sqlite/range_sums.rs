//! The truth summed up by ranges of keys: read as of any moment, and folded forwards.
//!
//! What is read of another moment than that of the sums needs the versions of both: a compaction
//! that drops a version which ended after `sums_at` has the sums worked out anew.

#[cfg(test)]
mod tests;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use tidemark_engine::truth::{Bucket, Changed, Cutter, Span, Sum, fold};
use tidemark_protocol::{Checkin, Key};

use super::{
    super::{Datastore, StoreError},
    Change, Snapshot, decode,
    mingle::{batch, number},
    reconcile::{ITEMS, about_span, item},
};

/// The records that changed after ?2 and up to ?3, or back: each as of ?4 and as of ?5.
pub(super) const CHANGED: &str = "\
    select changed.key, \
    (select fingerprint from version before where before.datastore = ?1 \
      and before.key = changed.key and before.checkin <= ?4 \
      order by before.checkin desc limit 1) as before, \
    (select fingerprint from version after where after.datastore = ?1 \
      and after.key = changed.key and after.checkin <= ?5 \
      order by after.checkin desc limit 1) as after \
    from (select distinct key from version indexed by version_window \
      where datastore = ?1 and checkin > ?2 and checkin <= ?3) as changed";

/// Whether more than ?3 versions are later than ?2.
pub(super) const IS_FAR: &str = "\
    select exists (select 1 from version indexed by version_window where datastore = ?1 \
    and checkin > ?2 limit 1 offset ?3)";

/// The buckets that begin from ?2 to ?3, where the empty blob is no end.
pub(super) const BUCKETS: &str = "\
    select from_key, count, fingerprint from range_sum where datastore = ?1 \
    and from_key >= ?2 and from_key <= ?3 order by from_key";

const KEEP_BUCKETS: &str = "\
    insert into range_sum (datastore, from_key, count, fingerprint) \
    select ?1, value ->> 0, value ->> 1, value ->> 2 from jsonb_each(?2) where true \
    on conflict (datastore, from_key) do update set \
    count = excluded.count, fingerprint = excluded.fingerprint";

const DROP_BUCKETS: &str = "\
    delete from range_sum where datastore = ?1 and from_key in (select value from jsonb_each(?2))";

/// What a compaction leaves of the sums, if it dropped what ended up to ?2.
pub(super) const UNFOLD: &str =
    "update datastore set sums_at = null where id = ?1 and sums_at < ?2";

/// What the sums of a datastore come to at a moment.
pub(crate) struct RangeSums {
    at: Checkin,
    /// What changed between the sums' own moment and this one, in the order of keys; `None`: there
    /// are no sums, and rows are read.
    changes: Option<Vec<Changed>>,
}

/// Sums on their way to a later moment.
pub(crate) struct Fold {
    from: Option<Checkin>,
    /// All rows were read, and none of the sums that there are counts any more.
    is_whole: bool,
    to: Checkin,
    gone: Vec<String>,
    kept: Vec<Bucket>,
}

impl Snapshot {
    /// The sums of a datastore at a moment.
    pub(crate) async fn range_sums(
        &mut self,
        datastore: &Datastore,
        at: Checkin,
    ) -> Result<RangeSums, StoreError> {
        let changes = match datastore.sums_at {
            Some(sums_at) => Some(self.changes(&datastore.id, sums_at, at).await?),
            None => None,
        };
        Ok(RangeSums { at, changes })
    }

    /// What the truth at the sums' moment holds of a range.
    pub(crate) async fn range_sum(
        &mut self,
        datastore: &str,
        span: &Span,
        sums: &RangeSums,
    ) -> Result<Sum, StoreError> {
        let Some(changes) = &sums.changes else {
            return self.row_sum(datastore, span, sums.at).await;
        };
        let mut buckets = self.buckets(datastore, span).await?;
        let end = match span.to {
            Some(_) => buckets.pop().map(|last| last.from),
            None => None,
        };
        let Some(first) = buckets.first() else {
            return self.row_sum(datastore, span, sums.at).await;
        };
        let whole = Span {
            from: first.from.clone(),
            to: end,
        };
        let mut sum = Sum::default();
        for bucket in &buckets {
            sum += bucket.sum;
        }
        let start = changes.partition_point(|one| one.key.as_str() < whole.from.as_str());
        let inside = changes[start..].iter();
        let inside = inside.take_while(|one| whole.holds(one.key.as_str()));
        inside.for_each(|one| one.apply(&mut sum));
        let before = Span {
            from: span.from.clone(),
            to: Some(whole.from),
        };
        sum += self.row_sum(datastore, &before, sums.at).await?;
        if let Some(from) = whole.to {
            let after = Span {
                from,
                to: span.to.clone(),
            };
            sum += self.row_sum(datastore, &after, sums.at).await?;
        }
        Ok(sum)
    }

    /// Where a range may be cut so that its parts are quick to sum up: at most so many places.
    pub(crate) async fn cuts(
        &mut self,
        datastore: &str,
        span: &Span,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let buckets = self.buckets(datastore, span).await?;
        let is_inside = |from: &String| *from > span.from && span.holds(from);
        let places = buckets.into_iter().map(|bucket| bucket.from);
        let places: Vec<String> = places.filter(is_inside).collect();
        let step = places.len().div_ceil(most).max(1);
        Ok(places.into_iter().skip(step - 1).step_by(step).collect())
    }

    /// Whether more than so many versions are later than the sums.
    pub(crate) async fn is_far(
        &mut self,
        datastore: &str,
        sums_at: Checkin,
        most: u32,
    ) -> Result<bool, StoreError> {
        let is_far = sqlx::query_scalar(IS_FAR)
            .bind(datastore)
            .bind(sums_at.micros())
            .bind(most)
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(is_far)
    }

    /// Works out the sums at the head: from those that there are, or from all rows.
    pub(crate) async fn fold(&mut self, datastore: &Datastore) -> Result<Fold, StoreError> {
        let (id, to) = (&datastore.id, datastore.head);
        let is_whole = match datastore.sums_at {
            // So many that reading all rows costs less.
            Some(sums_at) => {
                let most = u32::try_from(datastore.live / 4).unwrap_or(u32::MAX);
                self.is_far(id, sums_at, most).await?
            }
            None => true,
        };
        let mut fold = Fold {
            from: datastore.sums_at,
            is_whole,
            to,
            gone: Vec::new(),
            kept: Vec::new(),
        };
        let all = Span {
            from: String::new(),
            to: None,
        };
        let Some(from) = datastore.sums_at.filter(|_| !is_whole) else {
            fold.kept = self.cut(id, all, to).await?;
            return Ok(fold);
        };
        let changes = self.changes(id, from, to).await?;
        let mut buckets = self.buckets(id, &all).await?;
        for place in self::fold(&mut buckets, &changes) {
            let bucket = &buckets[place];
            if bucket.is_overgrown() {
                let span = Span {
                    from: bucket.from.clone(),
                    to: buckets.get(place + 1).map(|next| next.from.clone()),
                };
                fold.kept.extend(self.cut(id, span, to).await?);
            } else if bucket.sum.count == 0 && !bucket.from.is_empty() {
                fold.gone.push(bucket.from.clone());
            } else {
                fold.kept.push(bucket.clone());
            }
        }
        Ok(fold)
    }

    /// The buckets that begin in a range or at its end, in order.
    async fn buckets(&mut self, datastore: &str, span: &Span) -> Result<Vec<Bucket>, StoreError> {
        let query = sqlx::query(BUCKETS).bind(datastore).bind(&span.from);
        let query = match &span.to {
            Some(to) => query.bind(to.as_str()),
            None => query.bind(&[][..]),
        };
        let rows = query.fetch_all(&mut *self.tx).await?;
        rows.iter().map(bucket).collect()
    }

    /// The rows of a range, cut into buckets.
    async fn cut(
        &mut self,
        datastore: &str,
        span: Span,
        at: Checkin,
    ) -> Result<Vec<Bucket>, StoreError> {
        let mut cutter = Cutter::starting(span.from.clone());
        let mut rows = about_span(ITEMS, datastore, &span, at).fetch(&mut *self.tx);
        while let Some(row) = rows.try_next().await? {
            let (key, fingerprint) = item(&row)?;
            cutter.add(key.as_str(), &fingerprint);
        }
        Ok(cutter.into_buckets())
    }

    /// The records that changed between two moments, in the order of keys.
    async fn changes(
        &mut self,
        datastore: &str,
        from: Checkin,
        to: Checkin,
    ) -> Result<Vec<Changed>, StoreError> {
        let rows = sqlx::query(CHANGED)
            .bind(datastore)
            .bind(from.min(to).micros())
            .bind(from.max(to).micros())
            .bind(from.micros())
            .bind(to.micros())
            .fetch_all(&mut *self.tx)
            .await?;
        let changes = rows.iter().map(changed);
        let mut changes: Vec<Changed> = changes.collect::<Result<_, _>>()?;
        changes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(changes)
    }
}

impl Change {
    /// Keeps folded sums, unless others did, or what they were worked out from has been dropped
    /// meanwhile; whether it did.
    pub(crate) async fn keep_fold(
        &mut self,
        datastore: &Datastore,
        fold: &Fold,
    ) -> Result<bool, StoreError> {
        let dropped = datastore.history_from.max(datastore.forgotten);
        if datastore.sums_at != fold.from || fold.is_whole && dropped > Some(fold.to) {
            return Ok(false);
        }
        let id = &datastore.id;
        if fold.is_whole {
            sqlx::query("delete from range_sum where datastore = ?1")
                .bind(id)
                .execute(&mut *self.tx)
                .await?;
        }
        if let Some(gone) = batch(fold.gone.iter())? {
            sqlx::query(DROP_BUCKETS)
                .bind(id)
                .bind(gone)
                .execute(&mut *self.tx)
                .await?;
        }
        let kept = fold
            .kept
            .iter()
            .map(|Bucket { from, sum }| (from, number(sum.count), sum.fingerprint));
        if let Some(kept) = batch(kept)? {
            sqlx::query(KEEP_BUCKETS)
                .bind(id)
                .bind(kept)
                .execute(&mut *self.tx)
                .await?;
        }
        sqlx::query("update datastore set sums_at = ?2 where id = ?1")
            .bind(id)
            .bind(fold.to.micros())
            .execute(&mut *self.tx)
            .await?;
        Ok(true)
    }
}

fn bucket(row: &SqliteRow) -> Result<Bucket, StoreError> {
    Ok(Bucket {
        from: decode::column(row, "from_key")?,
        sum: Sum {
            count: decode::count(row, "count")?,
            fingerprint: decode::parsed(row, "fingerprint")?,
        },
    })
}

fn changed(row: &SqliteRow) -> Result<Changed, StoreError> {
    Ok(Changed {
        key: decode::read(row, "key", Key::parse)?,
        before: decode::parsed_maybe(row, "before")?,
        after: decode::parsed_maybe(row, "after")?,
    })
}
