// Uses the package where the address says: in the page, in a Worker or in a service worker. What
// came of it becomes the page's title.

import { told } from './use.js';

function inWorker() {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = event => reject(new Error(`the Worker did not start: ${event.message}`));
  });
}

async function inServiceWorker(script, type) {
  await navigator.serviceWorker.register(script, { type });
  const { active } = await navigator.serviceWorker.ready;
  return new Promise(resolve => {
    navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
    active.postMessage('use');
  });
}

const places = {
  page: told,
  worker: inWorker,
  'service-worker-module': () => inServiceWorker('sw-module.js', 'module'),
  'service-worker-classic': () => inServiceWorker('sw-classic.js', 'classic'),
};

places[new URLSearchParams(location.search).get('in') ?? 'page']().then(
  result => (document.title = result),
  error => (document.title = `failed: ${error?.stack ?? error}`),
);
