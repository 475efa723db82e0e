//! What the client needs of the world: pages to keep things in, a way to the server, the time
//! and random bytes. The world implements them; nothing here does.
//!
//! Everything is single-threaded: futures need not be `Send`, and implementations may use
//! `Rc` and `RefCell` as long as they hold no borrow over an await.

use alloc::string::String;
use core::future::Future;

use crate::store::Pages;

/// Everything outside, as one type.
pub trait Environment: 'static {
    /// Where pages lie.
    type Pages: Pages;
    /// The way to the server.
    type Transport: Transport;

    /// The pages of this local database.
    fn pages(&self) -> &Self::Pages;

    /// The way to the server; where there is none yet, its calls answer
    /// [`TransportError::NotConnected`].
    fn transport(&self) -> &Self::Transport;

    /// The wall clock: milliseconds since 1970. It may jump; nothing is ordered by it.
    fn now_millis(&self) -> i64;

    /// Fills the bytes from a source good enough for UUIDs.
    fn fill_random(&self, bytes: &mut [u8]);
}

/// Carries one call to the server and its answer back.
///
/// Compression, the `Authorization` header and time limits are the transport's own matter.
pub trait Transport {
    /// `POST`s a JSON body to a path like `/v1/sync/open`; an empty body is no body, and the
    /// path, with its query, is asked for by `GET`. Any HTTP answer is a [`Reply`], whatever its
    /// status; an error means that no whole answer came.
    fn call(&self, path: &str, body: String)
    -> impl Future<Output = Result<Reply, TransportError>>;

    /// The token was refused (401): ask the app for a new one. False: there is none to be had.
    fn renew_token(&self) -> impl Future<Output = bool>;
}

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after_seconds: Option<u32>,
    /// The body as text.
    pub body: String,
    /// Bytes of the request's body as it went over the wire.
    pub bytes_sent: u64,
    /// Bytes of the answer's body as they came over the wire, as far as known.
    pub bytes_received: u64,
}

/// Why no answer came. Whether the server did its work is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The database has no server to talk to.
    #[error("the database is not connected to a server")]
    NotConnected,
    /// The network is down, or the server's address does not answer.
    #[error("the server cannot be reached: {0}")]
    Offline(String),
    /// No answer in time.
    #[error("the server did not answer in time")]
    Timeout,
}
