// Its service worker. What became of each event is kept for the test to see.

import { syncInBackground } from 'tidemark/service-worker';

const settings = new URL(location.href).searchParams;

self.outcomes = [];
for (const name of ['sync', 'periodicsync']) {
  self.addEventListener(name, event => {
    const waitUntil = event.waitUntil.bind(event);
    event.waitUntil = work => {
      work.then(
        () => self.outcomes.push('done'),
        error => self.outcomes.push(error.code),
      );
      waitUntil(work);
    };
  });
}

syncInBackground(async () => ({ name: settings.get('name'), server: settings.get('server'), token: settings.get('token') }));
