//! What an HTTP answer means: the phase's answer, or one of the three classes of failure
//! (passing, signed out, refused).

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    sync::Arc,
};

use tidemark_protocol::{Code, Problem};

use super::wire::{Members, read_answer};
use super::{Error, ErrorCode, Reply, TransportError};
use crate::json::{Canonical, CanonicalRef};

/// The answer of a call that was answered 2xx, or why there is none.
pub(super) fn read(reply: &Reply) -> Result<Canonical, Error> {
    if (200..300).contains(&reply.status) {
        return read_answer(&reply.body);
    }
    let problem = read_answer(&reply.body).and_then(|body| problem(Members(body.borrow())));
    let error = match problem {
        Ok(mut problem) => {
            if problem.status == 0 {
                problem.status = reply.status;
            }
            refused(problem)
        }
        Err(_) => unexplained(reply.status),
    };
    Err(error.with_retry_after(reply.retry_after_seconds))
}

/// The answer of a phase that rode, or the problem that stopped it: only problems have a code.
pub(super) fn ridden(answer: CanonicalRef<'_>) -> Result<CanonicalRef<'_>, Error> {
    let members = Members(answer);
    if members.get("code").is_some() {
        return Err(refused(problem(members)?));
    }
    Ok(answer)
}

/// Reads a problem.
pub(super) fn problem(members: Members<'_>) -> Result<Problem, Error> {
    let code = Code::read(members.needed_text("code")?);
    let detail = members.text("detail")?.unwrap_or_default();
    let mut problem = bare(code, detail);
    if let Some(title) = members.text("title")? {
        problem.title = title.into_owned().into();
    }
    if let Some(status) = members.number("status")? {
        problem.status = u16::try_from(status).unwrap_or_default();
    }
    for (name, number) in [
        ("deletes", &mut problem.deletes),
        ("changes", &mut problem.changes),
        ("live", &mut problem.live),
    ] {
        *number = members.number(name)?;
    }
    Ok(problem)
}

/// A problem without what is said of every problem of its code: a device is told that.
pub(super) fn bare(code: Code, detail: impl Into<String>) -> Problem {
    Problem {
        kind: Cow::Borrowed("about:blank"),
        title: Cow::Borrowed(""),
        status: 0,
        code,
        detail: detail.into(),
        deletes: None,
        changes: None,
        live: None,
    }
}

/// Why a call has no answer at all.
pub(super) fn unanswered(error: &TransportError) -> Error {
    let code = match error {
        TransportError::NotConnected => ErrorCode::Invalid,
        TransportError::Offline(_) | TransportError::Timeout => ErrorCode::Offline,
    };
    Error::caused(code, error)
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
    let texts = [&*problem.detail, &*problem.title, problem.code.as_str()];
    let message = texts.into_iter().find(|text| !text.is_empty());
    let message = message.unwrap_or_default().to_string();
    Error::new(code, message).with_problem(Some(Arc::new(problem)))
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
