//! The fingerprint of the truth, worked out again: at the head from its live records, then back
//! from commit to commit, as far as all that it is made of is kept.

use futures_util::TryStreamExt;
use tidemark_engine::fingerprint::{DatastoreFingerprint, RecordFingerprint};

use super::{
    super::{super::Repair, StoreError},
    Report, Row, Snapshot, when,
};

/// Commits and versions after ?2, the newest first; a version with what it superseded.
const EVENTS: &str = "\
    select checkin, 1 as is_commit, fingerprint, null as key, null as superseded from commits \
    where datastore = ?1 and checkin >= ?2 \
    union all \
    select new.checkin, 0, new.fingerprint, new.key, (select old.fingerprint from version old \
      where old.datastore = ?1 and old.key = new.key and old.checkin < new.checkin \
      order by old.checkin desc limit 1) \
    from version new indexed by version_window where new.datastore = ?1 and new.checkin > ?2 \
    order by 1 desc";

const COUNT_LIVE: &str = "\
    update datastore set live = (select count(*) from version \
    where datastore = ?1 and superseded is null and deleted = 0) where id = ?1";

/// Whether the kept sum is that of the kept fingerprints: then a value that does not fit its
/// fingerprint is the one that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) agree: bool,
}

#[derive(sqlx::FromRow)]
struct Event {
    checkin: i64,
    is_commit: bool,
    fingerprint: Option<String>,
    key: Option<String>,
    superseded: Option<String>,
}

/// What happened at one checkin.
struct Group {
    checkin: i64,
    is_commit: bool,
    /// The commit's fingerprint as it is kept.
    kept: Option<String>,
    versions: u64,
    added: DatastoreFingerprint,
    removed: DatastoreFingerprint,
}

impl Group {
    fn at(checkin: i64) -> Self {
        Self {
            checkin,
            is_commit: false,
            kept: None,
            versions: 0,
            added: DatastoreFingerprint::EMPTY,
            removed: DatastoreFingerprint::EMPTY,
        }
    }

    fn take(&mut self, event: Event) {
        if event.is_commit {
            self.is_commit = true;
            self.kept = event.fingerprint;
            return;
        }
        self.versions += 1;
        let key = event.key.unwrap_or_default();
        // What cannot be read is told of with its version.
        let read = |text: Option<String>| text.and_then(|text| text.parse().ok());
        if let Some(fingerprint) = read(event.fingerprint) {
            self.added.insert(&key, &fingerprint);
        }
        if let Some(fingerprint) = read(event.superseded) {
            self.removed.insert(&key, &fingerprint);
        }
    }
}

/// The walk back. After a mismatch it goes on with both, what was worked out and what is kept,
/// so that one wrong fingerprint is told of once and not at every commit before it.
struct Walk {
    sums: Vec<DatastoreFingerprint>,
}

impl Walk {
    fn pass(&mut self, group: &Group, report: &mut Report<'_>) {
        let place = format!("commit {}", when(group.checkin));
        report.verified.commits += u64::from(group.is_commit);
        if group.is_commit {
            self.compare(group.kept.as_deref(), &place, report);
        } else {
            report.say(
                &place,
                format!(
                    "{} versions are of it, and there is no such commit",
                    group.versions
                ),
                "restore the commit from a backup; devices that synced to it are refused till then",
            );
        }
        for sum in &mut self.sums {
            *sum = *sum - group.added + group.removed;
        }
    }

    fn compare(&mut self, kept: Option<&str>, place: &str, report: &mut Report<'_>) {
        let Some(sum) = self.sums.first().copied() else {
            return;
        };
        let mend = format!("mend the records; if it is told of still, set it to {sum}");
        let kept: Option<DatastoreFingerprint> = match kept.map(str::parse) {
            None => return report.say(place, "its fingerprint is missing", mend),
            Some(kept) => kept.ok(),
        };
        match kept {
            Some(kept) if self.sums.contains(&kept) => self.sums = vec![kept],
            Some(kept) => {
                let wrong =
                    format!("its fingerprint is {kept}, and the truth as of it comes to {sum}");
                report.say(place, wrong, mend);
                self.sums = vec![sum, kept];
            }
            None => report.say(place, "its fingerprint cannot be read", mend),
        }
    }
}

impl Snapshot {
    pub(super) async fn verify_commits(
        &mut self,
        row: &Row,
        report: &mut Report<'_>,
    ) -> Result<Sums, StoreError> {
        let kept: Option<DatastoreFingerprint> = row.fingerprint.parse().ok();
        let (sum, live) = self.live_sum(&row.id).await?;
        if kept != Some(sum) {
            let wrong = format!(
                "its fingerprint is {}, and those of its live records come to {sum}",
                row.fingerprint
            );
            let mend = format!(
                "mend the records named after this; if there are none, set the datastore's \
                 fingerprint to {sum}"
            );
            report.say("its row", wrong, mend);
        }
        if row.live != live {
            let wrong = format!(
                "it is said to have {} live records, and has {live}",
                row.live
            );
            let counted = Repair::of(&row.id, COUNT_LIVE);
            let mend = format!("set `live` to {live}");
            report.say_with("its row", wrong, mend, Some(counted));
        }
        let from = row.fingerprints_from.max(row.forgotten);
        let mut events = sqlx::query_as::<_, Event>(EVENTS)
            .bind(&row.id)
            .bind(from.unwrap_or(i64::MIN))
            .fetch(&mut *self.tx);
        let mut walk = Walk {
            sums: kept.into_iter().collect(),
        };
        let mut group: Option<Group> = None;
        while let Some(event) = events.try_next().await? {
            let next = match group.take() {
                Some(group) if group.checkin == event.checkin => group,
                earlier => {
                    if let Some(group) = earlier {
                        walk.pass(&group, report);
                    }
                    Group::at(event.checkin)
                }
            };
            group.insert(next).take(event);
        }
        if let Some(group) = group {
            walk.pass(&group, report);
        }
        Ok(Sums {
            agree: kept == Some(sum),
        })
    }

    /// The sum of the live records' fingerprints as they are kept, and how many there are.
    async fn live_sum(&mut self, id: &str) -> Result<(DatastoreFingerprint, i64), StoreError> {
        let mut rows = sqlx::query_as::<_, (String, Option<String>)>(
            "select key, fingerprint from version \
             where datastore = ?1 and superseded is null and deleted = 0",
        )
        .bind(id)
        .fetch(&mut *self.tx);
        let (mut sum, mut live) = (DatastoreFingerprint::EMPTY, 0);
        while let Some((key, fingerprint)) = rows.try_next().await? {
            live += 1;
            let read = fingerprint.and_then(|text| text.parse::<RecordFingerprint>().ok());
            if let Some(fingerprint) = read {
                sum.insert(&key, &fingerprint);
            }
        }
        Ok((sum, live))
    }
}
