//! What an operator can set about sessions, and where the server's time comes from.

use std::time::{Duration, SystemTime};

pub use tidemark_engine::truth::Retention;
use tidemark_engine::truth::{Airbag, Policies};
use tidemark_protocol::Limits;

/// The bounds and thresholds that sessions keep to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What one call may carry.
    pub limits: Limits,
    /// How long a session lives after its last call.
    pub session_expiry: Duration,
    /// When a push that deletes is held.
    pub airbag: Airbag,
    /// Who wins what two devices changed, where a datastore has not its own word on it.
    pub policies: Policies,
    /// How long what the truth no longer needs is kept all the same.
    pub retention: Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            session_expiry: Duration::from_mins(10),
            airbag: Airbag::default(),
            policies: Policies::default(),
            retention: Retention::default(),
        }
    }
}

/// The server's own clock, and where its random names come from. The clock may jump, either way:
/// checkins stay in order all the same.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since 1970.
    fn now_micros(&self) -> i64;

    /// A random UUID, for the name of a session or a datastore.
    fn random_uuid(&self) -> uuid::Uuid {
        uuid::Uuid::new_v4()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_micros()).ok())
            .unwrap_or(0)
    }
}
