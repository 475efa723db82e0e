//! Random bytes of the browser's own generator.

use tidemark_engine::client::{Error, ErrorCode};

/// Whether there is a generator; asked once, when a database opens.
pub(crate) fn check() -> Result<(), Error> {
    let mut probe = [0; 1];
    getrandom::fill(&mut probe).map_err(|_| {
        Error::new(
            ErrorCode::Storage,
            "this browser gives no random numbers (crypto.getRandomValues)",
        )
    })
}

/// Fills the bytes. [`check`] has seen that the generator works, and a browser's goes on doing so.
pub(crate) fn fill(bytes: &mut [u8]) {
    let filled = getrandom::fill(bytes);
    debug_assert!(filled.is_ok(), "the generator was there at open");
}
