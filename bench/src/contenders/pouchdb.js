// PouchDB 9 against express-pouchdb on LevelDB files; batches of 1,000 as its guide advises.
// `find` is left out: its secondary indexes are built by a plug-in after the fact.
import PouchDB from 'pouchdb-browser';

const BATCH = { batch_size: 1000, batches_limit: 10 };

export async function open({ name, server }) {
  const db = new PouchDB(name, { auto_compaction: false });
  await db.info();
  return { db, remote: server && `${server}/${name.replace(/-device-.*/, '')}` };
}

const doc = value => ({ _id: crypto.randomUUID(), ...value });

export async function createMany({ db }, values) {
  const docs = values.map(doc);
  const answers = await db.bulkDocs(docs);
  return docs.map((each, index) => ({ ...each, _rev: answers[index].rev }));
}

export async function createOne({ db }, value) {
  const each = doc(value);
  each._rev = (await db.put(each)).rev;
  return each;
}

export async function keys({ db }) {
  return (await db.allDocs()).rows.map(row => row.id);
}

export async function readMany({ db }, wanted) {
  return (await db.allDocs({ keys: wanted, include_docs: true })).rows.map(row => row.doc);
}

export async function firstQuery({ db }) {
  return (await db.allDocs({ include_docs: true, limit: 50 })).rows.map(row => row.doc);
}

export async function update({ db }, wanted, fields) {
  const docs = await readMany({ db }, wanted);
  await db.bulkDocs(docs.map(each => ({ ...each, ...fields })));
}

export const push = ({ db, remote }) => db.replicate.to(remote, BATCH);
export const pull = ({ db, remote }) => db.replicate.from(remote, BATCH);
export const sync = ({ db, remote }) => db.sync(remote, BATCH);
export const count = async ({ db }) => (await db.info()).doc_count;
export const close = ({ db }) => db.close();
