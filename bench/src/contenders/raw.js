// The floor: IndexedDB through `idb`, a row per record, an index on the list.
import { openDB } from 'idb';

export async function open({ name }) {
  return openDB(name, 1, {
    upgrade(db) {
      db.createObjectStore('records', { keyPath: 'key' }).createIndex('list', 'value.list');
    },
  });
}

const row = value => ({ key: crypto.randomUUID(), value, created: Date.now() });

export async function createMany(db, values) {
  const tx = db.transaction('records', 'readwrite');
  const rows = values.map(row);
  for (const each of rows) tx.store.put(each);
  await tx.done;
  return rows;
}

export async function createOne(db, value) {
  const each = row(value);
  await db.put('records', each);
  return each;
}

export const keys = db => db.getAllKeys('records');

export async function readMany(db, wanted) {
  const tx = db.transaction('records');
  return Promise.all(wanted.map(key => tx.store.get(key)));
}

export const find = (db, list) => db.getAllFromIndex('records', 'list', list);

export async function firstQuery(db) {
  return db.getAllFromIndex('records', 'list', 'list-0', 50);
}

export const close = async db => db.close();
