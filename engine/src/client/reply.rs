//! What an HTTP answer means: the phase's answer, or one of the three classes of failure
//! (passing, signed out, refused).

use alloc::{boxed::Box, format, string::ToString};

use serde::de::DeserializeOwned;
use tidemark_protocol::{Code, Problem, Ridden};

use super::{Error, ErrorCode, Reply, TransportError};

/// The answer of a call that was answered 2xx, or why there is none.
pub(super) fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, Error> {
    if (200..300).contains(&reply.status) {
        return serde_json::from_str(&reply.body)
            .map_err(|error| Error::protocol(format!("the answer cannot be read: {error}")));
    }
    let error = match serde_json::from_str::<Problem>(&reply.body) {
        Ok(problem) => refused(problem),
        Err(_) => unexplained(reply.status),
    };
    Err(error.with_retry_after(reply.retry_after_seconds))
}

/// The answer of a phase that rode.
pub(super) fn ridden<T>(ridden: Ridden<T>) -> Result<T, Error> {
    match ridden {
        Ridden::Done(answer) => Ok(answer),
        Ridden::Failed(problem) => Err(refused(problem)),
    }
}

/// Why a call has no answer at all.
pub(super) fn unanswered(error: &TransportError) -> Error {
    let code = match error {
        TransportError::NotConnected => ErrorCode::Invalid,
        TransportError::Offline(_) | TransportError::Timeout => ErrorCode::Offline,
    };
    Error::new(code, error.to_string())
}

fn refused(problem: Problem) -> Error {
    let code = match &problem.code {
        Code::Unauthenticated => ErrorCode::Unauthenticated,
        Code::Forbidden => ErrorCode::Forbidden,
        Code::NotFound => ErrorCode::NotFound,
        Code::TruthPushed => ErrorCode::TruthPushed,
        Code::TooLarge => ErrorCode::TooLarge,
        Code::Airbag => ErrorCode::Airbag,
        Code::NotSupported => ErrorCode::NotSupported,
        // A device that is renamed, or a session that is opened again, is nothing to show; if
        // it reaches the app, then because it did not end.
        Code::Busy | Code::Internal | Code::StaleDevice | Code::SessionGone => ErrorCode::Busy,
        Code::Unknown(_) if problem.status >= 500 => ErrorCode::Busy,
        _ => ErrorCode::Protocol,
    };
    let message = if problem.detail.is_empty() {
        problem.title.to_string()
    } else {
        problem.detail.clone()
    };
    Error::new(code, message).with_problem(Some(Box::new(problem)))
}

/// Something between device and server answered: a proxy, a gateway, a portal.
fn unexplained(status: u16) -> Error {
    let code = match status {
        401 => ErrorCode::Unauthenticated,
        408 | 425 | 429 | 500.. => ErrorCode::Busy,
        413 => ErrorCode::TooLarge,
        _ => ErrorCode::Protocol,
    };
    Error::new(code, format!("the server answered HTTP {status}"))
}

impl Error {
    /// The code in the server's own words, where it said some.
    pub(super) fn problem_code(&self) -> Option<&Code> {
        self.problem.as_ref().map(|problem| &problem.code)
    }
}
