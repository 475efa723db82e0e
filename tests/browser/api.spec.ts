// The package's own face, in one tab and in two: what its types promise, on IndexedDB and
// against the real server.

import type { Page } from '@playwright/test';
import { Device, packagePage } from './package-page.ts';
import { expect, test } from './server.ts';

/** Another tab of the same browser on the same database. */
async function otherTab(device: Device, server: Parameters<typeof packagePage>[1]): Promise<Page> {
  const page = await packagePage(device.page.context(), server);
  await page.evaluate(async name => void (window.db = await window.tidemark.open({ name })), device.user);
  return page;
}

test('a batch is saved whole or not at all, and sees its own writes', async ({ server, context }) => {
  const { page } = await Device.open(context, server, 'alice');
  const seen = await page.evaluate(async () => {
    const notes = window.db.collection<{ n: number }>('note');
    const [first] = await notes.createMany([{ n: 1 }, { n: 2 }]);
    const done = await window.db.batch(async batch => {
      const inside = batch.collection<{ n: number }>('note');
      await inside.update(first!.key, { n: 10 });
      const made = await inside.create({ n: 3 });
      const found = await inside.find({ orderBy: ['n'] });
      return { made: made.value.n, found: found.map(doc => doc.value.n), count: await inside.count() };
    });
    const failed = await window.db
      .batch(async batch => {
        await batch.collection('note').create({ n: 99 });
        throw new Error('no more');
      })
      .catch((error: Error) => error.message);
    const late = await window.db
      .batch(batch => batch)
      .then(batch => batch.collection('note').count())
      .catch((error: { code: string }) => error.code);
    return { done, failed, late, after: (await notes.find({ orderBy: '-n' })).map(doc => doc.value.n) };
  });
  expect(seen.done).toEqual({ made: 3, found: [2, 3, 10], count: 3 });
  expect(seen.failed).toBe('no more');
  expect(seen.late).toBe('invalid');
  expect(seen.after).toEqual([10, 3, 2]);
});

test('a batch runs again when another tab was ahead, and nothing is lost', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const tab = await otherTab(device, server);
  const key = (await device.create('counter', [{ n: 0 }]))[0]!;
  const count = (page: Page) =>
    page.evaluate(async key => {
      let runs = 0;
      for (let step = 0; step < 25; step += 1) {
        await window.db.batch(async batch => {
          runs += 1;
          const counters = batch.collection<{ n: number }>('counter');
          const counter = await counters.get(key);
          await counters.update(key, { n: counter!.value.n + 1 });
        });
      }
      return runs;
    }, key);
  await Promise.all([count(device.page), count(tab)]);
  // The tab that ended first hears of the other's last commits a moment later.
  const counted = async () => (await device.all<{ n: number }>('counter'))[0]?.value.n;
  await expect.poll(counted).toBe(50);
});

test('tabs see each other at once; watchers hear of each commit that matters, once', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const tab = await otherTab(device, server);
  await tab.evaluate(() => {
    const heard: number[][] = [];
    Object.assign(window, { heard });
    const query = { where: { done: false }, orderBy: ['n'] };
    window.db.collection<{ n: number; done: boolean }>('todo').watch(query, rows => heard.push(rows.map(row => row.value.n)));
  });
  const heard = () => tab.evaluate(() => (window as unknown as { heard: number[][] }).heard);
  await expect.poll(heard).toEqual([[]]);
  const [one] = await device.create('todo', [{ n: 1, done: false }, { n: 2, done: false }]);
  await expect.poll(heard).toEqual([[], [1, 2]]);
  await device.create('todo', [{ n: 3, done: true }]);
  await device.update('todo', one!, { done: true });
  await expect.poll(heard).toEqual([[], [1, 2], [2]]);
});

test('a watch tells a read that fails, and the next commit reads again', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const tab = await otherTab(device, server);
  await tab.evaluate(() => {
    const { get, getAll } = IDBObjectStore.prototype;
    const broken = (): never => {
      throw new DOMException('nothing can be read today', 'DataError');
    };
    // Once a commit is known, the pages that it wrote cannot be read.
    const stop = window.db.on('change', () => Object.assign(IDBObjectStore.prototype, { get: broken, getAll: broken }));
    const mend = (): void => {
      stop();
      Object.assign(IDBObjectStore.prototype, { get, getAll });
    };
    const heard: unknown[] = [];
    Object.assign(window, { heard, mend });
    window.db.collection('note').watch({}, rows => heard.push(rows.length), error => heard.push(error.code));
  });
  const heard = () => tab.evaluate(() => (window as unknown as { heard: unknown[] }).heard);
  await expect.poll(heard).toEqual([0]);
  const keys = await device.create('note', Array.from({ length: 2_000 }, (_, n) => ({ n, text: 'long '.repeat(20) })));
  await expect.poll(heard).toEqual([0, 'storage']);
  await tab.evaluate(() => (window as unknown as { mend(): void }).mend());
  await device.delete('note', keys);
  // What was told before the failure is told once more.
  await expect.poll(heard).toEqual([0, 'storage', 0]);
});

test('undefined removes a field; put replaces; delete deletes; undo undoes', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const [key] = await device.create('note', [{ a: 1, b: 2 }]);
  await device.sync();
  const seen = await device.page.evaluate(async key => {
    const notes = window.db.collection<{ a?: number; b?: number; c?: number }>('note');
    const steps: unknown[] = [];
    steps.push((await notes.update(key, { a: undefined, c: 3 })).value);
    steps.push((await notes.put(key, { b: 7 })).value);
    await notes.undo(key);
    steps.push((await notes.get(key))?.value);
    await notes.delete(key);
    steps.push(await notes.get(key), (await window.db.pending()).map(doc => doc.state));
    await notes.delete('no such key');
    return steps;
  }, key!);
  expect(seen).toEqual([{ b: 2, c: 3 }, { b: 7 }, { a: 1, b: 2 }, undefined, ['deleted']]);
});

test('many records come back whole, in order, in pages and by walking', async ({ server, context }) => {
  const { page } = await Device.open(context, server, 'alice', { indexes: { row: ['n'] } });
  const seen = await page.evaluate(async () => {
    const rows = window.db.collection<{ n: number; text: string }>('row');
    const values = Array.from({ length: 3_000 }, (_, n) => ({ n, text: `${n} `.repeat(60) }));
    const made = await rows.createMany(values);
    const one = rows.create({ n: -1, text: 'meanwhile' });
    const got = await rows.getMany(['none', ...made.map(doc => doc.key)]);
    await one;
    let walked = 0;
    let inOrder = true;
    for await (const doc of rows.each({ orderBy: ['n'] })) {
      inOrder &&= doc.value.n === walked - 1;
      walked += 1;
    }
    const first = await rows.find({ orderBy: ['-n'], limit: 2 });
    const next = await rows.find({ orderBy: ['-n'], limit: 2, after: first[1]!.key });
    return {
      made: made.every((doc, n) => doc.value.n === n && doc.is_pending),
      got: got[0] === undefined && got.slice(1).every((doc, n) => doc?.value.n === n),
      walked,
      inOrder,
      pages: [...first, ...next].map(doc => doc.value.n),
      some: await rows.count({ where: { n: { gte: 10, lt: 20 } } }),
    };
  });
  expect(seen).toEqual({ made: true, got: true, walked: 3_001, inOrder: true, pages: [2999, 2998, 2997, 2996], some: 10 });
});

test('a closed database says so; destroy refuses to lose what is pending', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const tab = await otherTab(device, server);
  await device.create('note', [{ text: 'unsent' }]);
  const codes = await device.page.evaluate(async () => {
    const code = (call: () => unknown) =>
      Promise.resolve()
        .then(call)
        .then(
          () => 'none',
          (error: { code: string }) => error.code,
        );
    const kept = window.db.collection('note').create({ text: 'saved before it closes' });
    const refused = await code(() => window.db.destroy());
    await window.db.close();
    const saved = (await kept).entity;
    const closed = [await code(() => window.db.collection('note').find()), await code(() => window.db.sync()), await code(() => window.db.status)];
    window.db = await window.tidemark.open({ name: window.db.name });
    const count = await window.db.collection('note').count();
    return { refused, saved, closed, count, destroyed: await code(() => window.db.destroy({ evenIfPending: true })) };
  });
  expect(codes).toEqual({ refused: 'pending', saved: 'note', closed: ['closed', 'closed', 'closed'], count: 2, destroyed: 'none' });
  const there = await tab.evaluate(() => window.db.collection('note').create({}).catch((error: { code: string }) => error.code));
  expect(there).toBe('closed');
});

test('a sync is cancelled by its signal, asks for a new token on 401, and says when nobody answers', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  await device.create('note', [{ text: 'to send' }]);
  const seen = await device.page.evaluate(async () => {
    const code = (promise: Promise<unknown>) => promise.then(() => 'none', (error: { code: string }) => error.code);
    const already = await code(window.db.sync({ signal: AbortSignal.abort() }));
    const controller = new AbortController();
    const during = code(window.db.sync({ signal: controller.signal }));
    controller.abort();
    const cancelled = await during;
    let asked = 0;
    const response = await fetch('/v1/dev/token', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'alice' }),
    });
    const { token } = (await response.json()) as { token: string };
    await window.db.connect({ server: location.origin, sync: 'manual', token: () => (asked++ === 0 ? 'stale' : token) });
    const renewed = await code(window.db.sync());
    await window.db.connect({ server: location.origin, sync: 'manual', token: 'wrong' });
    await window.db.collection('note').create({ text: 'more' });
    const refused = await code(window.db.sync());
    await window.db.connect({ server: 'http://127.0.0.1:9', sync: 'manual', token });
    const offline = await code(window.db.sync());
    window.db.disconnect();
    const none = await code(window.db.sync());
    return { already, cancelled, asked, renewed, refused, offline, none, pending: window.db.status.pending };
  });
  expect(seen).toEqual({
    already: 'cancelled',
    cancelled: 'cancelled',
    asked: 2,
    renewed: 'none',
    refused: 'unauthenticated',
    offline: 'offline',
    none: 'offline',
    pending: 1,
  });
});

test('it syncs by itself: at start, after a change, when the network returns, and in one tab for all', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice', { sync: 'auto' });
  const tab = await packagePage(context, server);
  await tab.evaluate(async () => {
    const response = await fetch('/v1/dev/token', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'alice' }),
    });
    const { token } = (await response.json()) as { token: string };
    window.db = await window.tidemark.open({ name: 'alice', server: location.origin, token });
  });
  const remaps = await device.page.evaluate(() => {
    const remaps: string[] = [];
    Object.assign(window, { remaps });
    window.db.on('remap', all => remaps.push(...all.map(each => each.local_id)));
    return remaps;
  });
  expect(remaps).toEqual([]);
  const key = await tab.evaluate(async () => (await window.db.collection('note').create({ text: 'from a tab' })).key);
  await expect.poll(async () => (await server.truth('alice')).length).toBe(1);
  // Whichever tab synced, both know the key, and show the same status.
  await expect.poll(() => device.page.evaluate(() => (window as unknown as { remaps: string[] }).remaps)).toEqual([key]);
  await expect.poll(() => tab.evaluate(() => window.db.status.pending)).toBe(0);
  await expect.poll(() => device.page.evaluate(() => window.db.status.in_sync)).toBe(true);

  await context.setOffline(true);
  await device.create('note', [{ text: 'offline' }]);
  await expect.poll(() => device.page.evaluate(() => window.db.status.online)).toBe(false);
  expect(await server.truth('alice')).toHaveLength(1);
  await context.setOffline(false);
  await expect.poll(async () => (await server.truth('alice')).length).toBe(2);
});

// D-55
test('what the airbag holds is tried once, shown in every tab, and passes when it is confirmed', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice', { sync: 'auto' });
  const { page: tab } = await Device.open(context, server, 'alice', { sync: 'auto', device: { name: 'the other tab' } });
  const keys = await device.create('note', Array.from({ length: 40 }, (_, n) => ({ n })));
  await expect.poll(async () => (await server.truth('alice')).length).toBe(40);
  for (const page of [device.page, tab]) await expect.poll(() => page.evaluate(() => [window.db.status.pending, window.db.status.in_sync])).toEqual([0, true]);
  const tried: string[] = [];
  context.on('request', request => {
    if (request.url().endsWith('/v1/sync/open')) tried.push(request.url());
  });
  const told = (page: Page): Promise<void> =>
    page.evaluate(() => {
      Object.assign(window, { airbags: [] });
      window.db.on('airbag', held => (window as unknown as { airbags: unknown[] }).airbags.push(held));
    });
  const airbags = (page: Page): Promise<unknown[]> => page.evaluate(() => (window as unknown as { airbags: unknown[] }).airbags);
  await told(device.page);
  await told(tab);
  await device.page.evaluate(async keys => {
    await window.db.batch(async tx => {
      for (const key of keys) await tx.collection('note').delete(key);
    });
  }, keys.slice(0, 30));
  const held = { mode: 'auto', deletes: 30, changes: 0, live: 40 };
  for (const page of [device.page, tab]) {
    await expect.poll(() => airbags(page)).toEqual([held]);
    await expect.poll(() => page.evaluate(() => window.db.status.error?.code)).toBe('airbag');
  }
  // The network's coming back is no answer; other edits are.
  await context.setOffline(true);
  await context.setOffline(false);
  await device.page.evaluate(key => window.db.collection('note').undo(key), keys[0] as string);
  await expect.poll(() => airbags(tab)).toEqual([held, { ...held, deletes: 29 }]);
  expect(tried).toHaveLength(2);

  await device.page.evaluate(() => window.db.sync({ mode: 'auto', confirm: true }));
  expect(await server.truth('alice')).toHaveLength(11);
  for (const page of [device.page, tab]) {
    await expect.poll(() => page.evaluate(() => window.db.status.error?.code)).toBe(undefined);
  }
});

test('a full storage is told as quota, and leaves what was there', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  await device.create('note', [{ text: 'before' }]);
  const codes = await device.page.evaluate(async () => {
    const notes = window.db.collection('note');
    const told = (write: Promise<unknown>) => write.then(() => 'none', (error: { code: string }) => error.code);
    const add = IDBObjectStore.prototype.add;
    const full = () => new DOMException('the disk is full', 'QuotaExceededError');
    const many = Array.from({ length: 200 }, (_, number) => ({ text: `too much ${String(number)}`.padEnd(200) }));
    const aborting = new WeakSet<IDBTransaction>();
    // As browsers tell it: at once; or, when the disk fills up at the end, by `abort` alone.
    const ways: ((this: IDBObjectStore) => IDBRequest<IDBValidKey>)[] = [
      () => {
        throw full();
      },
      function () {
        const { transaction } = this;
        if (!aborting.has(transaction)) {
          aborting.add(transaction);
          Object.defineProperty(transaction, 'error', { value: full() });
          // Once the commit's other requests are issued too.
          queueMicrotask(() => transaction.abort());
        }
        return add.call(this, 0, `never kept ${String(Math.random())}`);
      },
    ];
    const codes: string[] = [];
    for (const way of ways) {
      IDBObjectStore.prototype.add = way;
      // Within the root, and in pages of its own.
      codes.push(await told(notes.create({ text: 'too much' })), await told(notes.createMany(many)));
      IDBObjectStore.prototype.add = add;
    }
    return codes;
  });
  expect(codes).toEqual(['quota', 'quota', 'quota', 'quota']);
  expect(await device.all('note')).toHaveLength(1);
  await device.create('note', [{ text: 'after' }]);
  expect(await device.all('note')).toHaveLength(2);
});
