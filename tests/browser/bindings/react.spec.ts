// The React binding: what a component shows, how often it is rendered, and what is left when it has gone.

import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Device } from '../package-page.ts';
import { expect, test } from '../server.ts';
import { run, subscriptions } from './page.ts';

/** Values of what is to do. */
const todos = (...titles: string[]) => titles.map(title => ({ title, done: false }));

/** How long an answer that nobody looks at is kept, and some more. */
const LINGERS_MILLIS = 7_000;

test('components show what is there, follow it, and leave no subscription, StrictMode or not', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const [key] = await device.create('todo', todos('milk', 'bread'));
  await run(device, 'react.tsx');
  const { page } = device;
  await page.evaluate(key => window.react.everything(key), key!);
  await expect(page.locator('li')).toHaveText(['milk', 'bread', 'milk', 'bread']);
  await expect(page.locator('#status')).toHaveText('idle, 2, never synced');
  await expect(page.locator('#conflicts')).toHaveText('none');
  await expect(page.locator('#doc')).toHaveText('milk, pending');
  // One for the rows that two components ask for, and each mounted twice; the status has no answer to keep.
  expect(await subscriptions(device)).toEqual({ active: 4, begun: 5 });

  await device.update('todo', key!, { title: 'oat milk' });
  await expect(page.locator('li')).toHaveText(['oat milk', 'bread', 'oat milk', 'bread']);
  await expect(page.locator('#doc')).toHaveText('oat milk, pending');
  await device.delete('todo', [key!]);
  await expect(page.locator('li')).toHaveText(['bread', 'bread']);
  await expect(page.locator('#doc')).toHaveText('null');

  await page.evaluate(() => window.react.unmount());
  await expect.poll(async () => (await subscriptions(device)).active, { timeout: LINGERS_MILLIS }).toBe(0);
});

test('what a sync changes is shown: keys, status and conflicts', async ({ server, browser }) => {
  const [one, other] = [await browser.newContext(), await browser.newContext()];
  const device = await Device.open(one, server, 'alice');
  const second = await Device.open(other, server, 'alice');
  const [key] = await device.create('todo', todos('milk'));
  await run(device, 'react.tsx');
  const { page } = device;
  await page.evaluate(key => window.react.everything(key), key!);
  await expect(page.locator('#doc')).toHaveText('milk, pending');
  await device.sync();
  // Still asked for by the key that it had on this device.
  await expect(page.locator('#doc')).toHaveText('milk, confirmed');
  await expect(page.locator('#status')).toHaveText('idle, 0, synced');

  await second.sync();
  const [theirs] = await second.all('todo');
  await second.update('todo', theirs!.key, { title: 'cream' });
  await second.sync();
  await device.update('todo', theirs!.key, { title: 'oat milk' });
  await device.sync();
  await expect(page.locator('#conflicts')).toHaveText('title');
  await page.evaluate(async () => window.db.resolve((await window.db.conflicts())[0]!.id, 'truth'));
  await expect(page.locator('#conflicts')).toHaveText('none');
  await Promise.all([one.close(), other.close()]);
});

test('nothing is rendered that has not changed, and no equal query is asked again', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const [key] = await device.create('todo', todos('bread', 'milk', 'tea'));
  await run(device, 'react.tsx');
  const { page } = device;
  const renders = () => page.evaluate(() => ({ ...window.react.renders }));
  await page.evaluate(() => window.react.inline());
  await expect(page.locator('li')).toHaveText(['bread', 'milk', 'tea']);
  expect(await renders()).toEqual({ rows: 2, status: 1, bread: 1, milk: 1, tea: 1 });
  const { begun } = await subscriptions(device);

  await page.evaluate(() => window.react.again());
  await expect(page.locator('#turn')).toHaveAttribute('data-turn', '1');
  expect(await renders()).toEqual({ rows: 3, status: 1, bread: 1, milk: 1, tea: 1 });
  expect((await subscriptions(device)).begun).toBe(begun);

  await device.update('todo', key!, { title: 'crumbs' });
  await expect(page.locator('li')).toHaveText(['crumbs', 'milk', 'tea']);
  expect(await renders()).toEqual({ rows: 4, status: 1, bread: 1, crumbs: 1, milk: 1, tea: 1 });

  // Neither another entity, nor a record that is no part of it, nor the same value once more.
  await device.create('note', [{ text: 'elsewhere' }]);
  await device.create('todo', [{ title: 'done with', done: true }]);
  await expect.poll(async () => (await renders()).status).toBe(3);
  await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 300)));
  expect(await renders()).toEqual({ rows: 4, status: 3, bread: 1, crumbs: 1, milk: 1, tea: 1 });
});

test('one screen shows one state, though records are written while a transition renders', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const [key] = await device.create('todo', todos('0'));
  await run(device, 'react.tsx');
  const { page } = device;
  // Its answer lives on after it: the grid finds one, and nothing in React begins anew as it changes.
  await page.evaluate(() => window.react.cell());
  await expect(page.locator('.cell')).toHaveText('0');
  await page.evaluate(() => {
    window.react.unmount();
    window.react.grid();
  });
  const seen = await page.evaluate(async key => {
    const screens: string[][] = [];
    let written = 0;
    // After each of React's commits, whether or not it is painted.
    const look = (): void => void screens.push([...document.querySelectorAll('.cell')].map(cell => cell.textContent ?? ''));
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    window.react.grow();
    for (let n = 1; n <= 8; n += 1) {
      await window.db.collection<{ title: string }>('todo').update(key, { title: String(n) });
      if (document.querySelectorAll('.cell').length === 0) written += 1;
      await new Promise(resolve => setTimeout(resolve, 25));
    }
    while (document.querySelectorAll('.cell').length < 60) await new Promise(requestAnimationFrame);
    await new Promise(resolve => setTimeout(resolve, 1_500));
    return { screens, written };
  }, key!);
  expect(seen.screens.filter(cells => new Set(cells).size > 1)).toEqual([]);
  expect(seen.written, 'commits while it rendered').toBeGreaterThan(2);
  expect(seen.screens.at(-1)).toEqual(Array.from({ length: 60 }, () => '8'));
});

test('a component waits in Suspense once; a transition keeps what is shown until the next answer', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const [key] = await device.create('todo', todos('bread', 'milk'));
  await run(device, 'react.tsx');
  const { page } = device;
  await page.evaluate(() => window.react.waiting());
  await expect(page.locator('#found')).toHaveText('alice: bread,milk');
  const fallbacks = await page.evaluate(() => window.react.fallbacks.seen);
  expect(fallbacks).toBeGreaterThan(0);

  const texts = await page.evaluate(async key => {
    const found = document.querySelector('#found')!;
    const texts: (string | null)[] = [];
    const observer = new MutationObserver(() => texts.push(found.isConnected ? found.textContent : 'gone'));
    observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    window.react.show('milk');
    await window.db.collection<{ title: string }>('todo').update(key, { title: 'crumbs' });
    await new Promise(resolve => setTimeout(resolve, 500));
    observer.disconnect();
    return texts;
  }, key!);
  expect(texts.at(-1)).toBe('alice: milk');
  expect(texts.every(text => ['alice: bread,milk', 'alice: crumbs,milk', 'alice: milk'].includes(text ?? ''))).toBe(true);
  expect(await page.evaluate(() => window.react.fallbacks.seen)).toBe(fallbacks);

  await page.evaluate(() => window.react.unmount());
  await expect.poll(async () => (await subscriptions(device)).active, { timeout: LINGERS_MILLIS }).toBe(0);
});

for (const suspense of [false, true]) {
  test(`what goes wrong reaches the error boundary, and to mount again is to try again (${suspense ? 'Suspense' : 'no Suspense'})`, async ({ server, context }) => {
    const before = await Device.open(context, server, 'alice');
    await before.create('todo', Array.from({ length: 2_000 }, (_, n) => ({ title: `${n} `.repeat(40), done: false })));
    await before.close();
    // A tab that has read nothing of it yet, and cannot.
    const device = await Device.open(context, server, 'alice');
    await run(device, 'react.tsx');
    const { page } = device;
    await page.evaluate(suspense => {
      const { get, getAll } = IDBObjectStore.prototype;
      const broken = (): never => {
        throw new DOMException('nothing can be read today', 'DataError');
      };
      Object.assign(IDBObjectStore.prototype, { get: broken, getAll: broken });
      Object.assign(window, { mend: () => Object.assign(IDBObjectStore.prototype, { get, getAll }) });
      window.react.failing(suspense);
    }, suspense);
    await expect(page.locator('#retry')).toHaveText('storage');
    await page.locator('#retry').click();
    await expect(page.locator('#retry')).toHaveText('storage');
    await page.evaluate(() => void (window as unknown as { mend(): unknown }).mend());
    // A component that waits is told of a failure for a second after it.
    await page.waitForTimeout(1_200);
    await page.locator('#retry').click();
    await expect(page.locator('#mended')).toHaveText('1');
  });
}

test('a database may come as the promise of open, or fail to', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  await device.create('todo', todos('milk'));
  await run(device, 'react.tsx');
  const { page } = device;
  await page.evaluate(() => window.react.opening(new Promise(resolve => setTimeout(() => resolve(window.db), 300))));
  await expect(page.locator('#fallback')).toBeVisible();
  await expect(page.locator('#status')).toHaveText('idle, 0, never synced');
  await expect(page.locator('#found')).toHaveText('alice: milk');
  await expect(page.locator('li')).toHaveText(['milk']);
  await expect(page.locator('#status')).toHaveText('idle, 1, never synced');
  await page.evaluate(() => {
    window.react.unmount();
    window.react.opening(window.tidemark.open({ name: '' }));
  });
  await expect(page.locator('#retry')).toHaveText('invalid');
});

test('it renders on a server without IndexedDB, and the browser takes over', async ({ server, context }) => {
  const { html, streamed, complaints: said } = await renderedOnServer();
  expect(html).toContain('<p id="everything">undefined,undefined,undefined,undefined,idle,0</p>');
  expect(html).toContain('<p id="awaited">waiting</p>');
  // A stream ends: what waits for a database is left to the browser, and said once.
  expect(streamed).toContain('<p id="awaited">waiting</p>');
  expect(said).toEqual(['not_supported']);

  const device = await Device.open(context, server, 'alice');
  await device.create('todo', todos('milk', 'bread'));
  await run(device, 'react.tsx');
  const { page } = device;
  const complaints = await page.evaluateHandle(html => window.react.hydrate(html), html);
  await expect(page.locator('#awaited')).toHaveText('2 todos');
  await expect(page.locator('#everything')).toHaveText('alice,2,null,0,idle,2');
  // The one word of React's is that the waiting part was left to the browser.
  const texts = await complaints.jsonValue();
  expect(texts.filter(text => !/suspense/i.test(text))).toEqual([]);
});

/** Renders the page in a Node process of its own, with the package's built files. */
async function renderedOnServer(): Promise<{ html: string; streamed: string; complaints: string[] }> {
  const code = `
    import { createElement } from 'react';
    import { renderToPipeableStream, renderToString } from 'react-dom/server';
    import { text } from 'node:stream/consumers';
    import { PassThrough } from 'node:stream';
    import { Page } from ${JSON.stringify(join(import.meta.dirname, 'react-server.tsx'))};
    const page = createElement(Page, { database: undefined });
    const html = renderToString(page);
    const complaints = [];
    const through = new PassThrough();
    const stream = renderToPipeableStream(page, { onAllReady: () => stream.pipe(through), onError: error => void complaints.push(error.code) });
    process.stdout.write(JSON.stringify({ html, streamed: await text(through), complaints }));`;
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname, loader: 'tsx' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    jsx: 'automatic',
  });
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', outputFiles[0]!.text], {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
    timeout: 20_000,
  });
  return JSON.parse(said) as { html: string; streamed: string; complaints: string[] };
}
