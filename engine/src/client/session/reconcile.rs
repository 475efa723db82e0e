//! Reconcile: what both sides hold is compared range by range, and what differs is mended.
//!
//! It compares the confirmed records as they were before anything of this session was applied:
//! a value that only this device has, of a truth that was lost, is told and pushed before the
//! truth's own version of that record comes over it. What the server sends is staged, and
//! becomes visible with the pull; what it asks for is pushed whole. Nothing of it needs to
//! outlive a crash: what still differs then is found again.

use alloc::{string::String, vec::Vec};

use super::Session;
use super::offer::Offered;
use crate::client::pulled::{PulledPage, read_page};
use crate::client::reconcile::{Held, Told};
use crate::client::wire::{Members, need};
use crate::client::{Environment, Error, Phase};
use crate::json::{CanonicalRef, Elements};
use crate::sort::sort_by;

/// A request is filled with ranges up to about this many bytes.
const REQUEST_BYTES: usize = 256 * 1024;
/// More calls than any comparison takes: the server goes in circles.
const CALLS_MAX: u32 = 10_000;

impl<E: Environment> Session<'_, E> {
    /// Compares and mends; true: some records were refused for now because the server wants
    /// them whole.
    pub(super) async fn reconcile(&mut self) -> Result<bool, Error> {
        self.phase(Phase::Reconciling);
        self.forget_staged().await?;
        let first = self.shared.look(|view| Held::new(view)?.begin()).await?;
        let mut ranges = first;
        let mut asked = Vec::new();
        let end = self.max_checkin;
        let mut calls = 0;
        while !ranges.is_empty() {
            calls += 1;
            if calls > CALLS_MAX {
                return Err(Error::protocol("reconciling comes to no end"));
            }
            let body = self.ranges_body(&mut ranges);
            let answer = self.call("/v1/sync/reconcile", body).await?;
            let members = Members(answer.borrow());
            self.mend(members, &mut asked).await?;
            let mut told = Vec::new();
            for range in list(members, "ranges") {
                told.push(Told::read(range)?);
            }
            let mut next = self
                .shared
                .look(|view| Held::new(view)?.compare(&told))
                .await?;
            // What was told lies before what was not asked about yet: a request's ranges are in order.
            next.append(&mut ranges);
            ranges = next;
        }
        let mut pull = None;
        if !asked.is_empty() {
            sort_by(&mut asked, Ord::cmp);
            asked.dedup();
            let total = asked.len() as u64;
            pull = self.push_whole(Offered::Asked(asked), total).await?;
        }
        if self.outgoing.order.is_empty() && self.max_checkin == end {
            // The truth is not another for this session: the ranges told all that a pull would.
            return self.publish(&PulledPage::default(), None).await;
        }
        self.pull(pull).await
    }

    /// Forgets what an interrupted pull has left.
    pub(super) async fn forget_staged(&self) -> Result<(), Error> {
        if self.shared.current().root.staged.is_none() {
            return Ok(());
        }
        self.shared
            .apply(&mut |database| {
                database.check_fence(self.attempt)?;
                database.drop_staged();
                Ok(())
            })
            .await
    }

    /// As many ranges as go into one request.
    fn ranges_body(&self, ranges: &mut Vec<String>) -> String {
        let mut request = self.request(REQUEST_BYTES / 4);
        request.json("ranges", "[");
        let (mut count, mut bytes) = (0, 0);
        for range in &*ranges {
            if bytes > REQUEST_BYTES || count >= self.limits.pull_records.max(1) as usize {
                break;
            }
            if count > 0 {
                request.append(",");
            }
            count += 1;
            bytes += range.len();
            request.append(range);
        }
        ranges.drain(..count);
        request.append("]");
        if self.options.confirm {
            request.flag("confirm", true);
        }
        request.finish()
    }

    /// Stages what the server sent and took away, and notes what it asks for.
    async fn mend(&mut self, answer: Members<'_>, asked: &mut Vec<Vec<u8>>) -> Result<(), Error> {
        let mut page = match answer.get("records") {
            Some(records) => read_page(records, &self.outgoing)?,
            None => PulledPage::default(),
        };
        let dropped = keys(answer, "drop")?;
        if self.pushes() {
            let wanted = keys(answer, "send")?;
            asked.extend(self.rows_held(&wanted).await?);
        }
        // Deleted in the truth was what this device does not hold.
        self.max_checkin = self.max_checkin.max(answer.checkin("max_checkin")?);
        page.take_away(self.rows_held(&dropped).await?);
        if page.records == 0 && page.deleted == 0 {
            return Ok(());
        }
        self.count(&page);
        let (attempt, start) = (self.attempt, self.start);
        self.shared
            .apply(&mut |database| {
                database.check_fence(attempt)?;
                database.begin_staged(start, None)?;
                page.apply(database)
            })
            .await
    }

    /// The confirmed rows of these keys.
    async fn rows_held(&self, keys: &[String]) -> Result<Vec<Vec<u8>>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.shared
            .look(|view| {
                let rows = Held::new(view)?.rows_of(keys);
                let found = view.root.confirmed.get_many(&view.pages, &rows)?;
                let mut held = Vec::new();
                for (row, found) in rows.into_iter().zip(found) {
                    if found.is_some() {
                        held.push(row);
                    }
                }
                Ok(held)
            })
            .await
    }
}

/// A list that may be left out.
fn list<'a>(answer: Members<'a>, name: &str) -> Elements<'a> {
    let list = answer.get(name).unwrap_or(CanonicalRef::trusted("[]"));
    list.elements()
}

fn keys(answer: Members<'_>, name: &str) -> Result<Vec<String>, Error> {
    let mut keys = Vec::new();
    for key in list(answer, name) {
        keys.push(need(key.as_text(), name)?.into_owned());
    }
    Ok(keys)
}
