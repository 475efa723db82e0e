//! A run over one server: who calls, which checks, one after the other.

use serde_json::json;

use crate::check::{Checked, Miss};
use crate::checks::CHAPTERS;
use crate::http::Caller;
use crate::report::{Line, Report};
use crate::talk::name;

/// What a run is told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's address, `http://HOST:PORT` or `https://…`, with the path that `/v1` is under.
    pub url: String,
    /// A token; without one the server is asked for tokens as one in `--dev` gives them.
    pub token: Option<String>,
    /// A token of another user.
    pub second_token: Option<String>,
    /// IDs of rules; only what checks one of them runs. None: all.
    pub only: Vec<String>,
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither told a token nor given one.
    #[error(
        "{0} gives out no tokens (only a server in --dev does): name one with --token. It answered: {1}"
    )]
    NoToken(String, String),
    /// The server takes no call of this user.
    #[error("{0} does not take the token: it answered {1}")]
    Refused(String, String),
    /// The server could not be reached.
    #[error("{0} cannot be called: {1}")]
    Unreachable(String, String),
    /// No check names this rule.
    #[error("no check is about {0}; `tidemark conformance --list` tells which rules there are")]
    NoSuchRule(String),
}

/// Who calls the server.
pub(crate) struct Run {
    nobody: Caller,
    /// What was told; none where the server gives out tokens for anybody.
    told: Option<Told>,
}

struct Told {
    first: Caller,
    second: Option<Caller>,
}

impl Run {
    fn of(options: &Options) -> Result<Self, Error> {
        let nobody = Caller::new(&options.url);
        let told = options.token.as_ref().map(|token| Told {
            first: nobody.with_token(token),
            second: options
                .second_token
                .as_ref()
                .map(|it| nobody.with_token(it)),
        });
        let run = Self { nobody, told };
        let url = || options.url.clone();
        let told = |miss| match miss {
            Miss::Failed { got, .. } => got,
            Miss::NotChecked(why) => why,
        };
        run.nobody
            .get("/healthz")
            .map_err(|miss| Error::Unreachable(url(), told(miss)))?;
        let user = run
            .user()
            .map_err(|miss| Error::NoToken(url(), told(miss)))?;
        let opened = user.call("open", &json!({"device_uuid": name(), "pending": 1}));
        opened
            .and_then(crate::http::Answer::done)
            .map_err(|miss| Error::Refused(url(), told(miss)))?;
        Ok(run)
    }

    /// Calls as nobody.
    pub(crate) fn nobody(&self) -> &Caller {
        &self.nobody
    }

    /// Calls as a user: as a new one, where the server gives out tokens.
    pub(crate) fn user(&self) -> Checked<Caller> {
        match &self.told {
            Some(told) => Ok(told.first.clone()),
            None => self.issued(),
        }
    }

    /// Calls as another user than all before, or than [`Self::user`].
    pub(crate) fn another(&self) -> Checked<Caller> {
        match &self.told {
            Some(told) => told.second.clone().ok_or_else(|| {
                Miss::NotChecked("it takes a second user: name one with --second-token".to_owned())
            }),
            None => self.issued(),
        }
    }

    /// Whether the server gives out tokens.
    pub(crate) fn is_dev(&self) -> bool {
        self.told.is_none()
    }

    fn issued(&self) -> Checked<Caller> {
        let user = format!("conformance-{}", name());
        let answer = self.nobody.post("/v1/dev/token", &json!({"user": user}))?;
        let answer = answer.done()?;
        Ok(self.nobody.with_token(answer.text("/token")?))
    }
}

/// Runs the checks one after the other, and tells of each as it is done.
///
/// # Errors
/// Where nothing could be checked at all. What the server does wrong is in the report.
pub fn check(options: &Options, mut each: impl FnMut(&Line)) -> Result<Report, Error> {
    let known = crate::rules();
    if let Some(rule) = options.only.iter().find(|it| !known.contains(&it.as_str())) {
        return Err(Error::NoSuchRule(rule.clone()));
    }
    let run = Run::of(options)?;
    let mut report = Report::new(&options.url);
    for (chapter, checks) in CHAPTERS {
        for check in *checks {
            let is_asked = |rule: &&str| options.only.iter().any(|it| it == rule);
            if options.only.is_empty() || check.rules.iter().any(is_asked) {
                let line = Line::of(chapter, check, (check.run)(&run));
                each(&line);
                report.lines.push(line);
            }
        }
    }
    Ok(report)
}
