//! What a device held at its `last_sync`: where it cannot tell what it changed since, that is worked
//! out from this.

use alloc::vec::Vec;

use hashbrown::HashMap;
use tidemark_protocol::{Checkin, Key};

use crate::fingerprint::RecordFingerprint;
use crate::truth::expected::{Compared, Exception};

/// Where a device held otherwise than the truth as of its `last_sync`.
#[derive(Clone, Debug, Default)]
pub struct Before {
    last_sync: Option<Checkin>,
    apart: HashMap<Key, Exception>,
}

impl Before {
    /// Of its exceptions, each with the version of its key as of `last_sync`, if there is one.
    pub fn new(last_sync: Option<Checkin>, exceptions: Vec<(Exception, Option<Compared>)>) -> Self {
        let in_force = exceptions.into_iter().filter(|(exception, compared)| {
            compared.is_none_or(|compared| compared.checkin <= exception.checkin)
        });
        let apart = in_force.map(|(exception, _)| (exception.key.clone(), exception));
        Self {
            last_sync,
            apart: apart.collect(),
        }
    }

    /// What it held of a key of which this lived in the truth then; `None`: nothing.
    pub fn held(&self, key: &Key, truth: Option<RecordFingerprint>) -> Option<RecordFingerprint> {
        self.apart
            .get(key)
            .map_or(truth, |exception| exception.held)
    }

    /// Up to where it knew what others did to a record: what it pushed itself may have been
    /// answered since.
    pub fn known(&self, key: &Key) -> Option<Checkin> {
        let exception = self.apart.get(key).filter(|exception| !exception.is_owed);
        self.last_sync
            .max(exception.map(|exception| exception.checkin))
    }
}
