// A device: a Chromium of its own with a profile on disk (a private window would keep IndexedDB
// in memory), and a count of what it sends and receives.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--js-flags=--expose-gc',
];

export async function startDevice(pageUrl, contender) {
  const profile = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: BROWSER,
    headless: true,
    args: ARGUMENTS,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const device = new Device(context, page, profile, pageUrl, contender);
  await device.reload();
  return device;
}

class Device {
  constructor(context, page, profile, pageUrl, contender) {
    Object.assign(this, { context, page, profile, pageUrl, contender });
    this.frames = { sent: 0, received: 0, count: 0 };
    this.requests = [];
    page.on('requestfinished', request => this.requests.push(request));
    page.on('websocket', socket => {
      this.frames.count += 1;
      socket.on('framesent', frame => (this.frames.sent += frame.payload.length));
      socket.on('framereceived', frame => (this.frames.received += frame.payload.length));
    });
  }

  async reload() {
    await this.page.goto(this.pageUrl);
    await this.page.waitForFunction(() => window.bench !== undefined);
    await this.call('load', this.contender);
  }

  call(name, ...args) {
    return this.page.evaluate(([n, a]) => window.bench[n](...a), [name, args]);
  }

  /** Calls a measure and adds what went over the wire: requests and bytes of bodies. */
  async wired(name, ...args) {
    this.requests = [];
    this.frames = { sent: 0, received: 0, count: 0 };
    const measure = await this.call(name, ...args);
    const wire = { requests: this.frames.count, sent: this.frames.sent, received: this.frames.received };
    for (const request of this.requests) {
      if (request.method() === 'OPTIONS') continue;
      const sizes = await request.sizes().catch(() => undefined);
      wire.requests += 1;
      wire.sent += sizes?.requestBodySize ?? 0;
      wire.received += sizes?.responseBodySize ?? 0;
    }
    return { ...measure, wire };
  }

  async stop() {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true });
  }
}
