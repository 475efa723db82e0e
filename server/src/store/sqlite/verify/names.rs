//! The names that devices gave to records: each leads to the key that is derived from it.

use futures_util::TryStreamExt;
use tidemark_engine::key::derived_key;
use tidemark_protocol::{DeviceId, LocalId};
use uuid::Uuid;

use super::{super::StoreError, Report, Row, Snapshot, when};

const NAMES: &str = "\
    select local_id, key, device, checkin, \
    exists (select 1 from version where version.datastore = ?1 and version.key = local_key.key) \
      as is_there, \
    exists (select 1 from commits where commits.datastore = ?1 \
      and commits.checkin = local_key.checkin) as is_issued \
    from local_key where datastore = ?1";

#[derive(sqlx::FromRow)]
struct Name {
    local_id: String,
    key: Option<String>,
    device: String,
    checkin: Option<i64>,
    is_there: bool,
    is_issued: bool,
}

impl Name {
    fn fault(&self, forgotten: Option<i64>) -> Option<(String, &'static str)> {
        const UNSURE: &str = "restore the row from a backup; without it the device that pushes \
             this name again makes the same key from it";
        let Ok(local_id) = LocalId::parse(&self.local_id) else {
            return Some(("it is no UUID".to_owned(), "delete the row"));
        };
        if DeviceId::parse(&self.device).is_err() {
            return Some(("its device is none".to_owned(), UNSURE));
        }
        let (key, checkin) = match (&self.key, self.checkin) {
            (None, None) => return None,
            (Some(key), Some(checkin)) => (key, checkin),
            _ => return Some(("it has a key or a checkin, not both".to_owned(), UNSURE)),
        };
        if !is_derived(local_id.uuid(), key) {
            return Some((format!("its key {key} is not derived from it"), UNSURE));
        }
        if !self.is_issued {
            let wrong = format!(
                "it was first pushed at {}, which is no commit",
                when(checkin)
            );
            return Some((wrong, UNSURE));
        }
        let is_forgotten = Some(checkin) <= forgotten;
        (!self.is_there && !is_forgotten).then(|| {
            let wrong = format!("there is no record {key}, and none was forgotten since");
            (wrong, "restore the record from a backup, or delete the row")
        })
    }
}

/// Whether a key can be that of a local id, whenever the record was made.
fn is_derived(local_id: Uuid, key: &str) -> bool {
    let Ok(key) = Uuid::parse_str(key) else {
        return false;
    };
    let mut time = [0; 8];
    time[2..].copy_from_slice(&key.as_bytes()[..6]);
    let millis = i64::from_be_bytes(time);
    derived_key(local_id, millis) == key
}

impl Snapshot {
    pub(super) async fn verify_names(
        &mut self,
        row: &Row,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        let mut rows = sqlx::query_as::<_, Name>(NAMES)
            .bind(&row.id)
            .fetch(&mut *self.tx);
        while let Some(name) = rows.try_next().await? {
            if let Some((wrong, mend)) = name.fault(row.forgotten) {
                report.say(format!("local id {}", name.local_id), wrong, mend);
            }
        }
        Ok(())
    }
}
