//! The conflicts of a datastore: the list of them, and a person's decision on one.

use tidemark_engine::{
    json::Canonical,
    truth::{Choice, Conflict, Held, Mingle, Override, Pusher, SETTLER, Weighs, show},
    version::ConflictId,
};
use tidemark_protocol::{
    Checkin, Code, Conflict as ConflictAnswer, ConflictSide, ConflictsAnswer, Key, Problem,
    SettleAnswer, SettleRequest,
};
use uuid::Uuid;

use super::{
    Caller, Commit, Service,
    problem::{clock_ran_out, forbidden, malformed, no_datastore},
    records::raw,
};
use crate::store::{Change, ConflictsPart, Datastore, KeptConflict};

/// Which conflicts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConflictsQuery {
    /// The datastore; `None` means the caller's own.
    pub datastore: Option<String>,
    /// Those that were settled, by a person or a policy, instead of those that were not.
    pub is_settled: bool,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Conflicts wanted: at least 1, cut to `pull_records`.
    pub limit: Option<u32>,
}

impl Service {
    pub(super) async fn conflicts_page(
        &self,
        caller: &Caller,
        query: ConflictsQuery,
    ) -> Result<ConflictsAnswer, Problem> {
        let records_max = self.page_limit(query.limit)?;
        let after = query
            .cursor
            .as_deref()
            .map_or(Ok((i64::MIN, "")), read_cursor)?;
        let mut snapshot = self.inner.store.snapshot().await?;
        let named = query.datastore.as_deref();
        let Some(datastore) = snapshot.datastore_of(&caller.user, named).await? else {
            return match named {
                Some(_) => Err(no_datastore()),
                None => Ok(nothing()),
            };
        };
        let part = ConflictsPart {
            datastore: &datastore.id,
            is_settled: query.is_settled,
            after,
            records_max,
            bytes_max: self.inner.settings.limits.body_bytes,
        };
        let total = snapshot.count_conflicts(part).await?;
        let page = snapshot.conflicts(part).await?;
        let remaining = total.saturating_sub(page.len() as u64);
        let last = page.last().filter(|_| remaining > 0);
        Ok(ConflictsAnswer {
            cursor: last.map(|last| format!("{}.{}", last.stored.micros(), last.conflict.id)),
            conflicts: page.into_iter().map(answer).collect(),
            remaining,
            open: datastore.conflicts.open,
            changed: datastore.conflicts.changed,
        })
    }

    pub(super) async fn settle_conflict(
        &self,
        caller: &Caller,
        named: Option<&str>,
        id: &str,
        request: SettleRequest,
    ) -> Result<SettleAnswer, Problem> {
        let choice = choice(request)?;
        let id = Uuid::try_parse(id).map_err(|_| no_conflict())?;
        let now = self.now()?;
        let mut change = self.inner.store.change().await?;
        let datastore = change.datastore_of(&caller.user, named).await?;
        let datastore = datastore.ok_or_else(no_conflict)?;
        let kept = change.conflict(&datastore.id, ConflictId(id)).await?;
        let kept = kept.ok_or_else(no_conflict)?;
        if change.role(&datastore.id, &caller.user).await?.as_deref() == Some("reader") {
            return Err(forbidden(
                "Readers of a datastore settle no conflicts in it.",
            ));
        }
        if let Some(settled) = is_settled_so(&kept, &choice)? {
            return settled_answer(&mut change, &datastore.id, &kept.conflict, None, settled).await;
        }
        let (settled, made) = self
            .mingle_decision(&mut change, &datastore, &kept, choice, now)
            .await?;
        let answer =
            settled_answer(&mut change, &datastore.id, &kept.conflict, made, settled).await?;
        change.commit().await?;
        self.tell(&Commit {
            datastore: datastore.id,
            checkin: settled,
            device: SETTLER,
        });
        Ok(answer)
    }

    /// Makes the decision a change of the record; the commit, and the key if it made a record
    /// anew.
    async fn mingle_decision(
        &self,
        change: &mut Change,
        datastore: &Datastore,
        kept: &KeptConflict,
        choice: Choice,
        now: Checkin,
    ) -> Result<(Checkin, Option<Key>), Problem> {
        let KeptConflict {
            conflict, stored, ..
        } = kept;
        let pusher = Pusher {
            device: SETTLER,
            now,
            random: self.random_behind(now, datastore.head),
            is_confirmed: true,
            doubted_up_to: None,
            overrides: Override::Nothing,
            weighs: Weighs::Deletions,
        };
        let rules = self.rules(datastore);
        let mingle = Mingle::new(datastore.truth_head(), pusher, rules, Vec::new());
        let mut mingle = mingle.ok_or_else(clock_ran_out)?;
        let made = mingle.made();
        let text = text(&choice);
        let view = change.view_of(&datastore.id, &conflict.key).await?;
        let writes = mingle.settle(conflict, *stored, choice, &view);
        let key = writes.versions.first().map(|new| new.version.key.clone());
        change.write_truth(&datastore.id, made, 0, &writes).await?;
        let closed = mingle.close().map_err(Held::problem)?;
        if let Some(rejection) = closed.summary.rejected.into_iter().next() {
            return Err(rejection.problem);
        }
        if let Some(commit) = &closed.commit {
            change.commit_push(&datastore.id, SETTLER, commit).await?;
        }
        change
            .settle(&datastore.id, conflict.id, made.checkin, &text)
            .await?;
        Ok((made.checkin, key))
    }
}

fn nothing() -> ConflictsAnswer {
    ConflictsAnswer {
        conflicts: Vec::new(),
        cursor: None,
        remaining: 0,
        open: 0,
        changed: None,
    }
}

/// A decision from a request: one, and one that can be a record's value.
fn choice(request: SettleRequest) -> Result<Choice, Problem> {
    match (request.take, request.value) {
        (Some(ConflictSide::Truth), None) => Ok(Choice::Truth),
        (Some(ConflictSide::Device), None) => Ok(Choice::Device),
        (None, Some(value)) => match Canonical::parse(value.get()) {
            Ok(value) => Ok(Choice::Value(value)),
            Err(error) => Err(Problem::new(Code::BadRecord, format!("`value`: {error}"))),
        },
        _ => Err(malformed(
            "Say one of {\"take\":\"truth\"}, {\"take\":\"device\"} and {\"value\":…}.",
        )),
    }
}

/// A decision as it is kept, to know it again.
fn text(choice: &Choice) -> String {
    match choice {
        Choice::Truth => r#"{"take":"truth"}"#.to_owned(),
        Choice::Device => r#"{"take":"device"}"#.to_owned(),
        Choice::Value(value) => format!(r#"{{"value":{value}}}"#),
    }
}

/// The commit that has settled the conflict by this very decision. What a policy has settled a
/// person may settle otherwise.
fn is_settled_so(kept: &KeptConflict, choice: &Choice) -> Result<Option<Checkin>, Problem> {
    let Some((settled, before)) = kept.settled.zip(kept.settled_as.as_ref()) else {
        return Ok(None);
    };
    if *before == text(choice) {
        return Ok(Some(settled));
    }
    let detail = format!(
        "This conflict was settled otherwise at {settled}. Its record can be edited like any other."
    );
    Err(Problem::new(Code::Settled, detail))
}

async fn settled_answer(
    change: &mut Change,
    datastore: &str,
    conflict: &Conflict,
    made: Option<Key>,
    settled: Checkin,
) -> Result<SettleAnswer, Problem> {
    let key = made.as_ref().unwrap_or(&conflict.key);
    let newest = change.newest(datastore, key).await?;
    Ok(SettleAnswer {
        id: conflict.id.to_string(),
        settled,
        record: newest.map(|version| show(version, None, None, None)),
        conflicts: change.datastore(datastore).await?.conflicts,
    })
}

fn answer(kept: KeptConflict) -> ConflictAnswer {
    let KeptConflict {
        conflict,
        stored,
        settled,
        settled_as: _,
    } = kept;
    let deleted = match (&conflict.truth, &conflict.device) {
        (None, _) => Some(ConflictSide::Truth),
        (_, None) => Some(ConflictSide::Device),
        _ => None,
    };
    ConflictAnswer {
        id: conflict.id.to_string(),
        key: conflict.key,
        entity: conflict.entity,
        fields: conflict.fields,
        base: conflict.base,
        truth: conflict.truth.and_then(raw),
        device: conflict.device.and_then(raw),
        deleted,
        truth_device: conflict.truth_device,
        truth_updated: conflict.truth_updated,
        device_uuid: conflict.device_uuid,
        device_updated: conflict.device_updated,
        checkin: stored,
        settled,
    }
}

/// A cursor is the place of the last conflict of the page before.
fn read_cursor(cursor: &str) -> Result<(i64, &str), Problem> {
    cursor
        .split_once('.')
        .filter(|(_, id)| Uuid::try_parse(id).is_ok())
        .and_then(|(stored, id)| Some((stored.parse().ok()?, id)))
        .ok_or_else(|| malformed("This `cursor` was never given out: begin without one."))
}

fn no_conflict() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such conflict in the datastore: name another datastore with `?datastore=`.",
    )
}
