//! Waiting for some time.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use wasm_bindgen::prelude::*;

use crate::signal::{Signalled, signal};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &JsValue, millis: i32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// Ends after its time; dropped earlier, it takes its timer with it.
pub(crate) struct Sleep {
    timer: JsValue,
    rung: Signalled<()>,
    done: Cell<bool>,
    _bell: Closure<dyn FnMut()>,
}

/// Waits so many milliseconds, at most some 24 days.
pub(crate) fn sleep(millis: u32) -> Sleep {
    let (give, rung) = signal();
    let bell = Closure::once(move || give.give(()));
    let timer = set_timeout(bell.as_ref(), i32::try_from(millis).unwrap_or(i32::MAX));
    Sleep {
        timer,
        rung,
        done: Cell::new(false),
        _bell: bell,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let polled = Pin::new(&mut self.rung).poll(context);
        self.done.set(polled.is_ready());
        polled
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if !self.done.get() {
            clear_timeout(&self.timer);
        }
    }
}
