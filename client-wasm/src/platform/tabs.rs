//! Telling the other tabs and workers that have the same database open. What is said is small
//! plain data; nobody relies on having heard it.

use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// A channel to the other tabs; closed when dropped.
pub(crate) struct Tabs {
    /// `None` where the browser has no such channel: then the tabs learn later.
    channel: Option<BroadcastChannel>,
    _heard: Closure<dyn FnMut(MessageEvent)>,
}

impl Tabs {
    /// Joins the channel; calls back with what others say, never with what is said here.
    pub(crate) fn join(name: &str, mut heard: impl FnMut(JsValue) + 'static) -> Self {
        let heard = Closure::new(move |event: MessageEvent| heard(event.data()));
        let channel = BroadcastChannel::new(name).ok();
        if let Some(channel) = &channel {
            channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        }
        Self {
            channel,
            _heard: heard,
        }
    }

    /// Tells the others.
    pub(crate) fn tell(&self, message: &JsValue) {
        if let Some(channel) = &self.channel {
            // It fails only on a closed channel: then nobody has to hear.
            drop(channel.post_message(message));
        }
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.set_onmessage(None);
            channel.close();
        }
    }
}
