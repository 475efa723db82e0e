// Tidemark, through its public API as an app uses it.
import { open as openTidemark } from 'tidemark';

export async function open({ name, server, token }) {
  const db = await openTidemark({
    name,
    ...(server ? { server, token } : {}),
    sync: 'manual',
    indexes: { note: ['list'] },
  });
  return { db, notes: db.collection('note') };
}

export const createMany = ({ notes }, values) => notes.createMany(values);
export const createOne = ({ notes }, value) => notes.create(value);

export async function keys({ notes }) {
  return (await notes.find({})).map(doc => doc.key);
}

export const readMany = ({ notes }, wanted) => notes.getMany(wanted);
export const find = ({ notes }, list) => notes.find({ where: { list } });
export const firstQuery = ({ notes }) => notes.find({ where: { list: 'list-0' }, limit: 50 });

export async function update({ db }, wanted, fields) {
  await db.batch(async tx => {
    for (const key of wanted) await tx.collection('note').update(key, fields);
  });
}

export async function sync({ db }) {
  const report = await db.sync();
  if (!report.in_sync) throw new Error(`not in sync: ${JSON.stringify(report)}`);
  return report;
}

export const push = sync;
export const pull = sync;
export const count = ({ notes }) => notes.count();
export const close = ({ db }) => db.close();
