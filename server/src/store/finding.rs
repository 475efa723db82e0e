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
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, wrong, mend } = self;
        write!(out, "{place}: {wrong}\n  to mend it: {mend}")
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
