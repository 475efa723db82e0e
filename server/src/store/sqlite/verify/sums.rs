//! The sums by ranges of keys, worked out again from the rows of their moment.

use futures_util::TryStreamExt;
use tidemark_engine::fingerprint::{DatastoreFingerprint, RecordFingerprint};

use super::{
    super::{super::Repair, StoreError},
    Report, Row, Snapshot, when,
};

/// What lived at ?2, each row with the bucket that it belongs to.
const ROWS: &str = "\
    select version.key, version.fingerprint, (select max(from_key) from range_sum \
      where range_sum.datastore = ?1 and range_sum.from_key <= version.key) as bucket \
    from version where version.datastore = ?1 and version.checkin <= ?2 \
    and (version.superseded is null or version.superseded > ?2) and version.deleted = 0 \
    order by version.key";

const BUCKETS: &str =
    "select from_key, count, fingerprint from range_sum where datastore = ?1 order by from_key";

const MEND: &str = "set the datastore's `sums_at` to null: they are worked out anew";

const ANEW: &str = "update datastore set sums_at = null where id = ?1";

#[derive(sqlx::FromRow)]
struct Kept {
    from_key: String,
    count: i64,
    fingerprint: String,
}

impl Snapshot {
    pub(super) async fn verify_sums(
        &mut self,
        row: &Row,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        let Some(sums_at) = row.sums_at else {
            return Ok(());
        };
        let kept: Vec<Kept> = sqlx::query_as(BUCKETS)
            .bind(&row.id)
            .fetch_all(&mut *self.tx)
            .await?;
        if sums_at > row.head || kept.first().is_none_or(|first| !first.from_key.is_empty()) {
            let wrong = format!("its sums as of {} are not whole", when(sums_at));
            let anew = Repair::of(&row.id, ANEW);
            report.say_with("its row", wrong, MEND, Some(anew));
            return Ok(());
        }
        let mut sums = vec![(0, DatastoreFingerprint::EMPTY); kept.len()];
        let mut rows = sqlx::query_as::<_, (String, Option<String>, String)>(ROWS)
            .bind(&row.id)
            .bind(sums_at)
            .fetch(&mut *self.tx);
        let mut place = 0;
        while let Some((key, fingerprint, bucket)) = rows.try_next().await? {
            while kept[place].from_key != bucket {
                place += 1;
            }
            let (count, sum) = &mut sums[place];
            *count += 1;
            // What cannot be read is told of with its version.
            let read = fingerprint.and_then(|text| text.parse::<RecordFingerprint>().ok());
            if let Some(fingerprint) = read {
                sum.insert(&key, &fingerprint);
            }
        }
        for (kept, (count, sum)) in kept.iter().zip(sums) {
            if kept.count != count || kept.fingerprint.parse() != Ok(sum) {
                let wrong = format!(
                    "it is said to hold {} records of {}, and holds {count} of {sum}",
                    kept.count, kept.fingerprint
                );
                let anew = Repair::of(&row.id, ANEW);
                let place = format!("sum from {:?}", kept.from_key);
                report.say_with(place, wrong, MEND, Some(anew));
            }
        }
        Ok(())
    }
}
