// Trickle syncing with the real server: another device's commit is on the screen by itself, whatever
// becomes of tabs, network, server and token meanwhile; and a page that is hidden pushes what waits.

import type { Browser, BrowserContext, Page } from '@playwright/test';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenOptions } from 'tidemark';
import { Device, packagePage } from './package-page.ts';
import { expect, test, type Server } from './server.ts';
import { listen } from './wire.ts';

interface Note {
  text: string;
}

/** The streams of alerts of a page: how many were asked for, were answered, and are open. */
class Streams {
  readonly asked: number[] = [];
  answered = 0;
  open = 0;

  constructor(page: Page) {
    const isStream = (url: string): boolean => url.includes('/v1/alerts');
    page.on('request', request => {
      if (!isStream(request.url())) return;
      this.asked.push(Date.now());
      this.open += 1;
    });
    page.on('response', response => {
      if (isStream(response.url()) && response.ok()) this.answered += 1;
    });
    const ended = (request: { url(): string }): void => {
      if (isStream(request.url())) this.open -= 1;
    };
    page.on('requestfinished', ended);
    page.on('requestfailed', ended);
    page.on('close', () => (this.open = 0));
  }
}

/** A tab that syncs by itself, and shows its notes. */
class Tab {
  private constructor(
    readonly device: Device,
    readonly streams: Streams,
  ) {}

  static async open(context: BrowserContext, server: Server, options: Partial<OpenOptions> = {}): Promise<Tab> {
    const streams: Streams[] = [];
    context.once('page', page => streams.push(new Streams(page)));
    const device = await Device.open(context, server, 'alice', { sync: 'auto', ...options });
    const tab = new Tab(device, streams[0]!);
    await show(tab.page);
    return tab;
  }

  get page(): Page {
    return this.device.page;
  }

  /** Waits until it listens. */
  async listens(): Promise<void> {
    await expect.poll(() => this.streams.open === 1 && this.streams.answered > 0).toBe(true);
  }

  async shows(...texts: string[]): Promise<void> {
    await expect(this.page.locator('body')).toHaveText(texts.sort().join(','));
  }
}

/** Shows the notes, and since when. */
async function show(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.db.collection<{ text: string }>('note').watch({}, rows => {
      document.body.textContent = rows.map(row => row.value.text).sort().join(',');
      requestAnimationFrame(() => (document.body.dataset['at'] = String(performance.timeOrigin + performance.now())));
    });
  });
}

/** Somebody else's machine: another device of the same person. */
async function elsewhere(browser: Browser, server: Server): Promise<Device> {
  return Device.open(await browser.newContext(), server, 'alice', { name: 'elsewhere' });
}

/** It writes a note and syncs; the moment of its commit. */
async function writes(device: Device, text: string): Promise<number> {
  await device.create('note', [{ text }]);
  const { in_sync, last_sync } = await device.sync();
  expect(in_sync).toBe(true);
  return Date.parse(last_sync);
}

/** The page is hidden or shown, as far as it can tell: a browser without a window hides none. Just before, it may write a note. */
async function turn(page: Page, state: 'hidden' | 'visible', text?: string): Promise<void> {
  await page.evaluate(
    async ({ state, text }) => {
      if (text !== undefined) await window.db.collection('note').create({ text });
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    },
    { state, text },
  );
}

/**
 * Freezes a page: it is told as by a browser, and then none of its script runs; returns what thaws
 * it. (`Page.setWebLifecycleState` freezes only what is hidden, and Playwright shows every page.)
 */
async function freeze(page: Page): Promise<() => Promise<void>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Debugger.enable');
  const paused = new Promise(resolve => session.once('Debugger.paused', resolve));
  await page.evaluate(() => {
    document.dispatchEvent(new Event('freeze'));
    setTimeout(() => {
      debugger;
      document.dispatchEvent(new Event('resume'));
    });
  });
  await paused;
  return async () => {
    await session.send('Debugger.resume');
    await session.detach();
  };
}

const textsIn = (records: { value: unknown }[]): string[] => records.map(({ value }) => (value as Note).text).sort();

test('what another device commits is on the screen by itself', async ({ server, context, browser }) => {
  const tab = await Tab.open(context, server);
  const other = await elsewhere(browser, server);
  await tab.listens();
  const texts: string[] = [];
  const waits: number[] = [];
  for (let round = 10; round < 40; round += 1) {
    texts.push(`note ${round}`);
    const committed = await writes(other, `note ${round}`);
    await tab.shows(...texts);
    await expect.poll(() => tab.page.evaluate(() => Number(document.body.dataset['at']))).toBeGreaterThan(committed);
    waits.push((await tab.page.evaluate(() => Number(document.body.dataset['at']))) - committed);
  }
  waits.sort((one, other) => one - other);
  const ms = (place: number): string => `${waits[place]!.toFixed(0)} ms`;
  console.log(`from commit to screen, of ${waits.length}: median ${ms(waits.length >> 1)}, longest ${ms(waits.length - 1)}`);
  expect(tab.streams.asked).toHaveLength(1);
});

test('two tabs hold one stream; when its tab is closed, the other has it at once', async ({ server, context, browser }) => {
  const tabs = [await Tab.open(context, server), await Tab.open(context, server)];
  const other = await elsewhere(browser, server);
  const open = (): number => tabs.reduce((sum, { streams }) => sum + streams.open, 0);
  await expect.poll(open).toBe(1);
  await writes(other, 'one');
  for (const tab of tabs) await tab.shows('one');
  expect(open()).toBe(1);

  const leader = tabs.find(({ streams }) => streams.open === 1)!;
  const heir = tabs.find(tab => tab !== leader)!;
  expect(heir.streams.asked).toEqual([]);
  const began = Date.now();
  await leader.device.close();
  await heir.listens();
  console.log(`handed over within ${heir.streams.asked[0]! - began} ms of the close`);
  await writes(other, 'two');
  await heir.shows('one', 'two');
});

test('a frozen tab lets go of the stream and of its sync; thawed, it shows what came', async ({ server, context, browser }) => {
  const frozen = await Tab.open(context, server);
  await frozen.listens();
  const heir = await Tab.open(context, server);
  const other = await elsewhere(browser, server);

  // In the midst of a sync, so that it holds that lock, too.
  let heard = (): void => {};
  const asked = new Promise<void>(resolve => (heard = resolve));
  await frozen.page.route('**/v1/sync/*', () => heard());
  await frozen.device.create('note', [{ text: 'of the frozen tab' }]);
  await asked;
  const began = Date.now();
  const thaw = await freeze(frozen.page);
  await heir.listens();
  console.log(`handed over within ${Date.now() - began} ms of the freeze`);
  await heir.device.create('note', [{ text: 'of the other' }]);
  await expect.poll(async () => textsIn(await server.truth('alice'))).toEqual(['of the frozen tab', 'of the other']);
  expect(Date.now() - began).toBeLessThan(10_000);
  await writes(other, 'from elsewhere');
  await heir.shows('of the frozen tab', 'of the other', 'from elsewhere');

  await frozen.page.unroute('**/v1/sync/*');
  await thaw();
  await frozen.shows('of the frozen tab', 'of the other', 'from elsewhere');
});

test('the network is cut and comes back: what was missed comes, and then what is new', async ({ server, context, browser }) => {
  const tab = await Tab.open(context, server);
  const other = await elsewhere(browser, server);
  await writes(other, 'before');
  await tab.shows('before');
  await tab.listens();
  await context.setOffline(true);
  await writes(other, 'meanwhile');
  await tab.device.create('note', [{ text: 'offline' }]);
  await tab.shows('before', 'offline');
  const { answered } = tab.streams;
  await context.setOffline(false);
  await tab.shows('before', 'meanwhile', 'offline');
  await expect.poll(() => tab.streams.answered).toBeGreaterThan(answered);
  await writes(other, 'after');
  await tab.shows('before', 'meanwhile', 'offline', 'after');
});

test('the server restarts: the stream is opened again, and what was missed is told', async ({ server, context, browser }) => {
  const tab = await Tab.open(context, server);
  const other = await elsewhere(browser, server);
  await writes(other, 'before');
  await tab.shows('before');
  await tab.listens();
  const { answered } = tab.streams;
  // No sync of its own may bring what only an alert tells of.
  await tab.page.route('**/v1/alerts?*', async route => {
    await expect.poll(() => isMissed).toBe(true);
    await route.continue();
  });
  let isMissed = false;
  await server.kill();
  await server.start();
  await writes(other, 'missed');
  isMissed = true;
  await tab.shows('before', 'missed');
  await expect.poll(() => tab.streams.answered).toBeGreaterThan(answered);
  await writes(other, 'after');
  await tab.shows('before', 'missed', 'after');
});

test('a server that asks to be left in peace is, by the stream too', async ({ server, context }) => {
  await context.route('**/v1/alerts?*', route => route.fulfill({ status: 503, headers: { 'retry-after': '3' }, body: '' }));
  const tab = await Tab.open(context, server);
  await expect.poll(() => tab.streams.asked.length).toBe(1);
  // What succeeds otherwise does not override it.
  await tab.device.sync();
  await expect.poll(() => tab.streams.asked.length).toBe(2);
  const [first, second] = tab.streams.asked as [number, number];
  expect(second - first).toBeGreaterThanOrEqual(3_000);
});

/** Opens a database with tokens that are good for so many seconds; the page counts how often it was asked. */
async function openWithTokens(page: Page, server: Server, seconds: () => number): Promise<void> {
  const secret = readFileSync(join(server.folder, 'truth.db.dev-secret'));
  const part = (text: string): string => Buffer.from(text).toString('base64url');
  await page.exposeFunction('newToken', () => {
    const claims = { sub: 'alice', exp: Math.floor(Date.now() / 1_000) + seconds() };
    const text = `${part('{"alg":"HS256","typ":"JWT"}')}.${part(JSON.stringify(claims))}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  });
  await page.evaluate(async () => {
    const { newToken } = window as unknown as { newToken: () => Promise<string> };
    const token = (): Promise<string> => {
      document.title = String(Number(document.title) + 1);
      return newToken();
    };
    document.title = '0';
    window.db = await window.tidemark.open({ name: 'alice', server: location.origin, token });
  });
  await show(page);
}

test('a token expires: the stream ends, one new token is asked for, and it goes on', async ({ server, context, browser }) => {
  const page = await packagePage(context, server);
  const streams = new Streams(page);
  const tokens = [-2, 3_600];
  await openWithTokens(page, server, () => tokens.shift() ?? 3_600);
  const other = await elsewhere(browser, server);
  await expect.poll(() => streams.answered).toBe(1);
  await expect.poll(() => streams.answered).toBe(2);
  // The first, the one that was refused, and again.
  expect(streams.asked).toHaveLength(3);
  expect(await page.title()).toBe('2');
  await writes(other, 'after');
  await expect(page.locator('body')).toHaveText('after');
  expect(await page.evaluate(() => window.db.status.error)).toBeUndefined();
});

test('signed out: a token that is refused twice ends the stream, until a sync goes well', async ({ server, context, browser }) => {
  const page = await packagePage(context, server);
  const streams = new Streams(page);
  let seconds = -2;
  await openWithTokens(page, server, () => seconds);
  await expect.poll(() => streams.answered).toBe(1);
  seconds = -3_600;
  await expect.poll(() => streams.asked.length).toBe(3);
  await page.waitForTimeout(3_000);
  expect(streams.asked).toHaveLength(3);
  expect(await page.title()).toBe('2');
  seconds = 3_600;
  await page.evaluate(() => window.db.sync());
  await expect.poll(() => streams.answered).toBe(2);
  await writes(await elsewhere(browser, server), 'after');
  await expect(page.locator('body')).toHaveText('after');
});

test('a page that is closed right after a write has sent it', async ({ server, context }) => {
  const tab = await Tab.open(context, server);
  await tab.listens();
  await tab.device.create('note', [{ text: 'a' }, { text: 'x'.repeat(2_000) }]);
  await tab.page.waitForTimeout(150);
  expect(await server.truth('alice')).toEqual([]);
  await tab.page.close({ runBeforeUnload: true });
  await expect.poll(async () => (await server.truth('alice')).length, { timeout: 5_000 }).toBe(2);
  // What was answered to nobody is neither lost nor doubled.
  const again = await Device.open(context, server, 'alice');
  expect((await again.sync()).in_sync).toBe(true);
  expect(await again.pending()).toEqual([]);
  expect(await server.truth('alice')).toHaveLength(2);
});

test('a page that is hidden pushes what waits; shown again, it looks for what is new', async ({ server, context, browser }) => {
  const tab = await Tab.open(context, server);
  const other = await elsewhere(browser, server);
  await tab.listens();
  const calls = listen(tab.page);
  // Before the sync that follows a change has begun: nothing is held back yet.
  await turn(tab.page, 'hidden', 'hidden');
  await expect.poll(async () => textsIn(await server.truth('alice'))).toEqual(['hidden']);
  expect(calls[0]?.name).toMatch(/^open\+push/);
  expect(calls[0]?.body.direction).toBe('push');
  await expect.poll(() => tab.device.pending()).toEqual([]);
  await writes(other, 'from elsewhere');
  await tab.shows('hidden', 'from elsewhere');
  await expect.poll(() => tab.device.page.evaluate(() => window.db.status.phase)).toBe('idle');
  const before = calls.length;
  await turn(tab.page, 'visible');
  await expect.poll(() => calls.length).toBeGreaterThan(before);
});

test('a device that only pulls goes on to, though it was hidden with an edit', async ({ server, context, browser }) => {
  const other = await elsewhere(browser, server);
  await writes(other, 'one');
  const tab = await Tab.open(context, server, { device: { direction: 'pull' } });
  await tab.shows('one');
  await turn(tab.page, 'hidden', 'stays here');
  await expect.poll(() => tab.page.evaluate(() => window.db.status.phase)).toBe('idle');
  await writes(other, 'two');
  await tab.shows('one', 'two', 'stays here');
  expect(textsIn(await server.truth('alice'))).toEqual(['one', 'two']);
});
