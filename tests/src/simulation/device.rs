//! A device: a disk that survives, tabs on it that do not, and what can be seen of it from
//! outside.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tidemark_engine::{
    client::{Client, Doc, Environment, Info, Options, State},
    store::{Fault, MemoryPages},
};
use tidemark_protocol::Checkin;

use super::{
    Verdict,
    marks::{Held, Mark, find},
    network::{MARKS, USERS, Wire},
    pages::Disk,
    truth::Datastore,
    world::{Owner, World},
};

pub(super) const ENTITY: &str = "note";
/// Of this kind are only records that the server refuses.
pub(super) const REFUSED: &str = "task";

/// More tries than faults can have been planned.
const OPENINGS_MAX: usize = 100;

/// What a tab is given of the world.
pub(super) struct Surroundings {
    disk: Disk,
    wire: Wire,
}

impl Environment for Surroundings {
    type Pages = Disk;
    type Transport = Wire;

    fn pages(&self) -> &Disk {
        &self.disk
    }

    fn transport(&self) -> &Wire {
        &self.wire
    }

    /// A clock that nobody should trust: any time within ten years.
    fn now_millis(&self) -> i64 {
        let random = &self.wire.world.random;
        random.number(1_600_000_000_000..1_900_000_000_000)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.wire.world.random.fill(bytes);
    }
}

/// A tab.
pub(super) struct Tab {
    pub(super) number: u64,
    pub(super) client: Client<Surroundings>,
}

/// Local ids, and the records that were made under them.
pub(super) type Made = Rc<RefCell<Vec<(String, Mark)>>>;

/// One installation.
pub(super) struct Device {
    world: Rc<World>,
    /// Whose it is.
    pub(super) user: usize,
    /// Who is signed in.
    pub(super) signed_in: Rc<Cell<usize>>,
    /// It has begun a sync that it has not ended.
    pub(super) is_open: Rc<Cell<bool>>,
    pub(super) pages: MemoryPages,
    pub(super) tabs: Vec<Tab>,
    /// An old copy, and whether the device was in a sync then.
    backup: Option<(MemoryPages, bool)>,
    /// Another tab, that only looks.
    looker: Client<Surroundings>,
    seen: Option<u64>,
    pub(super) held: Held,
    /// Records that were refused here: a copy of the device does not hear under which key the
    /// other has brought them in, until it pushes them too.
    unheard: BTreeSet<Mark>,
    visible: Vec<Doc>,
    pending: Vec<Doc>,
    info: Info,
    /// What was made in its tabs, under the names that it had then.
    pub(super) made: Made,
    /// The server told it that this truth is another than the one that it knew.
    pub(super) is_stranded: Cell<bool>,
}

impl Device {
    pub(super) async fn new(world: &Rc<World>, user: usize) -> Self {
        Self::on(world, user, MemoryPages::new()).await
    }

    async fn on(world: &Rc<World>, user: usize, pages: MemoryPages) -> Self {
        let signed_in = Rc::new(Cell::new(user));
        let is_open = Rc::default();
        let looker = open(world, &pages, &signed_in, &is_open).await;
        let mut device = Self {
            world: Rc::clone(world),
            user,
            signed_in,
            is_open,
            info: looker.info(),
            pages,
            tabs: Vec::new(),
            backup: None,
            looker,
            seen: None,
            held: Held::default(),
            unheard: BTreeSet::new(),
            visible: Vec::new(),
            pending: Vec::new(),
            made: Made::default(),
            is_stranded: Cell::default(),
        };
        device.open_tab().await;
        device
    }

    /// A copy of the whole profile, used on as another machine.
    pub(super) async fn copy(&self) -> Self {
        let copy = Self::on(&self.world, self.user, self.pages.snapshot()).await;
        copy.is_stranded.set(self.is_stranded.get());
        copy.is_open.set(self.is_open.get());
        copy
    }

    pub(super) async fn open_tab(&mut self) {
        let client = open(&self.world, &self.pages, &self.signed_in, &self.is_open).await;
        let number = self.world.number();
        self.tabs.push(Tab { number, client });
    }

    /// The tab dies where it is.
    pub(super) fn kill_tab(&mut self, place: usize) {
        let tab = self.tabs.swap_remove(place);
        self.world.count(|tally| tally.deaths += 1);
        self.world.kill(Owner::Tab(tab.number));
        self.world.kill(Owner::Sync(tab.number));
    }

    /// All tabs die, and one comes back on what is on the disk.
    pub(super) async fn crash(&mut self) {
        self.restart(self.pages.snapshot()).await;
    }

    async fn restart(&mut self, pages: MemoryPages) {
        while !self.tabs.is_empty() {
            self.kill_tab(0);
        }
        self.pages = pages;
        self.looker = open(&self.world, &self.pages, &self.signed_in, &self.is_open).await;
        self.seen = None;
        self.open_tab().await;
    }

    pub(super) fn back_up(&mut self) {
        self.backup = Some((self.pages.snapshot(), self.is_open.get()));
    }

    /// Goes on from its last backup; false: there is none.
    pub(super) async fn restore(&mut self) -> bool {
        let Some((backup, was_open)) = self.backup.clone() else {
            return false;
        };
        self.is_open.set(was_open);
        self.info.last_sync = None;
        self.made.borrow_mut().clear();
        self.restart(backup.snapshot()).await;
        true
    }

    /// One of the next commits fails, with or without effect.
    pub(super) fn plan_fault(&self) {
        let random = &self.world.random;
        let fault = random.one_of(&[Fault::Before, Fault::After, Fault::Quota]);
        self.pages.fail_after(random.below(8) as u64, fault);
    }

    pub(super) fn info(&self) -> &Info {
        &self.info
    }

    /// What the app sees, refused records apart.
    pub(super) fn records(&self) -> impl Iterator<Item = (&str, &str)> {
        let flowing = self
            .visible
            .iter()
            .filter(|doc| doc.state != State::Rejected);
        flowing.map(|doc| (doc.key.as_str(), doc.value.as_str()))
    }

    /// What waits to be pushed, refused records apart.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Doc> {
        let pending = self.pending.iter();
        pending.filter(|doc| doc.state != State::Rejected)
    }

    /// What was set aside.
    pub(super) fn refused(&self) -> impl Iterator<Item = &Doc> {
        let pending = self.pending.iter();
        pending.filter(|doc| doc.state == State::Rejected)
    }

    /// Looks at what is on the disk, and checks it against the truth as of its `last_sync`.
    pub(super) async fn look(&mut self, truth: &Datastore) -> Verdict {
        let commits = self.pages.commits();
        if self.seen == Some(commits) {
            return Ok(());
        }
        self.seen = Some(commits);
        let was_quiet = self.world.is_quiet.replace(true);
        self.read().await.map_err(|error| error.to_string())?;
        self.world.is_quiet.set(was_quiet);
        self.check_names()?;
        let before = std::mem::replace(&mut self.info, self.looker.info());
        if before.last_sync > self.info.last_sync && !self.is_stranded.get() {
            return Err(format!("a device went back from {before:?}"));
        }
        let at = self.info.last_sync.as_deref().map(Checkin::parse);
        let at = at.map(|at| at.expect("a checkin").micros());
        let is_known = at.is_none_or(|at| at <= truth.head());
        if is_known && !self.is_stranded.get() {
            let expected = truth.fingerprint_at(at);
            if expected != self.info.fingerprint {
                return Err(format!(
                    "{}'s device holds another truth than that of {:?}: {} instead of {expected}",
                    USERS[self.user], self.info.last_sync, self.info.fingerprint
                ));
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), tidemark_engine::client::Error> {
        self.looker.refresh().await?;
        self.visible = self.looker.find(ENTITY, "").await?;
        self.visible.extend(self.looker.find(REFUSED, "").await?);
        self.pending = self.looker.pending().await?;
        self.held = Held::default();
        for doc in self.visible.iter().chain(&self.pending) {
            self.held.add(doc.value.as_str());
        }
        Ok(())
    }

    fn check_names(&mut self) -> Verdict {
        let mut shown: BTreeMap<Mark, u32> = BTreeMap::new();
        let mut settled = BTreeSet::new();
        for doc in &self.visible {
            let foreign = MARKS[1 - self.user];
            if doc.value.as_str().contains(&format!("\"N{foreign}")) {
                return Err(format!("{} holds another's record", USERS[self.user]));
            }
            for name in find(b'N', doc.value.as_str()) {
                *shown.entry(name).or_default() += 1;
                if doc.state == State::Rejected {
                    self.unheard.insert(name);
                } else if !doc.is_pending && shown[&name] == 1 {
                    settled.insert(name);
                }
            }
        }
        shown.retain(|_, count| *count > 1);
        self.unheard
            .retain(|name| shown.contains_key(name) || !settled.contains(name));
        shown.retain(|name, _| !self.unheard.contains(name));
        if shown.is_empty() {
            return Ok(());
        }
        Err(format!("a device shows records twice: {shown:?}"))
    }
}

async fn open(
    world: &Rc<World>,
    pages: &MemoryPages,
    user: &Rc<Cell<usize>>,
    is_open: &Rc<Cell<bool>>,
) -> Client<Surroundings> {
    let was_quiet = world.is_quiet.replace(true);
    let mut tries = 0;
    loop {
        let surroundings = Surroundings {
            disk: Disk {
                pages: pages.clone(),
                world: Rc::clone(world),
            },
            wire: Wire {
                world: Rc::clone(world),
                user: Rc::clone(user),
                is_open: Rc::clone(is_open),
            },
        };
        match Client::open(surroundings, Options::default()).await {
            Ok(client) => {
                world.is_quiet.set(was_quiet);
                return client;
            }
            // Planned faults may hit the opening itself.
            Err(error) => assert!(tries < OPENINGS_MAX, "a database does not open: {error}"),
        }
        tries += 1;
    }
}
