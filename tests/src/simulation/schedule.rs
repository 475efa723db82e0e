//! One schedule: steps that chance chooses, each followed by a look at everything; then rest, and
//! the verdict.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
    sync::Arc,
};

use tidemark_engine::client::{Doc, ErrorCode};

use super::{
    Ended, Tally, Verdict,
    database::Database,
    device::Device,
    gate::Gatekeeper,
    manner::Manner,
    marks::{Held, find},
    network::{USERS, deliver_late, serve},
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
        if self.world.manner.users == 1 || !is_free {
            return None;
        }
        let person = self.person(place, 0);
        let (signed_in, user) = (Rc::clone(&device.signed_in), device.user);
        let number = device.tabs[0].number;
        signed_in.set(1 - user);
        let world = Rc::clone(&self.world);
        Some(self.world.spawn(Owner::Sync(number), async move {
            let back = SignsBack { signed_in, user };
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

    /// Changes stop, the network holds, and every device syncs twice.
    async fn rests(&mut self) -> Verdict {
        self.is_resting = true;
        self.world.loss.set(0);
        self.world.trouble.set(0);
        self.world.late.borrow_mut().clear();
        self.world.server.gate.plan_death(0);
        for device in &mut self.devices {
            // A fault that was planned and never hit is over now.
            device.crash().await;
            device.signed_in.set(device.user);
        }
        self.finish_all().await?;
        self.scribes_rest().await?;
        for round in 0..2 {
            for place in 0..self.devices.len() {
                self.syncs_at_rest(place, round).await?;
            }
        }
        self.look().await?;
        self.agree()?;
        self.scribes_rest().await?;
        self.look().await?;
        for scribe in &self.scribes {
            scribe.agrees(&self.truth.datastores[scribe.user])?;
        }
        if self.world.manner.wild.damages_truth {
            self.verifies().await?;
        }
        Ok(())
    }

    /// Every scribe syncs until it is in sync: it may have to begin anew, and then to push.
    async fn scribes_rest(&mut self) -> Verdict {
        for scribe in self.scribes.clone() {
            let is_in_sync = Rc::new(Cell::new(false));
            for _ in 0..3 {
                let (scribe, told) = (scribe.clone(), Rc::clone(&is_in_sync));
                let work = self.world.spawn(Owner::Request, async move {
                    told.set(scribe.syncs().await);
                });
                self.finish(work).await?;
            }
            if !is_in_sync.get() {
                return Err("a scribe does not come to rest".to_owned());
            }
        }
        Ok(())
    }

    async fn syncs_at_rest(&mut self, place: usize, round: u32) -> Verdict {
        let person = self.person(place, 0);
        let outcome = Rc::new(RefCell::new(None));
        let told = Rc::clone(&outcome);
        let work = self.world.spawn(Owner::Request, async move {
            let code = person.syncs_for_good().await;
            told.replace(Some(code));
        });
        self.finish(work).await?;
        match outcome.take() {
            Some(Ok(true)) => {
                let device = &mut self.devices[place];
                if device.is_stranded.get() {
                    // What it held of the lost truth is nothing to hold it to.
                    device.look(&self.truth.datastores[device.user]).await?;
                    device.is_stranded.set(false);
                }
                Ok(())
            }
            Some(Ok(false)) if round == 0 => Ok(()),
            // It came upon damage in the midst of a pull, and asks to be called again.
            Some(Err(ErrorCode::Busy)) if round == 0 && self.devices[place].ledger.is_damaged() => {
                Ok(())
            }
            other => Err(format!("a sync at rest ended with {other:?}")),
        }
    }

    /// All hold what the truth holds, and nothing is pending but what waits for a person.
    fn agree(&self) -> Verdict {
        for device in &self.devices {
            let truth = &self.truth.datastores[device.user];
            if device.is_stranded.get() {
                continue;
            }
            let mut held: Vec<_> = device.records().collect();
            held.sort_unstable();
            // What the truth has under an edit that was set aside is not shown.
            let aside = device.refused().map(|doc| doc.key.as_str());
            let shown: BTreeSet<_> = held.iter().map(|(key, _)| *key).collect();
            let aside: BTreeSet<_> = aside.filter(|key| !shown.contains(key)).collect();
            let is = truth.records().filter(|(key, _)| !aside.contains(key));
            let is: Vec<_> = is.collect();
            if held != is {
                return Err(format!("a device holds {held:?} and the truth {is:?}"));
            }
            let waiting: Vec<_> = device.waiting().collect();
            if !waiting.is_empty() {
                return Err(format!("still pending: {waiting:?}"));
            }
            if device.info().fingerprint != truth.fingerprint_at(Some(truth.head())) {
                return Err("a device at rest has another fingerprint".to_owned());
            }
            if let Some(doc) = device.refused().find(|doc| !self.has_reason(doc)) {
                return Err(format!("a record was refused for no reason: {doc:?}"));
            }
        }
        let oracle = self.oracle.borrow();
        for (user, datastore) in self.truth.datastores.iter().enumerate() {
            let names = datastore.names();
            if let Some(foreign) = names.iter().find(|it| oracle.owner(**it) != Some(user)) {
                return Err(format!("{} has the record {foreign}", USERS[user]));
            }
            // What people said may wait on a device that this truth does not take back.
            if self.devices.iter().any(|it| it.is_stranded.get()) {
                continue;
            }
            let is_each_itself = !oracle.all_may_return && !self.world.was_renamed.get();
            let knew =
                |(one, other): &&(u32, u32)| oracle.knew(*one, *other) || oracle.knew(*other, *one);
            if let Some(sides) = datastore.sides.iter().find(knew).filter(|_| is_each_itself) {
                return Err(format!("in conflict with what it knew (tokens): {sides:?}"));
            }
            // A choice of one side is kept as set aside, or stands.
            let aside = self.devices.iter().filter(|it| it.user == user);
            let (mut kept, mut unsettled) = (BTreeSet::new(), BTreeSet::new());
            for doc in aside.flat_map(Device::refused) {
                kept.extend(find(b'T', doc.value.as_str()));
                unsettled.extend(find(b'N', doc.value.as_str()));
            }
            for scribe in self.scribes.iter().filter(|it| it.user == user) {
                let (tokens, names) = scribe.aside();
                kept.extend(tokens);
                unsettled.extend(names);
            }
            kept.extend(datastore.kept.union(&datastore.overridden));
            unsettled.extend(datastore.in_conflict.union(&datastore.revived));
            let returned = oracle.returned(&names, &unsettled);
            if !returned.is_empty() {
                return Err(format!("back from their deletion: {returned:?}"));
            }
            let reverted = oracle.reverted(&datastore.live_marks(), &kept);
            if !reverted.is_empty() {
                return Err(format!("reverted (token, to): {reverted:?}"));
            }
        }
        Ok(())
    }
}

impl Schedule {
    /// Whether a record may wait for a person.
    fn has_reason(&self, doc: &Doc) -> bool {
        let manner = &self.world.manner;
        // A copy may have deleted what the truth never knew.
        let is_of_a_copy = doc.is_pending && self.oracle.borrow().all_may_return;
        match doc.problem.as_ref().map(|(code, _)| code.as_str()) {
            Some("deleted") if manner.forgets || is_of_a_copy => true,
            Some("truth_pushed" | "pull_truth") => manner.wild.sets_aside(),
            _ => manner.refusals,
        }
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
