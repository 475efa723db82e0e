//! The versions, key by key: each by itself, and each with the one before it.

use futures_util::TryStreamExt;
use tidemark_engine::{
    fingerprint::RecordFingerprint,
    json::Canonical,
    version::{Stamp, Stamps},
};
use tidemark_protocol::{Checkin, DeviceId, Key, Timestamp};

use super::{
    super::{super::Repair, StoreError},
    Report, Row, Snapshot,
    commits::Sums,
    when,
};

const VERSIONS: &str = "select * from version where datastore = ?1 order by key, checkin";

/// The version ?3 of the key ?2 ends with the next.
const CHAIN: &str = "\
    update version set superseded = (select min(next.checkin) from version next \
      where next.datastore = ?1 and next.key = ?2 and next.checkin > version.checkin) \
    where datastore = ?1 and key = ?2 and checkin = ?3";

/// The version ?3 of the key ?2 changed the whole value, for all that is known.
const UNSTAMP: &str =
    "update version set stamps = '' where datastore = ?1 and key = ?2 and checkin = ?3";

/// A version's row, undecoded.
#[derive(sqlx::FromRow)]
struct Version {
    key: String,
    checkin: i64,
    superseded: Option<i64>,
    entity: String,
    value: Option<String>,
    created: Option<String>,
    updated: Option<String>,
    device: String,
    deleted: bool,
    stamps: String,
    fingerprint: Option<String>,
}

/// What is wrong with a version.
struct Fault {
    wrong: String,
    mend: String,
    /// What mends it for certain: [`CHAIN`] or [`UNSTAMP`].
    repair: Option<&'static str>,
}

impl Fault {
    fn new(wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            wrong: wrong.into(),
            mend: mend.into(),
            repair: None,
        }
    }

    fn mended_by(self, statement: &'static str) -> Self {
        Self {
            repair: Some(statement),
            ..self
        }
    }

    fn say(self, row: &Row, version: &Version, report: &mut Report<'_>) {
        let repair = self
            .repair
            .map(|statement| Repair::of_version(&row.id, &version.key, version.checkin, statement));
        report.say_with(version.place(), self.wrong, self.mend, repair);
    }
}

const FROM_A_DEVICE: &str = "the datastore's fingerprint speaks for the record's: put back the value \
     that comes to it, from a backup or from a device that holds the record";
const FROM_A_BACKUP: &str = "restore the row from a backup";

impl Version {
    fn place(&self) -> String {
        format!("record {} as of {}", self.key, when(self.checkin))
    }

    /// What is wrong with it by itself, and what would mend it.
    fn faults(&self, row: &Row, sums: Sums) -> Vec<Fault> {
        let mut faults = Vec::new();
        if Key::parse(&self.key).is_err() {
            faults.push(Fault::new("its key is none", FROM_A_BACKUP));
        }
        if self.checkin > row.head {
            faults.push(Fault::new(
                "it is later than the head",
                "set the datastore's head to its checkin",
            ));
        }
        if self.superseded.is_some_and(|by| by <= self.checkin) {
            let mend = "set `superseded` to the checkin of its key's next version, or to null";
            let fault = Fault::new("it is superseded by what is not later", mend);
            faults.push(fault.mended_by(CHAIN));
        }
        let times = [&self.created, &self.updated];
        let is_time = |time: &&Option<String>| {
            let time = time.as_deref();
            time.is_some_and(|time| Timestamp::parse(time).is_ok())
        };
        if !times.iter().all(is_time) {
            faults.push(Fault::new("a time of it cannot be read", FROM_A_BACKUP));
        }
        if DeviceId::parse(&self.device).is_err() {
            faults.push(Fault::new("its device is none", FROM_A_BACKUP));
        } else if let Some(wrong) = self.stamps_fault() {
            let mend =
                "set `stamps` to the empty text, which says that the whole value changed then";
            faults.push(Fault::new(wrong, mend).mended_by(UNSTAMP));
        }
        faults.extend(self.content_fault(row, sums));
        faults
    }

    /// Each stamp is of this commit or an earlier one, and one at least is of this.
    fn stamps_fault(&self) -> Option<&'static str> {
        let made = Checkin::from_micros(self.checkin).ok();
        let device = DeviceId::parse(&self.device).ok();
        let (Some(checkin), Some(device)) = (made, device) else {
            return Some("its device or checkin cannot be read");
        };
        let made = Stamp { checkin, device };
        let Ok(stamps) = Stamps::decode(&self.stamps, made) else {
            return Some("its stamps cannot be read");
        };
        if stamps.all().any(|stamp| stamp.checkin > checkin) {
            return Some("a field's stamp is later than the version");
        }
        let is_own = stamps.all().any(|stamp| stamp == made);
        (!is_own).then_some("no field's stamp is of the commit that made it")
    }

    fn content_fault(&self, row: &Row, sums: Sums) -> Option<Fault> {
        let fault = |wrong: &str, mend: &str| Some(Fault::new(wrong, mend));
        if self.deleted {
            return match (&self.value, &self.fingerprint) {
                (None, None) => None,
                _ => fault(
                    "it is a tombstone with a value or a fingerprint",
                    "set both to null, or `deleted` to 0, as the datastore's fingerprint tells",
                ),
            };
        }
        let kept = self.fingerprint.as_deref().map(str::parse);
        let kept: Option<RecordFingerprint> = kept.and_then(Result::ok);
        let Some(value) = &self.value else {
            return match (self.superseded, kept) {
                (None, _) => fault("it is live, and its value is missing", FROM_A_DEVICE),
                (Some(_), None) => fault("its fingerprint cannot be read", FROM_A_BACKUP),
                (Some(by), Some(_)) if Some(by) > row.history_from => fault(
                    "its value is missing, of a time that can be shown still",
                    "set the datastore's `history_from` to the checkin that superseded it",
                ),
                (Some(_), Some(_)) => None,
            };
        };
        let told = || self.fingerprint.as_deref().unwrap_or("missing").to_owned();
        let Ok(canonical) = Canonical::parse(value) else {
            return fault("its value is no JSON", FROM_A_DEVICE);
        };
        let computed = RecordFingerprint::of(&self.entity, canonical.borrow());
        if kept != Some(computed) {
            let wrong = format!(
                "its value comes to the fingerprint {computed}, it has {}",
                told()
            );
            let set = format!("set its fingerprint to {computed}");
            let mend = if sums.agree { FROM_A_DEVICE } else { &set };
            return Some(Fault::new(wrong, mend));
        }
        if canonical.as_str() != value {
            let mend = format!("set the value to {}", canonical.as_str());
            return Some(Fault::new("its value is not canonical", mend));
        }
        None
    }

    /// What does not fit between this version and the next of its key.
    fn gap(&self, next: &Self) -> Option<Fault> {
        if self.entity != next.entity || self.created != next.created {
            let wrong = format!("`entity` or `created` changes at {}", when(next.checkin));
            return Some(Fault::new(wrong, FROM_A_BACKUP));
        }
        let then = when(next.checkin);
        let wrong = match self.superseded {
            Some(by) if by == next.checkin => return None,
            Some(by) => {
                let by = when(by);
                format!("it is superseded at {by}, and the next version is of {then}")
            }
            None => format!("it is live, and so is a later one, of {then}"),
        };
        let mend = format!("set `superseded` of this one to {}", next.checkin);
        Some(Fault::new(wrong, mend).mended_by(CHAIN))
    }

    /// What is wrong with it as its key's last.
    fn end(&self) -> Option<Fault> {
        let by = when(self.superseded?);
        let wrong = format!("it is superseded at {by}, and nothing follows");
        let mend = "restore what followed from a backup; if nothing did, set `superseded` to null";
        Some(Fault::new(wrong, mend))
    }
}

impl Snapshot {
    pub(super) async fn verify_versions(
        &mut self,
        row: &Row,
        sums: Sums,
        report: &mut Report<'_>,
    ) -> Result<(), StoreError> {
        let mut rows = sqlx::query_as::<_, Version>(VERSIONS)
            .bind(&row.id)
            .fetch(&mut *self.tx);
        let mut previous: Option<Version> = None;
        while let Some(version) = rows.try_next().await? {
            report.verified.versions += 1;
            if let Some(previous) = &previous {
                let is_same = previous.key == version.key;
                let fault = if is_same {
                    previous.gap(&version)
                } else {
                    previous.end()
                };
                if let Some(fault) = fault {
                    fault.say(row, previous, report);
                }
            }
            for fault in version.faults(row, sums) {
                fault.say(row, &version, report);
            }
            previous = Some(Version {
                value: None,
                ..version
            });
        }
        if let Some(last) = previous
            && let Some(fault) = last.end()
        {
            fault.say(row, &last, report);
        }
        Ok(())
    }
}
