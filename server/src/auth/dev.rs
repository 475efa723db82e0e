//! `--dev`: the server signs for anybody, with a secret of its own that is kept beside the
//! database, so that a restart does not sign everybody out.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::{AuthError, Secret};

const GOOD_FOR: Duration = Duration::from_hours(12);

/// Signs tokens for whoever asks.
#[derive(Clone)]
pub(crate) struct DevIssuer {
    secret: Secret,
}

impl DevIssuer {
    /// Takes the secret beside this database, or makes one there, readable to its owner only.
    pub(crate) fn new(database: &str) -> Result<Self, AuthError> {
        let fresh = random_text()?;
        let Some(path) = beside(database) else {
            return Ok(Self {
                secret: Secret::new(fresh),
            });
        };
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(&fresh));
        let secret = match made {
            Ok(()) => Secret::new(fresh),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Secret::read(&path)?,
            Err(source) => {
                return Err(AuthError::DevSecret {
                    path: path.display().to_string(),
                    source,
                });
            }
        };
        Ok(Self { secret })
    }

    /// A token for this user.
    pub(crate) fn token(&self, user: &str) -> Result<String, AuthError> {
        self.secret.token(user, GOOD_FOR)
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// 32 random bytes, written out: a file that ends in a random byte could end in a line end.
fn random_text() -> Result<Vec<u8>, AuthError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(AuthError::Random)?;
    Ok(bytes
        .map(|byte| format!("{byte:02x}"))
        .concat()
        .into_bytes())
}

/// `sqlite:notes.db` keeps its secret in `notes.db.dev-secret`; a database in memory keeps none.
fn beside(database: &str) -> Option<PathBuf> {
    let path = database.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path == ":memory:" {
        return None;
    }
    Some(PathBuf::from(format!("{path}.dev-secret")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_lies_beside_the_database() {
        let beside = |url| beside(url).map(|path| path.display().to_string());
        assert_eq!(beside("sqlite:a.db").as_deref(), Some("a.db.dev-secret"));
        assert_eq!(
            beside("sqlite:///b/a.db").as_deref(),
            Some("/b/a.db.dev-secret")
        );
        assert_eq!(beside("sqlite::memory:"), None);
    }

    #[test]
    fn the_secret_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}/a.db", dir.path().display());
        let first = DevIssuer::new(&database).unwrap();
        let again = DevIssuer::new(&database).unwrap();
        assert_eq!(first.token("a").unwrap(), again.token("a").unwrap());
        let path = dir.path().join("a.db.dev-secret");
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
