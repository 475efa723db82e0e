// An app that keeps a record, opens the same database again and finds it there. It uses nothing
// but the package's public face, and no network.

import { open } from 'tidemark';

export async function use() {
  const options = { name: crypto.randomUUID(), sync: 'manual' };
  const first = await open(options);
  const made = await first.collection('todo').create({ title: 'Buy milk', done: false });
  await first.collection('todo').update(made.key, { done: true });
  await first.close();

  const second = await open(options);
  const todos = second.collection('todo');
  const found = await todos.find({ where: { done: true } });
  const one = await todos.get(made.key);
  await second.destroy({ evenIfPending: true });
  return { pending: made.is_pending, title: one?.value.title, done: one?.value.done, found: found.length };
}

/** What came of it, as text. */
export async function told() {
  try {
    return JSON.stringify(await use());
  } catch (error) {
    return `failed: ${error?.stack ?? error} (${error?.help}; ${error?.cause?.stack ?? error?.cause})`;
  }
}
