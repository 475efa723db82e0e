//! Which session of a device is over, as a listener beside the server knows it from the opens that
//! were answered. Whoever names one that is over must be refused.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tidemark_engine::client::Reply;

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
}

impl Sessions {
    /// What was meant since somebody looked; now somebody does.
    pub(super) fn look(&mut self) -> Meanings {
        let meant = self.meanings.clone();
        self.meanings.looked();
        meant
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
    names_what_is_over: bool,
}

impl Listener {
    /// The request comes in.
    pub(super) fn new(sessions: &Rc<RefCell<Sessions>>, path: &str, body: &str) -> Self {
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
        Self {
            sessions: Rc::clone(sessions),
            opens,
            meaning,
            names_what_is_over: named.is_some_and(|session| heard.over.contains(session)),
        }
    }

    /// The answer goes out; false: it should have been a refusal.
    pub(super) fn heard(self, reply: &Reply) -> bool {
        if reply.status != 200 {
            return true;
        }
        if let (Some(device), Some(session)) = (&self.opens, member(&reply.body, "sync_uuid")) {
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
        !self.names_what_is_over
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
