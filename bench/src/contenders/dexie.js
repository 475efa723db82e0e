// Dexie 4: the most used wrapper over IndexedDB.
import { Dexie } from 'dexie';

export async function open({ name }) {
  const db = new Dexie(name);
  db.version(1).stores({ records: 'key, list' });
  await db.open();
  return db;
}

const row = value => ({ key: crypto.randomUUID(), created: Date.now(), ...value });

export async function createMany(db, values) {
  const rows = values.map(row);
  await db.records.bulkAdd(rows);
  return rows;
}

export async function createOne(db, value) {
  const each = row(value);
  await db.records.add(each);
  return each;
}

export const keys = db => db.records.toCollection().primaryKeys();
export const readMany = (db, wanted) => db.records.bulkGet(wanted);
export const find = (db, list) => db.records.where('list').equals(list).toArray();
export const firstQuery = db => db.records.where('list').equals('list-0').limit(50).toArray();
export const close = async db => db.close();
