// The built package in an otherwise empty page of the server's origin, for tests that speak to
// its JavaScript API rather than to the demo.

import { type BrowserContext, type Page, type Route } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database, Doc, Info, OpenOptions, SyncOptions, SyncReport } from 'tidemark';
import type { Server } from './server.ts';

const dist = dirname(fileURLToPath(import.meta.resolve('tidemark')));
const TYPES: Record<string, string> = { js: 'text/javascript', wasm: 'application/wasm', map: 'application/json' };

declare global {
  interface Window {
    /** The package, as a page's script imports it. */
    tidemark: typeof import('tidemark');
    db: Database;
  }
}

/** A page with the package as `window.tidemark`, and with nothing opened. */
export async function packagePage(context: BrowserContext, server: Server): Promise<Page> {
  await context.route(`${server.url}/package-under-test/**`, serveFile);
  const page = await context.newPage();
  await page.goto(`${server.url}/package-under-test/`);
  await page.evaluate(async () => {
    const address = '/package-under-test/index.js';
    window.tidemark = (await import(address)) as typeof import('tidemark');
  });
  return page;
}

async function serveFile(route: Route): Promise<void> {
  const name = new URL(route.request().url()).pathname.replace('/package-under-test/', '');
  if (name === '') return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>package</title>' });
  await route.fulfill({
    contentType: TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain',
    body: readFileSync(join(dist, name)),
  });
}

/** One device: the package in a page, its database open and syncing only when told. */
export class Device {
  private constructor(
    readonly page: Page,
    readonly user: string,
  ) {}

  static async open(context: BrowserContext, server: Server, user: string, options: Partial<OpenOptions> = {}): Promise<Device> {
    const device = new Device(await packagePage(context, server), user);
    await device.page.evaluate(
      async ({ user, options }) => {
        window.db = await window.tidemark.open({
          name: user,
          server: location.origin,
          token: async () => {
            const response = await fetch('/v1/dev/token', {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ user }),
            });
            return ((await response.json()) as { token: string }).token;
          },
          sync: 'manual',
          ...options,
        });
      },
      { user, options },
    );
    return device;
  }

  create(entity: string, values: unknown[]): Promise<string[]> {
    return this.page.evaluate(
      async ({ entity, text }) => {
        const docs = await window.db.collection(entity).createMany(JSON.parse(text) as never[]);
        return docs.map(doc => doc.key);
      },
      { entity, text: JSON.stringify(values) },
    );
  }

  async update(entity: string, key: string, fields: Record<string, unknown>): Promise<void> {
    await this.page.evaluate(
      async ([entity, key, fields]) => void (await window.db.collection(entity).update(key, fields as never)),
      [entity, key, fields] as const,
    );
  }

  /** All records of an entity. */
  async all<T = unknown>(entity: string): Promise<Doc<T>[]> {
    const text = await this.page.evaluate(async entity => JSON.stringify(await window.db.collection(entity).find()), entity);
    return JSON.parse(text) as Doc<T>[];
  }

  async delete(entity: string, keys: readonly string[]): Promise<void> {
    await this.page.evaluate(
      ([entity, keys]) =>
        window.db.batch(async batch => {
          for (const key of keys) await batch.collection(entity).delete(key);
        }),
      [entity, keys] as const,
    );
  }

  /** Everything that is not in the truth. */
  async pending(): Promise<Doc[]> {
    return JSON.parse(await this.page.evaluate(async () => JSON.stringify(await window.db.pending()))) as Doc[];
  }

  sync(options: SyncOptions = {}): Promise<SyncReport> {
    return this.page.evaluate(options => window.db.sync(options), options);
  }

  /** Syncs and gives the code of the error that it failed with, or none. */
  trySync(options: SyncOptions = {}): Promise<string | undefined> {
    return this.page.evaluate(
      options =>
        window.db.sync(options).then(
          () => undefined,
          (error: { code: string }) => error.code,
        ),
      options,
    );
  }

  info(): Promise<Info> {
    return this.page.evaluate(() => window.db.info());
  }

  close(): Promise<void> {
    return this.page.close();
  }
}
