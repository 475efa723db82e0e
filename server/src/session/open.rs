//! Open: a session for the device, or the proof that it needs none.

use tidemark_engine::{
    fingerprint::DatastoreFingerprint,
    truth::{self, Flow, OpenView, Opened},
};
use tidemark_protocol::{
    Checkin, Code, DeviceId, Mode, OpenAnswer, OpenRequest, Problem, SessionId,
};

use super::{Caller, Service, problem::no_datastore, refresh::note_return};
use crate::store::{Change, Datastore, Device, Session, Snapshot};

impl Service {
    /// Works off an open that nothing rides on.
    pub(super) async fn open_session(
        &self,
        caller: &Caller,
        request: &OpenRequest,
    ) -> Result<OpenAnswer, Problem> {
        truth::check(request)?;
        let may_be_in_sync = request.pending == 0 && request.fingerprint.is_some();
        if may_be_in_sync && let Some(answer) = self.look(caller, request).await? {
            return Ok(answer);
        }
        self.open_for_writing(caller, request).await
    }

    /// Answers from a snapshot where both sides hold the same, which writes nothing.
    async fn look(
        &self,
        caller: &Caller,
        request: &OpenRequest,
    ) -> Result<Option<OpenAnswer>, Problem> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let named = request.datastore.as_deref();
        let Some(datastore) = snapshot.datastore_of(&caller.user, named).await? else {
            return Ok(None);
        };
        let known = own_device(&mut snapshot, caller, &datastore, request).await?;
        let fixed = known.fixed.described(request.device.as_ref())?;
        let request = &*fixed.applied(request)?;
        let view = open_view(&mut snapshot, &datastore, &known, request).await?;
        match truth::open(request, &view)? {
            Opened::InSync => Ok(Some(self.in_sync(datastore, view.flow))),
            Opened::Session { .. } => Ok(None),
        }
    }

    async fn open_for_writing(
        &self,
        caller: &Caller,
        request: &OpenRequest,
    ) -> Result<OpenAnswer, Problem> {
        let now = self.now()?;
        let mut change = self.inner.store.change().await?;
        let datastore = own_datastore(&mut change, caller, request, now).await?;
        let known = own_device(&mut change, caller, &datastore, request).await?;
        let fixed = known.fixed.described(request.device.as_ref())?;
        let request = &*fixed.applied(request)?;
        let view = open_view(&mut change, &datastore, &known, request).await?;
        let opened = truth::open(request, &view)?;
        let Opened::Session {
            mode,
            last_sync,
            attempt,
            is_suspect,
            leaves_out_tombstones,
        } = opened
        else {
            change.commit().await?;
            return Ok(self.in_sync(datastore, view.flow));
        };
        let device = request.device_uuid;
        let session = Session {
            id: SessionId::new(self.inner.clock.random_uuid()),
            datastore: datastore.id.clone(),
            device,
            mode,
            flow: view.flow,
            last_sync,
            since: last_sync,
            max_checkin: datastore.head,
            leaves_out_tombstones,
            doubted_up_to: (!view.is_issued).then_some(datastore.head),
            from: None,
            pulled: None,
            remaining: None,
            acked: false,
            deleted: 0,
            touched: now.micros(),
        };
        let name = request.device.as_ref();
        let name = name.and_then(|device| device.name.as_deref());
        change
            .open_session(&session, &caller.user, name, attempt)
            .await?;
        if fixed != known.fixed {
            change.fix_device(&datastore.id, device, fixed).await?;
        }
        note_opening(&mut change, &session, &view, request).await?;
        change.commit().await?;
        if is_suspect {
            let (datastore, mode) = (&datastore.id, mode.as_str());
            tracing::warn!(%device, datastore, mode, "a device opens with an unexpected fingerprint");
        }
        Ok(OpenAnswer {
            sync_uuid: Some(session.id),
            last_sync,
            mode,
            in_sync: false,
            ..self.in_sync(datastore, view.flow)
        })
    }

    fn in_sync(&self, datastore: Datastore, flow: Flow) -> OpenAnswer {
        OpenAnswer {
            sync_uuid: None,
            datastore: datastore.id,
            last_sync: Some(datastore.head),
            max_checkin: datastore.head,
            mode: Mode::Fast,
            direction: flow.direction,
            mirror: flow.mirror,
            in_sync: true,
            conflicts: datastore.conflicts,
            limits: self.inner.settings.limits,
            previous: None,
            push: None,
            pull: None,
            finish: None,
        }
    }
}

/// The datastore that the open names, or the caller's own, which their first open makes.
async fn own_datastore(
    change: &mut Change,
    caller: &Caller,
    request: &OpenRequest,
    now: Checkin,
) -> Result<Datastore, Problem> {
    let named = request.datastore.as_deref();
    match change.datastore_of(&caller.user, named).await? {
        Some(datastore) => Ok(datastore),
        None if named.is_some_and(|named| named != Datastore::id_of(&caller.user)) => {
            Err(no_datastore())
        }
        None => Ok(change.create_datastore(&caller.user, now).await?),
    }
}

/// What the opening of a session tells of its device.
async fn note_opening(
    change: &mut Change,
    session: &Session,
    view: &OpenView,
    request: &OpenRequest,
) -> Result<(), Problem> {
    if !view.is_issued {
        note_return(change, session, view.attempt, &request.attempts).await?;
    }
    if matches!(session.mode, Mode::Refresh | Mode::PullTruth) {
        change.forget_exceptions(session).await?;
    }
    change
        .confirm_local_keys(&session.datastore, session.device, session.last_sync)
        .await?;
    Ok(())
}

/// What is known of the device that opens: nothing, if it is new.
async fn own_device(
    snapshot: &mut Snapshot,
    caller: &Caller,
    datastore: &Datastore,
    request: &OpenRequest,
) -> Result<Device, Problem> {
    let device = snapshot.device(&datastore.id, request.device_uuid).await?;
    match device {
        Some(known) if known.user != caller.user => Err(Problem::new(
            Code::StaleDevice,
            "This device was somebody else's: it takes a new `device_uuid`.",
        )),
        known => Ok(known.unwrap_or_default()),
    }
}

/// What the truth knows of the device that opens; its cost does not grow with the records.
async fn open_view(
    snapshot: &mut Snapshot,
    datastore: &Datastore,
    known: &Device,
    request: &OpenRequest,
) -> Result<OpenView, Problem> {
    let flow = Flow::of(request.mode, request.direction, request.mirror)?;
    let device = request.device_uuid;
    let head = Some(datastore.head);
    let expected_at_head =
        expected(snapshot, &datastore.id, device, head, datastore.fingerprint).await?;
    let claimed = match request.last_sync {
        // The head's fingerprint is never dropped.
        Some(_) if request.last_sync == head => Some(Some(datastore.fingerprint)),
        Some(last_sync) => snapshot.commit_at(&datastore.id, last_sync).await?,
        None => Some(Some(DatastoreFingerprint::EMPTY)),
    };
    let expected_at_last_sync = match claimed.flatten() {
        Some(_) if request.last_sync == head => Some(expected_at_head),
        Some(truth) => {
            let expected = expected(snapshot, &datastore.id, device, request.last_sync, truth);
            Some(expected.await?)
        }
        None => None,
    };
    Ok(OpenView {
        head: datastore.head,
        attempt: known.attempt,
        seen: known.seen.and_then(|seen| Checkin::from_micros(seen).ok()),
        is_issued: claimed.is_some(),
        forgotten: datastore.forgotten,
        mark: datastore.mark,
        flow,
        expected_at_head,
        expected_at_last_sync,
    })
}

/// What is expected of a device at a checkin at which the truth had this fingerprint.
pub(super) async fn expected(
    snapshot: &mut Snapshot,
    datastore: &str,
    device: DeviceId,
    at: Option<Checkin>,
    truth: DatastoreFingerprint,
) -> Result<DatastoreFingerprint, Problem> {
    let exceptions = snapshot.exceptions(datastore, device, at).await?;
    let exceptions = exceptions
        .iter()
        .map(|(exception, compared)| (exception, *compared));
    Ok(truth::expected(truth, exceptions))
}
