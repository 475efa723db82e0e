//! The one planted fault that needs a memory: calls that name a session which was superseded go
//! to its successor. See `tidemark_engine::faults`.

#[cfg(feature = "planted-faults")]
mod memory {
    use std::{collections::BTreeMap, sync::Mutex};

    use tidemark_engine::faults::{Fault, is_planted};
    use tidemark_protocol::SessionId;

    static SUCCESSORS: Mutex<BTreeMap<String, SessionId>> = Mutex::new(BTreeMap::new());

    /// A session takes the place of an earlier one.
    pub(crate) fn supersedes(session: SessionId, earlier: &str) {
        if is_planted(Fault::OpeningDoesNotSupersede)
            && let Ok(mut successors) = SUCCESSORS.lock()
        {
            successors.insert(earlier.to_owned(), session);
        }
    }

    /// The session that calls of this one go to.
    pub(crate) fn successor(mut session: SessionId) -> SessionId {
        if is_planted(Fault::OpeningDoesNotSupersede)
            && let Ok(successors) = SUCCESSORS.lock()
        {
            while let Some(next) = successors.get(&session.to_string()) {
                session = *next;
            }
        }
        session
    }
}

#[cfg(feature = "planted-faults")]
pub(crate) use memory::{successor, supersedes};

#[cfg(not(feature = "planted-faults"))]
pub(crate) const fn supersedes(_: tidemark_protocol::SessionId, _: &str) {}

#[cfg(not(feature = "planted-faults"))]
pub(crate) const fn successor(
    session: tidemark_protocol::SessionId,
) -> tidemark_protocol::SessionId {
    session
}
