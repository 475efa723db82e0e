// Compiled, never run: the package's types as an app meets them.

import { open, TidemarkError, type Doc, type SyncReport } from 'tidemark';
import { requestBackgroundSync, type BackgroundSyncAnswer } from 'tidemark/background-sync';
import { syncInBackground } from 'tidemark/service-worker';
import { startTesting, type Testing } from 'tidemark/testing';

interface Todo {
  title: string;
  done: boolean;
}

export async function use(): Promise<string> {
  const db = await open({ name: 'types', server: 'https://sync.example.com', token: async () => 'token' });
  const todos = db.collection<Todo>('todo');
  const made: Doc<Todo> = await todos.create({ title: 'Buy milk', done: false });
  const changed = await todos.update(made.key, { done: true });
  // @ts-expect-error a field that no Todo has
  await todos.update(made.key, { colour: 'red' });
  const maybe: Doc<Todo> | undefined = await todos.get(made.key);
  const open_ones = await todos.find({ where: { done: { eq: false } }, orderBy: ['-updated'], limit: 50 });
  for await (const doc of todos.each()) console.log(doc.value.title);
  try {
    const report: SyncReport = await db.sync();
    return `${report.pushed} ${changed.handle} ${maybe?.state} ${open_ones.length}`;
  } catch (error) {
    if (error instanceof TidemarkError) return `${error.code}: ${error.help}`;
    throw error;
  }
}

export async function inBackground(): Promise<BackgroundSyncAnswer> {
  const { sync, stop } = await requestBackgroundSync(await open({ name: 'types' }), { everyHours: 6 });
  stop();
  return sync;
}

export function inServiceWorker(): void {
  syncInBackground({ name: 'types', server: 'https://sync.example.com', token: () => 'token' });
  syncInBackground(async () => undefined);
  // @ts-expect-error a database without a server cannot be synced
  syncInBackground({ name: 'types' });
}

export async function inTests(): Promise<number> {
  const testing: Testing = await startTesting({ now: '2026-01-01T12:00:00Z' });
  testing.server.failNext({ status: 429, retryAfter: 5 }, 2);
  const db = await testing.open({ user: 'ada' });
  const key: string = testing.server.device('ada').create('todo', { title: 'Buy milk' });
  await testing.clock.advance(5_000);
  await testing.end();
  return (await db.collection<Todo>('todo').count({ where: { title: key } })) + testing.server.records('ada').length;
}
