//! When to sync, and that one tab does at a time. What a sync is, the engine knows.
//!
//! Every tab watches for reasons; whoever has one first takes the lock and syncs, for all. So a
//! hidden tab whose timers the browser slows down holds up nobody. A tab that finds the lock
//! taken looks again later whether anything is left to do.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tidemark_engine::client::{Cancel, Client, Error, ErrorCode, SyncOptions, SyncReport};
use tidemark_protocol::Direction;

use crate::{
    environment::Browser,
    platform::{
        clock::now_millis,
        host::{Host, IfHeld},
        spawn,
        timer::sleep,
    },
};

/// After a change. Several that come together go together: `js/host.ts` holds the first call back
/// for longer, so that all is ready should the page be hidden.
const AFTER_CHANGE_MILLIS: u32 = 50;
/// After hearing of another tab's change, should that tab be gone before it has synced.
const AFTER_ANOTHERS_CHANGE_MILLIS: u32 = 3_000;
/// Until looking again whether the tab that has the lock left anything to do.
const AFTER_TAKEN_MILLIS: u32 = 1_500;

/// Syncs one database, by itself or when asked. A clone is the same.
#[derive(Clone)]
pub(crate) struct Syncing(Rc<Inner>);

/// One call of `sync`, to cancel it by.
#[derive(Clone)]
pub(crate) struct Ticket {
    number: u32,
    cancel: Cancel,
}

struct Inner {
    client: Client<Browser>,
    host: Host,
    lock: String,
    /// Whether it syncs by itself.
    is_auto: Cell<bool>,
    is_closed: Cell<bool>,
    /// There is a reason to sync even if nothing is pending.
    is_wanted: Cell<bool>,
    /// The newest checkin of another device that was told of and not pulled.
    heard: RefCell<String>,
    /// An error that waiting does not help: nothing by itself until the app does something.
    is_stuck: Cell<bool>,
    /// When the timer rings, in milliseconds since 1970, and which timer it is.
    due: Cell<Option<(i64, u32)>>,
    timers: Cell<u32>,
    under_way: RefCell<Option<Ticket>>,
    tickets: Cell<u32>,
}

impl Syncing {
    /// Syncs nothing yet.
    pub(crate) fn new(client: Client<Browser>, host: Host, name: &str) -> Self {
        Self(Rc::new(Inner {
            client,
            host,
            lock: format!("tidemark:{name}:sync"),
            is_auto: Cell::new(false),
            is_closed: Cell::new(false),
            is_wanted: Cell::new(false),
            heard: RefCell::default(),
            is_stuck: Cell::new(false),
            due: Cell::new(None),
            timers: Cell::new(0),
            under_way: RefCell::new(None),
            tickets: Cell::new(0),
        }))
    }

    /// From now on by itself or not; there may be a new server or a new token.
    pub(crate) fn set_auto(&self, is_auto: bool) {
        self.0.is_auto.set(is_auto);
        self.0.is_stuck.set(false);
        if is_auto {
            self.want(0);
        }
    }

    /// Something was written here.
    pub(crate) fn changed(&self) {
        self.want(AFTER_CHANGE_MILLIS);
    }

    /// Something was written in another tab.
    pub(crate) fn heard_of_change(&self) {
        self.look_after(AFTER_ANOTHERS_CHANGE_MILLIS);
    }

    /// Another device has committed: syncs, unless another tab has by then.
    pub(crate) fn alerted(&self, checkin: String) {
        // Checkins are texts of one length, so they sort as times do.
        if *self.0.heard.borrow() < checkin {
            self.0.heard.replace(checkin);
        }
        self.look_after(0);
    }

    /// The page is looked at again, or it is time; or it is hidden: what waits is pushed while
    /// there is time, and nothing else.
    pub(crate) fn wake(&self, is_hidden: bool) {
        if is_hidden {
            let this = self.clone();
            spawn(async move { this.look(Direction::Push).await });
        } else {
            self.want(0);
        }
    }

    /// A ticket for one sync.
    pub(crate) fn ticket(&self) -> Ticket {
        let number = self.0.tickets.get().wrapping_add(1);
        self.0.tickets.set(number);
        Ticket {
            number,
            cancel: Cancel::default(),
        }
    }

    /// Syncs now, waiting for another sync to end first.
    pub(crate) async fn sync(
        &self,
        options: SyncOptions,
        ticket: Ticket,
    ) -> Result<SyncReport, Error> {
        self.0.is_stuck.set(false);
        let run = self.run(options, ticket);
        let report = self.0.host.with_lock(&self.0.lock, IfHeld::Wait, run).await;
        // `Wait` always gets the lock in the end.
        let report = report.unwrap_or_else(|| Err(closed()));
        self.after(&report);
        report
    }

    /// Stops the sync of this ticket, whether it runs or waits for another to end.
    pub(crate) fn cancel(&self, ticket: &Ticket) {
        ticket.cancel.cancel();
        let running = self
            .0
            .under_way
            .borrow()
            .as_ref()
            .map(|ticket| ticket.number);
        if running == Some(ticket.number) {
            self.0.host.abort();
        }
    }

    /// Ends everything, for good.
    pub(crate) fn close(&self) {
        self.0.is_closed.set(true);
        self.0.is_auto.set(false);
        self.stop();
    }

    /// Stops the sync under way, whoever asked for it.
    pub(crate) fn stop(&self) {
        let running = self.0.under_way.borrow().clone();
        if let Some(running) = running {
            self.cancel(&running);
        }
    }

    /// The browser believes again, or no more, that there is a network.
    pub(crate) fn network_changed(&self) {
        if self.0.host.is_online() {
            self.0.is_stuck.set(false);
            self.want(0);
        }
    }

    fn want(&self, millis: u32) {
        self.0.is_wanted.set(true);
        self.look_after(millis);
    }

    /// Looks after so many milliseconds, or earlier if that was planned already.
    fn look_after(&self, millis: u32) {
        if !self.0.is_auto.get() || self.0.is_closed.get() {
            return;
        }
        let due = now_millis() + i64::from(millis);
        if self.0.due.get().is_some_and(|(earlier, _)| earlier <= due) {
            return;
        }
        let timer = self.0.timers.get().wrapping_add(1);
        self.0.timers.set(timer);
        self.0.due.set(Some((due, timer)));
        let this = self.clone();
        spawn(async move {
            sleep(millis).await;
            if this.0.due.get() == Some((due, timer)) {
                this.0.due.set(None);
                this.look(Direction::Both).await;
            }
        });
    }

    /// Syncs if there is reason to, nothing in the way, and nobody else at it.
    async fn look(&self, direction: Direction) {
        let inner = &self.0;
        let may = inner.is_auto.get()
            && !inner.is_closed.get()
            && !inner.is_stuck.get()
            && inner.host.is_connected()
            && inner.host.is_online();
        if !may {
            return;
        }
        if let Some(millis) = self.wait_millis() {
            self.look_after(millis);
            return;
        }
        let is_hidden = direction == Direction::Push;
        if !is_hidden {
            // Other tabs may have synced since; a failing store shows at the next call of the app.
            drop(inner.client.refresh().await);
        }
        let is_wanted = !is_hidden && (inner.is_wanted.take() || self.is_behind());
        if inner.client.is_held() || !is_wanted && self.sendable() == 0 {
            return;
        }
        let options = SyncOptions {
            direction,
            ..SyncOptions::default()
        };
        let run = self.run(options, self.ticket());
        match inner.host.with_lock(&inner.lock, IfHeld::GiveUp, run).await {
            // This device may only pull: what it is told at its next sync is what counts.
            Some(Err(error)) if is_hidden && !error.is_passing() => inner.is_wanted.set(true),
            Some(report) => self.after(&report),
            None => self.look_after(AFTER_TAKEN_MILLIS),
        }
    }

    async fn run(&self, options: SyncOptions, ticket: Ticket) -> Result<SyncReport, Error> {
        if self.0.is_closed.get() {
            return Err(closed());
        }
        let cancel = ticket.cancel.clone();
        *self.0.under_way.borrow_mut() = Some(ticket);
        let heard = self.0.heard.take();
        // Boxed: it is large, and everything that awaits it would hold it.
        let report = Box::pin(self.0.client.sync(options, &cancel)).await;
        self.0.under_way.take();
        if report.is_err() && self.0.heard.borrow().is_empty() {
            self.0.heard.replace(heard);
        }
        match report {
            Err(_) if self.0.is_closed.get() => Err(closed()),
            Err(_) if cancel.is_cancelled() => Err(Error::new(
                ErrorCode::Cancelled,
                "the sync was cancelled by its caller",
            )),
            report => report,
        }
    }

    /// Plans what follows a sync.
    fn after(&self, report: &Result<SyncReport, Error>) {
        match report {
            Ok(report) if report.in_sync => {
                if self.sendable() > 0 || self.is_behind() {
                    self.want(AFTER_CHANGE_MILLIS);
                }
            }
            // The engine knows whether what was held is still the same.
            Err(error) if !error.is_passing() && error.code != ErrorCode::Airbag => {
                self.0.is_stuck.set(true);
            }
            Ok(_) | Err(_) => {
                self.0.is_wanted.set(true);
                if let Some(millis) = self.wait_millis() {
                    self.look_after(millis);
                }
            }
        }
    }

    /// How long the engine wants to wait, if it does.
    fn wait_millis(&self) -> Option<u32> {
        let wait = self.0.client.status().retry_at? - now_millis();
        (wait > 0).then(|| u32::try_from(wait).unwrap_or(u32::MAX))
    }

    /// Whether what other devices have committed was told of and not pulled.
    fn is_behind(&self) -> bool {
        let heard = self.0.heard.borrow();
        let last_sync = self.0.client.info().last_sync;
        !heard.is_empty() && last_sync.is_none_or(|at| at < *heard)
    }

    /// Records and decisions that the next sync could bring to the truth.
    fn sendable(&self) -> u64 {
        let info = self.0.client.info();
        info.pending.saturating_sub(info.rejected) + info.decisions
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the database was closed")
}
