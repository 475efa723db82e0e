// The service worker where it is served as it is written.

import './sw.js';
