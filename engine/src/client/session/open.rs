//! Open: one commit that keeps the attempt, one call, and what its answer binds.
//!
//! A database that belongs to a datastore names it, and lets its first batch and the pull
//! ride along. One that belongs to none yet sends no record before it knows, for good, whose
//! it is: the answer might be lost, and somebody else be signed in next time.

use alloc::{
    format,
    string::{String, ToString},
};

use tidemark_protocol::{
    Checkin, Code, DeviceDescription, DeviceId, Mode, OpenAnswer, OpenRequest, PROTOCOL_VERSION,
    PullAnswer, PushAnswer, Ridden,
};

use super::{Session, to_json};
use crate::client::root::Root;
use crate::client::{Environment, Error, ErrorCode, reply};

/// What rode on an open that made a session.
#[derive(Default)]
pub(super) struct Riders {
    /// The first batch's answer, and whether more batches follow.
    pub(super) push: Option<(PushAnswer, bool)>,
    pub(super) pull: Option<Ridden<PullAnswer>>,
}

impl<E: Environment> Session<'_, E> {
    /// Opens; `None`: both sides are equal already.
    pub(super) async fn open(&mut self) -> Result<Option<Riders>, Error> {
        let (attempt, lessons) = (self.attempt, self.lessons);
        let answered_nothing = self.shared.idle_attempt.take();
        let root = self
            .shared
            .change(|database| {
                let root = &mut database.root;
                root.attempts
                    .retain(|attempt| Some(*attempt) != answered_nothing);
                root.add_attempt(attempt);
                root.sent = root.edit;
                if lessons.from_the_start {
                    database.drop_staged();
                }
                Ok(database.root.clone())
            })
            .await?;
        self.limits = root.limits;
        self.sent = root.sent;
        self.total = root.overlay.len() - root.set_aside;
        let mut body = to_json(&self.request(&root))?;
        let batch = if self.total > 0 && root.datastore.is_some() && !lessons.bare {
            self.next_batch(0).await?
        } else {
            None
        };
        let push_follows = self.total > 0 && batch.as_ref().is_none_or(|batch| batch.more);
        body.pop();
        if let Some(batch) = &batch {
            body.push_str(",\"push\":{");
            body.push_str(&batch.members);
            body.push('}');
        }
        if !push_follows && !lessons.bare {
            body.push_str(",\"pull\":");
            body.push_str(&super::pull::request(None, root.cursor()));
        }
        body.push('}');
        let reply = self.call("/v1/sync/open", body).await?;
        let answer: OpenAnswer = reply::read(&reply).map_err(|error| not_ours(error, &root))?;
        if root
            .datastore
            .as_ref()
            .is_some_and(|ours| *ours != answer.datastore)
        {
            return Err(wrong_user());
        }
        self.settle(&root, &answer).await?;
        if answer.sync_uuid.is_none() {
            return Ok(None);
        }
        let staged_fits = root
            .staged
            .as_ref()
            .is_none_or(|staged| staged.start == self.start);
        let push = match (batch, answer.push) {
            (Some(batch), Some(ridden)) => Some((reply::ridden(ridden)?, batch.more)),
            (Some(_), None) => return Err(Error::protocol("the riding push was not answered")),
            (None, _) => None,
        };
        Ok(Some(Riders {
            push,
            pull: answer.pull.filter(|_| staged_fits),
        }))
    }

    fn request(&self, root: &Root) -> OpenRequest {
        OpenRequest {
            device_uuid: DeviceId::new(root.device),
            attempts: root.attempts.clone(),
            datastore: root
                .datastore
                .clone()
                .or_else(|| self.shared.options.datastore.clone()),
            protocol: PROTOCOL_VERSION,
            mode: self.options.mode,
            direction: self.options.direction,
            mirror: self.options.mirror,
            last_sync: root.last_sync,
            pending: self.total,
            fingerprint: fingerprint(root),
            device: self
                .shared
                .options
                .device_name
                .clone()
                .map(|name| DeviceDescription { name: Some(name) }),
            previous: None,
            push: None,
            pull: None,
            finish: None,
        }
    }

    /// Keeps what the answer says, before anything is sent.
    async fn settle(&mut self, root: &Root, answer: &OpenAnswer) -> Result<(), Error> {
        self.report.mode = mode_name(answer.mode).to_string();
        let Some(sync_uuid) = answer.sync_uuid else {
            if !answer.in_sync {
                return Err(Error::protocol("neither in sync nor a session"));
            }
            self.shared.idle_attempt.set(Some(self.attempt));
            self.report.in_sync = true;
            return self.bind(root, answer, Some(answer.max_checkin)).await;
        };
        if !matches!(answer.mode, Mode::Auto | Mode::Fast | Mode::Repair) {
            return Err(Error::new(
                ErrorCode::NotSupported,
                format!(
                    "the server asks for a sync in mode `{}`",
                    mode_name(answer.mode)
                ),
            ));
        }
        self.sync_uuid = Some(sync_uuid);
        self.max_checkin = Some(answer.max_checkin);
        self.start = answer.last_sync;
        self.limits = answer.limits;
        self.bind(root, answer, root.last_sync).await
    }

    /// Writes down whose database this is, and what else the answer changes; usually nothing.
    async fn bind(
        &mut self,
        root: &Root,
        answer: &OpenAnswer,
        last_sync: Option<Checkin>,
    ) -> Result<(), Error> {
        let start = answer.last_sync;
        let is_session = answer.sync_uuid.is_some();
        let staged_fits = !is_session
            || root
                .staged
                .as_ref()
                .is_none_or(|staged| staged.start == start);
        let is_known = root.datastore.as_ref() == Some(&answer.datastore)
            && root.limits == answer.limits
            && root.last_sync == last_sync
            && staged_fits;
        if is_known {
            return Ok(());
        }
        let attempt = self.attempt;
        self.shared
            .change(|database| {
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

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto => "auto",
        Mode::Fast => "fast",
        Mode::Repair => "repair",
        Mode::Slow => "slow",
        Mode::Refresh => "refresh",
        Mode::PullTruth => "pull_truth",
        Mode::PushTruth => "push_truth",
    }
}
