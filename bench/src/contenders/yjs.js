// Yjs with y-indexeddb and Hocuspocus (its server in memory): the fastest peer known.
// One Y.Map of plain objects, the quickest shape that it has; it holds all of it in memory.
import { HocuspocusProvider } from '@hocuspocus/provider';
import { IndexeddbPersistence } from 'y-indexeddb';
import * as Y from 'yjs';

export async function open({ name, server }) {
  const doc = new Y.Doc();
  const disk = new IndexeddbPersistence(name, doc);
  await disk.whenSynced;
  return { name, server, doc, disk, map: doc.getMap('records') };
}

/** y-indexeddb tells nobody when an update is on disk; a later read transaction does. */
async function written({ disk }) {
  const db = disk.db;
  await new Promise((resolve, reject) => {
    const request = db.transaction('updates').objectStore('updates').count();
    request.onsuccess = resolve;
    request.onerror = reject;
  });
}

export async function createMany(handle, values) {
  const rows = values.map(value => ({ key: crypto.randomUUID(), value }));
  handle.doc.transact(() => {
    for (const row of rows) handle.map.set(row.key, row.value);
  });
  await written(handle);
  return rows;
}

export async function createOne(handle, value) {
  const key = crypto.randomUUID();
  handle.map.set(key, value);
  await written(handle);
  return { key, value };
}

export const keys = async handle => [...handle.map.keys()];
export const readMany = async (handle, wanted) => wanted.map(key => handle.map.get(key));
export const find = async (handle, list) =>
  [...handle.map.values()].filter(value => value.list === list);
export async function firstQuery(handle) {
  const found = [];
  for (const value of handle.map.values()) {
    if (value.list === 'list-0' && found.push(value) === 50) break;
  }
  return found;
}

export async function update(handle, wanted, fields) {
  handle.doc.transact(() => {
    for (const key of wanted) handle.map.set(key, { ...handle.map.get(key), ...fields });
  });
  await written(handle);
}

export async function sync(handle) {
  const provider = new HocuspocusProvider({
    url: handle.server.replace('http', 'ws'),
    name: handle.name.replace(/-device-.*/, ''),
    document: handle.doc,
  });
  await new Promise(resolve => {
    const look = () => {
      if (provider.isSynced && !provider.hasUnsyncedChanges) resolve();
    };
    provider.on('synced', look);
    provider.on('unsyncedChanges', look);
    look();
  });
  await written(handle);
  provider.destroy();
}

export const push = sync;
export const pull = sync;
export const count = async handle => handle.map.size;
export const close = async handle => handle.disk.destroy();
