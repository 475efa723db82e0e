//! Who is asking: the `sub` of a JSON Web Token that somebody the operator trusts has signed.
//!
//! No HTTP in here, and no permissions: who may do what is decided where the records are.

mod dev;
mod keys;
mod secret;
mod verifier;

pub(crate) use dev::DevIssuer;
pub(crate) use secret::Secret;
pub(crate) use verifier::{Refused, Taken, Verifier};

/// Why the keys that tokens are checked with cannot be had. Said to the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("cannot read the secret in {path}: {source}")]
    SecretFile {
        path: String,
        source: std::io::Error,
    },
    #[error("the secret in {0} is empty: put at least 32 random bytes there")]
    SecretEmpty(String),
    #[error("cannot keep the secret of --dev in {path}: {source}")]
    DevSecret {
        path: String,
        source: std::io::Error,
    },
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    #[error("cannot read the keys of --jwks {from}: {reason}")]
    Jwks { from: String, reason: String },
    #[error("the keys of --jwks {0} hold none for RS256, ES256 or EdDSA")]
    JwksEmpty(String),
    #[error("cannot sign a token: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}
