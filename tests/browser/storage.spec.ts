// The browser is asked to keep the storage once there is something to lose, and a person there to be asked.
// What it answers is its own: a private window, as each of these is, never keeps anything.

import type { BrowserContext } from '@playwright/test';
import { Device, packagePage } from './package-page.ts';
import { expect, test } from './server.ts';

declare global {
  interface Window {
    /** How often the browser was asked. */
    asked: number;
  }
}

/** Counts in each page of the context how often the browser is asked; it is asked all the same. */
async function counts(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    window.asked = 0;
    const persist = navigator.storage.persist.bind(navigator.storage);
    navigator.storage.persist = () => {
      window.asked += 1;
      return persist();
    };
  });
}

test('the browser is asked once to keep the storage, after the first write with a person there', async ({ server, context }) => {
  await counts(context);
  const page = await packagePage(context, server);
  await page.reload();
  const session = await context.newCDPSession(page);
  // Playwright's own `evaluate` passes for a person's doing.
  const runs = (expression: string) => session.send('Runtime.evaluate', { expression, awaitPromise: true, userGesture: false });
  await runs(`import('/package-under-test/index.js').then(async tidemark => { window.db = await tidemark.open({ name: 'kept' }); })`);
  const writes = `window.db.collection('note').create({ text: 'n' })`;
  const asked = async () => (await runs('window.asked')).result.value as number;
  await runs(writes);
  expect(await asked()).toBe(0);
  await page.locator('html').click();
  expect(await asked()).toBe(0);
  for (let write = 0; write < 2; write += 1) {
    await runs(writes);
    expect(await asked()).toBe(1);
  }
  await runs('window.db.info().then(info => { window.kept = info.storage.persisted; })');
  expect((await runs('window.kept')).result.value).toBe(false);
});

test('an app that asks by itself is not helped', async ({ server, context }) => {
  await counts(context);
  const device = await Device.open(context, server, 'alice', { persist: false });
  await device.page.locator('html').click();
  await device.create('note', [{ text: 'by a person' }]);
  await device.info();
  expect(await device.page.evaluate(() => window.asked)).toBe(0);
});

test('a wish that is neither true nor false is told', async ({ server, context }) => {
  const page = await packagePage(context, server);
  const error = await page.evaluate(() =>
    window.tidemark.open({ name: 'n', persist: 'yes' as unknown as boolean }).catch((error: { code: string; message: string }) => [error.code, error.message]),
  );
  expect(error).toEqual(['invalid', '`persist` is neither true nor false']);
});
