//! What a check is, and how one ends. Knows nothing of any rule.

use crate::run::Run;

/// One thing that a server of the protocol does.
pub(crate) struct Check {
    /// The IDs of the rules that ask for it, the first one's line.
    pub(crate) rules: &'static [&'static str],
    /// What is asked, in words.
    pub(crate) words: &'static str,
    pub(crate) run: fn(&Run) -> Checked,
}

impl Check {
    pub(crate) const fn of(
        rules: &'static [&'static str],
        words: &'static str,
        run: fn(&Run) -> Checked,
    ) -> Self {
        Self { rules, words, run }
    }
}

/// How a check ends, and each step of it.
pub(crate) type Checked<T = ()> = Result<T, Miss>;

/// Why a check did not end well.
#[derive(Debug)]
pub(crate) enum Miss {
    /// The server did otherwise than the rule demands.
    Failed {
        sent: String,
        got: String,
        demand: String,
    },
    /// It could not be looked at, and why.
    NotChecked(String),
}
