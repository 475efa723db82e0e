// What a browser does to tabs and their storage: several at once, one frozen in the midst of a sync,
// the storage evicted under an open tab, an older tab that does not let go. What waits is still
// there, or its loss is known; nobody's truth is touched.

import type { BrowserContext, Page } from '@playwright/test';
import { Device, packagePage } from './package-page.ts';
import { expect, test, type Server } from './server.ts';
import { stoppable } from './stopped.ts';

interface Note {
  text: string;
}

const texts = (records: { value: unknown }[]): string[] => records.map(({ value }) => (value as Note).text).sort();

/** The storage of the server's origin goes, as when a browser makes room. */
async function evict(context: BrowserContext, page: Page, server: Server): Promise<void> {
  const session = await context.newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin: server.url, storageTypes: 'indexeddb' });
  await session.detach();
}

test('three tabs write and sync at once: every write is in the truth once, and in every tab', async ({ server, context }) => {
  const tabs = [1, 2, 3];
  const devices = await Promise.all(tabs.map(() => Device.open(context, server, 'alice')));
  const busy = (page: Page, tab: number) =>
    page.evaluate(async tab => {
      const notes = window.db.collection<{ text: string }>('note');
      const codes = new Set<string>();
      for (let step = 0; step < 20; step += 1) {
        const { key } = await notes.create({ text: `tab ${String(tab)}, ${String(step)}` });
        const sync = window.db.sync().catch((error: { code: string }) => codes.add(error.code));
        await notes.update(key, { text: `tab ${String(tab)}, ${String(step)}, changed` });
        if (step % 4 === 0) await sync;
      }
      await window.db.sync();
      return [...codes];
    }, tab);
  const codes = await Promise.all(devices.map(({ page }, place) => busy(page, tabs[place]!)));
  expect(codes).toEqual([[], [], []]);

  const written = tabs.flatMap(tab => Array.from({ length: 20 }, (_, step) => `tab ${tab}, ${step}, changed`)).sort();
  expect((await devices[0]!.sync()).in_sync).toBe(true);
  expect(texts(await server.truth('alice'))).toEqual(written);
  for (const device of devices) await expect.poll(async () => texts(await device.all('note'))).toEqual(written);
  expect(await devices[0]!.pending()).toEqual([]);
});

test('a tab frozen in the midst of a sync goes on when it thaws; what another wrote meanwhile is kept', async ({ server, context }) => {
  const frozen = await Device.open(context, server, 'alice');
  const tab = await stoppable(frozen.page);
  await frozen.create('note', [{ text: 'from the frozen tab' }]);
  const other = await Device.open(context, server, 'alice');

  let letGo = () => {};
  const held = new Promise<void>(done => (letGo = done));
  const asked = new Promise<void>(heard => {
    void frozen.page.route('**/v1/sync/*', async route => {
      heard();
      await held;
      await route.continue();
    });
  });
  const sync = frozen.trySync();
  await asked;
  tab.stop();
  letGo();

  await other.create('note', [{ text: 'written meanwhile' }]);
  expect(texts(await other.all('note'))).toEqual(['from the frozen tab', 'written meanwhile']);
  const waiting = other.sync();

  tab.goOn();
  expect(await sync).toBe(undefined);
  expect((await waiting).in_sync).toBe(true);
  expect((await frozen.sync()).in_sync).toBe(true);
  expect(texts(await server.truth('alice'))).toEqual(['from the frozen tab', 'written meanwhile']);
  expect(await other.pending()).toEqual([]);
});

test('storage evicted under an open tab: the truth is untouched, and the next sync brings it back', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  await device.create('note', [{ text: 'one' }, { text: 'two' }]);
  expect((await device.sync()).in_sync).toBe(true);
  await evict(context, device.page, server);

  // What is written from here on is kept, or refused with a code: never taken and lost.
  const code = await device.page.evaluate(() =>
    window.db.collection('note').create({ text: 'after' }).then(
      () => undefined,
      (error: { code: string }) => error.code,
    ),
  );
  await device.trySync();
  await device.close();

  const again = await Device.open(context, server, 'alice');
  expect((await again.sync()).in_sync).toBe(true);
  const kept = ['one', 'two', ...(code === undefined ? ['after'] : [])].sort();
  expect(texts(await again.all('note'))).toEqual(kept);
  expect(texts(await server.truth('alice'))).toEqual(kept);

  // And once more with no tab open, as between two visits: a new device, with nothing of its own.
  const before = await again.info();
  const empty = await packagePage(context, server);
  await again.close();
  await evict(context, empty, server);
  const anew = await Device.open(context, server, 'alice');
  expect(await anew.all('note')).toEqual([]);
  expect((await anew.sync()).in_sync).toBe(true);
  expect(texts(await anew.all('note'))).toEqual(kept);
  expect(texts(await server.truth('alice'))).toEqual(kept);
  expect((await anew.info()).device_uuid).not.toBe(before.device_uuid);
});

test('an older tab that does not let go is told as `blocked`; once it is gone the database opens', async ({ server, context }) => {
  const first = await Device.open(context, server, 'alice');
  const name = await first.page.evaluate(async () => {
    const [database] = await indexedDB.databases();
    await window.db.destroy();
    return database!.name!;
  });
  await first.close();

  // An older program: its layout has a lower version, and it does not hear that another wants a later one.
  const older = await packagePage(context, server);
  await older.evaluate(
    name =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open(name, 150);
        request.onupgradeneeded = () => request.result.createObjectStore('pages');
        request.onsuccess = () => resolve();
        request.onerror = () => reject(request.error as Error);
      }),
    name,
  );
  const tab = await packagePage(context, server);
  const told = await tab.evaluate(server =>
    window.tidemark.open({ name: 'alice', server, token: () => Promise.resolve(''), sync: 'manual' }).then(
      () => undefined,
      ({ code, message, help }: { code: string; message: string; help: string }) => ({ code, message, help }),
    ),
    server.url,
  );
  expect(told?.code).toBe('blocked');
  expect(told?.message).toContain('another tab');
  expect(told?.help).toMatch(/\S/);
  await older.close();
  const device = await Device.open(context, server, 'alice');
  await device.create('note', [{ text: 'written' }]);
  expect((await device.sync()).in_sync).toBe(true);
  expect(texts(await server.truth('alice'))).toEqual(['written']);
});
