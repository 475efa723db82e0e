//! What happened, on its way to the app's listeners and to the other tabs.
//!
//! The app is called from a task of its own, with nothing of ours borrowed: a listener may call
//! anything, close the database included.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tidemark_engine::client::{Client, Event, Status};
use wasm_bindgen::JsValue;

use crate::{
    api::plain,
    environment::Browser,
    platform::{clock::now_millis, host::Host, spawn, timer::sleep},
};

/// Another tab committed.
const COMMIT: &str = "commit";
/// How the sync stands in the tab that tells.
const STATUS: &str = "status";

/// Commits that follow each other closer than this are told together.
const QUIET_MILLIS: u64 = 20;

/// The way of events. A clone is the same.
#[derive(Clone)]
pub(crate) struct Events(Rc<Inner>);

struct Inner {
    host: Host,
    /// A task is on its way to fetch the engine's events.
    is_fetching: Cell<bool>,
    is_refreshing: Cell<bool>,
    /// When the other tabs were last told of a commit, in milliseconds since 1970.
    told_at: Cell<i64>,
    /// How the sync stood when they were last told.
    told_status: RefCell<String>,
    /// A task is on its way to tell them of a later commit.
    will_tell: Cell<bool>,
}

impl Events {
    /// Events of one database.
    pub(crate) fn new(host: Host) -> Self {
        Self(Rc::new(Inner {
            host,
            is_fetching: Cell::new(false),
            is_refreshing: Cell::new(false),
            told_at: Cell::new(0),
            told_status: RefCell::default(),
            will_tell: Cell::new(false),
        }))
    }

    /// Follows what this client does, from now on.
    pub(crate) fn follow(&self, client: &Client<Browser>) {
        let (this, followed) = (self.clone(), client.clone());
        client.on_event(Box::new(move || this.fetch(&followed)));
    }

    /// A commit was done here.
    ///
    /// Told at once; of many in a row only the first and the last are, since whoever hears looks
    /// at the newest. (Telling took longer than planning a small write.)
    pub(crate) fn tell_commit(&self) {
        let now = now_millis();
        if now.abs_diff(self.0.told_at.get()) >= QUIET_MILLIS {
            self.0.told_at.set(now);
            self.0.host.tell(COMMIT, &JsValue::NULL);
        } else if !self.0.will_tell.replace(true) {
            let this = self.clone();
            spawn(async move {
                sleep(u32::try_from(QUIET_MILLIS).unwrap_or(0)).await;
                this.0.will_tell.set(false);
                this.0.told_at.set(now_millis());
                this.0.host.tell(COMMIT, &JsValue::NULL);
            });
        }
    }

    /// Says and hears nothing more.
    pub(crate) fn close(&self, client: &Client<Browser>) {
        client.on_event(Box::new(|| ()));
        if self.0.will_tell.get() {
            self.0.host.tell(COMMIT, &JsValue::NULL);
        }
    }

    /// Has the engine's events fetched, once however many there are.
    fn fetch(&self, client: &Client<Browser>) {
        if self.0.is_fetching.replace(true) {
            return;
        }
        let (this, client) = (self.clone(), client.clone());
        spawn(async move {
            this.0.is_fetching.set(false);
            for event in client.take_events() {
                this.pass_on(&client, &event);
            }
        });
    }

    fn pass_on(&self, client: &Client<Browser>, event: &Event) {
        if matches!(event, Event::Status) {
            self.tell_status(client.status());
            return;
        }
        let (name, detail) = event.to_json();
        let detail = plain(&detail);
        self.0.host.emit(name, &detail);
        // The other tabs have heard of the commit itself.
        if !matches!(event, Event::Change { .. }) {
            self.0.host.tell(name, &detail);
        }
    }

    /// Each tab counts what is pending by itself: that alone is not told to the others, or every
    /// write would be told twice.
    fn tell_status(&self, mut status: Status) {
        let detail = plain(&status.to_json());
        self.0.host.emit(STATUS, &detail);
        status.pending = 0;
        let told = status.to_json();
        if *self.0.told_status.borrow() != told {
            self.0.told_status.replace(told);
            self.0.host.tell(STATUS, &detail);
        }
    }

    /// Sees what another tab committed; several commits may be seen at once.
    pub(crate) fn refresh(&self, client: &Client<Browser>) {
        if self.0.is_refreshing.replace(true) {
            return;
        }
        let (this, client) = (self.clone(), client.clone());
        spawn(async move {
            this.0.is_refreshing.set(false);
            // A store that fails shows it at the app's next call.
            drop(client.refresh().await);
        });
    }
}
