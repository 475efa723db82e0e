//! Which session of a device is over, as a listener beside the server knows it from the opens that
//! were answered. Whoever names one that is over must be refused.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tidemark_engine::client::Reply;

/// What was heard of sessions, until the truth is another.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By device, the last session that was opened for it.
    newest: BTreeMap<String, String>,
    over: BTreeSet<String>,
    /// Opens under way by device, and whether two were at once: which of them was the later only
    /// the server knows.
    opening: BTreeMap<String, (usize, bool)>,
}

/// Listens while the server works on one request.
pub(super) struct Listener {
    sessions: Rc<RefCell<Sessions>>,
    /// The device, if it is an open.
    opens: Option<String>,
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
        let named = member(body, "sync_uuid").filter(|_| opens.is_none());
        Self {
            sessions: Rc::clone(sessions),
            opens,
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
