//! A shared secret: what it signs and checks is HS256, and nothing else.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;

use super::AuthError;

/// Fewer bytes than the hash has are easier to guess than the signature to forge.
const BYTES_ENOUGH: usize = 32;

/// Bytes that only the operator's machines know.
#[derive(Clone)]
pub(crate) struct Secret(Vec<u8>);

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
}

impl Secret {
    /// The bytes of a file, less one line end at its end, which editors and `echo` add.
    pub(crate) fn read(path: &Path) -> Result<Self, AuthError> {
        let name = || path.display().to_string();
        let mut bytes = std::fs::read(path).map_err(|source| AuthError::SecretFile {
            path: name(),
            source,
        })?;
        if bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(AuthError::SecretEmpty(name()));
        }
        if bytes.len() < BYTES_ENOUGH {
            tracing::warn!("the JWT secret is short: {BYTES_ENOUGH} random bytes are enough");
        }
        Ok(Self(bytes))
    }

    /// These very bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// A token for a user, good from now on for so long.
    pub(crate) fn token(&self, user: &str, good_for: Duration) -> Result<String, AuthError> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let claims = Claims {
            sub: user,
            iat: now.as_secs(),
            exp: now.saturating_add(good_for).as_secs(),
        };
        let key = EncodingKey::from_secret(&self.0);
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &key,
        )?)
    }

    /// What checks such a token.
    pub(super) fn decoding_key(&self) -> DecodingKey {
        DecodingKey::from_secret(&self.0)
    }
}
