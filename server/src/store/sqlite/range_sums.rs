//! The truth summed up by ranges of keys: read as of any moment, and folded forwards.
//!
//! What is read of another moment than that of the sums needs the versions of both: a compaction
//! that drops a version which ended after `sums_at` has the sums worked out anew.

mod near;
#[cfg(test)]
mod tests;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use tidemark_engine::fingerprint::RecordFingerprint;
use tidemark_engine::truth::{Bucket, Changed, Cutter, Item, Span, Sum, fold};
use tidemark_protocol::{Checkin, Key};

use self::near::Near;
pub(crate) use self::near::RangeSums;
use super::{
    super::{Datastore, StoreError},
    Change, Snapshot, decode,
    mingle::{batch, number},
    reconcile::{ITEMS, about_span, item},
};

/// The records that changed after ?2 and up to ?3: each as of ?2 and as of then. They come at once:
/// handing rows over one by one takes longer than finding them.
pub(super) const CHANGED: &str = "\
    select json_group_array(json_array(changed.key, \
      (select fingerprint from version before where before.datastore = ?1 \
      and before.key = changed.key and before.checkin <= ?2 \
      order by before.checkin desc limit 1), \
      changed.fingerprint)) as changed \
    from version as changed indexed by version_window \
    where changed.datastore = ?1 and changed.checkin > ?2 and changed.checkin <= ?3 \
    and (changed.superseded is null or changed.superseded > ?3)";

/// Whether more than ?3 versions are later than ?2.
pub(super) const IS_FAR: &str = "\
    select exists (select 1 from version indexed by version_window where datastore = ?1 \
    and checkin > ?2 limit 1 offset ?3)";

/// The buckets that begin from ?2 to ?3, where the empty blob is no end.
pub(super) const BUCKETS: &str = "\
    select from_key, count, fingerprint from range_sum where datastore = ?1 \
    and from_key >= ?2 and from_key <= ?3 order by from_key";

/// Where the bucket of ?2 begins, and the first that begins after ?3.
pub(super) const AROUND: &str = "\
    select (select from_key from range_sum where datastore = ?1 and from_key <= ?2 \
      order by from_key desc limit 1) as from_key, \
    (select from_key from range_sum where datastore = ?1 and from_key > ?3 \
      order by from_key limit 1) as to_key";

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

/// Of a record at a moment; `None`: it did not live.
type Print = Option<RecordFingerprint>;

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
        Ok(RangeSums {
            at,
            changes,
            near: None,
        })
    }

    /// What the truth at the sums' moment holds of a range.
    pub(crate) async fn range_sum(
        &mut self,
        datastore: &str,
        span: &Span,
        sums: &mut RangeSums,
    ) -> Result<Sum, StoreError> {
        if sums.changes.is_none() {
            return self.row_sum(datastore, span, sums.at).await;
        }
        if let Some(items) = sums.near(span) {
            return Ok(Sum::of(items));
        }
        let mut buckets = self.buckets(datastore, span).await?;
        let end = match span.to {
            Some(_) => buckets.pop().map(|last| last.from),
            None => None,
        };
        let Some(first) = buckets.first() else {
            return self.bucket_sum(datastore, span, sums).await;
        };
        let whole = Span {
            from: first.from.clone(),
            to: end,
        };
        let before = Span {
            from: span.from.clone(),
            to: Some(whole.from.clone()),
        };
        let mut sum = self.bucket_sum(datastore, &before, sums).await?;
        for bucket in &buckets {
            sum += bucket.sum;
        }
        sums.apply_changes(&whole, &mut sum);
        if let Some(from) = whole.to {
            let after = Span {
                from,
                to: span.to.clone(),
            };
            sum += self.bucket_sum(datastore, &after, sums).await?;
        }
        Ok(sum)
    }

    /// The records of a range, in the order of keys.
    pub(crate) async fn range_items(
        &mut self,
        datastore: &str,
        span: &Span,
        sums: &RangeSums,
    ) -> Result<Vec<Item>, StoreError> {
        match sums.near(span) {
            Some(items) => Ok(items.to_vec()),
            None => self.items(datastore, span, sums.at).await,
        }
    }

    /// What a range comes to that lies in a bucket or two, whose rows are read.
    async fn bucket_sum(
        &mut self,
        datastore: &str,
        span: &Span,
        sums: &mut RangeSums,
    ) -> Result<Sum, StoreError> {
        if span.to.as_ref() == Some(&span.from) {
            return Ok(Sum::default());
        }
        if let Some(items) = sums.near(span) {
            return Ok(Sum::of(items));
        }
        let last = span.to.as_deref().unwrap_or(&span.from);
        let around = self.around(datastore, &span.from, last).await?;
        let items = self.items(datastore, &around, sums.at).await?;
        let near = sums.near.insert(Near {
            span: around,
            items,
        });
        match near.within(span) {
            Some(items) => Ok(Sum::of(items)),
            None => self.row_sum(datastore, span, sums.at).await,
        }
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
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
            return Ok(fold);
        };
        let (first, last) = (first.key.as_str(), last.key.as_str());
        let span = self.around(id, first, last).await?;
        let mut buckets = self.buckets(id, &span).await?;
        for place in self::fold(&mut buckets, &changes) {
            let bucket = &buckets[place];
            if bucket.is_overgrown() {
                let span = Span {
                    from: bucket.from.clone(),
                    to: buckets.get(place + 1).map(|next| next.from.clone()),
                };
                let items = self.items(id, &span, to).await?;
                let mut cutter = Cutter::starting(span.from);
                for (key, fingerprint) in &items {
                    cutter.add(key.as_str(), fingerprint);
                }
                fold.kept.extend(cutter.into_buckets());
            } else if bucket.sum.count == 0 && !bucket.from.is_empty() {
                fold.gone.push(bucket.from.clone());
            } else {
                fold.kept.push(bucket.clone());
            }
        }
        Ok(fold)
    }

    /// From where the bucket of the one key begins to where the one after that of the other does.
    async fn around(
        &mut self,
        datastore: &str,
        one: &str,
        other: &str,
    ) -> Result<Span, StoreError> {
        let row = sqlx::query(AROUND)
            .bind(datastore)
            .bind(one)
            .bind(other)
            .fetch_one(&mut *self.tx)
            .await?;
        let from: Option<String> = decode::column(&row, "from_key")?;
        Ok(Span {
            from: from.unwrap_or_default(),
            to: decode::column(&row, "to_key")?,
        })
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
        let row = sqlx::query(CHANGED)
            .bind(datastore)
            .bind(from.min(to).micros())
            .bind(from.max(to).micros())
            .fetch_one(&mut *self.tx)
            .await?;
        let rows: Vec<(Key, Print, Print)> = decode::json(&row, "changed")?;
        let is_back = to < from;
        let change = |(key, earlier, later)| {
            let (before, after) = if is_back {
                (later, earlier)
            } else {
                (earlier, later)
            };
            Changed { key, before, after }
        };
        let mut changes: Vec<Changed> = rows.into_iter().map(change).collect();
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
