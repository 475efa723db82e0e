//! Refresh: a device gives all that it holds back to a truth that was restored from an older
//! backup. What a record is called there is matched by key first, and by value second; what the
//! device knew is told by the checkins that both have in common.

use std::collections::{HashMap, HashSet};

use tidemark_engine::{fingerprint::RecordFingerprint, truth::Claim};
use tidemark_protocol::{Checkin, Key, Problem};
use uuid::Uuid;

use crate::store::{Change, Session};

/// Notes what the truth has in common with a device that comes back from a time that was lost:
/// all up to the `last_sync` of which the truth knows. Where that was told since the truth was
/// restored, by somebody whose `attempts` this device does not know, it was another copy of the
/// device, and what this one knows cannot be told.
pub(super) async fn note_return(
    change: &mut Change,
    session: &Session,
    kept: Option<Uuid>,
    attempts: &[Uuid],
) -> Result<(), Problem> {
    let device = change.device(&session.datastore, session.device).await?;
    let last_sync = device.and_then(|device| device.last_sync);
    let came_back = change
        .came_back(&session.datastore, session.max_checkin)
        .await?;
    let is_itself = kept.is_none_or(|kept| attempts.contains(&kept));
    let common = last_sync.filter(|at| is_itself || *at <= came_back);
    Ok(change.keep_common(session, common, !is_itself).await?)
}

/// Takes no base at its word that this truth never issued.
pub(super) async fn doubt_bases(
    change: &mut Change,
    session: &Session,
    claims: &mut [Claim],
) -> Result<(), Problem> {
    let bases: HashSet<Checkin> = claims.iter().flat_map(Claim::bases).collect();
    if bases.is_empty() {
        return Ok(());
    }
    let issued = change.issued(&session.datastore, &bases).await?;
    let (common, is_copy) = match session.doubted_up_to {
        Some(_) => change.common(session).await?,
        None => (None, false),
    };
    for claim in claims {
        if is_copy {
            claim.doubt_first(common);
        }
        claim.doubt_base(|base| issued.contains(&base), common);
    }
    Ok(())
}

/// A whole record under a key that the truth has never seen is one of the truth's that is equal
/// to it and that no key in this push names, one to one.
pub(super) async fn match_equal(
    change: &mut Change,
    session: &Session,
    claims: &mut [Claim],
) -> Result<(), Problem> {
    let datastore = &session.datastore;
    let keys: Vec<&Key> = claims.iter().map(Claim::key).collect();
    let known = change.known_keys(datastore, &keys).await?;
    let named: HashSet<Key> = keys.into_iter().cloned().collect();
    let unknown = claims.iter().filter(|claim| !known.contains(claim.key()));
    let values: Vec<RecordFingerprint> = unknown.filter_map(Claim::whole).collect();
    if values.is_empty() {
        return Ok(());
    }
    let mut equal: HashMap<RecordFingerprint, Vec<Key>> = HashMap::new();
    for (key, fingerprint) in change.live_of_value(datastore, &values).await? {
        if !named.contains(&key) {
            equal.entry(fingerprint).or_default().push(key);
        }
    }
    let unknown = claims.iter_mut();
    for claim in unknown.filter(|claim| !known.contains(claim.key())) {
        let Some(keys) = claim.whole().and_then(|value| equal.get_mut(&value)) else {
            continue;
        };
        if let Some(key) = keys.pop()
            && !claim.equals(key.clone())
        {
            keys.push(key);
        }
    }
    Ok(())
}
