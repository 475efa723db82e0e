// What users of other sync libraries complain of, and what happens here instead, where no other
// test shows it in a browser: docs/complaints.md names them all.

import type { BrowserContext } from '@playwright/test';
import { Device } from './package-page.ts';
import { expect, test } from './server.ts';
import { stoppable } from './stopped.ts';

interface Note {
  text: string;
}

const YEAR = 365 * 24 * 3_600 * 1_000;

/** Enough for two batches of a push. */
const MANY = 4_100;

test('a row stays one row as its real key comes, and its temporary id goes on updating and deleting', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const seen = await device.page.evaluate(async () => {
    const notes = window.db.collection<{ text: string }>('note');
    const shown: string[][] = [];
    notes.watch({}, rows => shown.push(rows.map(row => row.handle)));
    const { key, handle } = await notes.create({ text: 'made here' });
    await window.db.sync();
    const real = (await notes.get(key))!.key;
    await notes.update(key, { text: 'by its temporary id' });
    await window.db.sync();
    const both = await notes.getMany([key, real]);
    const count = await notes.count();
    await notes.delete(key);
    await window.db.sync();
    return { shown, key, real, handle, count, texts: both.map(doc => doc?.value.text), pending: window.db.status.pending };
  });
  expect(seen.real).not.toBe(seen.key);
  expect(seen.texts).toEqual(['by its temporary id', 'by its temporary id']);
  expect([seen.count, seen.pending]).toEqual([1, 0]);
  for (const handles of seen.shown) expect([[], [seen.handle]]).toContainEqual(handles);
  expect(seen.shown.length).toBeGreaterThan(1);
  expect(await server.truth('alice')).toEqual([]);
});

test('own writes do not come back as changes, and what was deleted stays deleted', async ({ server, context, browser }) => {
  const device = await Device.open(context, server, 'alice');
  const keys = await device.create('note', [{ text: 'kept' }, { text: 'deleted' }]);
  await device.sync();
  const other = await Device.open(await browser.newContext(), server, 'alice');
  await other.sync();

  await device.update('note', keys[0]!, { text: 'changed' });
  await device.delete('note', [keys[1]!]);
  const { pushed, pulled } = await device.sync();
  expect([pushed, pulled]).toEqual([2, 0]);
  const told = await device.page.evaluate(async () => {
    let told = 0;
    window.db.on('change', () => (told += 1));
    const { pushed, pulled } = await window.db.sync();
    return { told, pushed, pulled };
  });
  expect(told).toEqual({ told: 0, pushed: 0, pulled: 0 });

  // Whoever still had it brings it back neither by syncing nor by comparing all.
  for (const mode of ['auto', 'repair', 'auto'] as const) {
    await other.sync({ mode });
    await device.sync({ mode });
    for (const each of [device, other]) expect((await each.all<Note>('note')).map(doc => doc.value.text)).toEqual(['changed']);
  }
});

test('a tab that dies in the midst of a sync gives way at once to one that waits', async ({ server, context }) => {
  const dying = await Device.open(context, server, 'alice');
  await dying.create('note', [{ text: 'made in the tab that dies' }]);
  const waiting = await Device.open(context, server, 'alice');
  const asked = new Promise<void>(heard => {
    void dying.page.route('**/v1/sync/*', () => heard());
  });
  void dying.trySync().catch(() => undefined);
  await asked;
  let isDone = false;
  const sync = waiting.sync().finally(() => (isDone = true));
  await waiting.page.waitForTimeout(300);
  expect(isDone).toBe(false);

  const crashed = dying.page.waitForEvent('crash');
  const session = await context.newCDPSession(dying.page);
  session.send('Page.crash').catch(() => undefined);
  await crashed;
  const began = Date.now();
  expect((await sync).in_sync).toBe(true);
  expect(Date.now() - began).toBeLessThan(5_000);
  expect(await server.truth('alice')).toHaveLength(1);
});

test('a tab that is stopped holds up no other; what is written while it was writing is saved once it goes on', async ({ server, context }) => {
  const stopped = await Device.open(context, server, 'alice');
  const other = await Device.open(context, server, 'alice');
  const tab = await stoppable(stopped.page);
  await stopped.page.evaluate(() => {
    const counter = Object.assign(window, { written: 0, stands: [] as number[] });
    let ticked = performance.now();
    setInterval(() => {
      const since = performance.now() - ticked;
      if (since >= 200) counter.stands.push(since);
      ticked += since;
    }, 10);
    window.db.collection('note').watch({}, () => undefined);
    document.addEventListener('write', async () => {
      for (;;) {
        await window.db.collection('note').create({ text: 'by the tab that is stopped' });
        counter.written += 1;
      }
    });
  });
  const write = () =>
    other.page.evaluate(async () => {
      for (let step = 0; step < 5; step += 1) await window.db.collection('note').create({ text: 'meanwhile' });
    });
  tab.stop();
  await write();
  expect((await other.sync()).in_sync).toBe(true);
  tab.goOn();

  await stopped.page.evaluate(() => void document.dispatchEvent(new Event('write')));
  for (let round = 0; round < 4; round += 1) {
    await other.page.waitForTimeout(30 + 17 * round);
    tab.stop();
    const writing = write();
    await other.page.waitForTimeout(300);
    tab.goOn();
    await writing;
  }
  const written = await stopped.page.evaluate(() => (window as unknown as { written: number }).written);
  expect(written).toBeGreaterThan(0);
  // It did stand still, each time that others wrote for so long.
  const stands = await stopped.page.evaluate(() => (window as unknown as { stands: number[] }).stands.length);
  expect(stands).toBeGreaterThanOrEqual(4);
  await stopped.close();
  // Of its last commits the other one hears a moment later.
  const count = async (text: string) => (await other.all<Note>('note')).filter(doc => doc.value.text === text).length;
  await expect.poll(() => count('by the tab that is stopped')).toBeGreaterThanOrEqual(written);
  expect(await count('meanwhile')).toBe(25);
});

test('a token that runs out in the midst of a sync is renewed there, and the sync goes on', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const asked = await device.page.evaluateHandle(() => {
    const asked = { times: 0, last: '' };
    const token = async (): Promise<string> => {
      asked.times += 1;
      for (;;) {
        const response = await fetch('/v1/dev/token', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ user: 'alice' }),
        });
        const { token } = (await response.json()) as { token: string };
        // Two tokens of one second are the same one.
        if (token !== asked.last) return (asked.last = token);
        await new Promise(later => setTimeout(later, 100));
      }
    };
    void window.db.connect({ server: location.origin, token, sync: 'manual' });
    return asked;
  });
  await device.create('note', Array.from({ length: MANY }, (_, n) => ({ text: `note ${n}` })));
  const answers: string[] = [];
  let wornOut = 0;
  await device.page.route('**/v1/sync/push', route => {
    if (wornOut++ > 0) return route.continue();
    return route.continue({ headers: { ...route.request().headers(), authorization: 'Bearer worn.out.token' } });
  });
  device.page.on('response', response => {
    if (response.url().includes('/v1/sync/')) answers.push(`${new URL(response.url()).pathname.split('/').at(-1)} ${response.status()}`);
  });
  const report = await device.sync();
  expect([report.in_sync, report.pushed]).toEqual([true, MANY]);
  expect(answers.slice(0, 3)).toEqual(['open 200', 'push 401', 'push 200']);
  expect(await asked.evaluate(({ times }) => times)).toBe(2);
  expect(await server.truth('alice')).toHaveLength(MANY);
});

test('devices whose clocks are years apart sync, merge and agree', async ({ server, browser }) => {
  const at = async (ahead: number): Promise<BrowserContext> => {
    const context = await browser.newContext();
    await context.addInitScript(ahead => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + ahead;
    }, ahead);
    return context;
  };
  const behind = await Device.open(await at(-2 * YEAR), server, 'alice');
  const ahead = await Device.open(await at(2 * YEAR), server, 'alice');
  await ahead.create('note', [{ text: 'made ahead', colour: 'red' }]);
  await ahead.sync();
  await behind.sync();
  const [there] = await ahead.all<Note>('note');
  const [here] = await behind.all<Note>('note');
  expect(Date.parse(there!.created) - Date.now()).toBeGreaterThan(YEAR);

  await ahead.update('note', there!.key, { text: 'changed ahead' });
  await behind.update('note', here!.key, { text: 'changed behind', colour: 'blue' });
  await behind.create('note', [{ text: 'made behind' }]);
  await ahead.sync();
  // Whatever the clocks say, the later push stands, and the other side is kept.
  await behind.sync();
  await ahead.sync();
  for (const device of [behind, ahead]) {
    expect((await device.all<Note>('note')).map(doc => doc.value.text).sort()).toEqual(['changed behind', 'made behind']);
    expect(await device.page.evaluate(async () => (await window.db.conflicts()).map(each => each.fields))).toEqual([['text']]);
  }
  expect((await behind.info()).fingerprint).toBe((await ahead.info()).fingerprint);
});

test('while there is no network nothing is called, and nothing is logged', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice', { sync: 'auto' });
  await expect.poll(() => device.page.evaluate(() => window.db.status.in_sync)).toBe(true);
  await context.setOffline(true);
  const heard: string[] = [];
  device.page.on('console', message => heard.push(message.text()));
  device.page.on('request', request => heard.push(request.url()));
  await device.create('note', [{ text: 'written offline' }]);
  // Longer than what a change waits for before it is sent.
  await device.page.waitForTimeout(1_000);
  expect(heard).toEqual([]);
  await context.setOffline(false);
  await expect.poll(async () => (await server.truth('alice')).length).toBe(1);
});
