//! Open: one commit that keeps the attempt, one call, and what its answer binds.
//!
//! A database that belongs to a datastore names it, and lets its first batch and the pull
//! ride along. One that belongs to none yet sends no record before it knows, for good, whose
//! it is: the answer might be lost, and somebody else be signed in next time.

use alloc::{
    format,
    string::{String, ToString},
};

use tidemark_protocol::{Checkin, Code, Direction, Limits, Mode, PROTOCOL_VERSION};
use uuid::Uuid;

use super::Session;
use super::pull::riding;
use crate::client::outgoing::Outgoing;
use crate::client::root::Root;
use crate::client::wire::{Members, Request};
use crate::client::{Environment, Error, ErrorCode, reply};
use crate::faults::{Fault, is_planted};
use crate::json::{Canonical, CanonicalRef};

/// Room for an open that carries no records.
const OPEN_BYTES: usize = 1024;

/// What rode on an open that made a session.
#[derive(Default)]
pub(super) struct Riders {
    /// The first batch's answer, and whether more batches follow.
    pub(super) push: Option<(Canonical, bool)>,
    pub(super) pull: Option<Canonical>,
}

/// What a pull that rode on a call was answered, be it a problem.
pub(super) fn ridden_pull(answer: Members<'_>) -> Option<Canonical> {
    answer.get("pull").map(CanonicalRef::to_canonical)
}

/// What the answer to an open says, but for its riders.
struct Opened {
    sync_uuid: Option<Uuid>,
    datastore: String,
    last_sync: Option<Checkin>,
    max_checkin: Checkin,
    mode: Mode,
    /// As asked for, unless it is told.
    direction: Option<Direction>,
    mirror: bool,
    in_sync: bool,
    limits: Limits,
}

impl Opened {
    fn read(answer: Members<'_>) -> Result<Self, Error> {
        Ok(Self {
            sync_uuid: answer.uuid("sync_uuid")?,
            datastore: answer.needed_text("datastore")?.into_owned(),
            last_sync: answer.checkin("last_sync")?,
            max_checkin: answer.needed_checkin("max_checkin")?,
            mode: answer.mode()?,
            direction: answer
                .text("direction")?
                .and_then(|name| Direction::named(&name)),
            mirror: answer.flag("mirror")?,
            in_sync: answer.flag("in_sync")?,
            limits: answer.limits()?,
        })
    }
}

impl<E: Environment> Session<'_, E> {
    /// Opens; `None`: both sides are equal already.
    pub(super) async fn open(&mut self) -> Result<Option<Riders>, Error> {
        let (attempt, lessons) = (self.attempt, self.lessons);
        let pushes = self.pushes();
        let answered_nothing = self.shared.idle_attempt.take();
        let root = self
            .shared
            .change(|database| {
                let root = &mut database.root;
                root.attempts
                    .retain(|attempt| Some(*attempt) != answered_nothing);
                root.add_attempt(attempt);
                if pushes {
                    root.sent = root.edit;
                }
                if lessons.from_the_start {
                    database.drop_staged();
                }
                Ok(database.root.clone())
            })
            .await?;
        self.limits = root.limits;
        self.sent = root.edit;
        // What is to be the truth goes by a push of its own.
        if pushes && self.mode != Mode::PushTruth {
            self.total = root.overlay.len() - root.set_aside;
        }
        let mut request = self.open_request(&root);
        let mut next = if self.total > 0 && root.datastore.is_some() && !lessons.bare {
            self.next_batch(0).await?
        } else {
            None
        };
        let push_follows = self.total > 0 && next.as_ref().is_none_or(|next| next.more);
        if let Some(next) = &next {
            let mut push = Request::with_capacity(next.batch.records.len() + OPEN_BYTES);
            self.write_batch(&mut push, next);
            request.json("push", &push.finish());
        }
        let pulls_first = matches!(self.mode, Mode::Auto | Mode::Fast | Mode::PullTruth);
        if !push_follows && !lessons.bare && pulls_first && !self.mirror {
            request.json("pull", &riding(root.cursor()));
        }
        let called = self.call("/v1/sync/open", request.finish()).await;
        let answer = called.map_err(|error| not_ours(error, &root))?;
        let members = Members(answer.borrow());
        let opened = Opened::read(members)?;
        let ours = root.datastore.as_ref();
        if ours.is_some_and(|ours| *ours != opened.datastore) {
            return Err(wrong_user());
        }
        self.hear_of_conflicts(members)?;
        self.settle(&root, &opened).await?;
        if opened.sync_uuid.is_none() {
            return Ok(None);
        }
        if !self.pushes() {
            // The server knows that this device only pulls, and refused what rode.
            next = None;
            self.total = 0;
            self.outgoing = Outgoing::default();
        }
        let push = match (next, members.get("push")) {
            (Some(next), Some(ridden)) => Some((reply::ridden(ridden)?.to_canonical(), next.more)),
            (Some(_), None) => return Err(Error::protocol("the riding push was not answered")),
            (None, _) => None,
        };
        let pull = ridden_pull(members).filter(|_| self.goes_on(&root));
        Ok(Some(Riders { push, pull }))
    }

    fn open_request(&self, root: &Root) -> Request {
        let mut request = Request::with_capacity(OPEN_BYTES);
        let options = self.shared.options.borrow();
        request.text("device_uuid", &root.device.to_string());
        request.json("attempts", "[");
        for (place, attempt) in root.attempts.iter().enumerate() {
            if place > 0 {
                request.append(",");
            }
            request.append(Canonical::string(&attempt.to_string()).as_str());
        }
        request.append("]");
        let datastore = root.datastore.as_ref().or(options.datastore.as_ref());
        request.text_if("datastore", datastore.map(String::as_str));
        request.number("protocol", PROTOCOL_VERSION.into());
        request.text("mode", self.options.mode.as_str());
        request.text("direction", self.options.direction.as_str());
        request.flag("mirror", self.options.mirror);
        let last_sync = root.last_sync.map(|at| at.to_string());
        request.text_if("last_sync", last_sync.as_deref());
        request.number("pending", self.total);
        request.text_if("fingerprint", fingerprint(root).as_deref());
        if let Some(device) = &options.device {
            request.json("device", device);
        }
        request
    }

    /// Keeps what the answer says, before anything is sent.
    async fn settle(&mut self, root: &Root, answer: &Opened) -> Result<(), Error> {
        self.report.mode = answer.mode.as_str().to_string();
        let Some(sync_uuid) = answer.sync_uuid else {
            if !answer.in_sync {
                return Err(Error::protocol("neither in sync nor a session"));
            }
            self.shared.idle_attempt.set(Some(self.attempt));
            self.report.in_sync = true;
            return self.bind(root, answer, Some(answer.max_checkin)).await;
        };
        let asked = self.options.mode;
        let is_another = match answer.mode {
            Mode::Slow | Mode::PullTruth | Mode::PushTruth => answer.mode != asked,
            _ => matches!(asked, Mode::PullTruth | Mode::PushTruth),
        };
        if is_another {
            return Err(Error::new(
                ErrorCode::NotSupported,
                format!(
                    "the server asks for a sync in mode `{}`",
                    answer.mode.as_str()
                ),
            ));
        }
        self.sync_uuid = Some(sync_uuid);
        self.mode = answer.mode;
        self.direction = answer.direction.unwrap_or(self.direction);
        self.mirror |= answer.mirror;
        self.max_checkin = Some(answer.max_checkin);
        self.start = answer.last_sync;
        self.limits = answer.limits;
        let last_sync = if is_planted(Fault::LastSyncAtOpen) {
            Some(answer.max_checkin)
        } else {
            root.last_sync
        };
        self.bind(root, answer, last_sync).await
    }

    /// Whether a pull that was interrupted can go on, if there was one.
    fn goes_on(&self, root: &Root) -> bool {
        let staged = root.staged.as_ref();
        staged.is_none_or(|staged| staged.start == self.start && !self.is_apart())
    }

    /// Writes down whose database this is, and what else the answer changes; usually nothing.
    async fn bind(
        &mut self,
        root: &Root,
        answer: &Opened,
        last_sync: Option<Checkin>,
    ) -> Result<(), Error> {
        let is_session = answer.sync_uuid.is_some();
        let staged_fits = !is_session || self.goes_on(root);
        let is_known = root.datastore.as_ref() == Some(&answer.datastore)
            && root.limits == answer.limits
            && root.last_sync == last_sync
            && staged_fits;
        if is_known {
            return Ok(());
        }
        let attempt = self.attempt;
        self.shared
            .apply(&mut |database| {
                database.check_fence(attempt)?;
                let root = &mut database.root;
                root.datastore = Some(answer.datastore.clone());
                root.limits = answer.limits;
                root.last_sync = last_sync;
                if is_session {
                    root.attempts = [attempt].into();
                }
                if !staged_fits {
                    database.drop_staged();
                }
                Ok(())
            })
            .await
    }
}

/// What the device holds. A first pull that was interrupted holds some, though nothing yet is
/// published: were it told as empty, the rest would come without tombstones, and what was
/// deleted since would stay here.
fn fingerprint(root: &Root) -> Option<String> {
    let is_between = root.last_sync.is_none() && root.staged.is_some();
    (!is_between).then(|| root.confirmed.summary().sum.to_string())
}

/// A datastore that the caller may not see is, for a database that belongs to it, another
/// user's token.
fn not_ours(error: Error, root: &Root) -> Error {
    if root.datastore.is_some() && error.problem_code() == Some(&Code::NotFound) {
        return wrong_user().with_problem(error.problem.clone());
    }
    error
}

fn wrong_user() -> Error {
    Error::new(
        ErrorCode::WrongUser,
        "this database belongs to another account's datastore",
    )
}
