//! How a schedule comes to rest, and what must hold of all sides then.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

use tidemark_engine::client::{Doc, ErrorCode};

use super::Schedule;
use crate::simulation::{
    Verdict,
    device::Device,
    marks::{Mark, find},
    network::USERS,
    truth::Datastore,
    world::Owner,
};

impl Schedule {
    /// Changes stop, the network holds, and every device syncs twice.
    pub(super) async fn rests(&mut self) -> Verdict {
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

    /// All agree, by value and by fingerprint.
    fn agree(&self) -> Verdict {
        for device in self.devices.iter().filter(|it| !it.is_stranded.get()) {
            self.holds_the_truth(device)?;
        }
        for (user, datastore) in self.truth.datastores.iter().enumerate() {
            let names = datastore.names();
            let oracle = self.oracle.borrow();
            if let Some(foreign) = names.iter().find(|it| oracle.owner(**it) != Some(user)) {
                return Err(format!("{} has the record {foreign}", USERS[user]));
            }
            // What people said may wait on a device that this truth does not take back.
            if !self.devices.iter().any(|it| it.is_stranded.get()) {
                self.is_as_people_said(user, datastore)?;
            }
        }
        Ok(())
    }

    /// A device holds what the truth holds, and nothing is pending but what waits for a person.
    fn holds_the_truth(&self, device: &Device) -> Verdict {
        let truth = &self.truth.datastores[device.user];
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
        match device.refused().find(|doc| !self.has_reason(doc)) {
            Some(doc) => Err(format!("a record was refused for no reason: {doc:?}")),
            None => Ok(()),
        }
    }

    /// No conflict with what was known, nothing back from its deletion, nothing reverted.
    fn is_as_people_said(&self, user: usize, datastore: &Datastore) -> Verdict {
        let oracle = self.oracle.borrow();
        let is_each_itself = !oracle.all_may_return && !self.world.was_renamed.get();
        let knew =
            |(one, other): &&(Mark, Mark)| oracle.knew(*one, *other) || oracle.knew(*other, *one);
        let sides = datastore.sides.iter();
        let mut sides = sides.filter(|(it, _)| !datastore.said_again.contains(it));
        if let Some(sides) = sides.find(knew).filter(|_| is_each_itself) {
            return Err(format!("in conflict with what it knew (tokens): {sides:?}"));
        }
        // A choice of one side is kept as set aside, or stands.
        let (mut kept, mut unsettled) = self.set_aside(user);
        kept.extend(datastore.kept.union(&datastore.overridden));
        unsettled.extend(datastore.in_conflict.union(&datastore.revived));
        let returned = oracle.returned(&datastore.names(), &unsettled);
        if !returned.is_empty() {
            return Err(format!("back from their deletion: {returned:?}"));
        }
        let reverted = oracle.reverted(&datastore.live_marks(), &kept);
        if !reverted.is_empty() {
            return Err(format!("reverted (token, to): {reverted:?}"));
        }
        Ok(())
    }

    /// The tokens, and the names of records, that a user's devices have set aside.
    fn set_aside(&self, user: usize) -> (BTreeSet<Mark>, BTreeSet<Mark>) {
        let devices = self.devices.iter().filter(|it| it.user == user);
        let (mut tokens, mut names) = (BTreeSet::new(), BTreeSet::new());
        for doc in devices.flat_map(Device::refused) {
            tokens.extend(find(b'T', doc.value.as_str()));
            names.extend(find(b'N', doc.value.as_str()));
        }
        for scribe in self.scribes.iter().filter(|it| it.user == user) {
            let (more_tokens, more_names) = scribe.aside();
            tokens.extend(more_tokens);
            names.extend(more_names);
        }
        (tokens, names)
    }

    /// Whether a record may wait for a person.
    fn has_reason(&self, doc: &Doc) -> bool {
        let manner = &self.world.manner;
        // A copy may have deleted what the truth never knew, or had lost, under its first id.
        let is_of_a_copy =
            (doc.is_pending || doc.local_id.is_some()) && self.oracle.borrow().all_may_return;
        match doc.problem.as_ref().map(|(code, _)| code.as_str()) {
            Some("deleted") if manner.forgets || is_of_a_copy => true,
            Some("truth_pushed" | "pull_truth") => manner.wild.sets_aside(),
            _ => manner.refusals,
        }
    }
}
