//! Looks at every row of one moment of a database, and tells what no server wrote: in memory
//! that does not grow with the database, and without a change to it.
//!
//! Rows are read as they are, not decoded: what cannot be read is a finding, not an error.

mod check;
mod commits;
mod conflicts;
mod datastores;
mod devices;
mod names;
mod sessions;
mod sums;
mod versions;

use std::fmt::Display;

use futures_util::TryStreamExt;
use tidemark_protocol::Checkin;

use super::{
    super::{Finding, Repair, StoreError, Verified},
    Change, Snapshot,
};

/// Who is told of findings, one by one.
type Tell<'a> = &'a mut (dyn FnMut(Finding) + Send);

/// What is found in one datastore, on its way to whoever is told.
struct Report<'a> {
    tell: Tell<'a>,
    datastore: String,
    verified: Verified,
}

impl Report<'_> {
    fn say(&mut self, place: impl Display, wrong: impl Into<String>, mend: impl Into<String>) {
        self.say_with(place, wrong, mend, None);
    }

    /// The same, with what mends it for certain.
    fn say_with(
        &mut self,
        place: impl Display,
        wrong: impl Into<String>,
        mend: impl Into<String>,
        repair: Option<Repair>,
    ) {
        self.verified.findings += 1;
        (self.tell)(Finding {
            place: match self.datastore.as_str() {
                "" => place.to_string(),
                datastore => format!("datastore {datastore}, {place}"),
            },
            wrong: wrong.into(),
            mend: mend.into(),
            repair,
        });
    }
}

/// A datastore's own row, undecoded.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    head: i64,
    forgotten: Option<i64>,
    history_from: Option<i64>,
    fingerprints_from: Option<i64>,
    sums_at: Option<i64>,
    fingerprint: String,
    live: i64,
}

impl Snapshot {
    /// Verifies everything.
    pub(crate) async fn verify(&mut self, tell: Tell<'_>) -> Result<Verified, StoreError> {
        let mut report = Report {
            tell,
            datastore: String::new(),
            verified: Verified::default(),
        };
        self.verify_file(&mut report).await?;
        self.verify_strangers(&mut report).await?;
        let mut last = String::new();
        while let Some(id) = self.datastore_after(&last).await? {
            let row: Row = sqlx::query_as("select * from datastore where id = ?1")
                .bind(&id)
                .fetch_one(&mut *self.tx)
                .await?;
            report.datastore.clone_from(&id);
            report.verified.datastores += 1;
            let sums = self.verify_commits(&row, &mut report).await?;
            self.verify_versions(&row, sums, &mut report).await?;
            self.verify_sums(&row, &mut report).await?;
            self.verify_names(&row, &mut report).await?;
            self.verify_rest(&row, &mut report).await?;
            last = id;
        }
        Ok(report.verified)
    }

    /// The file itself: its pages, and that each index says what its table says.
    async fn verify_file(&mut self, report: &mut Report<'_>) -> Result<(), StoreError> {
        let mut rows =
            sqlx::query_scalar::<_, String>("pragma integrity_check(100)").fetch(&mut *self.tx);
        while let Some(wrong) = rows.try_next().await? {
            if wrong != "ok" {
                let mend = "stop the server and run `sqlite3 FILE reindex`; if that does not help, \
                            restore a backup: devices give back what they have that it lacks";
                report.say("the file", wrong, mend);
            }
        }
        Ok(())
    }
}

impl Change {
    /// Mends what was found.
    pub(crate) async fn repair(&mut self, repair: &Repair) -> Result<(), StoreError> {
        let query = sqlx::query(repair.statement).bind(&repair.datastore);
        let query = match &repair.version {
            Some((key, checkin)) => query.bind(key).bind(checkin),
            None => query,
        };
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}

/// A checkin as people read it.
fn when(micros: i64) -> String {
    Checkin::from_micros(micros).map_or_else(|_| micros.to_string(), |at| at.to_string())
}
