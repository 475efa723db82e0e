//! What the client tells of itself, as JSON: for an app that has no part in its structs.
//!
//! Written member by member, as requests are. What serde derives for each struct, with what puts
//! it together, is some 3 kB in the package.

use alloc::string::String;

use tidemark_protocol::Problem;

use super::doc::write_text;
use super::wire::Request;
use super::{Error, Event, Info, Phase, Remapped, Status, SyncReport};

/// Room for an object.
const OBJECT_BYTES: usize = 512;

impl Phase {
    /// Its name, as apps see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Opening => "opening",
            Self::Pushing => "pushing",
            Self::Pulling => "pulling",
            Self::Finishing => "finishing",
            Self::Reconciling => "reconciling",
            Self::Waiting => "waiting",
        }
    }
}

impl Status {
    /// As apps see it: what is not known is left out.
    pub fn to_json(&self) -> String {
        let mut object = Request::with_capacity(OBJECT_BYTES);
        object.text("phase", self.phase.as_str());
        object.number("pending", self.pending);
        object.text_if("last_sync", self.last_sync.as_deref());
        if let Some(in_sync) = self.in_sync {
            object.flag("in_sync", in_sync);
        }
        if let Some(progress) = self.progress {
            let numbers = [("done", progress.done), ("total", progress.total)];
            object.json("progress", &counts(&numbers));
        }
        if let Some(error) = &self.error {
            object.json("error", &error.to_json());
        }
        if let Some(retry_at) = self.retry_at {
            object.number("retry_at", retry_at.unsigned_abs());
        }
        object.finish()
    }
}

impl SyncReport {
    /// As apps see it.
    pub fn to_json(&self) -> String {
        let mut object = Request::with_capacity(OBJECT_BYTES);
        object.flag("in_sync", self.in_sync);
        object.text("mode", &self.mode);
        add_counts(
            &mut object,
            &[
                ("pushed", self.pushed),
                ("pulled", self.pulled),
                ("deleted", self.deleted),
                ("conflicts", self.conflicts),
                ("rejected", self.rejected),
                ("round_trips", self.round_trips),
                ("bytes_sent", self.bytes_sent),
                ("bytes_received", self.bytes_received),
                ("ms", self.ms),
            ],
        );
        object.text("last_sync", &self.last_sync);
        object.finish()
    }
}

impl Info {
    /// As apps see it: what is not known is left out.
    pub fn to_json(&self) -> String {
        let mut object = Request::with_capacity(OBJECT_BYTES);
        object.text("device_uuid", &self.device_uuid);
        object.text_if("datastore", self.datastore.as_deref());
        object.text_if("last_sync", self.last_sync.as_deref());
        object.text("fingerprint", &self.fingerprint);
        add_counts(
            &mut object,
            &[
                ("confirmed", self.confirmed),
                ("pending", self.pending),
                ("rejected", self.rejected),
                ("decisions", self.decisions),
                ("revision", self.revision),
            ],
        );
        object.finish()
    }
}

impl Error {
    /// As apps see it: `code`, `message`, `help`, and the server's problem as `cause`.
    pub fn to_json(&self) -> String {
        let mut object = Request::with_capacity(OBJECT_BYTES);
        object.text("code", self.code.as_str());
        object.text("message", &self.message);
        object.text("help", self.code.help());
        if let Some(problem) = &self.problem {
            object.json("cause", &problem_json(problem));
        }
        object.finish()
    }
}

impl Event {
    /// Its name, and what there is to tell of it; of the status, only that it changed.
    pub fn to_json(&self) -> (&'static str, String) {
        match self {
            Self::Change { revision } => ("change", counts(&[("revision", *revision)])),
            Self::Status => ("status", String::from("null")),
            Self::Remap(remapped) => {
                let write = |out: &mut String, place: usize| write_remapped(out, &remapped[place]);
                ("remap", list(remapped.len(), &write))
            }
            Self::Rejected(texts) | Self::Conflict(texts) => {
                let name = match self {
                    Self::Rejected(_) => "rejected",
                    _ => "conflict",
                };
                let write = |out: &mut String, place: usize| write_text(out, &texts[place]);
                (name, list(texts.len(), &write))
            }
            Self::Damaged { lost } => ("damaged", counts(&[("lost", *lost)])),
            Self::Airbag {
                mode,
                deletes,
                changes,
                live,
            } => {
                let mut object = Request::with_capacity(OBJECT_BYTES);
                object.text("mode", mode.as_str());
                let numbers = [
                    ("deletes", *deletes),
                    ("changes", *changes),
                    ("live", *live),
                ];
                add_counts(&mut object, &numbers);
                ("airbag", object.finish())
            }
        }
    }
}

fn problem_json(problem: &Problem) -> String {
    let mut object = Request::with_capacity(OBJECT_BYTES);
    object.text("code", problem.code.as_str());
    object.number("status", problem.status.into());
    object.text("title", &problem.title);
    object.text("detail", &problem.detail);
    for (name, number) in [
        ("deletes", problem.deletes),
        ("changes", problem.changes),
        ("live", problem.live),
    ] {
        if let Some(number) = number {
            object.number(name, number);
        }
    }
    object.finish()
}

fn write_remapped(out: &mut String, remapped: &Remapped) {
    let mut object = Request::with_capacity(OBJECT_BYTES);
    object.text("local_id", &remapped.local_id);
    object.text("key", &remapped.key);
    object.text("entity", &remapped.entity);
    out.push_str(&object.finish());
}

fn counts(numbers: &[(&str, u64)]) -> String {
    let mut object = Request::with_capacity(OBJECT_BYTES);
    add_counts(&mut object, numbers);
    object.finish()
}

fn add_counts(object: &mut Request, numbers: &[(&str, u64)]) {
    for (name, number) in numbers {
        object.number(name, *number);
    }
}

fn list(count: usize, write: &dyn Fn(&mut String, usize)) -> String {
    let mut out = String::from("[");
    for place in 0..count {
        if place > 0 {
            out.push(',');
        }
        write(&mut out, place);
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use serde_json::{Value, json};
    use tidemark_protocol::{Code, Mode};

    use super::*;
    use crate::client::{ErrorCode, Progress};

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_status_tells_what_is_known() {
        let mut status = Status::default();
        assert_eq!(
            read(&status.to_json()),
            json!({"phase": "idle", "pending": 0})
        );
        let mut problem = Problem::new(Code::Airbag, "so \"much\"");
        problem.deletes = Some(7);
        let error = Error::new(ErrorCode::Airbag, "held").with_problem(Some(Arc::new(problem)));
        status.phase = Phase::Waiting;
        status.in_sync = Some(false);
        status.progress = Some(Progress { done: 1, total: 2 });
        status.retry_at = Some(5);
        status.error = Some(error);
        let told = read(&status.to_json());
        assert_eq!(told["progress"], json!({"done": 1, "total": 2}));
        assert_eq!(
            (&told["in_sync"], &told["retry_at"]),
            (&json!(false), &json!(5))
        );
        let error = &told["error"];
        assert_eq!(
            (&error["code"], &error["message"], &error["help"]),
            (
                &json!("airbag"),
                &json!("held"),
                &json!(ErrorCode::Airbag.help())
            )
        );
        let cause = &error["cause"];
        assert_eq!(
            (&cause["code"], &cause["status"]),
            (&json!("airbag"), &json!(423))
        );
        assert_eq!(
            (&cause["detail"], &cause["deletes"]),
            (&json!("so \"much\""), &json!(7))
        );
        assert_eq!(cause.get("live"), None);
    }

    #[test]
    fn reports_and_events_tell_all_that_they_have() {
        let report = SyncReport {
            mode: "fast".into(),
            pushed: 3,
            ..SyncReport::default()
        };
        let told = read(&report.to_json());
        assert_eq!(told.as_object().unwrap().len(), 12);
        assert_eq!(
            (&told["mode"], &told["pushed"]),
            (&json!("fast"), &json!(3))
        );
        assert_eq!(
            read(&Info::default().to_json()).as_object().unwrap().len(),
            7
        );
        let remapped = Remapped {
            local_id: "a".into(),
            key: "b".into(),
            entity: "c\n".into(),
        };
        let airbag = Event::Airbag {
            mode: Mode::Slow,
            deletes: 1,
            changes: 2,
            live: 3,
        };
        for (event, expected) in [
            (
                Event::Change { revision: 4 },
                json!(["change", {"revision": 4}]),
            ),
            (
                Event::Remap([remapped].into()),
                json!(["remap", [{"local_id": "a", "key": "b", "entity": "c\n"}]]),
            ),
            (
                Event::Rejected(["k".into(), "l".into()].into()),
                json!(["rejected", ["k", "l"]]),
            ),
            (Event::Conflict([].into()), json!(["conflict", []])),
            (Event::Damaged { lost: 2 }, json!(["damaged", {"lost": 2}])),
            (
                airbag,
                json!(["airbag", {"mode": "slow", "deletes": 1, "changes": 2, "live": 3}]),
            ),
        ] {
            let (name, text) = event.to_json();
            assert_eq!(json!([name, read(&text)]), expected);
        }
    }
}
