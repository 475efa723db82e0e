//! What the browser gives besides storage and network, one service a file. Each works in a
//! page, a Worker and a service worker alike, so nothing here asks for `window`.

pub(crate) mod timer;
