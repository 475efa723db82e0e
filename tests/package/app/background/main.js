// A page that keeps a record which it does not sync itself, for its service worker to sync later.
// The test calls what it finds on `window.app`.

import { open } from 'tidemark';
import { requestBackgroundSync } from 'tidemark/background-sync';

const settings = new URLSearchParams(location.search);

async function begin() {
  await navigator.serviceWorker.register(`sw.js${location.search}`, { type: settings.get('type') ?? 'classic' });
  await navigator.serviceWorker.ready;
  const db = await open({ name: settings.get('name'), server: settings.get('server'), sync: 'manual' });
  const { key } = await db.collection('todo').create({ title: 'Buy milk' });
  return { db, key };
}

window.app = { begin, open, requestBackgroundSync };
document.title = 'ready';
