// What the tests show with Svelte.

import { mount, unmount } from 'svelte';
import { derived, get } from 'svelte/store';
import App from './App.svelte';
import Store from './Store.svelte';

let shown: Record<string, any> | undefined;
const target = document.body.appendChild(document.createElement('div'));

window.scene = {
  mount: () => void (shown = mount(App, { target, props: { database: Promise.resolve(window.db) } })),
  fail: () => void (shown = mount(App, { target, props: { database: window.db, fails: true } })),
  store: () => void (shown = mount(Store, { target, props: { database: window.db } })),
  showDone: () => shown?.['showDone'](),
  unmount: () => void (shown && unmount(shown)),
  /** What `derived` of svelte/store makes of `live`. */
  async derived() {
    const count = derived(window.db.collection('todo').live(), rows => rows?.length);
    const counts: unknown[] = [];
    const stop = count.subscribe(value => counts.push(value));
    while (counts.at(-1) === undefined) await new Promise(requestAnimationFrame);
    const now = get(count);
    stop();
    return [counts.at(-1), now];
  },
};
