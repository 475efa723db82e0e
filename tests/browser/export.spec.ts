// A database as a file: what one browser saved another takes up, offline, with what nobody has pushed yet; and
// what is no such file is refused, with nothing changed.

import type { Page } from '@playwright/test';
import { Device } from './package-page.ts';
import { expect, test } from './server.ts';

interface Note {
  text: string;
}

/** What `export` gives, as base64. */
function saved(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const bytes = new Uint8Array(await (await window.db.export()).arrayBuffer());
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  });
}

/** Takes up a file: what was told, or the error's code and message. */
function takenUp(page: Page, file: string): Promise<unknown> {
  return page.evaluate(async file => {
    const bytes = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
    return window.db.import(new Blob([bytes])).catch((error: { code: string; message: string }) => [error.code, error.message]);
  }, file);
}

const texts = (records: { value: unknown }[]): string[] => records.map(({ value }) => (value as Note).text).sort();

test('what one browser saved another takes up offline; what both push is in the truth once', async ({ server, context, browser }) => {
  const first = await Device.open(context, server, 'alice');
  const many = Array.from({ length: 3_000 }, (_, number) => ({ text: `note ${number} ${'x'.repeat(200)}` }));
  const keys = await first.create('note', many);
  expect((await first.sync()).in_sync).toBe(true);
  await first.create('note', [{ text: 'not pushed' }]);
  await first.page.evaluate(key => window.db.collection<Note>('note').update(key, { text: 'changed' }), keys[0]!);
  const file = await saved(first.page);
  // Packed: the records lie there as text.
  expect(file.length).toBeLessThan(300_000);

  const elsewhere = await browser.newContext();
  const second = await Device.open(elsewhere, server, 'alice');
  await elsewhere.setOffline(true);
  expect(await takenUp(second.page, file)).toEqual({ confirmed: 3_000, pending: 2 });
  const expected = texts(await first.all('note'));
  expect(expected).toHaveLength(3_001);
  expect(texts(await second.all('note'))).toEqual(expected);
  expect((await second.pending()).length).toBe(2);
  expect((await second.info()).device_uuid).not.toBe((await first.info()).device_uuid);

  await elsewhere.setOffline(false);
  for (const device of [second, first, second]) expect((await device.sync()).in_sync).toBe(true);
  expect(texts(await server.truth('alice'))).toEqual(expected);
  for (const device of [first, second]) {
    expect(texts(await device.all('note'))).toEqual(expected);
    expect(await device.pending()).toEqual([]);
  }
  await elsewhere.close();
});

test('what is no copy, or not all of one, is refused in words, and changes nothing', async ({ server, context, browser }) => {
  const first = await Device.open(context, server, 'alice');
  await first.create('note', [{ text: 'one' }]);
  const file = await saved(first.page);
  const elsewhere = await browser.newContext();
  const second = await Device.open(elsewhere, server, 'alice');
  const damaged = 'the copy is damaged, or not all of it is there';
  expect(await takenUp(second.page, btoa('{"note":[]}'))).toEqual(['invalid', 'this is no copy of a database']);
  expect(await takenUp(second.page, btoa(atob(file).slice(0, -9)))).toEqual(['invalid', damaged]);
  const noBlob = await second.page.evaluate(() => window.db.import('text' as unknown as Blob).catch((error: { code: string }) => error.code));
  expect(noBlob).toBe('invalid');
  expect((await second.info()).pending).toBe(0);
  await second.create('note', [{ text: 'two' }]);
  const [code] = (await takenUp(second.page, file)) as string[];
  expect(code).toBe('invalid');
  expect(texts(await second.all('note'))).toEqual(['two']);
  await elsewhere.close();
});
