//! What a run found, for people and for programs.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use crate::check::{Check, Checked, Miss};

/// So many characters of what was sent, and of what came back, are shown to people.
const SHOWN: usize = 900;

/// What one check came to.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which part of the protocol it is about.
    pub chapter: &'static str,
    /// The rules that it is about, its own first.
    pub rules: &'static [&'static str],
    /// What the rule asks.
    pub words: &'static str,
    /// Whether the server does it.
    pub outcome: Outcome,
}

/// Whether a server does what is asked.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It does.
    Ok,
    /// It does not.
    Failed {
        /// The call.
        sent: String,
        /// The answer, its status first.
        got: String,
        /// What had to come back.
        demand: String,
    },
    /// It could not be looked at, for this reason.
    NotChecked(String),
}

/// What a run found.
#[derive(Clone, Debug)]
pub struct Report {
    url: String,
    /// In the order of the checks.
    pub lines: Vec<Line>,
}

impl Line {
    pub(crate) fn of(chapter: &'static str, check: &Check, checked: Checked) -> Self {
        let outcome = match checked {
            Ok(()) => Outcome::Ok,
            Err(Miss::NotChecked(why)) => Outcome::NotChecked(why),
            Err(Miss::Failed { sent, got, demand }) => Outcome::Failed { sent, got, demand },
        };
        Self {
            chapter,
            rules: check.rules,
            words: check.words,
            outcome,
        }
    }

    fn json(&self) -> Value {
        let (outcome, more) = match &self.outcome {
            Outcome::Ok => ("ok", json!({})),
            Outcome::NotChecked(why) => ("not_checked", json!({"why": why})),
            Outcome::Failed { sent, got, demand } => {
                let more = json!({"sent": sent, "got": got, "demand": demand});
                ("failed", more)
            }
        };
        let line = json!({"chapter": self.chapter, "rules": self.rules, "words": self.words,
            "outcome": outcome});
        crate::talk::with(line, &more)
    }
}

impl Report {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            lines: Vec::new(),
        }
    }

    /// How many checks ended so.
    fn count(&self, is_so: impl Fn(&Outcome) -> bool) -> usize {
        self.lines
            .iter()
            .filter(|line| is_so(&line.outcome))
            .count()
    }

    /// How many checks failed.
    pub fn failed(&self) -> usize {
        self.count(|it| matches!(it, Outcome::Failed { .. }))
    }

    /// How many rules the checks are about.
    pub fn rules(&self) -> usize {
        let rules = self.lines.iter().flat_map(|line| line.rules);
        rules.collect::<BTreeSet<_>>().len()
    }

    /// All of it for programs: `{"url","checks":[{"chapter","rules","words","outcome",…}],"counts"}`,
    /// `outcome` being `ok`, `failed` (with `sent`, `got`, `demand`) or `not_checked` (with `why`).
    pub fn json(&self) -> Value {
        let checks: Vec<Value> = self.lines.iter().map(Line::json).collect();
        let counts = json!({
            "checks": self.lines.len(),
            "rules": self.rules(),
            "ok": self.count(|it| matches!(it, Outcome::Ok)),
            "failed": self.failed(),
            "not_checked": self.count(|it| matches!(it, Outcome::NotChecked(_))),
        });
        json!({"url": self.url, "checks": checks, "counts": counts})
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match &self.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed { .. } => "FAILED",
            Outcome::NotChecked(_) => "not checked",
        };
        let rules = self.rules.join(" ");
        write!(out, "{verdict:<11}  {rules:<16}  {}", self.words)?;
        match &self.outcome {
            Outcome::Ok => Ok(()),
            Outcome::NotChecked(why) => write!(out, "\n{:13}because {why}", ""),
            Outcome::Failed { sent, got, demand } => {
                write!(out, "\n{:13}sent:     {}", "", shown(sent))?;
                write!(out, "\n{:13}got:      {}", "", shown(got))?;
                write!(out, "\n{:13}demanded: {demand}", "")
            }
        }
    }
}

impl fmt::Display for Report {
    /// The counts, in one line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = self.lines.len();
        let not_checked = self.count(|it| matches!(it, Outcome::NotChecked(_)));
        let ok = checks - self.failed() - not_checked;
        write!(
            out,
            "{checks} checks of {} rules: {ok} ok, {} failed, {not_checked} not checked",
            self.rules(),
            self.failed(),
        )
    }
}

/// The start and the end of a long text.
fn shown(text: &str) -> String {
    let count = text.chars().count();
    if count <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN / 2).collect();
    let end: String = text.chars().skip(count - SHOWN / 2).collect();
    format!("{start} … {end}")
}
