//! Plain HTTP calls, and short ways to say what must come back.

use std::io::Read as _;
use std::ops::Index;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};

use crate::check::{Checked, Miss};

/// How often, and how many seconds at most, a server that is busy is waited for.
const PATIENCE: (u32, u64) = (4, 10);
const BYTES_MAX: u64 = 1 << 28;

/// Calls one server as one user, or as nobody.
#[derive(Clone)]
pub(crate) struct Caller {
    agent: ureq::Agent,
    address: String,
    token: Option<String>,
}

/// What came back, whatever its status, beside what was sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) sent: String,
    pub(crate) status: u16,
    headers: HeaderMap,
    /// As it was on the wire.
    pub(crate) body: Vec<u8>,
    /// `null` where the body is no JSON.
    pub(crate) json: Value,
}

impl Caller {
    /// Calls a server as nobody.
    pub(crate) fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(2)))
            .user_agent("tidemark-conformance")
            .build()
            .into();
        Self {
            agent,
            address: url.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// The same address with a token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The token it calls with; empty for nobody.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// `POST` of JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Checked<Answer> {
        self.send("POST", path, &[], body.to_string().as_bytes())
    }

    /// `POST` of JSON to a phase of the session.
    pub(crate) fn call(&self, phase: &str, body: &Value) -> Checked<Answer> {
        self.post(&format!("/v1/sync/{phase}"), body)
    }

    /// `GET`.
    pub(crate) fn get(&self, path: &str) -> Checked<Answer> {
        self.send("GET", path, &[], &[])
    }

    /// Any request at all; one that the server is too busy for is made again.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Checked<Answer> {
        let sent = told(method, path, headers, body);
        for _ in 0..PATIENCE.0 {
            let answer = match self.once(method, path, headers, body) {
                Ok(parts) => Answer::read(sent.clone(), parts),
                Err(error) => {
                    return Err(Miss::Failed {
                        sent,
                        got: format!("no answer: {error}"),
                        demand: "an answer".to_owned(),
                    });
                }
            };
            if !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            let wait = answer.header("retry-after").parse().unwrap_or(1);
            std::thread::sleep(Duration::from_secs(PATIENCE.1.min(wait)));
        }
        Err(Miss::NotChecked("the server stays busy".to_owned()))
    }

    fn once(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, HeaderMap, Vec<u8>), ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = if body.is_empty() {
            self.agent.run(request.body(())?)?
        } else {
            let labelled = request.header("content-type", "application/json");
            self.agent.run(labelled.body(body)?)?
        };
        let (parts, body) = answer.into_parts();
        let mut bytes = Vec::new();
        let mut reader = body.into_reader().take(BYTES_MAX);
        reader.read_to_end(&mut bytes)?;
        Ok((parts.status.as_u16(), parts.headers, bytes))
    }
}

impl Answer {
    fn read(sent: String, (status, headers, body): (u16, HeaderMap, Vec<u8>)) -> Self {
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Self {
            sent,
            status,
            headers,
            body,
            json,
        }
    }

    /// A header as text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// A rule was broken by this answer: what it demands.
    pub(crate) fn miss(&self, demand: &str) -> Miss {
        Miss::Failed {
            sent: self.sent.clone(),
            got: format!("{} {}", self.status, String::from_utf8_lossy(&self.body)),
            demand: demand.to_owned(),
        }
    }

    /// What must be so.
    pub(crate) fn demand(&self, holds: bool, demand: &str) -> Checked {
        if holds {
            Ok(())
        } else {
            Err(self.miss(demand))
        }
    }

    /// The member at this place (`/push/created`) must be this.
    pub(crate) fn is(&self, place: &str, value: &Value, why: &str) -> Checked {
        let told = self.at(place);
        let holds = same(told, value);
        self.demand(holds, &format!("`{place}` is {value}: {why}"))
    }

    /// The member at this place, `null` where there is none.
    pub(crate) fn at(&self, place: &str) -> &Value {
        self.json.pointer(place).unwrap_or(&Value::Null)
    }

    /// The list at this place.
    pub(crate) fn list(&self, place: &str) -> Checked<&[Value]> {
        let list = self.at(place).as_array().map(Vec::as_slice);
        list.ok_or_else(|| self.miss(&format!("`{place}` is a list")))
    }

    /// The text at this place.
    pub(crate) fn text(&self, place: &str) -> Checked<&str> {
        let text = self.at(place).as_str();
        text.ok_or_else(|| self.miss(&format!("`{place}` is a text")))
    }

    /// The answer that must be 200.
    pub(crate) fn done(self) -> Checked<Self> {
        self.demand(self.status == 200, "200: nothing is wrong with this call")?;
        Ok(self)
    }

    /// The answer that must be 200, or else 501: then nothing can be said of the rule.
    pub(crate) fn served(self) -> Checked<Self> {
        if self.status == 501 {
            self.refused(501, "not_supported")?;
            let why = "the server says that it does not serve this (501 not_supported)";
            return Err(Miss::NotChecked(why.to_owned()));
        }
        self.done()
    }

    /// The refusal that this must be (P-8).
    pub(crate) fn refused(&self, status: u16, code: &str) -> Checked {
        let holds = self.status == status && self.json["code"] == code;
        self.demand(holds, &format!("{status} with the code `{code}`"))?;
        let kind = self.header("content-type");
        let holds = kind.starts_with("application/problem+json");
        self.demand(holds, "a refusal is application/problem+json (P-8)")
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}

/// Equal as JSON is: `1` and `1.0` are one number.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_in = |(name, value)| other.get(name).is_some_and(|it| same(value, it));
            one.len() == other.len() && one.iter().all(is_in)
        }
        _ => one == other,
    }
}

fn told(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let mut text = format!("{method} {path}");
    for (name, value) in headers {
        text = format!("{text} ({name}: {value})");
    }
    if !body.is_empty() {
        text = format!("{text} {}", String::from_utf8_lossy(body));
    }
    text
}
