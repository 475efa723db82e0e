//! A stream of server-sent events, read line by line as they come.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Response};

use crate::contract;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing must come for it to be taken as nothing.
const QUIET: Duration = Duration::from_millis(700);

/// An open stream.
pub struct Events {
    /// The response's headers.
    pub headers: HeaderMap,
    lines: Receiver<String>,
}

/// One event.
#[derive(Debug)]
pub struct Event {
    /// What it is called.
    pub name: String,
    /// What a stream that is opened anew names as heard.
    pub id: String,
    /// What it says.
    pub data: Value,
}

impl Events {
    /// Reads the body of an answer, in a thread of its own.
    pub(crate) fn of(answer: Response<ureq::Body>) -> Self {
        let (parts, body) = answer.into_parts();
        assert_eq!(parts.status, 200);
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let read = BufReader::new(body.into_reader()).lines();
            for line in read.map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            headers: parts.headers,
            lines,
        }
    }

    /// The next event, which must come.
    pub fn next(&self) -> Event {
        self.next_within(PATIENCE).expect("an event")
    }

    /// Fails if an event comes soon.
    pub fn assert_quiet(&self) {
        if let Some(event) = self.next_within(QUIET) {
            panic!("nothing was to be told: {event:?}");
        }
    }

    /// Waits for the next comment; how long it took.
    pub fn comment(&self) -> Duration {
        let began = std::time::Instant::now();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a comment");
            if line.starts_with(':') {
                return began.elapsed();
            }
        }
    }

    /// Waits until the server ends the stream.
    pub fn assert_ends(&self) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("the stream goes on"),
            }
        }
    }

    fn next_within(&self, patience: Duration) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), String::new(), None);
        loop {
            let line = self.lines.recv_timeout(patience).ok()?;
            match line.split_once(": ") {
                Some(("event", rest)) => rest.clone_into(&mut name),
                Some(("id", rest)) => rest.clone_into(&mut id),
                Some(("data", rest)) => data = serde_json::from_str(rest).ok(),
                _ => {}
            }
            if line.is_empty() && !name.is_empty() {
                let data: Value = data.expect("data as JSON");
                contract::holds("Alert", &data);
                return Some(Event { name, id, data });
            }
        }
    }
}
