// Queries as an app follows and walks them: rows that keep their identity, one call a commit, pages,
// and what explain tells.

import type { Page } from '@playwright/test';
import { Device, packagePage } from './package-page.ts';
import { expect, test } from './server.ts';

interface Todo {
  n: number;
  done: boolean;
}

/** A call of a watch: what each row held, which of them were the same objects before, their states. */
interface Call {
  n: number[];
  same: boolean[];
  states: string[];
}

/** Watches in a page, and keeps what was heard. */
async function listen(page: Page, query: object): Promise<() => Promise<Call[]>> {
  await page.evaluate(query => {
    const heard: Call[] = [];
    let before: unknown[] = [];
    window.db.collection<Todo>('todo').watch(query, rows => {
      const same = rows.map(row => before.includes(row));
      heard.push({ n: rows.map(row => row.value.n), same, states: rows.map(row => row.state) });
      before = [...rows];
      rows.length = 0;
    });
    Object.assign(window, { heard });
  }, query);
  const heard = () => page.evaluate(() => (window as unknown as { heard: Call[] }).heard);
  await expect.poll(async () => (await heard()).length).toBe(1);
  return heard;
}

test('a watch is called once a commit, with the same objects for what did not change', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice', { indexes: { todo: ['n'] } });
  const tab = await packagePage(context, server);
  await tab.evaluate(async name => void (window.db = await window.tidemark.open({ name, indexes: { todo: ['n'] } })), device.user);
  const [one, two] = await device.create('todo', [1, 2, 3, 4, 5].map(n => ({ n: 10 * n, done: false })));
  const query = { where: { done: false }, orderBy: ['n'], limit: 3 };
  const [here, there] = [await listen(device.page, query), await listen(tab, query)];
  const calls: [number[], boolean[]][] = [[[10, 20, 30], [false, false, false]]];
  const hears = async (n: number[], same: boolean[]): Promise<void> => {
    calls.push([n, same]);
    for (const heard of [here, there]) {
      await expect.poll(async () => (await heard()).map(call => [call.n, call.same])).toEqual(calls);
    }
  };
  await device.update('todo', two!, { n: 25 });
  await hears([10, 25, 30], [true, false, true]);
  // Out of the window: another row comes in.
  await device.update('todo', one!, { done: true });
  await hears([25, 30, 40], [true, true, false]);
  // What the query does not see is no call; a batch is one.
  await device.create('todo', [{ n: 90, done: false }]);
  await device.create('note', [{ n: 1 }]);
  await device.page.evaluate(() =>
    window.db.batch(async batch => {
      for (const n of [1, 2, 3]) await batch.collection('todo').create({ n, done: n === 2 });
    }),
  );
  await hears([1, 3, 25], [false, false, true]);
  // A sync gives keys and states to all, in one commit.
  await device.sync();
  await hears([1, 3, 25], [false, false, false]);
  expect((await there()).at(-1)!.states).toEqual(['synced', 'synced', 'synced']);
});

test('each goes on behind the last record, and explain tells what serves', async ({ server, context }) => {
  const { page } = await Device.open(context, server, 'alice', { indexes: { todo: ['n'] } });
  const seen = await page.evaluate(async () => {
    const todos = window.db.collection<Todo>('todo');
    await todos.createMany(Array.from({ length: 1_200 }, (_, n) => ({ n, done: false })));
    const walked: number[] = [];
    for await (const doc of todos.each({ orderBy: ['-n'], limit: 1_100 })) {
      walked.push(doc.value.n);
      if (walked.length % 500 === 0) await todos.delete(doc.key);
    }
    const wrong = await todos
      .each({ limit: -1 })
      [Symbol.asyncIterator]()
      .next()
      .catch((error: { code: string }) => error.code);
    const byIndex = await todos.explain({ where: { n: { gt: 5 }, done: false }, orderBy: ['n'] });
    return { walked, wrong, byIndex, byNone: (await todos.explain({ where: { done: true } })).text };
  });
  expect(seen.walked).toEqual(Array.from({ length: 1_100 }, (_, n) => 1_199 - n));
  expect(seen.wrong).toBe('invalid');
  expect(seen.byIndex).toEqual({
    index: ['n'],
    reads: 'range',
    ordered: true,
    checks: ['done'],
    text: 'The index on n serves: only rows within the bounds of `where` are read, and they come in order; checked on each: done.',
  });
  expect(seen.byNone).toBe('No index serves, but that of the keys: every record is read, and they come in order; checked on each: done.');
});
