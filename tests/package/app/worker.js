// Uses the package in a Worker, and tells the page what came of it.

import { told } from './use.js';

told().then(result => postMessage(result));
