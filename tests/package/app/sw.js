// A service worker that uses the package when the page asks, and tells it what came of it.

import { told } from './use.js';

self.addEventListener('message', event => event.waitUntil(told().then(result => event.source.postMessage(result))));
