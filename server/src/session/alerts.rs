//! Alerts: whoever listens to a datastore is told of each commit to it, as it is done.
//!
//! A listener waits on a channel of its datastore alone: a commit wakes nobody else, however many
//! listen elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidemark_engine::truth::SETTLER;
use tidemark_protocol::{Alert, Checkin, DeviceId, Problem};
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use super::{Caller, Commit, Service, problem::no_datastore};
use crate::store::Datastore;

/// So many commits wait for a listener that is slow; then the oldest are forgotten, for the newest
/// tells as much: sync.
const WAITING_MAX: usize = 16;

/// What to listen to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertsQuery {
    /// The datastore; `None` means the caller's own.
    pub datastore: Option<String>,
    /// The device that listens: it is not told of its own commits.
    pub device: Option<DeviceId>,
    /// The checkin that it heard of last; `None`: it wants to hear of what comes.
    pub last: Option<String>,
}

/// What one listener is told. It leaves when this is dropped.
pub struct Alerts {
    service: Service,
    datastore: String,
    device: Option<DeviceId>,
    /// What was missed, to be told first.
    missed: Option<Alert>,
    /// Always there until this is dropped.
    told: Option<Receiver<Told>>,
}

type Told = (Checkin, DeviceId);

/// Who listens, by datastore.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    channels: HashMap<String, Sender<Told>>,
    is_closed: bool,
}

impl Listeners {
    /// Tells of a commit.
    pub(super) fn tell(&self, commit: &Commit) {
        if let Some(channel) = self.registry().channels.get(&commit.datastore) {
            // Whoever has left meanwhile need not hear.
            let _ = channel.send((commit.checkin, commit.device));
        }
    }

    /// Lets everybody go, and takes nobody any more.
    pub(super) fn close(&self) {
        let mut registry = self.registry();
        registry.is_closed = true;
        registry.channels.clear();
    }

    fn join(&self, datastore: &str) -> Receiver<Told> {
        let mut registry = self.registry();
        let channel = || broadcast::channel(WAITING_MAX).0;
        if registry.is_closed {
            return channel().subscribe();
        }
        let channels = &mut registry.channels;
        let joined = channels.entry(datastore.to_owned()).or_insert_with(channel);
        joined.subscribe()
    }

    /// One listener leaves; the last one takes the channel along.
    fn leave(&self, datastore: &str, told: Option<Receiver<Told>>) {
        let mut registry = self.registry();
        drop(told);
        let is_empty = |channel: &Sender<Told>| channel.receiver_count() == 0;
        if registry.channels.get(datastore).is_some_and(is_empty) {
            registry.channels.remove(datastore);
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alerts {
    /// The next commit by another device; `None`: the server stops.
    pub async fn next(&mut self) -> Option<Alert> {
        if let Some(missed) = self.missed.take() {
            return Some(missed);
        }
        loop {
            match self.told.as_mut()?.recv().await {
                Ok((_, device)) if Some(device) == self.device => {}
                Ok((checkin, device)) => return Some(self.alert(checkin, device)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn alert(&self, max_checkin: Checkin, device_uuid: DeviceId) -> Alert {
        Alert {
            datastore: self.datastore.clone(),
            max_checkin,
            device_uuid,
        }
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        let told = self.told.take();
        self.service.inner.listeners.leave(&self.datastore, told);
    }
}

impl Service {
    /// Listens to a datastore's commits from now on, and to what was missed since the last one
    /// heard of. A user's own datastore can be listened to before it is made.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn alerts(&self, caller: &Caller, query: AlertsQuery) -> Result<Alerts, Problem> {
        let own = Datastore::id_of(&caller.user);
        let id = query.datastore.unwrap_or_else(|| own.clone());
        let mut snapshot = self.inner.store.snapshot().await?;
        let may = snapshot.datastore_of(&caller.user, Some(&id)).await?;
        drop(snapshot);
        if may.is_none() && id != own {
            return Err(no_datastore());
        }
        let mut alerts = Alerts {
            service: self.clone(),
            told: Some(self.inner.listeners.join(&id)),
            datastore: id,
            device: query.device,
            missed: None,
        };
        if let Some(last) = query.last {
            // After it has joined: what is committed in between is told twice, and never missed.
            alerts.missed = self.missed(caller, &alerts, &last).await?;
        }
        Ok(alerts)
    }

    /// Lets go whoever listens, so that a server that stops need not wait for them.
    pub fn end_alerts(&self) {
        self.inner.listeners.close();
    }

    /// The newest commit that a listener has not heard of. A checkin that this truth never issued
    /// is of a truth that was restored since: the device learns more from a sync.
    async fn missed(
        &self,
        caller: &Caller,
        alerts: &Alerts,
        last: &str,
    ) -> Result<Option<Alert>, Problem> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let id = &alerts.datastore;
        let Some(datastore) = snapshot.datastore_of(&caller.user, Some(id)).await? else {
            return Ok(None);
        };
        let issued = match Checkin::parse(last) {
            Ok(last) => snapshot.commit_at(id, last).await?.map(|_| last),
            Err(_) => None,
        };
        let Some(last) = issued else {
            return Ok(Some(alerts.alert(datastore.head, SETTLER)));
        };
        let newest = snapshot.newest_commit(id, last, alerts.device).await?;
        Ok(newest.map(|(checkin, device)| alerts.alert(checkin, device.unwrap_or(SETTLER))))
    }
}
