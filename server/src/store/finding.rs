//! What a verification found: told one by one, so that a ruined database takes no more memory
//! than a sound one.

use std::fmt;

/// Something in a database that no server of this version wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: the datastore, then the row.
    pub place: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What would mend it.
    pub mend: String,
    /// A change that mends it for certain.
    pub repair: Option<Repair>,
}

/// A change that mends a row for certain, whatever else is wrong, and that changes nothing where the
/// row is sound by then: what is worked out again, or what a device tells again by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repair {
    /// Of datastore ?1; of a version also its key ?2 and its checkin ?3.
    pub(super) statement: &'static str,
    pub(super) datastore: String,
    pub(super) version: Option<(String, i64)>,
}

impl Repair {
    /// Of all rows of a datastore.
    pub(super) fn of(datastore: &str, statement: &'static str) -> Self {
        Self {
            statement,
            datastore: datastore.to_owned(),
            version: None,
        }
    }

    /// Of one version.
    pub(super) fn of_version(
        datastore: &str,
        key: &str,
        checkin: i64,
        statement: &'static str,
    ) -> Self {
        Self {
            version: Some((key.to_owned(), checkin)),
            ..Self::of(datastore, statement)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            wrong,
            mend,
            repair,
        } = self;
        let by_itself = match repair {
            Some(_) => " (`tidemark verify --repair` does)",
            None => "",
        };
        write!(out, "{place}: {wrong}\n  to mend it: {mend}{by_itself}")
    }
}

/// How much was looked at, and how much was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Datastores.
    pub datastores: u64,
    /// Commits whose fingerprint was worked out again.
    pub commits: u64,
    /// Versions.
    pub versions: u64,
    /// Findings.
    pub findings: u64,
}

impl fmt::Display for Verified {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            datastores,
            commits,
            versions,
            findings: _,
        } = self;
        write!(
            out,
            "looked at {versions} versions and {commits} commits of {datastores} datastores"
        )
    }
}
