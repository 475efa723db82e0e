//! Datastores, their commits and their members.

use std::{collections::HashSet, time::Duration};

use serde_json::json;
use sqlx::{Row, sqlite::SqliteRow};
use tidemark_engine::{
    fingerprint::DatastoreFingerprint,
    truth::{Airbag, Mark, Policies, Retention},
};
use tidemark_protocol::{Checkin, ConflictSummary, DeviceId};

use super::{
    super::{Datastore, StoreError},
    Change, Snapshot, decode,
};

impl Snapshot {
    /// The caller's datastore: the named one where they are a member of it, or their own.
    /// `None`: there is none, or none that they may see.
    pub(crate) async fn datastore_of(
        &mut self,
        user: &str,
        named: Option<&str>,
    ) -> Result<Option<Datastore>, StoreError> {
        let row = match named {
            Some(id) => {
                sqlx::query(
                    "select datastore.* from datastore \
                     join member on member.datastore = datastore.id \
                     where datastore.id = ?1 and member.user = ?2",
                )
                .bind(id)
                .bind(user)
                .fetch_optional(&mut *self.tx)
                .await?
            }
            None => {
                sqlx::query("select * from datastore where owner = ?1")
                    .bind(user)
                    .fetch_optional(&mut *self.tx)
                    .await?
            }
        };
        row.as_ref().map(datastore).transpose()
    }

    /// What a user is in a datastore; `None`: no member.
    pub(crate) async fn role(
        &mut self,
        datastore: &str,
        user: &str,
    ) -> Result<Option<String>, StoreError> {
        let role = sqlx::query_scalar("select role from member where datastore = ?1 and user = ?2")
            .bind(datastore)
            .bind(user)
            .fetch_optional(&mut *self.tx)
            .await?;
        Ok(role)
    }

    /// A datastore that is known to exist.
    pub(crate) async fn datastore(&mut self, id: &str) -> Result<Datastore, StoreError> {
        let row = sqlx::query("select * from datastore where id = ?1")
            .bind(id)
            .fetch_one(&mut *self.tx)
            .await?;
        datastore(&row)
    }

    /// Whether this truth issued a checkin; inside, the fingerprint of the truth as of it,
    /// unless it was dropped.
    pub(crate) async fn commit_at(
        &mut self,
        datastore: &str,
        checkin: Checkin,
    ) -> Result<Option<Option<DatastoreFingerprint>>, StoreError> {
        let row =
            sqlx::query("select fingerprint from commits where datastore = ?1 and checkin = ?2")
                .bind(datastore)
                .bind(checkin.micros())
                .fetch_optional(&mut *self.tx)
                .await?;
        row.as_ref()
            .map(|row| decode::parsed_maybe(row, "fingerprint"))
            .transpose()
    }

    /// The newest commit after this one that the device did not make, and who made it if a device
    /// did.
    pub(crate) async fn newest_commit(
        &mut self,
        datastore: &str,
        after: Checkin,
        but_of: Option<DeviceId>,
    ) -> Result<Option<(Checkin, Option<DeviceId>)>, StoreError> {
        let row = sqlx::query(
            "select checkin, device from commits \
             where datastore = ?1 and checkin > ?2 and (?3 is null or device is not ?3) \
             order by checkin desc limit 1",
        )
        .bind(datastore)
        .bind(after.micros())
        .bind(but_of.map(|device| device.to_string()))
        .fetch_optional(&mut *self.tx)
        .await?;
        let read = |row| -> Result<_, StoreError> {
            let device = decode::read_maybe(row, "device", DeviceId::parse)?;
            Ok((decode::checkin(row, "checkin")?, device))
        };
        row.as_ref().map(read).transpose()
    }
}

/// Which of these checkins were issued.
pub(super) const ISSUED: &str = "\
    select commits.checkin from json_each(?2) as wanted \
    join commits on commits.datastore = ?1 and commits.checkin = wanted.value";

impl Change {
    /// Which of these checkins this truth issued.
    pub(crate) async fn issued(
        &mut self,
        datastore: &str,
        checkins: &HashSet<Checkin>,
    ) -> Result<HashSet<Checkin>, StoreError> {
        let micros: Vec<i64> = checkins.iter().map(|checkin| checkin.micros()).collect();
        let rows = sqlx::query(ISSUED)
            .bind(datastore)
            .bind(json!(micros).to_string())
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter()
            .map(|row| decode::checkin(row, "checkin"))
            .collect()
    }

    /// Makes a user's own datastore; that is its first commit.
    pub(crate) async fn create_datastore(
        &mut self,
        user: &str,
        checkin: Checkin,
    ) -> Result<Datastore, StoreError> {
        let id = Datastore::id_of(user);
        let empty = DatastoreFingerprint::EMPTY.to_string();
        sqlx::query(
            "insert into datastore (id, owner, head, fingerprint, live) values (?1, ?2, ?3, ?4, 0)",
        )
        .bind(&id)
        .bind(user)
        .bind(checkin.micros())
        .bind(&empty)
        .execute(&mut *self.tx)
        .await?;
        sqlx::query("insert into member (datastore, user, role) values (?1, ?2, 'owner')")
            .bind(&id)
            .bind(user)
            .execute(&mut *self.tx)
            .await?;
        sqlx::query("insert into commits (datastore, checkin, fingerprint) values (?1, ?2, ?3)")
            .bind(&id)
            .bind(checkin.micros())
            .bind(&empty)
            .execute(&mut *self.tx)
            .await?;
        self.datastore(&id).await
    }
}

impl Change {
    /// Keeps what was set for a datastore.
    pub(crate) async fn set_rules(&mut self, datastore: &Datastore) -> Result<(), StoreError> {
        let policies = &datastore.policies;
        let is_set = *policies != Policies::default();
        let column = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        sqlx::query(
            "update datastore set policies = ?2, airbag_deletes = ?3, airbag_percent = ?4, \
             keep_history = ?5, keep_tombstones = ?6 where id = ?1",
        )
        .bind(&datastore.id)
        .bind(is_set.then(|| serde_json::json!(policies).to_string()))
        .bind(datastore.airbag.map(|airbag| column(airbag.deletes)))
        .bind(datastore.airbag.map(|airbag| column(airbag.percent)))
        .bind(
            datastore
                .retention
                .map(|kept| column(kept.history.as_secs())),
        )
        .bind(
            datastore
                .retention
                .map(|kept| column(kept.tombstones.as_secs())),
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }
}

fn datastore(row: &SqliteRow) -> Result<Datastore, StoreError> {
    let policies = decode::read_maybe(row, "policies", |text| {
        serde_json::from_str::<Policies>(text)
    })?;
    let mark = decode::checkin_maybe(row, "truth_pushed")?;
    let marked_by = decode::read_maybe(row, "truth_pushed_by", DeviceId::parse)?;
    let deletes = decode::count_maybe(row, "airbag_deletes")?;
    let percent = decode::count_maybe(row, "airbag_percent")?;
    let history = decode::count_maybe(row, "keep_history")?;
    let tombstones = decode::count_maybe(row, "keep_tombstones")?;
    Ok(Datastore {
        id: row.try_get("id")?,
        head: decode::checkin(row, "head")?,
        forgotten: decode::checkin_maybe(row, "forgotten")?,
        history_from: decode::checkin_maybe(row, "history_from")?,
        fingerprints_from: decode::checkin_maybe(row, "fingerprints_from")?,
        mark: mark
            .zip(marked_by)
            .map(|(checkin, device)| Mark { checkin, device }),
        sums_at: decode::checkin_maybe(row, "sums_at")?,
        fingerprint: decode::parsed(row, "fingerprint")?,
        live: decode::count(row, "live")?,
        conflicts: ConflictSummary {
            open: decode::count(row, "conflicts_open")?,
            changed: decode::checkin_maybe(row, "conflicts_changed")?,
        },
        policies: policies.unwrap_or_default(),
        airbag: deletes
            .zip(percent)
            .map(|(deletes, percent)| Airbag { deletes, percent }),
        retention: history
            .zip(tombstones)
            .map(|(history, tombstones)| Retention {
                history: Duration::from_secs(history),
                tombstones: Duration::from_secs(tombstones),
            }),
    })
}
