// `tidemark/service-worker` and `tidemark/background-sync`: what a page left pending reaches the real
// server's truth after the page has gone.

import { mergeTests, type BrowserContext, type Page } from '@playwright/test';
import { build as esbuild } from 'esbuild';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build as viteBuild } from 'vite';
import { expect, test as serverTest, type Server } from '../browser/server.ts';
import { serve, test as packageTest, type Installed } from './archive.ts';

const PAGE = '<!doctype html><title>running</title><script type="module" src="main.js"></script>';

const test = mergeTests(packageTest, serverTest);

/** Builds the page, and leaves the service worker's script to each way. */
async function builtPage(app: Installed, way: string): Promise<string> {
  const outdir = join(app.folder, `out-background-${way}`);
  await esbuild({ absWorkingDir: app.folder, entryPoints: ['background/main.js'], bundle: true, format: 'esm', outdir });
  writeFileSync(join(outdir, 'index.html'), PAGE);
  return outdir;
}

/** How the service worker's script is made; none of them needs to be told anything about the package. */
const ways: Record<string, { type: 'classic' | 'module'; make(app: Installed): Promise<string> }> = {
  esbuild: {
    type: 'classic',
    async make(app) {
      const outdir = await builtPage(app, 'esbuild');
      await esbuild({ absWorkingDir: app.folder, entryPoints: ['background/sw.js'], bundle: true, outdir });
      return outdir;
    },
  },
  Vite: {
    type: 'classic',
    async make(app) {
      const outDir = await builtPage(app, 'vite');
      const output = { format: 'iife', entryFileNames: 'sw.js' } as const;
      const rolldownOptions = { input: join(app.folder, 'background/sw.js'), output };
      await viteBuild({ root: app.folder, logLevel: 'warn', configFile: false, build: { outDir, emptyOutDir: false, rolldownOptions } });
      return outDir;
    },
  },
  'no bundler': {
    type: 'module',
    async make(app) {
      const folder = await builtPage(app, 'plain');
      cpSync(join(app.folder, 'node_modules/tidemark/dist'), join(folder, 'tidemark'), { recursive: true });
      const script = readFileSync(join(app.folder, 'background/sw.js'), 'utf8');
      writeFileSync(join(folder, 'sw.js'), script.replace("'tidemark/service-worker'", "'./tidemark/service-worker.js'"));
      return folder;
    },
  },
};

interface Db {
  close(): Promise<void>;
  info(): Promise<{ pending: number }>;
  destroy(options: object): Promise<void>;
}

declare global {
  interface Window {
    app: {
      begin(): Promise<{ db: Db; key: string }>;
      requestBackgroundSync(db: Db): Promise<{ sync: string; periodic: string; stop(): void }>;
    };
    begun: { db: Db; key: string };
  }
}

/** A page with a pending record and an active service worker, and what it is called on the way. */
async function pageWithPending(context: BrowserContext, folder: string, server: Server, type = 'classic'): Promise<{ page: Page; origin: string; close(): void }> {
  const site = await serve(folder);
  const page = await context.newPage();
  const settings = { server: server.url, name: 'ada', token: await server.token('ada'), type };
  await page.goto(`${site.url}?${new URLSearchParams(settings)}`);
  await expect(page).toHaveTitle('ready');
  await page.evaluate(async () => {
    window.begun = await window.app.begin();
  });
  return { page, origin: new URL(site.url).origin, close: site.close };
}

/** Has the browser fire the event that it fires when the network is back. */
async function fireSync(context: BrowserContext, origin: string, tag = 'tidemark'): Promise<void> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const registered = new Promise<string>(resolve => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const own = registrations.find(({ scopeURL }) => scopeURL.startsWith(origin));
      if (own) resolve(own.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  await session.send('ServiceWorker.dispatchSyncEvent', { origin, registrationId: await registered, tag, lastChance: false });
  await page.close();
}

/** What became of the service worker's events so far. */
function outcomes(context: BrowserContext): Promise<string[]> {
  const [worker] = context.serviceWorkers();
  return worker?.evaluate(() => (globalThis as unknown as { outcomes: string[] }).outcomes) ?? Promise.resolve([]);
}

for (const [way, { type, make }] of Object.entries(ways)) {
  test(`what is pending reaches the truth after the page has gone; the script made by ${way}`, async ({ app, context, server }) => {
    const { page, origin, close } = await pageWithPending(context, await make(app), server, type);
    await page.close();
    expect(await server.truth('ada')).toHaveLength(0);

    await fireSync(context, origin);
    await expect.poll(async () => (await server.truth('ada')).map(({ value }) => value)).toEqual([{ title: 'Buy milk' }]);
    await expect.poll(() => outcomes(context)).toEqual(['done']);
    close();
  });
}

test('what is pending as a page goes is synced at once, by the service worker that it tells', async ({ app, context, server }) => {
  const { page, close } = await pageWithPending(context, await ways.esbuild!.make(app), server);
  const answer = await page.evaluate(async () => (await window.app.requestBackgroundSync(window.begun.db)).sync);
  expect(answer).toBe('ready');
  expect(await server.truth('ada')).toHaveLength(0);

  await page.goto('about:blank');
  await expect.poll(async () => (await server.truth('ada')).length, { timeout: 20_000 }).toBe(1);
  close();
});

test('a page without a network has asked the browser to sync once there is one', async ({ app, context, server }) => {
  const { page, close } = await pageWithPending(context, await ways.esbuild!.make(app), server);
  await page.evaluate(async () => void (await window.app.requestBackgroundSync(window.begun.db)));
  // Only the page believes that there is none: so the browser fires the event as soon as it is asked.
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'onLine', { value: false });
    dispatchEvent(new Event('offline'));
  });
  await expect.poll(async () => (await server.truth('ada')).length, { timeout: 20_000 }).toBe(1);
  await expect.poll(() => outcomes(context)).toContain('done');
  close();
});

test('the event fails while the server is away, so that the browser tries again; then it is synced', async ({ app, context, server }) => {
  const { page, origin, close } = await pageWithPending(context, await ways.esbuild!.make(app), server);
  await page.close();
  await server.kill();
  await fireSync(context, origin);
  await expect.poll(() => outcomes(context), { timeout: 20_000 }).toEqual(['offline']);

  await server.start();
  await fireSync(context, origin);
  await expect.poll(async () => (await server.truth('ada')).length).toBe(1);
  close();
});

test('a database that is no longer on the device is not made again, and other tags are left alone', async ({ app, context, server }) => {
  const { page, origin, close } = await pageWithPending(context, await ways.esbuild!.make(app), server);
  await page.evaluate(() => window.begun.db.destroy({ evenIfPending: true }));
  await fireSync(context, origin, 'of the app');
  await fireSync(context, origin);
  await expect.poll(() => outcomes(context)).toEqual(['done']);
  expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0);
  close();
});

test('where the browser or the page cannot, the answer says so', async ({ app, context, server }) => {
  const { page, close } = await pageWithPending(context, await ways.esbuild!.make(app), server);
  const ask = (): Promise<string[]> =>
    page.evaluate(async () => {
      const { sync, periodic } = await window.app.requestBackgroundSync(window.begun.db);
      return [sync, periodic];
    });
  // Periodic syncs are for installed apps, which a page in a test is not.
  expect(await ask()).toEqual(['ready', 'denied']);
  await page.evaluate(() => {
    Reflect.deleteProperty(ServiceWorkerRegistration.prototype, 'sync');
    Reflect.deleteProperty(ServiceWorkerRegistration.prototype, 'periodicSync');
  });
  expect(await ask()).toEqual(['not_supported', 'not_supported']);
  await page.evaluate(async () => (await navigator.serviceWorker.ready).unregister());
  expect(await ask()).toEqual(['no_service_worker', 'no_service_worker']);
  close();
});
