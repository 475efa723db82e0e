//! What a pulled page does to the confirmed records.
//!
//! A page is read and hashed once ([`read_page`]), however often its application must be
//! planned; then it goes into the staged trees, which nobody sees until the pull ends. Each
//! fingerprint is computed from what is stored here.

use alloc::{
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use tidemark_protocol::Checkin;
use uuid::Uuid;

use super::Error;
use super::database::{Database, Stop};
use super::outgoing::{Answer, Outgoing};
use super::record::{Confirmed, row_key, split_row_key};
use super::wire::Arrived;
use crate::fingerprint::RecordFingerprint;
use crate::json::{Canonical, CanonicalRef};
use crate::sort::sort_by;

/// A page, ready to be applied any number of times.
#[derive(Debug, Default)]
pub(super) struct PulledPage {
    /// By row key, each once; `None`: deleted.
    rows: Vec<(Vec<u8>, Option<Confirmed>)>,
    /// Names this device gave, and what they became.
    pub(super) aliases: Vec<(Uuid, String)>,
    /// Pushed rows that are hereby answered.
    pub(super) answers: Vec<(Vec<u8>, Answer)>,
    /// All that it holds.
    pub(super) records: u64,
    /// The newest checkin of them.
    pub(super) newest: Option<Checkin>,
    /// Records that did not come as the answer to a push of this session.
    pub(super) pulled: u64,
    /// Of those, the deleted ones.
    pub(super) deleted: u64,
}

/// Reads a page's `records` and hashes what they bring.
pub(super) fn read_page(
    records: CanonicalRef<'_>,
    outgoing: &Outgoing,
) -> Result<PulledPage, Error> {
    let mut page = PulledPage::default();
    for record in records.elements() {
        page.read(&Arrived::read(record)?, outgoing)?;
        page.records += 1;
    }
    page.arrange();
    Ok(page)
}

impl PulledPage {
    fn read(&mut self, record: &Arrived<'_>, outgoing: &Outgoing) -> Result<(), Error> {
        let key = record.key.as_ref();
        let pushed = outgoing.row_of(record);
        let row = match &pushed {
            Some(pushed) if record.is_gone() => row_key(split_row_key(pushed)?.0, key),
            _ => row_key(&record.entity, key),
        };
        self.newest = self.newest.max(Some(record.checkin));
        if let Some(pushed) = &pushed {
            let (key, checkin) = (key.to_string(), record.checkin);
            let answer = Answer {
                key,
                checkin,
                deleted: record.deleted,
                is_gone: record.is_gone(),
            };
            self.answers.push((pushed.clone(), answer));
        } else {
            self.pulled += 1;
            self.deleted += u64::from(record.deleted);
        }
        if let Some(local_id) = record.local_id.filter(|id| id.to_string() != key) {
            self.aliases.push((local_id, key.to_string()));
        }
        if let Some(pushed) = &pushed
            && *pushed != row
            && (record.is_gone() || outgoing.sent.get(pushed).is_some_and(|sent| sent.is_named))
        {
            // The truth has it under another key, or under none.
            self.rows.push((pushed.clone(), None));
        }
        let confirmed = if record.deleted {
            None
        } else {
            let sent = pushed.and_then(|row| outgoing.sent.get(&row)?.whole.clone());
            Some(confirmed(record, sent)?)
        };
        self.rows.push((row, confirmed));
        Ok(())
    }

    /// Takes these rows away too, unless the page brings them.
    pub(super) fn take_away(&mut self, gone: Vec<Vec<u8>>) {
        self.deleted += gone.len() as u64;
        let mut rows = Vec::with_capacity(gone.len() + self.rows.len());
        for row in gone {
            rows.push((row, None));
        }
        rows.append(&mut self.rows);
        self.rows = rows;
        self.arrange();
    }

    /// Brings the rows in order; of two versions of one record the later comes later: it stays.
    fn arrange(&mut self) {
        sort_by(&mut self.rows, |one, other| one.0.cmp(&other.0));
        self.rows.reverse();
        self.rows.dedup_by(|earlier, later| earlier.0 == later.0);
        self.rows.reverse();
    }

    /// Adds the rows that it brings or takes away.
    pub(super) fn add_rows(&self, rows: &mut Vec<Vec<u8>>) {
        for (row, _) in &self.rows {
            rows.push(row.clone());
        }
    }

    /// Applies the page to the staged trees.
    pub(super) fn apply(&self, database: &mut Database<'_>) -> Result<(), Stop> {
        let keys: Vec<&[u8]> = self.rows.iter().map(|(row, _)| row.as_slice()).collect();
        let before = database.staged_records(&keys)?;
        let mut after = Vec::with_capacity(self.rows.len());
        for ((row, confirmed), before) in self.rows.iter().zip(&before) {
            let mut confirmed = confirmed.clone();
            if let Some(record) = confirmed.as_mut().filter(|record| record.handle.is_none()) {
                record.handle = match before {
                    Some(before) => before.handle,
                    None => database.view().handle_of_deleted(split_row_key(row)?.1)?,
                };
            }
            after.push((row.as_slice(), confirmed));
        }
        database.write_staged(&before, &after)?;
        database.write_aliases(&self.aliases)
    }
}

fn confirmed(record: &Arrived<'_>, sent: Option<Canonical>) -> Result<Confirmed, Error> {
    let value = match (record.value, sent) {
        (Some(value), _) => value.to_canonical(),
        (None, Some(sent)) => sent,
        (None, None) => {
            return Err(Error::protocol(
                "the server left out a value that was never sent",
            ));
        }
    };
    let created: Rc<str> = record.created.as_deref().unwrap_or_default().into();
    let updated = match record.updated.as_deref() {
        Some(updated) if *updated != *created => updated.into(),
        _ => Rc::clone(&created),
    };
    Ok(Confirmed {
        fingerprint: RecordFingerprint::of(&record.entity, value.borrow()),
        checkin: record.checkin,
        handle: record.local_id,
        created,
        updated,
        value,
    })
}
