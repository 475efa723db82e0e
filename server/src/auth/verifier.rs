//! Checks tokens against the keys that the operator trusts, and keeps those keys fresh.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use jsonwebtoken::{Algorithm, Header, errors::ErrorKind};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::keys::{Demands, LEEWAY, TrustedKey};
use super::{AuthError, DevIssuer, Secret};
use crate::config::Authority;
use crate::session::Caller;

/// A token under an unknown key has the keys read again, but not more often than this: whoever
/// sends tokens at random must not make the server call elsewhere.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);
const USER_BYTES_MAX: usize = 255;

/// Why a token is not taken. Said to the caller, so it tells nothing about the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("The token has expired; get a new one.")]
    Expired,
    #[error("The token says not when it expires (`exp`), which this server wants to know.")]
    Endless,
    #[error("The token is not good yet; check the clock of whoever issued it.")]
    Early,
    #[error("The token names no user: `sub` must be 1 to 255 bytes of text.")]
    NoUser,
    #[error("The token was not issued for this server.")]
    Elsewhere,
    #[error("The token is no JWT signed by an issuer that this server trusts.")]
    Untrusted,
}

/// Checks tokens. Clones share the keys.
#[derive(Clone)]
pub(crate) struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    own: Vec<TrustedKey>,
    published: Option<Published>,
}

/// A JWK set that is read again now and then.
struct Published {
    from: String,
    demands: Demands,
    keys: RwLock<Vec<TrustedKey>>,
    read: Mutex<Instant>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    exp: Option<f64>,
}

/// A token that was taken.
pub(crate) struct Taken {
    pub(crate) caller: Caller,
    /// For how long it will be taken yet; `None`: for ever.
    pub(crate) good_for: Option<Duration>,
}

impl Verifier {
    /// Reads every key once.
    ///
    /// # Errors
    /// A key cannot be read: a server that could let nobody in does not start.
    pub(crate) async fn new(
        authority: &Authority,
        dev: Option<&DevIssuer>,
    ) -> Result<Self, AuthError> {
        let demands = Demands {
            issuer: authority.issuer.clone(),
            audience: authority.audience.clone(),
            expires: authority.requires_exp,
        };
        let mut own = Vec::new();
        if let Some(path) = &authority.secret {
            own.push(demands.of_secret(&Secret::read(path)?));
        }
        if let Some(dev) = dev {
            own.push(Demands::default().of_secret(dev.secret()));
        }
        let published = match &authority.jwks {
            None => None,
            Some(from) => {
                let keys = load(from.clone(), demands.clone()).await?;
                Some(Published {
                    from: from.clone(),
                    demands,
                    keys: RwLock::new(keys),
                    read: Mutex::new(Instant::now()),
                })
            }
        };
        Ok(Self {
            inner: Arc::new(Inner { own, published }),
        })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(crate) async fn verify(&self, token: &str) -> Result<Taken, Refused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Untrusted)?;
        if header.crit.is_some() {
            return Err(Refused::Untrusted);
        }
        if header.alg == Algorithm::HS256 {
            return judge(token, &header, &self.inner.own);
        }
        let Some(published) = &self.inner.published else {
            return Err(Refused::Untrusted);
        };
        if !published.knows(&header) {
            published.refresh(REFRESH_PAUSE).await;
        }
        let keys = published
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        judge(token, &header, &keys)
    }

    /// Reads published keys again, each time so much time has passed. Never returns.
    pub(crate) async fn keep_fresh(self, every: Duration) {
        let Some(published) = &self.inner.published else {
            return;
        };
        loop {
            tokio::time::sleep(every).await;
            published.refresh(Duration::ZERO).await;
        }
    }
}

impl Published {
    fn knows(&self, header: &Header) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        header.kid.is_none() || keys.iter().any(|key| key.id == header.kid)
    }

    /// Reads the keys again, unless that was done less than `pause` ago. Old keys stay when it
    /// fails: an issuer that is down for a while must not sign everybody out.
    async fn refresh(&self, pause: Duration) {
        let mut read = self.read.lock().await;
        if read.elapsed() < pause {
            return;
        }
        *read = Instant::now();
        match load(self.from.clone(), self.demands.clone()).await {
            Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys,
            Err(error) => tracing::warn!(%error, "the old keys stay"),
        }
    }
}

async fn load(from: String, demands: Demands) -> Result<Vec<TrustedKey>, AuthError> {
    let name = from.clone();
    tokio::task::spawn_blocking(move || demands.of_jwks(&from))
        .await
        .unwrap_or_else(|error| {
            Err(AuthError::Jwks {
                from: name,
                reason: error.to_string(),
            })
        })
}

/// Takes the token if one of the keys does; else says why the best fitting one did not.
fn judge(token: &str, header: &Header, keys: &[TrustedKey]) -> Result<Taken, Refused> {
    let mut refused = Refused::Untrusted;
    for trusted in keys {
        let other = header.kid.is_some() && trusted.id.is_some() && trusted.id != header.kid;
        if other || !trusted.validation.algorithms.contains(&header.alg) {
            continue;
        }
        match jsonwebtoken::decode::<Claims>(token, &trusted.key, &trusted.validation) {
            Ok(data) => return taken(data.claims),
            Err(error) => match error.kind() {
                ErrorKind::ExpiredSignature => refused = Refused::Expired,
                ErrorKind::ImmatureSignature => refused = Refused::Early,
                ErrorKind::InvalidAudience | ErrorKind::InvalidIssuer => {
                    refused = Refused::Elsewhere;
                }
                ErrorKind::MissingRequiredClaim(claim) if claim == "exp" => {
                    refused = Refused::Endless;
                }
                ErrorKind::MissingRequiredClaim(_) => refused = Refused::Elsewhere,
                _ => {}
            },
        }
    }
    Err(refused)
}

fn taken(claims: Claims) -> Result<Taken, Refused> {
    let user = claims.sub.unwrap_or_default();
    if user.is_empty() || user.len() > USER_BYTES_MAX {
        return Err(Refused::NoUser);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let good_for = claims.exp.map(|expires| {
        // It is taken in the whole of its last second.
        let ends = expires + LEEWAY.as_secs_f64() + 1.0;
        let left = ends - now.unwrap_or_default().as_secs_f64();
        Duration::try_from_secs_f64(left.max(0.0)).unwrap_or(Duration::MAX)
    });
    Ok(Taken {
        caller: Caller { user },
        good_for,
    })
}
