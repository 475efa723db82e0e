//! One schedule: steps that chance chooses, each followed by a look at everything; then rest, and
//! the verdict.

mod rest;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc};

use super::{
    Ended, Tally, Verdict,
    database::Database,
    device::Device,
    gate::Gatekeeper,
    manner::Manner,
    marks::Held,
    network::{deliver_late, serve},
    oracle::Oracle,
    person::Person,
    random::Random,
    ruin::Ruin,
    scribe::Scribe,
    server::Server,
    truth::Truth,
    turns::Turns,
    world::{Owner, World},
};

/// Sets chance apart that came later from chance that was there before: such that none of the
/// schedules which had found something by then has any of it.
const WILD: u64 = 0x7469_6465_6d74_3a73;
/// Steps of a schedule, before it comes to rest.
pub(super) const STEPS: usize = 60;
/// Turns that any work may take; more, and it is stuck.
const TURNS_MAX: usize = 20_000;
/// Work of one tab at once.
const WORK_MAX: usize = 4;

struct Schedule {
    world: Rc<World>,
    oracle: Rc<RefCell<Oracle>>,
    devices: Vec<Device>,
    scribes: Vec<Scribe>,
    truth: Truth,
    /// A device was copied in a sync, or came back from a copy made in one: until both have opened
    /// once more the server cannot tell them apart, and what the one says may take the place of what
    /// the other said. Only the truth's history keeps that.
    is_mistaken: bool,
    is_resting: bool,
}

/// Runs the schedule of a seed, and gives the database back.
pub(super) async fn run(seed: u64, mut database: Database, told: bool) -> (Ended, Database) {
    database.empty().await;
    let random = Random::new(seed);
    let wild = Random::new(seed ^ WILD);
    let manner = Manner::draw(&random, &wild);
    let turns = Arc::new(Turns::default());
    let gate = Arc::new(Gatekeeper::new(Arc::clone(&turns)));
    let server = Server::start(&database, gate, random.fork(), manner.settings());
    let world = World::new(manner, [random, wild], turns, server, told);
    let mut schedule = Schedule {
        world: Rc::clone(&world),
        oracle: Rc::default(),
        devices: Vec::new(),
        scribes: Vec::new(),
        truth: Truth::new(database),
        is_mistaken: false,
        is_resting: false,
    };
    let verdict = schedule.goes().await;
    let tally = world.tally.get();
    world.kill(Owner::Request);
    for device in &mut schedule.devices {
        while !device.tabs.is_empty() {
            device.kill_tab(0);
        }
    }
    let acknowledged = schedule.oracle.borrow().acknowledged();
    world.note(&[b"acknowledged", &acknowledged.to_be_bytes()]);
    let tally = Tally {
        schedules: 1,
        writes: acknowledged,
        ..tally
    };
    let ended = Ended {
        verdict,
        trace: world.trace(),
        tally,
    };
    let mut database = schedule.truth.database;
    database.store = world.server.end();
    (ended, database)
}

impl Schedule {
    async fn goes(&mut self) -> Verdict {
        for user in 0..self.world.manner.users {
            for _ in 0..self.world.manner.devices {
                self.devices.push(Device::new(&self.world, user).await);
            }
            if self.world.manner.wild.reformats {
                let scribe = Scribe::new(&self.world, &self.oracle, user);
                self.scribes.push(scribe);
            }
        }
        for _ in 0..STEPS {
            self.step().await?;
            self.look().await?;
        }
        self.rests().await
    }

    async fn step(&mut self) -> Verdict {
        let world = Rc::clone(&self.world);
        let random = &world.random;
        let place = random.below(self.devices.len());
        let mut begun = None;
        if world.manner.users > 1 && random.chance(6) {
            begun = self.signs_in_wrongly(place);
        }
        match random.below(200) {
            0..84 => begun = self.begin(place, false),
            84..140 => begun = self.begin(place, true),
            140..147 => self.kill_tab(place).await,
            147..155 => self.devices[place].plan_fault(),
            155..160 => self.devices[place].crash().await,
            160..163 => self.add_device(place).await,
            163..170 => world.server.gate.plan_death(1 + random.below(12) as u64),
            170..172 => self.reopen_server().await,
            172..178 => world
                .server
                .jump(random.number(-2_400_000_000..3_600_000_000)),
            178..183 => self.forget(),
            183..188 => deliver_late(&world),
            188..192 => self.restore_device(place).await,
            192..195 => return self.restore_truth().await,
            _ => self.drop_sync(place),
        }
        self.damages(place).await?;
        self.asks_a_scribe();
        let is_alone = begun.filter(|_| random.chance(world.manner.alone));
        if let Some(work) = is_alone {
            return self.finish(work).await;
        }
        for _ in 0..random.below(world.manner.pace) {
            world.turn().await;
        }
        Ok(())
    }

    /// Gives turns until this work has ended.
    async fn finish(&self, work: u64) -> Verdict {
        for _ in 0..TURNS_MAX {
            if !self.world.is_running(work) {
                return Ok(());
            }
            self.world.turn().await;
        }
        Err("work never ends".to_owned())
    }

    async fn finish_all(&self) -> Verdict {
        for _ in 0..TURNS_MAX {
            if !self.world.is_busy() {
                return Ok(());
            }
            self.world.turn().await;
        }
        Err("work never ends".to_owned())
    }

    fn person(&self, place: usize, tab: usize) -> Person {
        let device = &self.devices[place];
        Person {
            world: Rc::clone(&self.world),
            oracle: Rc::clone(&self.oracle),
            user: device.user,
            client: device.tabs[tab].client.clone(),
            made: Rc::clone(&device.made),
            ledger: Rc::clone(&device.ledger),
            is_open: Rc::clone(&device.is_open),
        }
    }

    /// Somebody writes or syncs in a tab.
    fn begin(&self, place: usize, syncs: bool) -> Option<u64> {
        let tab = self.world.random.below(self.devices[place].tabs.len());
        let number = self.devices[place].tabs[tab].number;
        if self.world.work_of(number) >= WORK_MAX {
            return None;
        }
        let person = self.person(place, tab);
        let begun = if syncs {
            self.world.spawn(Owner::Sync(number), async move {
                person.syncs().await;
            })
        } else {
            self.world.spawn(Owner::Tab(number), person.writes())
        };
        Some(begun)
    }

    async fn kill_tab(&mut self, place: usize) {
        let device = &mut self.devices[place];
        if device.tabs.len() < self.world.manner.tabs_max && self.world.random.chance(60) {
            return device.open_tab().await;
        }
        device.kill_tab(self.world.random.below(device.tabs.len()));
        if device.tabs.is_empty() {
            device.open_tab().await;
        }
    }

    /// A sync is given up where it is.
    fn drop_sync(&self, place: usize) {
        let tabs = &self.devices[place].tabs;
        let tab = &tabs[self.world.random.below(tabs.len())];
        self.world.kill(Owner::Sync(tab.number));
    }

    async fn add_device(&mut self, place: usize) {
        if self.devices.len() >= self.world.manner.devices_max * self.world.manner.users {
            return;
        }
        let device = if self.world.random.chance(50) {
            self.oracle.borrow_mut().all_may_return = true;
            self.is_mistaken |= self.devices[place].is_open.get();
            self.devices[place].copy().await
        } else {
            Device::new(&self.world, self.devices[place].user).await
        };
        self.devices.push(device);
    }

    async fn reopen_server(&mut self) {
        self.world.kill_server();
        // A process that opens the database anew finds the same there, at ten times the cost.
        if self.world.random.chance(10) {
            self.world.server.reopen().await;
        }
    }

    /// The server drops what nothing needs any more.
    fn forget(&self) {
        let service = self.world.server.service();
        let compacted = async move { service.compact().await };
        let world = Rc::clone(&self.world);
        serve(&self.world, compacted, move |outcome| {
            world.note(&[b"compacted"]);
            if let Err(error) = outcome {
                world.breaks(error.to_string());
            }
        });
    }

    async fn restore_device(&mut self, place: usize) {
        if !self.world.manner.restores {
            return;
        }
        if self.world.random.chance(60) {
            return self.devices[place].back_up();
        }
        if self.devices[place].restore().await {
            self.world.note(&[b"a device is restored"]);
            self.went_back(place).await;
        }
    }

    /// A device holds what it held before: what only it had since is gone, as meant.
    async fn went_back(&mut self, place: usize) {
        self.is_mistaken |= self.devices[place].is_open.get();
        let user = self.devices[place].user;
        let looked = self.devices[place].look(&self.truth.datastores[user]).await;
        if let Err(broken) = looked {
            self.world.breaks(broken);
        }
        self.excuse();
    }

    async fn restore_truth(&mut self) -> Verdict {
        if !self.world.manner.restores_truth {
            return Ok(());
        }
        let server = &self.world.server;
        if self.world.random.chance(60) {
            let file = server.next_backup();
            self.truth.back_up(&file).await;
            return Ok(());
        }
        self.world.kill_server();
        self.truth.database.disconnect().await;
        let server = &self.world.server;
        if server.restore().await {
            self.world.note(&[b"the truth is restored"]);
            for device in &self.devices {
                device.is_stranded.set(true);
            }
            self.truth.went_back(server.gate.commits()).await?;
            // Sessions of that time are alive again.
            self.world.sessions.take();
            // What was deleted since is there again.
            self.oracle.borrow_mut().all_may_return = true;
            self.excuse();
        }
        Ok(())
    }

    /// A scribe edits or syncs.
    fn asks_a_scribe(&self) {
        let world = &self.world;
        if self.scribes.is_empty() || !world.wild.chance(30) {
            return;
        }
        let scribe = self.scribes[world.wild.below(self.scribes.len())].clone();
        if world.wild.chance(40) {
            return scribe.edits();
        }
        world.spawn(Owner::Tab(0), async move {
            scribe.syncs().await;
        });
    }

    /// Somebody damages a device, or the truth.
    async fn damages(&mut self, place: usize) -> Verdict {
        let world = Rc::clone(&self.world);
        let wild = &world.manner.wild;
        if wild.damages && world.wild.chance(4) && self.devices[place].damage().await {
            world.note(&[b"a device is damaged"]);
            world.count(|tally| tally.damages += 1);
        }
        let goes_back = wild.damages && world.manner.restores && world.wild.chance(2);
        if goes_back && self.devices[place].damage_root().await {
            world.note(&[b"a device has lost its root"]);
            world.count(|tally| tally.damages += 1);
            self.went_back(place).await;
        }
        if wild.damages_truth && world.wild.chance(3) {
            self.damages_truth().await?;
        }
        Ok(())
    }

    /// Somebody damages the truth while no server runs on it. An operator who verifies it is told,
    /// and when they have put the row back from a backup, is told of nothing more.
    async fn damages_truth(&mut self) -> Verdict {
        self.world.kill_server();
        let connection = self.truth.database.connection().await;
        let Some(ruin) = Ruin::cause(connection, &self.world.wild).await else {
            return Ok(());
        };
        self.world
            .note(&[b"the truth is damaged:", ruin.what().as_bytes()]);
        self.world.count(|tally| tally.damages += 1);
        let found = self.world.server.verify().await?;
        ruin.mend(self.truth.database.connection().await).await;
        if found.is_empty() {
            return Err(format!("nobody was told of this: {}", ruin.what()));
        }
        self.verifies().await
    }

    /// An operator who verifies the truth is told of nothing.
    async fn verifies(&self) -> Verdict {
        match &self.world.server.verify().await?[..] {
            [] => Ok(()),
            found => Err(format!("the operator is told of {found:?}")),
        }
    }

    fn excuse(&mut self) {
        let present = self.present();
        self.oracle.borrow_mut().excuses(present);
    }

    /// Somebody else is signed in for one sync of a device that belongs to a datastore.
    fn signs_in_wrongly(&self, place: usize) -> Option<u64> {
        let device = &self.devices[place];
        let is_free = device.signed_in.get() == device.user && device.info().datastore.is_some();
        // One that has lost its root may not know its datastore.
        let is_free = is_free && !device.ledger.is_damaged();
        if self.world.manner.users == 1 || !is_free {
            return None;
        }
        let person = self.person(place, 0);
        let (signed_in, user) = (Rc::clone(&device.signed_in), device.user);
        let number = device.tabs[0].number;
        signed_in.set(1 - user);
        // Made here: work that is dropped before its first turn signs the owner in again, too.
        let back = SignsBack { signed_in, user };
        let world = Rc::clone(&self.world);
        Some(self.world.spawn(Owner::Sync(number), async move {
            // Meanwhile other work of the device goes on under the wrong name.
            for _ in 0..world.random.below(40) {
                world.turns.pause().await;
            }
            if person.syncs().await.is_none() {
                world.breaks("somebody else's sync went through".to_owned());
            }
            drop(back);
        }))
    }

    /// All tokens that are anywhere.
    fn present(&self) -> BTreeSet<u32> {
        let devices = self.devices.iter().map(|device| &device.held);
        let scribes: Vec<_> = self.scribes.iter().map(Scribe::held).collect();
        let scribes: Vec<_> = scribes.iter().flat_map(Held::marks).collect();
        let truths = self.truth.datastores.iter().map(|it| &it.held);
        let held = devices.chain(truths).flat_map(Held::marks).chain(scribes);
        let truths = self.truth.datastores.iter();
        let overridden = truths.clone().flat_map(|it| &it.overridden);
        let history = truths
            .filter(|_| self.is_mistaken)
            .flat_map(|it| &it.history);
        held.chain(overridden.chain(history).copied()).collect()
    }

    /// Looks at everything, and checks what must hold at any time.
    async fn look(&mut self) -> Verdict {
        if let Some(broken) = self.world.broken.take() {
            return Err(broken);
        }
        let server = &self.world.server;
        let airbag = (!self.is_resting).then(|| server.airbag());
        let meanings = self.world.sessions.borrow_mut().look();
        let commits = server.gate.commits();
        self.truth.look(commits, airbag, &meanings).await?;
        let replaced = self.truth.datastores.each_ref();
        let replaced = replaced.map(|it| it.replaced.clone());
        self.world.sessions.borrow_mut().see(replaced);
        for device in &mut self.devices {
            device.look(&self.truth.datastores[device.user]).await?;
        }
        let lost = self.oracle.borrow().lost(self.present());
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!(
            "lost (token, its record): {lost:?}, in step with turn {}",
            self.world.turns.now()
        ))
    }
}

/// Signs the owner in again, also where the sync was dropped.
struct SignsBack {
    signed_in: Rc<std::cell::Cell<usize>>,
    user: usize,
}

impl Drop for SignsBack {
    fn drop(&mut self) {
        self.signed_in.set(self.user);
    }
}
