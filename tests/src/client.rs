//! Plain HTTP calls. Whatever comes back is held against the server's own OpenAPI document.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};

use crate::contract;
use crate::events::Events;

/// Calls one server as one user, or as nobody.
#[derive(Clone)]
pub struct Client {
    address: String,
    token: Option<String>,
    agent: ureq::Agent,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The response's headers.
    pub headers: HeaderMap,
    /// The body as it was on the wire.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }

    /// A header as text, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    /// The code of the problem that this must be, its form checked.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        contract::holds("Problem", &problem);
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// The answer that this must be.
    pub fn done(&self) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, 200, "{body}");
        self.json()
    }
}

impl Client {
    /// Calls the server at an address.
    pub fn new(address: &str, token: Option<String>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)))
            .build()
            .into();
        Self {
            address: address.to_owned(),
            token,
            agent,
        }
    }

    /// The same caller at another server.
    #[must_use]
    pub fn at(&self, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ..self.clone()
        }
    }

    /// The same address with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Any request at all.
    ///
    /// # Errors
    /// The network's.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let run = |answer: ureq::http::Response<ureq::Body>| -> Result<Answer, ureq::Error> {
            let (parts, mut body) = answer.into_parts();
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.with_config().limit(1 << 30).read_to_vec()?,
            })
        };
        if body.is_empty() && matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
            run(self.agent.run(request.body(()).expect("a request"))?)
        } else {
            run(self.agent.run(request.body(body).expect("a request"))?)
        }
    }

    /// `GET` of a stream of events, which must be answered with 200.
    pub fn events(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut request = Request::get(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.agent.run(request.body(()).expect("a request"));
        Events::of(answer.expect("the server answers"))
    }

    /// `POST` of JSON; a 200 is checked against the contract.
    ///
    /// # Errors
    /// The network's.
    pub fn try_post(&self, path: &str, body: &Value) -> Result<Answer, ureq::Error> {
        self.told("POST", path, body)
    }

    /// `PATCH` of JSON over a network that works.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.told("PATCH", path, body).expect("the server answers")
    }

    fn told(&self, method: &str, path: &str, body: &Value) -> Result<Answer, ureq::Error> {
        let headers = [("content-type", "application/json")];
        let answer = self.send(method, path, &headers, body.to_string().as_bytes())?;
        if answer.status == 200 {
            contract::answers(&method.to_lowercase(), path, &answer.json());
        }
        Ok(answer)
    }

    /// `POST` of JSON over a network that works.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).expect("the server answers")
    }

    /// `POST` of JSON that must be answered with 200.
    pub fn done(&self, path: &str, body: &Value) -> Value {
        self.post(path, body).done()
    }

    /// `GET`; a 200 is checked against the contract.
    pub fn get(&self, path: &str) -> Answer {
        let answer = self
            .send("GET", path, &[], &[])
            .expect("the server answers");
        let json = answer.header("content-type") == "application/json";
        if answer.status == 200 && json {
            contract::answers("get", path, &answer.json());
        }
        answer
    }

    /// All of `GET /v1/records`, page by page.
    pub fn records(&self) -> Vec<Value> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/v1/records?limit=500{cursor}")).done();
            records.extend(page["records"].as_array().expect("records").clone());
            match page["cursor"].as_str() {
                None => return records,
                Some(next) => cursor = format!("&cursor={}", escaped(next)),
            }
        }
    }
}

/// A text as it may stand in a query.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut query, byte| {
        let _ = write!(query, "%{byte:02X}");
        query
    })
}
