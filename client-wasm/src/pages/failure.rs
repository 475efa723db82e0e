//! What IndexedDB's exceptions mean: the only place where their names are looked at.

use idb::Error;
use tidemark_engine::store::PagesError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// What is said where no exception says more. idb has texts for each of its errors, but they name
/// its calls, and each app would load them.
const UNNAMED: &str = "IndexedDB named no reason";

/// Why an attempt failed, and with it whether repeating it may help.
pub(super) enum Failure {
    /// The handle is dead. `begun` tells whether the attempt may have been done all the same.
    Lost { begun: bool, error: PagesError },
    /// Nothing was done, and repeating would not help.
    Refused(PagesError),
}

impl Failure {
    /// The error to answer when the attempt is not repeated.
    pub(super) fn into_error(self) -> PagesError {
        match self {
            Self::Lost { error, .. } | Self::Refused(error) => error,
        }
    }
}

/// What the exception that ended a transaction means.
pub(super) fn ended(exception: Option<DomException>) -> Failure {
    let Some(exception) = exception else {
        return Failure::Refused(PagesError::Other(UNNAMED.into()));
    };
    let text = describe(&exception);
    match exception.name().as_str() {
        "QuotaExceededError" => Failure::Refused(PagesError::Quota(text)),
        // Safari: "Connection to Indexed Database server lost"; Chromium, when the person
        // clears the site's data: AbortError.
        "UnknownError" | "AbortError" | "InvalidStateError" => Failure::Lost {
            begun: true,
            error: PagesError::Closed(text),
        },
        _ => Failure::Refused(PagesError::Other(text)),
    }
}

/// What it means that a transaction could not be begun.
pub(super) fn not_begun(exception: &JsValue) -> Failure {
    match exception.dyn_ref::<DomException>() {
        Some(exception) if matches!(&*exception.name(), "InvalidStateError" | "UnknownError") => {
            Failure::Lost {
                begun: false,
                error: PagesError::Closed(describe(exception)),
            }
        }
        Some(exception) => Failure::Refused(PagesError::Other(describe(exception))),
        None => Failure::Refused(PagesError::Other(UNNAMED.into())),
    }
}

/// What it means that a request was refused at once.
pub(super) fn request(error: &Error) -> Failure {
    match exception_of(error) {
        Some(exception) => ended(Some(exception)),
        None => Failure::Refused(PagesError::Other(UNNAMED.into())),
    }
}

/// What it means that a database could not be opened or deleted.
pub(super) fn open(error: &Error) -> PagesError {
    let Some(exception) = exception_of(error) else {
        return match error {
            Error::IndexedDbNotFound(_) => PagesError::PrivateMode("there is no IndexedDB".into()),
            _ => PagesError::Other(UNNAMED.into()),
        };
    };
    let text = describe(&exception);
    match exception.name().as_str() {
        "QuotaExceededError" => PagesError::Quota(text),
        "SecurityError" | "NotAllowedError" | "InvalidStateError" => PagesError::PrivateMode(text),
        "AbortError" => PagesError::Closed(text),
        _ => PagesError::Other(text),
    }
}

/// Whether the database is of a later layout than was asked for.
pub(super) fn is_later_version(error: &Error) -> bool {
    exception_of(error).is_some_and(|exception| exception.name() == "VersionError")
}

fn exception_of(error: &Error) -> Option<DomException> {
    match error {
        Error::DomException(exception) => Some(exception.clone()),
        Error::ObjectStoreNotFound(value)
        | Error::AddFailed(value)
        | Error::UpdateFailed(value)
        | Error::DeleteFailed(value)
        | Error::GetFailed(value)
        | Error::IndexedDbOpenFailed(value)
        | Error::IndexedDbDeleteFailed(value) => value.dyn_ref().cloned(),
        _ => None,
    }
}

fn describe(exception: &DomException) -> String {
    format!("{}: {}", exception.name(), exception.message())
}
