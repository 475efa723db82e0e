//! Web Locks: one holder of a name at a time, over all tabs and workers of the origin.
//! Where the browser has none (an insecure context), whoever asks gets the lock: what it guards
//! must be safe without it, and only be dearer.

use std::future::Future;

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::signal::signal;

#[wasm_bindgen]
extern "C" {
    /// `navigator.locks`, which web-sys does not have yet.
    type LockManager;
    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &Object, callback: &JsValue) -> Promise;
}

/// What to do when somebody else holds the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfHeld {
    /// Wait for it.
    Wait,
    /// Leave the work undone.
    GiveUp,
}

/// Runs the work while holding the lock; `None` where it was held and the work left undone.
pub(crate) async fn with_lock<T>(
    name: &str,
    if_held: IfHeld,
    work: impl Future<Output = T>,
) -> Option<T> {
    let Some(locks) = super::navigator::<LockManager>("locks") else {
        return Some(work.await);
    };
    let (granted, grant) = signal();
    // The browser holds the lock until this promise settles: when the guard lets go of it.
    let mut release = None;
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let callback = Closure::once(move |lock: JsValue| {
        granted.give(!lock.is_null());
        held
    });
    let options = Object::new();
    let give_up = JsValue::from_bool(if_held == IfHeld::GiveUp);
    // Setting a member of an ordinary object cannot fail.
    drop(Reflect::set(&options, &"ifAvailable".into(), &give_up));
    let request = locks.request(name, &options, callback.as_ref());
    let guard = Release { release };
    let has_lock = grant.await;
    let done = if has_lock { Some(work.await) } else { None };
    drop(guard);
    drop(JsFuture::from(request).await);
    done
}

/// Lets the lock go, also when the future that holds it is dropped.
struct Release {
    release: Option<Function>,
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            drop(release.call0(&JsValue::UNDEFINED));
        }
    }
}
