//! The browser, as the engine's environment.

use tidemark_engine::client::Environment;

use crate::{
    pages::IndexedDbPages,
    platform::{clock, host::Host, random},
};

/// What the engine has of the browser.
pub(crate) struct Browser {
    pub(crate) pages: IndexedDbPages,
    pub(crate) host: Host,
}

impl Environment for Browser {
    type Pages = IndexedDbPages;
    type Transport = Host;

    fn pages(&self) -> &IndexedDbPages {
        &self.pages
    }

    fn transport(&self) -> &Host {
        &self.host
    }

    fn now_millis(&self) -> i64 {
        clock::now_millis()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        random::fill(bytes);
    }
}
