//! What can go wrong for an app: one error type with stable codes, each with its help.
//!
//! The codes are API.md's `TidemarkError.code`; texts may change, codes never do. Nothing here
//! decides what to do about an error.

use alloc::{borrow::Cow, format, string::String, sync::Arc};
use core::{fmt::Display, ops::Deref};

use tidemark_protocol::Problem;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $help:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// The code as apps see it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What to do about it, for people.
            pub const fn help(self) -> &'static str {
                match self {
                    $(Self::$name => $help,)*
                }
            }
        }
    };
}

codes! {
    /// The storage is full.
    Quota = "quota", "The browser's storage is full: nothing of this write was saved. Free space, or ask for persistent storage, and write again.";
    /// The browser gives no storage here.
    PrivateMode = "private_mode", "This browser window gives no lasting storage. Open the app in a normal window.";
    /// The local database belongs to another datastore than the one signed in.
    WrongUser = "wrong_user", "This local database belongs to another account: nothing was sent. Sign in as its owner, or open a database of another name.";
    /// A record larger than the server takes.
    TooLarge = "too_large", "The record is larger than the server takes: make it smaller.";
    /// The database was closed.
    Closed = "closed", "The database is closed: open it again.";
    /// Another tab holds an old version of the database open.
    Blocked = "blocked", "Another tab holds an old version of this database: close or reload it.";
    /// No valid token.
    Unauthenticated = "unauthenticated", "The server does not accept the token: sign in again. Local work goes on.";
    /// The server cannot be reached.
    Offline = "offline", "The server cannot be reached: the changes are kept and will sync later.";
    /// The server is there, but has no time now.
    Busy = "busy", "The server is busy: the changes are kept and will sync later.";
    /// The two sides do not understand each other.
    Protocol = "protocol", "The server and this version of Tidemark do not understand each other: update the older one.";
    /// The push would delete too much.
    Airbag = "airbag", "This sync would delete much of the data on the server: sync with `confirm` if that is wanted, or with mode `pull_truth` to take the server's.";
    /// No such record.
    NotFound = "not_found", "There is no such record.";
    /// Wrong arguments.
    Invalid = "invalid", "The call's arguments are wrong.";
    /// The server refuses this user or this call.
    Forbidden = "forbidden", "The server does not allow this user to do that.";
    /// Another device replaced the truth.
    TruthPushed = "truth_pushed", "Another device replaced the data on the server: sync with mode `pull_truth`.";
    /// Not done by this server or this version.
    NotSupported = "not_supported", "This is not supported yet.";
    /// The sync was cancelled by its caller.
    Cancelled = "cancelled", "The sync was cancelled: the changes are kept.";
    /// Pages were damaged on the disk.
    Damaged = "damaged", "Part of the local database was damaged: sync, and what the server has comes back.";
    /// The local pages cannot be read or written.
    Storage = "storage", "The local database cannot be read or written.";
}

/// An error as an app sees it: its [`Details`] elsewhere, since every answer of this module has
/// room for one, and shared, since a status and a caller may hold the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.message)]
pub struct Error(Arc<Details>);

/// What there is to know about an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Details {
    /// Which kind, for programs.
    pub code: ErrorCode,
    /// What happened, for people; what to do is the code's [`help`](ErrorCode::help).
    pub message: Cow<'static, str>,
    /// The server's own words, where it said some.
    pub problem: Option<Arc<Problem>>,
    /// With `busy`: seconds after which the server wants to be asked again.
    pub retry_after_seconds: Option<u32>,
}

impl Error {
    /// An error with what happened.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Details {
            code,
            message: message.into(),
            problem: None,
            retry_after_seconds: None,
        }))
    }

    /// An error in the words of its cause. `dyn`: the words are put together by code that is
    /// compiled once.
    pub fn caused(code: ErrorCode, cause: &dyn Display) -> Self {
        Self::new(code, format!("{cause}"))
    }

    /// The same, as nobody else has it yet, with the server's own words.
    #[must_use]
    pub fn with_problem(mut self, problem: Option<Arc<Problem>>) -> Self {
        if let Some(details) = Arc::get_mut(&mut self.0) {
            details.problem = problem;
        }
        self
    }

    /// The same, as nobody else has it yet, with the seconds after which the server wants to be
    /// asked again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: Option<u32>) -> Self {
        if let Some(details) = Arc::get_mut(&mut self.0) {
            details.retry_after_seconds = seconds;
        }
        self
    }

    /// Wrong arguments, and which.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }

    /// No record of this key.
    pub fn not_found(key: &str) -> Self {
        let mut message = String::from("no record has the key ");
        message.push_str(key);
        Self::new(ErrorCode::NotFound, message)
    }

    /// An answer that breaks the protocol.
    pub fn protocol(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Protocol, message)
    }

    /// Whether waiting may help: the network, a busy or a failing server.
    pub fn is_passing(&self) -> bool {
        matches!(self.code, ErrorCode::Offline | ErrorCode::Busy)
    }
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}
