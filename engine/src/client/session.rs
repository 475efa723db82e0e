//! One sync, from open to finish: the driver of the session.
//!
//! It is the only place that calls the server. Each step is planned on what memory holds,
//! written in one commit, and applied to memory when it is written; a sync that dies between
//! two steps leaves a state from which the next goes on. Only what was sent and answered in
//! this session is held here, and is not missed after a crash: the next session sends it again.

mod conflicts;
pub(super) mod offer;
mod open;
mod pull;
mod push;
mod reconcile;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use tidemark_protocol::{Checkin, Code, Direction, Limits, Mode, Problem};
use uuid::Uuid;

use self::offer::Offered;
use super::by_row::ByRow;
use super::outgoing::Outgoing;
use super::shared::{Shared, damaged};
use super::wire::{Members, Request};
use super::{
    Cancel, Environment, Error, ErrorCode, Event, Phase, Progress, Reply, SyncOptions, SyncReport,
    Transport, reply,
};
use crate::json::Canonical;

/// How often one call of `sync` opens a session before it gives up for now.
const ROUNDS_MAX: u32 = 5;
/// Room for a request that carries no records.
const FINISH_BYTES: usize = 256;

/// What to do differently because of how the session before ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lessons {
    /// Open with nothing riding: the limits that were believed are wrong.
    bare: bool,
    /// The server refused the cursor.
    from_the_start: bool,
    /// Another device has replaced the truth, so that it is taken without being asked for.
    is_truth_pushed: bool,
}

/// How a session ended that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// Records that were asked for whole wait to be pushed, or a decision's change to be pulled.
    Again,
}

/// One session.
pub(super) struct Session<'c, E: Environment> {
    shared: &'c Shared<E>,
    options: SyncOptions,
    cancel: &'c Cancel,
    report: &'c mut SyncReport,
    lessons: Lessons,
    attempt: Uuid,
    sync_uuid: Option<Uuid>,
    /// The server's clock up to which the pull goes.
    max_checkin: Option<Checkin>,
    /// When the server's list of conflicts last changed; until it is told, as held here.
    conflicts_changed: Option<Checkin>,
    /// As the server decided; until it is told, as asked for.
    mode: Mode,
    direction: Direction,
    mirror: bool,
    /// Where the pull's window starts.
    start: Option<Checkin>,
    limits: Limits,
    outgoing: Outgoing,
    /// What is pushed.
    offered: Offered,
    /// The row after which the next batch starts.
    offered_up_to: Option<Vec<u8>>,
    /// Edits up to this number are this session's to push.
    sent: u64,
    /// Rows to set aside, with the edit that is meant.
    refused: ByRow<(u64, Problem)>,
    /// Where the whole truth is pulled: the rows that came.
    seen: Vec<Vec<u8>>,
    total: u64,
}

/// Syncs; opens again where the server or a copied device ask for it.
pub(super) async fn sync<E: Environment>(
    shared: &Shared<E>,
    mut options: SyncOptions,
    cancel: &Cancel,
    report: &mut SyncReport,
) -> Result<(), Error> {
    if options.mode == Mode::Repair {
        shared.to_verify.set(Some(true));
    }
    let mut lessons = Lessons::default();
    let mut round = 0;
    loop {
        round += 1;
        let was_damaged = shared.is_damaged();
        let outcome = Session::new(shared, options, cancel, report, lessons)
            .run()
            .await;
        let error = match outcome {
            Ok(end) => {
                let is_over =
                    end == End::Done && shared.has_come_right(report.in_sync, was_damaged).await?;
                if is_over || round == ROUNDS_MAX {
                    return Ok(());
                }
                // What was asked for is done; the rest is a sync like any other.
                options.mode = Mode::Auto;
                options.mirror = false;
                continue;
            }
            Err(error) => error,
        };
        if round == ROUNDS_MAX {
            return Err(error);
        }
        if options.mode == Mode::PushTruth && report.pushed > 0 {
            // Once more would override what others have done since.
            options.mode = Mode::Auto;
        }
        if shared.is_damaged() && !was_damaged {
            // It came upon damage, which is out of the way now.
            continue;
        }
        match error.problem_code() {
            Some(Code::StaleDevice) => rename_device(shared).await?,
            Some(Code::SessionGone) => {}
            Some(Code::TruthPushed) if options.mode == Mode::Auto => {
                options.mode = Mode::PullTruth;
                lessons.is_truth_pushed = true;
            }
            Some(Code::Airbag) => {
                tell_airbag(shared, options.mode, &error);
                return Err(error);
            }
            Some(Code::TooLarge) if !lessons.bare => lessons.bare = true,
            Some(Code::Malformed)
                if !lessons.from_the_start && shared.current().root.staged.is_some() =>
            {
                lessons.from_the_start = true;
            }
            _ => return Err(error),
        }
    }
}

impl<'c, E: Environment> Session<'c, E> {
    fn new(
        shared: &'c Shared<E>,
        options: SyncOptions,
        cancel: &'c Cancel,
        report: &'c mut SyncReport,
        lessons: Lessons,
    ) -> Self {
        Self {
            shared,
            options,
            cancel,
            report,
            lessons,
            attempt: shared.random_uuid(),
            sync_uuid: None,
            max_checkin: None,
            conflicts_changed: shared.current().root.conflicts_changed,
            mode: options.mode,
            direction: options.direction,
            mirror: options.mirror,
            start: None,
            limits: Limits::default(),
            outgoing: Outgoing::default(),
            offered: Offered::Edits,
            offered_up_to: None,
            sent: 0,
            refused: ByRow::default(),
            seen: Vec::new(),
            total: 0,
        }
    }

    async fn run(mut self) -> Result<End, Error> {
        self.phase(Phase::Opening);
        let mut is_more = false;
        if let Some(riders) = self.open().await? {
            let pull = self.push(riders).await?;
            let compares = self.compares_first();
            is_more = match self.mode {
                _ if compares => self.reconcile().await?,
                Mode::Refresh | Mode::PushTruth => self.give_back().await?,
                _ => self.pull(pull).await?,
            };
            self.finish().await?;
            if !self.report.in_sync && !compares && matches!(self.mode, Mode::Fast | Mode::Refresh)
            {
                // What was pushed is answered; the next pull starts where this one ended.
                self.outgoing = Outgoing::default();
                self.refused.clear();
                self.start = self.max_checkin;
                is_more |= self.reconcile().await?;
                self.finish().await?;
            }
        }
        if self.sends_decisions() {
            is_more |= self.send_decisions().await?;
        }
        self.follow_conflicts().await;
        Ok(if is_more { End::Again } else { End::Done })
    }

    /// Whether anything flows up.
    fn pushes(&self) -> bool {
        self.direction != Direction::Pull && self.mode != Mode::PullTruth
    }

    /// Whether the server is told what a person decided. A truth that was taken without being asked for
    /// may hold the conflict still.
    fn sends_decisions(&self) -> bool {
        self.pushes() || self.lessons.is_truth_pushed && self.direction != Direction::Pull
    }

    /// Whether both sides are compared before anything of the truth is taken: what this device
    /// holds may be of a time that the truth has lost, and where nothing is given back, it must stay.
    fn compares_first(&self) -> bool {
        match self.mode {
            Mode::Repair | Mode::Slow => true,
            Mode::Refresh => !self.pushes(),
            _ => false,
        }
    }

    /// Whether its pull is none that another session may go on with, nor goes on itself.
    fn is_apart(&self) -> bool {
        self.direction == Direction::Push || self.mode == Mode::PullTruth
    }

    /// Up to where everything is applied at its end; `None`: as before, for a session that pulls
    /// just what it pushed.
    fn applied_up_to(&self) -> Option<Checkin> {
        self.max_checkin
            .filter(|_| self.direction != Direction::Push)
    }

    /// Whether the truth is taken instead of what the person has edited.
    fn takes_truth(&self) -> bool {
        self.mode == Mode::PullTruth || self.mirror && self.direction == Direction::Pull
    }

    /// Gives all that this device holds to a truth that was restored from an older backup, or is
    /// to become just that; and takes all that it has. True as of [`Self::pull`].
    async fn give_back(&mut self) -> Result<bool, Error> {
        self.forget_staged().await?;
        let mut pull = None;
        if self.pushes() {
            let root = &self.shared.current().root;
            let total = root.confirmed.summary().count + root.overlay.len();
            pull = self.push_whole(Offered::Everything, total).await?;
        }
        self.pull(pull).await
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.phase(Phase::Finishing);
        let summary = self.shared.current().root.confirmed.summary();
        let mut request = self.request(FINISH_BYTES);
        if let Some(last_update) = self.applied_up_to() {
            request.text("last_update", &last_update.to_string());
        }
        request.text("fingerprint", &summary.sum.to_string());
        request.number("count", summary.count);
        let answer = self.call("/v1/sync/finish", request.finish()).await?;
        let members = Members(answer.borrow());
        self.report.in_sync = members.flag("in_sync")?;
        self.hear_of_conflicts(members)
    }

    /// A request in this session, with room for so many bytes.
    fn request(&self, bytes: usize) -> Request {
        let mut request = Request::with_capacity(bytes);
        if let Some(sync_uuid) = self.sync_uuid {
            request.text("sync_uuid", &sync_uuid.to_string());
        }
        request
    }

    /// One call: a refused token is renewed once; a sync that was cancelled makes no more.
    async fn call(&mut self, path: &str, body: String) -> Result<Canonical, Error> {
        if self.shared.is_damaged() && self.takes_lack_for_deletion() {
            return Err(damaged());
        }
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorCode::Cancelled, "the sync was cancelled"));
        }
        let called = call(self.shared, path, body).await;
        self.account(called)
    }

    /// Whether this session makes the truth what is held here: what damage took is no deletion.
    const fn takes_lack_for_deletion(&self) -> bool {
        self.mirror && matches!(self.direction, Direction::Push)
            || matches!(self.mode, Mode::Slow | Mode::PushTruth)
    }

    /// Counts a call in the report.
    fn account(&mut self, called: Called) -> Result<Canonical, Error> {
        self.report.round_trips += called.round_trips;
        self.report.bytes_sent += called.bytes_sent;
        self.report.bytes_received += called.bytes_received;
        reply::read(&called.answer?)
    }

    fn phase(&self, phase: Phase) {
        self.shared.update_status(&|status| {
            status.phase = phase;
            status.progress = None;
        });
    }

    fn progress(&self, done: u64, total: u64) {
        self.shared
            .update_status(&|status| status.progress = Some(Progress { done, total }));
    }

    fn tell(&self, event: Event) {
        self.shared.tell(event);
    }
}

/// A call, its answer, and what it cost.
struct Called {
    answer: Result<Reply, Error>,
    round_trips: u64,
    bytes_sent: u64,
    bytes_received: u64,
}

async fn call<E: Environment>(shared: &Shared<E>, path: &str, body: String) -> Called {
    let transport = shared.environment.transport();
    let (mut round_trips, mut bytes_sent, mut bytes_received) = (0, 0, 0);
    let mut renewed = false;
    let answer = loop {
        round_trips += 1;
        match transport.call(path, body.clone()).await {
            Ok(reply) => {
                bytes_sent += reply.bytes_sent;
                bytes_received += reply.bytes_received;
                if reply.status == 401 && !renewed && transport.renew_token().await {
                    renewed = true;
                    continue;
                }
                break Ok(reply);
            }
            Err(error) => break Err(reply::unanswered(&error)),
        }
    };
    Called {
        answer,
        round_trips,
        bytes_sent,
        bytes_received,
    }
}

/// Tells what the server holds until a person has seen it.
fn tell_airbag<E: Environment>(shared: &Shared<E>, mode: Mode, error: &Error) {
    let problem = error.problem.as_deref();
    shared.tell(Event::Airbag {
        mode,
        deletes: problem.and_then(|problem| problem.deletes).unwrap_or(0),
        changes: problem.and_then(|problem| problem.changes).unwrap_or(0),
        live: problem.and_then(|problem| problem.live).unwrap_or(0),
    });
}

/// A copy of this device is at work elsewhere, or was: from now on this is another.
async fn rename_device<E: Environment>(shared: &Shared<E>) -> Result<(), Error> {
    let device = shared.random_uuid();
    shared
        .apply(&mut |database| {
            database.root.device = device;
            database.root.attempts.clear();
            // A cursor belongs to the device that got it.
            database.drop_staged();
            Ok(())
        })
        .await
}
