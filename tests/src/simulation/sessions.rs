//! Which session of a device is over, as a listener beside the server knows it from the opens that
//! were answered. Whoever names one that is over must be refused; and who comes from before somebody
//! replaced the truth is given none but to take it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tidemark_engine::client::Reply;
use tidemark_protocol::Checkin;

use super::meanings::{Meaning, Meanings, confirms};

/// What was heard of sessions, until the truth is another.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By device, the last session that was opened for it.
    newest: BTreeMap<String, String>,
    over: BTreeSet<String>,
    /// Opens under way by device, and whether two were at once: which of them was the later only
    /// the server knows.
    opening: BTreeMap<String, (usize, bool)>,
    /// What they mean to do.
    meanings: Meanings,
    /// By user, who has replaced the truth, as it was last seen.
    replaced: [Option<Replaced>; 2],
}

/// A device has replaced the truth: who comes from before has to take it first.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    pub(super) checkin: i64,
    pub(super) device: String,
}

impl Replaced {
    /// Whether what opens comes from before, by its own word. One that has no `last_sync` may hold
    /// nothing.
    fn is_missed_by(&self, open: &str) -> bool {
        let last_sync = member(open, "last_sync").and_then(|at| Checkin::parse(at).ok());
        last_sync.is_some_and(|at| at.micros() < self.checkin)
            && member(open, "device_uuid") != Some(&self.device)
            && member(open, "mode") != Some("pull_truth")
    }
}

impl Sessions {
    /// What was meant since somebody looked; now somebody does.
    pub(super) fn look(&mut self) -> Meanings {
        let meant = self.meanings.clone();
        self.meanings.looked();
        meant
    }

    /// Who has replaced the truth, by user.
    pub(super) fn see(&mut self, replaced: [Option<Replaced>; 2]) {
        self.replaced = replaced;
    }

    /// A person has confirmed what this session does.
    fn is_confirmed(&mut self, session: &str) {
        let mut devices = self.newest.iter();
        let device = devices.find(|(_, newest)| *newest == session);
        let confirmed = Meaning {
            is_confirmed: true,
            ..Meaning::default()
        };
        // Where two opens were under way at once, either may be meant.
        let Some(device) = device.map(|(device, _)| device.clone()) else {
            let all: Vec<_> = self.opening.keys().cloned().collect();
            return all
                .iter()
                .for_each(|device| self.meanings.comes(device, confirmed));
        };
        self.meanings.comes(&device, confirmed);
    }
}

/// Listens while the server works on one request.
pub(super) struct Listener {
    sessions: Rc<RefCell<Sessions>>,
    /// The device, if it is an open.
    opens: Option<String>,
    meaning: Meaning,
    /// Why it must be refused, if it must.
    is_wrong: Option<&'static str>,
}

impl Listener {
    /// The request comes in.
    pub(super) fn new(
        sessions: &Rc<RefCell<Sessions>>,
        user: usize,
        path: &str,
        body: &str,
    ) -> Self {
        let opens = (path == "/v1/sync/open").then(|| member(body, "device_uuid"));
        let opens = opens.flatten().map(str::to_owned);
        let mut heard = sessions.borrow_mut();
        if let Some(device) = &opens {
            let (count, at_once) = heard.opening.entry(device.clone()).or_default();
            *count += 1;
            *at_once |= *count > 1;
        }
        let meaning = Meaning::of_open(body);
        if let Some(device) = &opens {
            heard.meanings.comes(device, meaning);
        }
        let named = member(body, "sync_uuid").filter(|_| opens.is_none());
        if let Some(session) = named.filter(|_| confirms(body)) {
            heard.is_confirmed(session);
        }
        let replaced = heard.replaced[user].as_ref().filter(|_| opens.is_some());
        let is_wrong = if named.is_some_and(|session| heard.over.contains(session)) {
            Some("a session that is over was answered")
        } else if replaced.is_some_and(|it| it.is_missed_by(body)) {
            Some("a device from before the truth was replaced was let in")
        } else {
            None
        };
        Self {
            sessions: Rc::clone(sessions),
            opens,
            meaning,
            is_wrong,
        }
    }

    /// The answer goes out; what is wrong with it.
    pub(super) fn heard(self, reply: &Reply) -> Option<&'static str> {
        if reply.status != 200 {
            return None;
        }
        let session = member(&reply.body, "sync_uuid");
        if let (Some(device), Some(session)) = (&self.opens, session) {
            let mut heard = self.sessions.borrow_mut();
            let at_once = heard.opening.get(device).is_some_and(|(_, it)| *it);
            let earlier = heard.newest.insert(device.clone(), session.to_owned());
            if at_once {
                heard.newest.remove(device);
            } else {
                heard.over.extend(earlier);
                let meaning = self.meaning.as_decided(&reply.body);
                heard.meanings.comes(device, meaning);
                heard.meanings.opened(device, meaning);
            }
        }
        // Who holds just what the truth holds is told so, and gets no session.
        self.is_wrong
            .filter(|_| self.opens.is_none() || session.is_some())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Some(device) = &self.opens else { return };
        let mut heard = self.sessions.borrow_mut();
        if let Some((count, at_once)) = heard.opening.get_mut(device) {
            *count -= 1;
            *at_once &= *count > 0;
        }
    }
}

/// The text under this name: no record of a schedule has such a member.
fn member<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("\"{name}\":\"");
    let (_, rest) = body.split_once(&start)?;
    rest.split_once('"').map(|(text, _)| text)
}
