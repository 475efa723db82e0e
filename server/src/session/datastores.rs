//! A datastore as its members see it, and what its owner sets.

use std::time::Duration;

use tidemark_engine::truth::{Airbag, Retention};
use tidemark_protocol::{
    AirbagThresholds, DatastoreAnswer, DatastoreRequest, Problem, RetentionPeriods,
};

use super::{
    Caller, Service,
    problem::{forbidden, malformed, no_datastore},
};
use crate::store::{Datastore, Snapshot};

/// Policies are read with every push.
const ENTITIES_MAX: usize = 256;

/// Longer than any clock here reaches back.
const RETENTION_MAX_SECONDS: u64 = 1_000 * 365 * 24 * 60 * 60;

pub(super) const OWNER: &str = "owner";

impl Service {
    pub(super) async fn look_at_datastore(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<DatastoreAnswer, Problem> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let (datastore, role) = found(&mut snapshot, caller, id).await?;
        Ok(self.datastore_answer(datastore, role))
    }

    pub(super) async fn set_datastore(
        &self,
        caller: &Caller,
        id: &str,
        request: DatastoreRequest,
    ) -> Result<DatastoreAnswer, Problem> {
        let mut change = self.inner.store.change().await?;
        let (mut datastore, role) = found(&mut change, caller, id).await?;
        if role != OWNER {
            return Err(forbidden(
                "Only its owner changes what is set for a datastore.",
            ));
        }
        set(&mut datastore, request)?;
        change.set_rules(&datastore).await?;
        change.commit().await?;
        Ok(self.datastore_answer(datastore, role))
    }

    /// What holds, whoever has set it.
    fn datastore_answer(&self, datastore: Datastore, role: String) -> DatastoreAnswer {
        let rules = self.rules(&datastore);
        let retention = self.retention(&datastore);
        let bound = |bound: u64| u32::try_from(bound).unwrap_or(u32::MAX);
        DatastoreAnswer {
            datastore: datastore.id,
            role,
            max_checkin: datastore.head,
            history_from: datastore.history_from,
            live: datastore.live,
            fingerprint: Some(datastore.fingerprint.to_string()),
            conflicts: datastore.conflicts,
            policy: rules.policies.policy.unwrap_or_default(),
            policies: rules.policies.entities,
            airbag: AirbagThresholds {
                deletes: bound(rules.airbag.deletes),
                percent: bound(rules.airbag.percent),
            },
            retention: RetentionPeriods {
                history: retention.history.as_secs(),
                tombstones: retention.tombstones.as_secs(),
            },
        }
    }
}

/// The datastore, and what the caller is in it.
async fn found(
    snapshot: &mut Snapshot,
    caller: &Caller,
    id: &str,
) -> Result<(Datastore, String), Problem> {
    let datastore = snapshot.datastore_of(&caller.user, Some(id)).await?;
    let datastore = datastore.ok_or_else(no_datastore)?;
    let role = snapshot.role(&datastore.id, &caller.user).await?;
    Ok((datastore, role.ok_or_else(no_datastore)?))
}

fn set(datastore: &mut Datastore, request: DatastoreRequest) -> Result<(), Problem> {
    if let Some(policy) = request.policy {
        datastore.policies.policy = policy;
    }
    let entities = &mut datastore.policies.entities;
    for (entity, policy) in request.policies {
        match policy {
            Some(policy) => entities.insert(entity, policy),
            None => entities.remove(&entity),
        };
    }
    if entities.len() > ENTITIES_MAX {
        let detail = format!(
            "A datastore names policies for at most {ENTITIES_MAX} entities: set `policy` for \
             the others."
        );
        return Err(malformed(detail));
    }
    if let Some(airbag) = request.airbag {
        datastore.airbag = airbag.map(thresholds).transpose()?;
    }
    if let Some(retention) = request.retention {
        datastore.retention = retention.map(periods).transpose()?;
    }
    Ok(())
}

fn periods(told: RetentionPeriods) -> Result<Retention, Problem> {
    if told.history.max(told.tombstones) > RETENTION_MAX_SECONDS {
        return Err(malformed(
            "`retention` is told in seconds, of at most 1,000 years.",
        ));
    }
    if told.tombstones < told.history {
        return Err(malformed(
            "`retention.tombstones` is no shorter than `retention.history`: a deletion is the \
             end of its record's history.",
        ));
    }
    Ok(Retention {
        history: Duration::from_secs(told.history),
        tombstones: Duration::from_secs(told.tombstones),
    })
}

fn thresholds(told: AirbagThresholds) -> Result<Airbag, Problem> {
    if told.percent > 100 {
        return Err(malformed("`airbag.percent` is 0 to 100."));
    }
    Ok(Airbag {
        deletes: told.deletes.into(),
        percent: told.percent.into(),
    })
}
