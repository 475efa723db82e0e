//! A device: a disk that survives, tabs on it that do not, and what can be seen of it from
//! outside.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tidemark_engine::{
    client::{Client, Doc, Environment, Error, Info, Options, State},
    store::{Fault, MemoryPages, Pages},
};
use tidemark_protocol::Checkin;

use super::{
    Verdict,
    damage::damage,
    ledger::Ledger,
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
    /// What else is known of it.
    pub(super) ledger: Rc<Ledger>,
    /// An old copy, whether the device was in a sync then, and what was known of it.
    backup: Option<(MemoryPages, bool, Rc<Ledger>)>,
    /// Another tab, that only looks.
    looker: Client<Surroundings>,
    seen: Option<u64>,
    pub(super) held: Held,
    /// Records that were refused here, or that it held back while it pulled: a copy of the device
    /// does not hear under which key the other has brought them in, until it pushes them too.
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
            ledger: Rc::default(),
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
        let mut copy = Self::on(&self.world, self.user, self.pages.snapshot()).await;
        copy.is_stranded.set(self.is_stranded.get());
        copy.ledger = Rc::new(self.ledger.copy());
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
        let ledger = Rc::new(self.ledger.copy());
        self.backup = Some((self.pages.snapshot(), self.is_open.get(), ledger));
    }

    /// Goes on from its last backup; false: there is none.
    pub(super) async fn restore(&mut self) -> bool {
        let Some((backup, was_open, ledger)) = self.backup.clone() else {
            return false;
        };
        self.is_open.set(was_open);
        self.ledger = Rc::new(ledger.copy());
        self.info.last_sync = None;
        self.made.borrow_mut().clear();
        self.restart(backup.snapshot()).await;
        true
    }

    /// Somebody damages a page, while it does not run; false: nothing that can be brought back.
    pub(super) async fn damage(&mut self) -> bool {
        let pages = self.pages.snapshot();
        let is_whole = !self.ledger.is_damaged() && !self.is_stranded.get();
        if !is_whole || !damage(&pages, &self.world.wild) {
            return false;
        }
        if self.edits_on(&self.pages).await != self.edits_on(&pages).await {
            // Nobody else has what was not pushed yet.
            return false;
        }
        self.restart(pages).await;
        self.ledger.damage();
        true
    }

    /// Somebody damages the root record: what is left is the root before it; false: there is none.
    pub(super) async fn damage_root(&mut self) -> bool {
        let pages = self.pages.snapshot();
        let has_before = match pages.root().await {
            Ok(Some(root)) => matches!(pages.root_before(root.revision).await, Ok(Some(_))),
            _ => false,
        };
        let is_its_owners = self.signed_in.get() == self.user;
        if !has_before || self.is_stranded.get() || !is_its_owners {
            return false;
        }
        pages.damage_roots(1, |bytes| {
            let mut bytes = bytes.to_vec();
            let place = self.world.wild.below(bytes.len());
            bytes[place] ^= 1;
            Some(bytes)
        });
        if self.edits_on(&pages).await.is_none() {
            return false;
        }
        self.info.last_sync = None;
        self.made.borrow_mut().clear();
        self.restart(pages).await;
        self.ledger.damage();
        true
    }

    /// What waits to be pushed on such a disk, if that can be read.
    async fn edits_on(&self, pages: &MemoryPages) -> Option<Vec<Doc>> {
        let (world, disk) = (&self.world, pages.snapshot());
        let was_quiet = world.is_quiet.replace(true);
        let edits = async {
            let client = try_open(world, &disk, &self.signed_in, &self.is_open).await?;
            client.pending().await
        };
        let edits = edits.await.ok();
        world.is_quiet.set(was_quiet);
        edits
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
        let read = self.read().await;
        self.world.is_quiet.set(was_quiet);
        match read {
            // What cannot be read any more is no answer to where the rest is.
            Err(_) if self.ledger.is_damaged() => return Ok(()),
            read => read.map_err(|error| error.to_string())?,
        }
        self.check_names()?;
        let before = std::mem::replace(&mut self.info, self.looker.info());
        let may_go_back = self.is_stranded.get() || self.ledger.is_damaged();
        if before.last_sync > self.info.last_sync && !may_go_back {
            return Err(format!("a device went back from {before:?}"));
        }
        let at = self.info.last_sync.as_deref().map(Checkin::parse);
        let at = at.map(|at| at.expect("a checkin").micros());
        let is_known = at.is_none_or(|at| at <= truth.head());
        if is_known && !self.is_stranded.get() {
            return self.check_holding(truth, at);
        }
        Ok(())
    }

    /// It holds the truth of its `last_sync`; but for what it has pushed since, if it went one way,
    /// and for what somebody damaged.
    fn check_holding(&self, truth: &Datastore, at: Option<i64>) -> Verdict {
        let expected = truth.fingerprint_at(at);
        let ledger = &self.ledger;
        let is_equal = expected == self.info.fingerprint;
        let is_held_to_it = ledger.is_ahead.get() && !ledger.keeps_own.get();
        let differing = if is_held_to_it || ledger.is_damaged() {
            self.differing(truth, at)
        } else {
            None
        };
        let user = USERS[self.user];
        match differing {
            Some(_) if ledger.is_damaged() => Ok(()),
            Some(differing) => Err(format!(
                "{user}'s device holds what the truth has not had since {at:?}: {differing}"
            )),
            None if is_equal => {
                ledger.is_whole();
                Ok(())
            }
            None if ledger.is_ahead.get() || ledger.is_damaged() => Ok(()),
            None if ledger.keeps_own.get() => Ok(()),
            None => Err(format!(
                "{user}'s device holds another truth than that of {:?}: {} instead of {expected}",
                self.info.last_sync, self.info.fingerprint
            )),
        }
    }

    /// A record that is not as the truth had it then; on a device that is ahead, nor at any time
    /// since.
    fn differing(&self, truth: &Datastore, at: Option<i64>) -> Option<String> {
        let is_ahead = self.ledger.is_ahead.get();
        let edited: BTreeSet<&str> = self.pending.iter().map(|doc| doc.key.as_str()).collect();
        let shown: BTreeMap<&str, &str> = self
            .visible
            .iter()
            .map(|doc| (doc.key.as_str(), doc.value.as_str()))
            .collect();
        let keys = shown.keys().copied().chain(truth.keys_at(at));
        let mut keys = keys.filter(|key| !edited.contains(key));
        let differs = |key: &&str| {
            let held = shown.get(key).copied();
            !truth.had(key, at, is_ahead, held)
        };
        keys.find(differs).map(str::to_owned)
    }

    async fn read(&mut self) -> Result<(), Error> {
        self.looker.refresh().await?;
        let visible = sees(&self.looker).await?;
        self.pending = self.looker.pending().await?;
        self.visible = visible;
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

/// All that the app sees.
async fn sees(client: &Client<Surroundings>) -> Result<Vec<Doc>, Error> {
    let mut seen = client.find(ENTITY, "").await?;
    seen.extend(client.find(REFUSED, "").await?);
    Ok(seen)
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
        match try_open(world, pages, user, is_open).await {
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

async fn try_open(
    world: &Rc<World>,
    pages: &MemoryPages,
    user: &Rc<Cell<usize>>,
    is_open: &Rc<Cell<bool>>,
) -> Result<Client<Surroundings>, Error> {
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
    Client::open(surroundings, Options::default()).await
}
