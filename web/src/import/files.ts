/**
 * The files that are being imported, kept whole on the device until their last row is a record,
 * so that an import outlives the tab it was begun in. A small IndexedDB of the demo's own.
 */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Plan } from './plan';

/** A chosen file and what is to become of it. */
export interface KeptFile {
  id: string;
  user: string;
  name: string;
  plan: Plan;
  content: Blob;
}

interface Files extends DBSchema {
  file: { key: string; value: KeptFile; indexes: { user: string } };
}

let opened: Promise<IDBPDatabase<Files>> | undefined;

function files(): Promise<IDBPDatabase<Files>> {
  opened ??= openDB<Files>('tidemark-demo-files', 1, {
    upgrade(database) {
      database.createObjectStore('file', { keyPath: 'id' }).createIndex('user', 'user');
    },
    terminated() {
      opened = undefined;
    },
  });
  return opened;
}

/** Keeps a file; when the promise settles, it is on disk. */
export async function keepFile(file: KeptFile): Promise<void> {
  const database = await files();
  const transaction = database.transaction('file', 'readwrite', { durability: 'strict' });
  await Promise.all([transaction.store.put(file), transaction.done]);
}

/** The files of `user` that are still to be imported. */
export async function keptFiles(user: string): Promise<KeptFile[]> {
  return (await files()).getAllFromIndex('file', 'user', user);
}

/** Lets a file go: its records are all there, or the person gave it up. */
export async function dropFile(id: string): Promise<void> {
  await (await files()).delete('file', id);
}
