/** The entry for service workers. It holds the WebAssembly module: a service worker wakes where nothing can be fetched. */
import { invalid, TidemarkError, toError } from '../error.ts';
import { open } from '../inline.ts';
import type { BackgroundDatabase, BackgroundDatabases } from './service-worker.d.ts';
import { TAG } from './tag.ts';

/** What trying again does not mend: it waits for a person, or for the app to be mended. */
const LASTING = ['airbag', 'forbidden', 'invalid', 'not_supported', 'protocol', 'truth_pushed', 'unauthenticated', 'wrong_user'];

/** A `sync` or `periodicsync` event, which TypeScript's library does not know. */
interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(work: Promise<unknown>): void;
}

export function syncInBackground(databases: BackgroundDatabases): void {
  if (!('clients' in globalThis && 'registration' in globalThis)) {
    throw invalid('syncInBackground is called outside a service worker', 'In a page, call requestBackgroundSync of tidemark/background-sync.');
  }
  if (typeof databases !== 'object' && typeof databases !== 'function') {
    throw invalid('syncInBackground takes the options of a database', "For example: syncInBackground({ name: 'notes', server, token }).");
  }
  for (const name of ['sync', 'periodicsync']) {
    globalThis.addEventListener(name, event => {
      const { tag } = event as SyncEvent;
      if (tag === TAG) (event as SyncEvent).waitUntil(syncAll(databases));
    });
  }
  globalThis.addEventListener('message', event => {
    // Where this fails, the event that the page asked for comes later; or the next page does.
    if (event.data === TAG) (event as unknown as SyncEvent).waitUntil(syncAll(databases).catch(() => undefined));
  });
}

/** Syncs them all, each whatever becomes of the others; fails where trying again may help. */
async function syncAll(databases: BackgroundDatabases): Promise<void> {
  const told = typeof databases === 'function' ? await databases() : databases;
  const passing: TidemarkError[] = [];
  for (const database of [told ?? []].flat() as BackgroundDatabase[]) {
    try {
      await syncOne(database);
    } catch (thrown) {
      const error = toError(thrown);
      if (!LASTING.includes(error.code)) passing.push(error);
    }
  }
  if (passing[0]) throw passing[0];
}

async function syncOne(database: BackgroundDatabase): Promise<void> {
  const known = await indexedDB.databases();
  if (!known.some(({ name }) => name === database.name)) return;
  const opened = await open({ ...database, sync: 'manual' });
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}
