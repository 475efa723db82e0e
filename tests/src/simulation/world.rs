//! What all in a schedule share: chance, turns, the work under way, the server, and the trace of
//! all that was seen.

use std::{
    cell::{Cell, RefCell},
    hash::{DefaultHasher, Hasher},
    rc::Rc,
    sync::Arc,
};

use super::{
    Tally,
    manner::Manner,
    random::Random,
    server::Server,
    sessions::Sessions,
    turns::{Turns, Work, advance},
};

/// Whose work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The tab of this number.
    Tab(u64),
    /// The same tab's, for a sync.
    Sync(u64),
    /// The server's, for a request.
    Request,
}

struct Task {
    number: u64,
    owner: Owner,
    /// Absent while it has its turn.
    work: Option<Work>,
}

/// A request that is still on its way.
pub(super) struct Late {
    pub(super) user: usize,
    pub(super) path: String,
    pub(super) body: String,
}

/// What all in a schedule share.
pub(super) struct World {
    pub(super) manner: Manner,
    pub(super) random: Random,
    /// Chance of its own for what came later, so that it changes nothing of what was before.
    pub(super) wild: Random,
    pub(super) turns: Arc<Turns>,
    pub(super) server: Server,
    /// Nothing waits: somebody looks on.
    pub(super) is_quiet: Cell<bool>,
    /// Of a hundred calls so many are lost.
    pub(super) loss: Cell<u32>,
    pub(super) trouble: Cell<u32>,
    pub(super) late: RefCell<Vec<Late>>,
    pub(super) sessions: Rc<RefCell<Sessions>>,
    tasks: RefCell<Vec<Task>>,
    next: Cell<u64>,
    trace: RefCell<DefaultHasher>,
    told: Cell<bool>,
    pub(super) tally: Cell<Tally>,
    /// Sessions that any device has asked for.
    pub(super) opens: Cell<u64>,
    /// A device was told to take a new name: what it said under the old one is another's now.
    pub(super) was_renamed: Cell<bool>,
    /// What was seen to be wrong in the midst of a call.
    pub(super) broken: RefCell<Option<String>>,
}

impl World {
    pub(super) fn new(
        manner: Manner,
        [random, wild]: [Random; 2],
        turns: Arc<Turns>,
        server: Server,
        told: bool,
    ) -> Rc<Self> {
        Rc::new(Self {
            manner,
            random,
            wild,
            turns,
            server,
            is_quiet: Cell::new(false),
            loss: Cell::new(manner.loss),
            trouble: Cell::new(manner.trouble),
            late: RefCell::default(),
            sessions: Rc::default(),
            tasks: RefCell::default(),
            next: Cell::new(1),
            trace: RefCell::default(),
            told: Cell::new(told),
            tally: Cell::default(),
            opens: Cell::default(),
            was_renamed: Cell::default(),
            broken: RefCell::default(),
        })
    }

    /// A number that nothing else in this schedule has.
    pub(super) fn number(&self) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        number
    }

    /// Adds to the tally.
    pub(super) fn count(&self, add: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        add(&mut tally);
        self.tally.set(tally);
    }

    /// Adds to the trace.
    pub(super) fn note(&self, parts: &[&[u8]]) {
        let mut trace = self.trace.borrow_mut();
        for part in parts {
            trace.write(part);
            trace.write_u8(0);
        }
        if self.told.get() {
            let texts: Vec<_> = parts.iter().map(|it| String::from_utf8_lossy(it)).collect();
            eprintln!("{:5} {}", self.turns.now(), texts.join(" "));
        }
    }

    /// The hash of the trace so far.
    pub(super) fn trace(&self) -> u64 {
        self.trace.borrow().finish()
    }

    /// Something is wrong; the first to say so is heard.
    pub(super) fn breaks(&self, what: String) {
        self.broken.borrow_mut().get_or_insert(what);
    }

    /// Begins something.
    pub(super) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + 'static) -> u64 {
        let number = self.number();
        self.tasks.borrow_mut().push(Task {
            number,
            owner,
            work: Some(Box::pin(work)),
        });
        number
    }

    /// Whether work is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.tasks.borrow().is_empty()
    }

    /// Whether nothing is under way but what asks.
    pub(super) fn is_still(&self) -> bool {
        self.tasks.borrow().len() == 1
    }

    /// How much a tab has under way.
    pub(super) fn work_of(&self, tab: u64) -> usize {
        let tasks = self.tasks.borrow();
        let is_its = |task: &&Task| [Owner::Tab(tab), Owner::Sync(tab)].contains(&task.owner);
        tasks.iter().filter(is_its).count()
    }

    pub(super) fn is_running(&self, number: u64) -> bool {
        self.tasks.borrow().iter().any(|task| task.number == number)
    }

    /// Gives some work a turn.
    pub(super) async fn turn(&self) {
        let (number, mut work) = {
            let mut tasks = self.tasks.borrow_mut();
            if tasks.is_empty() {
                return;
            }
            let place = self.random.below(tasks.len());
            let task = &mut tasks[place];
            let Some(work) = task.work.take() else { return };
            (task.number, work)
        };
        let has_ended = advance(&self.turns, &mut work).await;
        if has_ended {
            self.tasks.borrow_mut().retain(|task| task.number != number);
        } else if let Some(task) = self
            .tasks
            .borrow_mut()
            .iter_mut()
            .find(|task| task.number == number)
        {
            task.work = Some(work);
        }
        if self.server.gate.take_death() {
            self.kill_server();
        }
    }

    /// All work of an owner ends where it is.
    pub(super) fn kill(&self, owner: Owner) {
        let (dead, alive) = std::mem::take(&mut *self.tasks.borrow_mut())
            .into_iter()
            .partition(|task| task.owner == owner);
        let dead: Vec<Task> = dead;
        self.tasks.replace(alive);
        drop(dead);
    }

    /// The server dies without a word, and another takes over.
    pub(super) fn kill_server(&self) {
        self.note(&[b"the server dies"]);
        self.count(|tally| tally.deaths += 1);
        self.kill(Owner::Request);
        self.server.take_over();
    }
}
