//! What a session pushes: edits become records on the wire, cut into batches.
//!
//! It remembers which edit of each row was sent, so that an edit made while the sync is under
//! way stays pending, and how the server answered. Nothing here sends or stores anything.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use tidemark_protocol::{Checkin, Limits};
use uuid::Uuid;

use super::by_row::ByRow;
use super::codec::Unreadable;
use super::doc::{write_text, write_uuid};
use super::record::{Edit, row_key, split_row_key};
use super::wire::{Arrived, Request};
use crate::json::{Canonical, CanonicalRef, Patch};

/// What a body holds besides its records, at most.
const ENVELOPE_BYTES: u64 = 4096;

/// One pushed row.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// The number of the newest edit when it was sent.
    pub(super) edit: u64,
    /// It was sent under a real key.
    pub(super) is_named: bool,
    /// It was sent under this id once more, though it has a key.
    pub(super) pushed_as: Option<Uuid>,
    /// It was sent as a deletion.
    pub(super) deleted: bool,
    /// The value, where it was sent whole: an answer may leave it out.
    pub(super) whole: Option<Canonical>,
    pub(super) answer: Option<Answer>,
}

/// What the server made of a pushed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its real key; of a dead pending record, its `local_id`.
    pub(super) key: String,
    pub(super) checkin: Checkin,
    /// It is deleted in the truth.
    pub(super) deleted: bool,
    /// The truth keeps nothing of it, not even the tombstone: the push was not compared with
    /// anything.
    pub(super) is_gone: bool,
}

/// What became of a row offered to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Added,
    /// The batch has no room: it goes into the next.
    Full,
    /// No batch will ever have room.
    TooLarge,
}

/// Everything that one session pushes.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// By row key as it was when sent.
    pub(super) sent: ByRow<Sent>,
    /// Row keys as they went, through all batches: refusals name a place.
    pub(super) order: Vec<Vec<u8>>,
}

impl Outgoing {
    /// The pushed row that a record from the server answers.
    pub(super) fn row_of(&self, record: &Arrived<'_>) -> Option<Vec<u8>> {
        let local_id = record.local_id.map(|id| id.to_string());
        let names = [local_id.as_deref(), Some(record.key.as_ref())];
        for name in names.into_iter().flatten() {
            let row = row_key(&record.entity, name);
            if self.sent.get(&row).is_some() {
                return Some(row);
            }
        }
        if !record.is_gone() {
            return None;
        }
        // Where the truth keeps nothing of a record, the answer names no entity.
        for name in names.into_iter().flatten() {
            for row in self.sent.rows() {
                let pushed_as = self.sent.get(row).and_then(|sent| sent.pushed_as);
                let is_it = pushed_as.is_some() && pushed_as == record.local_id;
                if is_it || split_row_key(row).is_ok_and(|(_, key)| key == name) {
                    return Some(row.to_vec());
                }
            }
        }
        None
    }
}

/// A batch being filled.
#[derive(Debug)]
pub(super) struct Batch {
    limits: Limits,
    /// The records as JSON, with commas between them.
    pub(super) records: String,
    pub(super) count: u32,
}

impl Batch {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            records: String::new(),
            count: 0,
        }
    }

    /// Adds the row, and notes it as sent.
    pub(super) fn offer(
        &mut self,
        outgoing: &mut Outgoing,
        row: &[u8],
        edit: &Edit,
    ) -> Result<Offer, Unreadable> {
        if self.count >= self.limits.push_records.max(1) {
            return Ok(Offer::Full);
        }
        let before = self.records.len();
        if before > 0 {
            self.records.push(',');
        }
        write_record(&mut self.records, row, edit)?;
        let room = self.limits.body_bytes.saturating_sub(ENVELOPE_BYTES);
        if self.records.len() as u64 > room {
            let alone = (self.records.len() - before) as u64;
            self.records.truncate(before);
            return Ok(if alone > room {
                Offer::TooLarge
            } else {
                Offer::Full
            });
        }
        self.count += 1;
        let whole = (!edit.deleted && edit.is_sent_whole()).then(|| edit.value.clone());
        let sent = Sent {
            edit: edit.number,
            is_named: !edit.is_pending && edit.push_as.is_none(),
            pushed_as: edit.push_as,
            deleted: edit.deleted,
            whole,
            answer: None,
        };
        outgoing.sent.insert(row.to_vec(), sent);
        outgoing.order.push(row.to_vec());
        Ok(Offer::Added)
    }

    /// Adds the members of a push.
    pub(super) fn write(&self, request: &mut Request, seq: u32, more: bool, confirm: bool) {
        request.number("seq", seq.into());
        request.json("records", "[");
        request.append(&self.records);
        request.append("]");
        request.flag("more", more);
        request.flag("confirm", confirm);
    }
}

impl Edit {
    /// Whether the next push carries the whole value.
    pub(super) fn is_sent_whole(&self) -> bool {
        self.whole > 0 || self.is_pending
    }
}

fn write_record(out: &mut String, row: &[u8], edit: &Edit) -> Result<(), Unreadable> {
    let (entity, key) = split_row_key(row)?;
    out.push_str("{\"key\":");
    match edit.push_as {
        Some(local_id) => write_uuid(out, local_id),
        None => write_text(out, key),
    }
    if edit.is_pending || edit.push_as.is_some() {
        out.push_str(",\"is_pending\":true");
    }
    out.push_str(",\"entity\":");
    write_text(out, entity);
    if edit.deleted {
        out.push_str(",\"deleted\":true");
    } else if edit.is_sent_whole() {
        out.push_str(",\"value\":");
        out.push_str(edit.value.as_str());
    } else {
        write_changed(out, edit);
    }
    out.push_str(",\"created\":");
    write_text(out, &edit.created);
    out.push_str(",\"updated\":");
    write_text(out, &edit.updated);
    if let Some(base) = edit.base {
        out.push_str(",\"base\":");
        write_text(out, &base.to_string());
    }
    out.push('}');
    Ok(())
}

/// The edited fields: their names, and a value of just those that are there.
fn write_changed(out: &mut String, edit: &Edit) {
    let mut patch = Patch::new();
    out.push_str(",\"changed\":[");
    for (position, (field, _)) in edit.changed.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_text(out, field);
        if let Some(value) = edit.value.borrow().field(field) {
            patch.set(field.as_str(), value);
        }
    }
    out.push_str("],\"value\":");
    out.push_str(CanonicalRef::trusted("{}").patched(&patch).as_str());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::rc::Rc;
    use uuid::Uuid;

    fn edit(value: &str) -> Edit {
        Edit {
            is_pending: true,
            deleted: false,
            whole: 1,
            number: 1,
            born: 1,
            handle: None,
            base: None,
            push_as: None,
            changed: Vec::new(),
            set_aside: None,
            created: Rc::from("2026-11-22T04:41:01Z"),
            updated: Rc::from("2026-11-22T04:41:01Z"),
            value: Canonical::trusted(value),
        }
    }

    fn pushed(edit: &Edit) -> String {
        let mut out = String::new();
        write_record(&mut out, &row_key("todo", "k\"1"), edit).unwrap();
        out
    }

    const TIMES: &str = r#""created":"2026-11-22T04:41:01Z","updated":"2026-11-22T04:41:01Z""#;

    #[test]
    fn a_pending_record_goes_whole() {
        let expected = alloc::format!(
            r#"{{"key":"k\"1","is_pending":true,"entity":"todo","value":{{"a":1}},{TIMES}}}"#
        );
        assert_eq!(pushed(&edit(r#"{"a":1}"#)), expected);
    }

    #[test]
    fn an_update_goes_as_its_fields() {
        let update = Edit {
            is_pending: false,
            whole: 0,
            base: Some(Checkin::from_micros(0).unwrap()),
            changed: [("a".into(), 1), ("gone".into(), 1)].into(),
            ..edit(r#"{"a":1,"b":2}"#)
        };
        let expected = alloc::format!(
            r#"{{"key":"k\"1","entity":"todo","changed":["a","gone"],"value":{{"a":1}},{TIMES},"base":"1970-01-01T00:00:00.000000Z"}}"#
        );
        assert_eq!(pushed(&update), expected);
    }

    #[test]
    fn a_key_that_came_unasked_is_pushed_under_its_local_id() {
        let arrived = Edit {
            is_pending: false,
            deleted: true,
            push_as: Some(Uuid::from_u128(1)),
            ..edit("1")
        };
        let expected = alloc::format!(
            r#"{{"key":"00000000-0000-0000-0000-000000000001","is_pending":true,"entity":"todo","deleted":true,{TIMES}}}"#
        );
        assert_eq!(pushed(&arrived), expected);
    }

    #[test]
    fn batches_are_cut_by_count_and_bytes_and_the_too_large_stay_out() {
        let limits = Limits {
            push_records: 2,
            pull_records: 1,
            body_bytes: ENVELOPE_BYTES + 400,
        };
        let mut outgoing = Outgoing::default();
        let mut batch = Batch::new(limits);
        let mut offer = |key: &str, bytes: usize| {
            let value = alloc::format!("\"{}\"", "x".repeat(bytes));
            batch
                .offer(&mut outgoing, &row_key("t", key), &edit(&value))
                .unwrap()
        };
        assert_eq!(offer("a", 500), Offer::TooLarge);
        assert_eq!(offer("a", 100), Offer::Added);
        assert_eq!(offer("b", 200), Offer::Full);
        assert_eq!(offer("b", 10), Offer::Added);
        assert_eq!(offer("c", 1), Offer::Full);
        assert_eq!(outgoing.order.len(), 2);
    }
}
