//! One tab's way to the server: calls are lost, late, doubled, overtaken, cut off, and answered by
//! what stands between.

use std::{cell::Cell, cell::RefCell, rc::Rc, sync::Arc};

use tidemark_engine::client::{Reply, Transport, TransportError};

use super::{
    gate::Gatekeeper,
    sessions::Listener,
    turns::watched,
    world::{Late, Owner, World},
};
use crate::calls::handle;

/// The users of a schedule.
pub(super) const USERS: [&str; 2] = ["alice", "bob"];
/// How what each of them writes begins.
pub(super) const MARKS: [char; 2] = ['A', 'B'];

/// A tab's way to the server.
pub(super) struct Wire {
    pub(super) world: Rc<World>,
    /// Who is signed in on the device.
    pub(super) user: Rc<Cell<usize>>,
    /// Whether the device has begun a sync that it has not ended: its name may be taken by a copy. It
    /// begins before the first call, as the attempt is on the disk by then.
    pub(super) is_open: Rc<Cell<bool>>,
}

/// Where a request's answer arrives.
#[derive(Debug)]
enum Answer {
    Awaited,
    Here(Reply),
    Lost,
}

type Slot = Rc<RefCell<Answer>>;

impl Transport for Wire {
    async fn call(&self, path: &str, body: String) -> Result<Reply, TransportError> {
        let (world, user) = (&self.world, self.user.get());
        if path == "/v1/sync/open" {
            self.is_open.set(true);
            world.opens.set(world.opens.get() + 1);
        }
        let outcome = call(world, user, path, body).await;
        match &outcome {
            Ok(reply) => world.note(&[b"answer", reply.body.as_bytes()]),
            Err(error) => world.note(&[b"no answer", error.to_string().as_bytes()]),
        }
        if let Ok(reply) = &outcome {
            if reply.body.contains("stale_device") {
                world.was_renamed.set(true);
            }
            let ends = path == "/v1/sync/finish" || reply.body.contains("\"sync_uuid\":null");
            if ends && reply.status == 200 {
                self.is_open.set(false);
            }
            let foreign = MARKS[1 - user];
            for kind in ['N', 'T'] {
                if reply.body.contains(&format!("\"{kind}{foreign}")) {
                    world.breaks(format!("{} was shown another's records", USERS[user]));
                }
            }
        }
        outcome
    }

    async fn renew_token(&self) -> bool {
        self.world.turns.pause().await;
        self.world.random.chance(60)
    }
}

/// One call on its way, there and back.
pub(super) async fn call(
    world: &Rc<World>,
    user: usize,
    path: &str,
    body: String,
) -> Result<Reply, TransportError> {
    world.note(&[b"call", path.as_bytes(), body.as_bytes()]);
    world.count(|tally| tally.calls += 1);
    let (random, loss, trouble) = (&world.random, world.loss.get(), world.trouble.get());
    world.turns.pause().await;
    if random.chance(loss) {
        if random.chance(50) {
            let path = path.to_owned();
            world.late.borrow_mut().push(Late { user, path, body });
        }
        return Err(TransportError::Offline("the request was lost".to_owned()));
    }
    if random.chance(trouble) {
        return Ok(between(world));
    }
    let slot = Rc::new(RefCell::new(Answer::Awaited));
    request(world, user, path, &body, Some(Rc::clone(&slot)));
    if random.chance(loss / 3) {
        request(world, user, path, &body, None);
    }
    // The server goes on with what nobody waits for any more.
    let is_impatient = random.chance(loss / 2);
    let reply = loop {
        world.turns.pause().await;
        match slot.replace(Answer::Awaited) {
            Answer::Here(reply) => break reply,
            Answer::Lost => return Err(TransportError::Offline("cut off".to_owned())),
            Answer::Awaited if is_impatient && random.chance(10) => {
                return Err(TransportError::Timeout);
            }
            Answer::Awaited => {}
        }
    };
    if random.chance(loss) {
        return Err(TransportError::Timeout);
    }
    if random.chance(trouble / 2) {
        let end = reply.body.len() / 2;
        let end = reply.body.floor_char_boundary(end);
        let body = reply.body[..end].to_owned();
        return Ok(Reply { body, ..reply });
    }
    Ok(reply)
}

/// The answer of what stands between, or of a server that refuses the token.
fn between(world: &World) -> Reply {
    let (status, body) = world.random.one_of(&[
        (
            401,
            r#"{"type":"about:blank","title":"no","status":401,"code":"unauthenticated","detail":"expired"}"#,
        ),
        (
            503,
            r#"{"type":"about:blank","title":"no","status":503,"code":"busy","detail":"later"}"#,
        ),
        (502, "<html>bad gateway</html>"),
        (500, ""),
    ]);
    Reply {
        status,
        retry_after_seconds: (status == 503).then_some(1),
        body: body.to_owned(),
        ..Reply::default()
    }
}

/// Puts a request before the server.
fn request(world: &Rc<World>, user: usize, path: &str, body: &str, slot: Option<Slot>) {
    let listener = Listener::new(&world.sessions, user, path, body);
    let (path, body) = (path.to_owned(), body.to_owned());
    let listening = Rc::clone(world);
    let service = world.server.service();
    let handled = async move { handle(service, USERS[user], &path, &body).await };
    let waits = Waits(slot);
    serve(world, handled, move |reply| {
        if let Some(wrong) = listener.heard(&reply) {
            listening.breaks(format!("{wrong}: {}", reply.body));
        }
        waits.answered(reply);
    });
}

/// Lets the server work on something, of which requests take turns and can die at the gate.
pub(super) fn serve<T: 'static>(
    world: &Rc<World>,
    work: impl Future<Output = T> + 'static,
    then: impl FnOnce(T) + 'static,
) {
    let number = world.number();
    let gate = Arc::clone(&world.server.gate);
    let turns = Arc::clone(&world.turns);
    let leaving = Leaves {
        gate: Arc::clone(&gate),
        number,
    };
    world.spawn(Owner::Request, async move {
        let _leaving = leaving;
        let mut work = Box::pin(work);
        let entering = std::future::poll_fn(move |context| {
            gate.enter(number);
            work.as_mut().poll(context)
        });
        then(watched(turns, entering).await);
    });
}

/// A request of long ago arrives; nobody waits for its answer.
pub(super) fn deliver_late(world: &Rc<World>) {
    let late = {
        let mut late = world.late.borrow_mut();
        if late.is_empty() {
            return;
        }
        let place = world.random.below(late.len());
        late.swap_remove(place)
    };
    world.note(&[b"late", late.path.as_bytes(), late.body.as_bytes()]);
    request(world, late.user, &late.path, &late.body, None);
}

/// However a request ends, it holds nothing any more.
struct Leaves {
    gate: Arc<Gatekeeper>,
    number: u64,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        self.gate.leave(self.number);
    }
}

/// Somebody who may wait for an answer, and is told if there will be none.
struct Waits(Option<Slot>);

impl Waits {
    fn answered(mut self, reply: Reply) {
        if let Some(slot) = self.0.take() {
            slot.replace(Answer::Here(reply));
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(slot) = &self.0 {
            slot.replace(Answer::Lost);
        }
    }
}
