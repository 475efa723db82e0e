//! The bounds of one call, told to the device at open.

use serde::{Deserialize, Serialize};

/// What one call may carry; a device cuts its batches by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Records in one push batch.
    pub push_records: u32,
    /// Records in one pull page.
    pub pull_records: u32,
    /// Bytes of one request body after decompression; also the largest record.
    pub body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            push_records: 4000,
            pull_records: 4000,
            body_bytes: 8 * 1024 * 1024,
        }
    }
}
