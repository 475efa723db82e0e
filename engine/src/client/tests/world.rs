//! An environment that a test holds in its hands: pages in memory, a clock that stands still
//! until it is moved, repeatable random bytes, and a transport that a closure plays.

use alloc::{boxed::Box, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use std::string::ToString;

use serde_json::Value;

use crate::client::{
    Cancel, Client, Doc, Environment, Operation, Options, Reply, SyncOptions, Transport,
    TransportError,
};
use crate::store::{
    Commit, Committed, MemoryPages, PageId, Pages, PagesError, Revision, RootRecord,
};

/// Answers a call: path and body in, reply out.
pub(super) type Play = Box<dyn FnMut(&str, &str) -> Result<Reply, TransportError>>;

/// Pages that let others run before each call, as real ones do.
pub(super) struct Slow(pub(super) MemoryPages);

impl Pages for Slow {
    async fn root(&self) -> Result<Option<RootRecord>, PagesError> {
        step_back().await;
        self.0.root().await
    }

    async fn root_before(&self, revision: Revision) -> Result<Option<RootRecord>, PagesError> {
        step_back().await;
        self.0.root_before(revision).await
    }

    async fn read(&self, ids: &[PageId]) -> Result<Vec<Option<Rc<[u8]>>>, PagesError> {
        step_back().await;
        self.0.read(ids).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, PagesError> {
        step_back().await;
        self.0.commit(commit).await
    }
}

/// Lets everybody else go on first.
pub(super) async fn step_back() {
    let mut is_second = false;
    poll_fn(|context| {
        if is_second {
            return Poll::Ready(());
        }
        is_second = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs futures side by side to their ends.
pub(super) async fn together<'a, T>(
    futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(move |context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if running.iter().any(|(_, output)| output.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(running.drain(..).filter_map(|(_, output)| output).collect())
    })
    .await
}

pub(super) struct World {
    pub(super) pages: MemoryPages,
    slow: Slow,
    pub(super) now: Cell<i64>,
    random: Cell<u64>,
    pub(super) play: RefCell<Play>,
    pub(super) tokens: Cell<u32>,
    pub(super) calls: RefCell<Vec<(String, String)>>,
}

/// A tab: a handle on the world, as another tab would have another.
#[derive(Clone)]
pub(super) struct Tab(pub(super) Rc<World>);

impl World {
    pub(super) fn on(pages: MemoryPages, seed: u64) -> Tab {
        Tab(Rc::new(Self {
            slow: Slow(pages.clone()),
            pages,
            now: Cell::new(1_790_000_000_000),
            random: Cell::new(seed | 1),
            play: RefCell::new(Box::new(|_, _| Err(TransportError::NotConnected))),
            tokens: Cell::new(0),
            calls: RefCell::default(),
        }))
    }
}

impl Tab {
    pub(super) fn new() -> Self {
        World::on(MemoryPages::new(), 4711)
    }

    pub(super) async fn open(&self) -> Client<Self> {
        Client::open(self.clone(), Options::default())
            .await
            .unwrap()
    }

    pub(super) fn plays(
        &self,
        play: impl FnMut(&str, &str) -> Result<Reply, TransportError> + 'static,
    ) {
        *self.0.play.borrow_mut() = Box::new(play);
    }

    pub(super) fn bodies(&self) -> Vec<(String, Value)> {
        let calls = self.0.calls.borrow();
        calls
            .iter()
            .map(|(path, body)| {
                let body = (!body.is_empty()).then(|| json(body));
                (path.clone(), body.unwrap_or_default())
            })
            .collect()
    }
}

impl Environment for Tab {
    type Pages = Slow;
    type Transport = Self;

    fn pages(&self) -> &Slow {
        &self.0.slow
    }

    fn transport(&self) -> &Self {
        self
    }

    fn now_millis(&self) -> i64 {
        self.0.now.get()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // Xorshift: repeatable is all it has to be.
            let mut state = self.0.random.get();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            self.0.random.set(state);
            *byte = state.to_be_bytes()[3];
        }
    }
}

impl Transport for Tab {
    async fn call(&self, path: &str, body: String) -> Result<Reply, TransportError> {
        self.0.calls.borrow_mut().push((path.into(), body.clone()));
        step_back().await;
        (self.0.play.borrow_mut())(path, &body)
    }

    async fn renew_token(&self) -> bool {
        let left = self.0.tokens.get();
        self.0.tokens.set(left.saturating_sub(1));
        left > 0
    }
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// An answer of this status and body.
#[expect(clippy::unnecessary_wraps, reason = "it is what a play answers")]
pub(super) fn reply(status: u16, body: &Value) -> Result<Reply, TransportError> {
    Ok(Reply {
        status,
        body: body.to_string(),
        ..Reply::default()
    })
}

/// A problem of this code.
pub(super) fn problem(status: u16, code: &str) -> Result<Reply, TransportError> {
    reply(
        status,
        &serde_json::json!({"code": code, "status": status, "detail": "so it is"}),
    )
}

pub(super) fn create(entity: &str, values: &str) -> Operation {
    Operation::Create {
        entity: entity.into(),
        values: values.into(),
    }
}

pub(super) fn update(entity: &str, key: &str, fields: &str) -> Operation {
    let (entity, key, fields) = (entity.into(), key.into(), fields.into());
    Operation::Update {
        entity,
        key,
        fields,
        removed: Vec::new(),
    }
}

pub(super) fn put(entity: &str, key: &str, value: &str) -> Operation {
    Operation::Put {
        entity: entity.into(),
        key: key.into(),
        value: value.into(),
    }
}

pub(super) fn delete(entity: &str, key: &str) -> Operation {
    Operation::Delete {
        entity: entity.into(),
        key: key.into(),
    }
}

pub(super) fn undo(entity: &str, key: &str) -> Operation {
    Operation::Undo {
        entity: entity.into(),
        key: key.into(),
    }
}

impl<E: Environment> Client<E> {
    /// One write, and what it made or changed.
    pub(super) async fn does(&self, operation: Operation) -> Vec<Doc> {
        self.write([operation].into()).await.unwrap().pop().unwrap()
    }

    pub(super) async fn get(&self, entity: &str, key: &str) -> Option<Doc> {
        self.get_many(entity, &[key.into()])
            .await
            .unwrap()
            .pop()
            .unwrap()
    }

    pub(super) async fn syncs(&self) -> Result<crate::client::SyncReport, crate::client::Error> {
        self.sync(SyncOptions::default(), &Cancel::default()).await
    }
}
