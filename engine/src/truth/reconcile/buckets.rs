//! A truth summed up bucket by bucket, so that a range is answered without reading every record of
//! it.
//!
//! Buckets are of one moment. They are folded forwards now and then, and in between what changed
//! since is put on top: pushes pay nothing for them.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tidemark_protocol::Key;

use super::range::Sum;
use crate::fingerprint::RecordFingerprint;

/// So many records make a bucket.
const BUCKET_RECORDS: u64 = 512;

/// The records from a key to before the next bucket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Where it begins; of the first one the empty text.
    pub from: String,
    /// What its records come to.
    pub sum: Sum,
}

impl Bucket {
    fn starting(from: String) -> Self {
        Self {
            from,
            sum: Sum::default(),
        }
    }

    /// Whether it is to be cut anew: it has grown to more than twice the size.
    pub fn is_overgrown(&self) -> bool {
        self.sum.count > 2 * BUCKET_RECORDS
    }
}

/// Cuts records, as they come in the order of keys, into buckets.
#[derive(Clone, Debug)]
pub struct Cutter {
    done: Vec<Bucket>,
    last: Bucket,
}

impl Cutter {
    /// The first bucket begins here.
    pub fn starting(from: String) -> Self {
        Self {
            done: Vec::new(),
            last: Bucket::starting(from),
        }
    }

    /// Takes the next record in.
    pub fn add(&mut self, key: &str, fingerprint: &RecordFingerprint) {
        if self.last.sum.count == BUCKET_RECORDS {
            let next = Bucket::starting(key.to_string());
            self.done.push(core::mem::replace(&mut self.last, next));
        }
        self.last.sum.insert(key, fingerprint);
    }

    /// All buckets.
    pub fn into_buckets(mut self) -> Vec<Bucket> {
        self.done.push(self.last);
        self.done
    }
}

/// A record at two moments; `None`: it did not live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The record.
    pub key: Key,
    /// At the moment of the buckets.
    pub before: Option<RecordFingerprint>,
    /// At the one that is asked for.
    pub after: Option<RecordFingerprint>,
}

impl Changed {
    /// Brings a sum that has the record in it from the one moment to the other.
    pub fn apply(&self, sum: &mut Sum) {
        let key = self.key.as_str();
        if let Some(before) = &self.before {
            sum.remove(key, before);
        }
        if let Some(after) = &self.after {
            sum.insert(key, after);
        }
    }
}

/// Brings all buckets, in order, to the later moment; the places of those that changed.
pub fn fold(buckets: &mut [Bucket], changes: &[Changed]) -> BTreeSet<usize> {
    let mut touched = BTreeSet::new();
    for change in changes {
        let key = change.key.as_str();
        let after = buckets.partition_point(|bucket| bucket.from.as_str() <= key);
        let Some(place) = after.checked_sub(1) else {
            continue;
        };
        change.apply(&mut buckets[place].sum);
        touched.insert(place);
    }
    touched
}
