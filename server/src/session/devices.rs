//! The devices of a datastore, as their people see them: the list, and what is set for one.

use tidemark_engine::truth::Fixed;
use tidemark_protocol::{
    Code, DeviceAnswer, DeviceId, DeviceRequest, DevicesAnswer, ForgetAnswer, Problem,
};

use super::{
    Caller, Service,
    datastores::OWNER,
    problem::{forbidden, no_datastore},
};
use crate::store::{Change, StoreError};

impl Service {
    pub(super) async fn list_devices(
        &self,
        caller: &Caller,
        named: Option<&str>,
    ) -> Result<DevicesAnswer, Problem> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let Some(datastore) = snapshot.datastore_of(&caller.user, named).await? else {
            return match named {
                Some(_) => Err(no_datastore()),
                None => Ok(DevicesAnswer::default()),
            };
        };
        let devices = snapshot.devices(&datastore.id).await?;
        Ok(DevicesAnswer { devices })
    }

    pub(super) async fn set_device(
        &self,
        caller: &Caller,
        named: Option<&str>,
        device: &str,
        request: &DeviceRequest,
    ) -> Result<DeviceAnswer, Problem> {
        let mut change = self.inner.store.change().await?;
        let (datastore, device) = own_device(&mut change, caller, named, device).await?;
        let told = set(&mut change, &datastore, device, request).await?;
        change.commit().await?;
        Ok(told)
    }

    pub(super) async fn drop_device(
        &self,
        caller: &Caller,
        named: Option<&str>,
        device: &str,
    ) -> Result<ForgetAnswer, Problem> {
        let mut change = self.inner.store.change().await?;
        let (datastore, device) = own_device(&mut change, caller, named, device).await?;
        change.forget_device(&datastore, device).await?;
        change.commit().await?;
        Ok(ForgetAnswer { forgotten: true })
    }
}

/// For an operator, who is nobody's caller: every datastore is in reach.
impl Service {
    /// The devices of one datastore, or of all.
    ///
    /// # Errors
    /// The store's.
    pub async fn all_devices(
        &self,
        datastore: Option<&str>,
    ) -> Result<Vec<(String, DeviceAnswer)>, StoreError> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let mut all = Vec::new();
        let mut last = String::new();
        while let Some(id) = snapshot.datastore_after(&last).await? {
            if datastore.is_none_or(|named| named == id) {
                let devices = snapshot.devices(&id).await?;
                all.extend(devices.into_iter().map(|device| (id.clone(), device)));
            }
            last = id;
        }
        Ok(all)
    }

    /// Sets something for a device of a datastore.
    ///
    /// # Errors
    /// `not_found`, `malformed`.
    pub async fn operate_device(
        &self,
        datastore: &str,
        device: DeviceId,
        request: &DeviceRequest,
    ) -> Result<DeviceAnswer, Problem> {
        let mut change = self.inner.store.change().await?;
        let told = set(&mut change, datastore, device, request).await?;
        change.commit().await?;
        Ok(told)
    }

    /// Forgets a device of a datastore.
    ///
    /// # Errors
    /// The store's.
    pub async fn operate_forget(
        &self,
        datastore: &str,
        device: DeviceId,
    ) -> Result<(), StoreError> {
        let mut change = self.inner.store.change().await?;
        change.forget_device(datastore, device).await?;
        change.commit().await
    }
}

/// A device that the caller may change: their own, or one of a datastore that is theirs; and where.
async fn own_device(
    change: &mut Change,
    caller: &Caller,
    named: Option<&str>,
    device: &str,
) -> Result<(String, DeviceId), Problem> {
    let device = DeviceId::parse(device).map_err(|_| no_device())?;
    let datastore = change.datastore_of(&caller.user, named).await?;
    let Some(datastore) = datastore else {
        return Err(named.map_or_else(no_device, |_| no_datastore()));
    };
    let known = change.device(&datastore.id, device).await?;
    let known = known.filter(|known| !known.is_forgotten);
    let known = known.ok_or_else(no_device)?;
    let role = change.role(&datastore.id, &caller.user).await?;
    if known.user != caller.user && role.as_deref() != Some(OWNER) {
        return Err(forbidden(
            "Only whose device it is changes what is set for it, and the datastore's owner.",
        ));
    }
    Ok((datastore.id, device))
}

async fn set(
    change: &mut Change,
    datastore: &str,
    device: DeviceId,
    request: &DeviceRequest,
) -> Result<DeviceAnswer, Problem> {
    let told = change.device_told(datastore, device).await?;
    let told = told.ok_or_else(no_device)?;
    let fixed = Fixed {
        direction: told.direction,
        mirror: told.mirror,
        reset: told.reset,
    };
    let fixed = fixed.set(request)?;
    change.fix_device(datastore, device, fixed).await?;
    if let Some(name) = &request.name {
        let name = name.as_deref();
        change.name_device(datastore, device, name).await?;
    }
    let told = change.device_told(datastore, device).await?;
    told.ok_or_else(no_device)
}

fn no_device() -> Problem {
    Problem::new(
        Code::NotFound,
        "The datastore knows no such device, or has forgotten it.",
    )
}
