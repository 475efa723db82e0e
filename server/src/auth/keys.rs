//! Keys that tokens are checked with, each bound to the one algorithm it is for: a token names
//! its algorithm, but never chooses how a key is used.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::{AuthError, Secret};

/// Clocks of servers differ by seconds, not minutes.
pub(super) const LEEWAY: Duration = Duration::from_secs(5);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
const JWKS_BYTES_MAX: u64 = 1024 * 1024;

/// A key, and what a token must be like to be taken from it.
pub(super) struct TrustedKey {
    pub(super) id: Option<String>,
    pub(super) key: DecodingKey,
    pub(super) validation: Validation,
}

/// What every token must claim, whoever signed it.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    /// It must say when it expires.
    pub(super) expires: bool,
}

impl Demands {
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.validate_aud = self.audience.is_some();
        // `exp` is checked where it is; whether tokens expire is for their issuer to say, unless
        // the operator does.
        validation.required_spec_claims.clear();
        if self.expires {
            validation.required_spec_claims.insert("exp".to_owned());
        }
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        validation
    }

    /// The key that a shared secret is.
    pub(super) fn of_secret(&self, secret: &Secret) -> TrustedKey {
        TrustedKey {
            id: None,
            key: secret.decoding_key(),
            validation: self.validation(Algorithm::HS256),
        }
    }

    /// A public key, if it is for one of the algorithms taken here.
    fn of_jwk(&self, jwk: &Jwk) -> Option<TrustedKey> {
        let signs = matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        );
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return None,
        };
        let named = jwk.common.key_algorithm;
        if !signs || named.is_some_and(|named| named != KeyAlgorithm::from(algorithm)) {
            return None;
        }
        Some(TrustedKey {
            id: jwk.common.key_id.clone(),
            key: DecodingKey::from_jwk(jwk).ok()?,
            validation: self.validation(algorithm),
        })
    }

    /// The usable keys of a JWK set, read from a file or over HTTP(S). Blocks.
    ///
    /// # Errors
    /// It cannot be read, or holds no usable key.
    pub(super) fn of_jwks(&self, from: &str) -> Result<Vec<TrustedKey>, AuthError> {
        let failed = |reason: String| AuthError::Jwks {
            from: from.to_owned(),
            reason,
        };
        let text = if from.starts_with("https://") || from.starts_with("http://") {
            fetch(from).map_err(|error| failed(error.to_string()))?
        } else {
            std::fs::read_to_string(Path::new(from)).map_err(|error| failed(error.to_string()))?
        };
        let set: JwkSet =
            serde_json::from_str(&text).map_err(|error| failed(format!("no JWK set: {error}")))?;
        let keys: Vec<_> = set.keys.iter().filter_map(|jwk| self.of_jwk(jwk)).collect();
        if keys.is_empty() {
            return Err(AuthError::JwksEmpty(from.to_owned()));
        }
        Ok(keys)
    }
}

fn fetch(url: &str) -> Result<String, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(FETCH_TIMEOUT))
        .build()
        .into();
    let mut answer = agent.get(url).call()?;
    answer
        .body_mut()
        .with_config()
        .limit(JWKS_BYTES_MAX)
        .read_to_string()
}
