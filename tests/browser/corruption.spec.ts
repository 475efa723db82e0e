// IndexedDB damaged by hand, with raw calls in the page: whatever lies there, the app works on, nothing
// that can be read is lost, and one sync brings back the rest, proved by the fingerprint.

import type { BrowserContext, Page } from '@playwright/test';
import { Device } from './package-page.ts';
import { expect, test, type Server } from './server.ts';

interface Note {
  text: string;
  number: number;
}

const MANY = 2_000;
const notes = Array.from({ length: MANY }, (_, number) => ({ text: `note ${number} ${'x'.repeat(200)}`, number }));

type Damage = 'deleted' | 'flipped' | 'cut' | 'swapped' | 'something else';

/** Damages every third page of a database; gives how many. */
function damagePages(page: Page, name: string, damage: Damage): Promise<number> {
  return page.evaluate(
    async ({ name, damage }) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const database = await done(indexedDB.open(name));
      const pages = database.transaction('pages', 'readwrite').objectStore('pages');
      const keys = await done(pages.getAllKeys());
      const values = (await done(pages.getAll())) as Uint8Array[];
      let count = 0;
      for (let at = 0; at < keys.length; at += 3, count += 1) {
        const bytes = values[at]!.slice();
        if (damage === 'deleted') await done(pages.delete(keys[at]!));
        else if (damage === 'cut') await done(pages.put(bytes.slice(0, bytes.length / 2), keys[at]));
        else if (damage === 'swapped') await done(pages.put(values[(at + 1) % values.length], keys[at]));
        else if (damage === 'something else') await done(pages.put('text', keys[at]));
        else {
          bytes[Math.floor(bytes.length / 2)]! ^= 1;
          await done(pages.put(bytes, keys[at]));
        }
      }
      database.close();
      return count;
    },
    { name, damage },
  );
}

/** Damages the newest root records, or deletes them. */
function damageRoots(page: Page, name: string, newest: number, damage: 'deleted' | 'flipped'): Promise<void> {
  return page.evaluate(
    async ({ name, newest, damage }) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const database = await done(indexedDB.open(name));
      const roots = database.transaction('roots', 'readwrite').objectStore('roots');
      for (const key of (await done(roots.getAllKeys())).slice(-newest)) {
        const bytes = (await done(roots.get(key))) as Uint8Array;
        bytes[3]! ^= 1;
        await (damage === 'deleted' ? done(roots.delete(key)) : done(roots.put(bytes, key)));
      }
      database.close();
    },
    { name, newest, damage },
  );
}

/** A device in step with the truth, with edits that no sync has sent; its page closed. */
async function inStep(context: BrowserContext, server: Server, user: string): Promise<{ page: Page; keys: string[] }> {
  const device = await Device.open(context, server, user, { indexes: { note: ['number'] } });
  await device.create('note', notes);
  expect((await device.sync()).in_sync).toBe(true);
  const keys = (await device.all<Note>('note')).sort((a, b) => a.value.number - b.value.number).map(doc => doc.key);
  await device.create('note', [{ text: 'made offline', number: MANY }]);
  await device.update('note', keys[5]!, { text: 'changed offline' });
  await device.delete('note', [keys[6]!]);
  await device.page.evaluate(() => window.db.close());
  return { page: device.page, keys };
}

const inOrder = (values: unknown[]) => (values as Note[]).sort((a, b) => a.number - b.number);

/** After one sync all is there, here and in the truth, and another device holds the same. */
async function isMended(context: BrowserContext, server: Server, device: Device, user: string): Promise<void> {
  const report = await device.sync();
  expect(report.in_sync).toBe(true);
  const wanted: Note[] = notes.map(note => ({ ...note }));
  wanted[5]!.text = 'changed offline';
  wanted.splice(6, 1);
  wanted.push({ text: 'made offline', number: MANY });
  expect(inOrder((await server.truth(user)).map(record => record.value))).toEqual(wanted);
  expect(inOrder((await device.all('note')).map(doc => doc.value))).toEqual(wanted);
  const counted = await device.page.evaluate(() => window.db.collection('note').count({ where: { number: { gte: 0 } } }));
  expect(counted).toBe(wanted.length);
  const second = await Device.open(context, server, user, { name: `${user}, second` });
  expect((await second.sync()).in_sync).toBe(true);
  const [here, there] = [await device.info(), await second.info()];
  expect([here.fingerprint, here.pending]).toEqual([there.fingerprint, 0]);
}

for (const damage of ['deleted', 'flipped', 'cut', 'swapped', 'something else'] as const) {
  test(`pages ${damage}: the app works on, and one sync brings back all`, async ({ context, server }) => {
    const { page } = await inStep(context, server, 'alice');
    expect(await damagePages(page, 'alice', damage)).toBeGreaterThan(5);
    await page.close();
    const device = await Device.open(context, server, 'alice', { indexes: { note: ['number'] } });
    // Offline, what is left is there, and the edits are.
    await context.setOffline(true);
    const told = device.page.evaluate(() => new Promise(tell => window.db.on('damaged', tell)));
    const left = await device.all<Note>('note');
    expect(left.length).toBeLessThan(MANY);
    expect(await told).toEqual({ lost: 0 });
    expect((await device.pending()).length).toBe(3);
    const code = await device.page.evaluate(() => window.db.status.error?.code);
    expect(code).toBe('damaged');
    await context.setOffline(false);
    await isMended(context, server, device, 'alice');
    expect(await device.page.evaluate(() => window.db.status.error)).toBeUndefined();
  });
}

test('damage that nothing has read yet is found and mended by the next sync', async ({ context, server }) => {
  const { page } = await inStep(context, server, 'bob');
  await damagePages(page, 'bob', 'flipped');
  await page.close();
  const device = await Device.open(context, server, 'bob', { indexes: { note: ['number'] } });
  await isMended(context, server, device, 'bob');
});

test('a damaged newest root gives way to the one before it; without any the device begins anew', async ({ context, server }) => {
  const { page } = await inStep(context, server, 'carol');
  await page.evaluate(async () => {
    window.db = await window.tidemark.open({ name: 'carol', sync: 'manual' });
    await window.db.collection('note').create({ text: 'in the newest root alone', number: -1 });
    await window.db.close();
  });
  await damageRoots(page, 'carol', 1, 'flipped');
  const device = await Device.open(context, server, 'carol', { indexes: { note: ['number'] } });
  expect((await device.pending()).length).toBe(3);
  await isMended(context, server, device, 'carol');
  for (const damage of ['flipped', 'deleted'] as const) {
    await device.page.evaluate(() => window.db.close());
    await damageRoots(page, 'carol', 100, damage);
    const again = await Device.open(context, server, 'carol');
    expect((await again.info()).confirmed).toBe(0);
    expect((await again.sync()).in_sync).toBe(true);
    expect((await again.info()).confirmed).toBe(MANY);
    await again.page.evaluate(() => window.db.close());
  }
});

test('what a page finds damaged a sync mends by itself', async ({ context, server }) => {
  const { page } = await inStep(context, server, 'dave');
  await damagePages(page, 'dave', 'deleted');
  await page.close();
  const device = await Device.open(context, server, 'dave', { sync: 'auto' });
  await expect(async () => {
    expect((await device.all('note')).length).toBe(MANY);
    expect((await device.info()).pending).toBe(0);
  }).toPass();
});
