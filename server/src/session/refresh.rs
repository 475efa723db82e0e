//! Refresh: a device gives all that it holds back to a truth that was restored from an older
//! backup. What a record is called there is matched by key first, and by value second; what the
//! device knew is told by the checkins that both have in common.

use std::collections::{HashMap, HashSet};

use tidemark_engine::{fingerprint::RecordFingerprint, truth::Claim};
use tidemark_protocol::{Checkin, Key, Problem};

use crate::store::{Change, Session};

/// Takes no base at its word that this truth never issued. What a device that refreshes had in
/// common with it: all up to the `last_sync` of which the truth knows.
pub(super) async fn doubt_bases(
    change: &mut Change,
    session: &Session,
    last_sync: Option<Checkin>,
    claims: &mut [Claim],
) -> Result<(), Problem> {
    let bases: HashSet<Checkin> = claims.iter().flat_map(Claim::bases).collect();
    if bases.is_empty() {
        return Ok(());
    }
    let issued = change.issued(&session.datastore, &bases).await?;
    let common = session.doubted_up_to.and(last_sync);
    for claim in claims {
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
