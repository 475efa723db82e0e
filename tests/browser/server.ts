// The real server, one process a test, on a free port and a database file of its own. It can be
// killed at any moment and started again on the same port and file.

import { test as base, expect } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const binary = join(
  process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../target'),
  'debug/tidemark',
);

/** A record as `GET /v1/records` gives it. */
export interface TruthRecord {
  key: string;
  entity: string;
  value: unknown;
  is_pending: boolean;
  local_id?: string;
}

export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidemark-browser-'));
  #process: ChildProcess | undefined;
  #log = '';
  url = '';

  /** Starts it, on the port that it had before if it had one. */
  async start(): Promise<void> {
    const listen = this.url === '' ? '127.0.0.1:0' : new URL(this.url).host;
    const database = `sqlite:${join(this.folder, 'truth.db')}`;
    const child = spawn(binary, ['serve', '--dev', '--listen', listen, '--database', database], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    child.stderr.on('data', (text: Buffer) => (this.#log += text.toString()));
    for await (const line of createInterface(child.stdout)) {
      const [, url] = /^listening on (http:\S+)/.exec(line) ?? [];
      if (url !== undefined) {
        this.url = url.replace(/\/$/, '');
        return;
      }
    }
    throw new Error(`the server did not start:\n${this.#log}`);
  }

  /** `kill -9`: nothing is said, nothing is finished. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise(exited => child.once('exit', exited));
    child.kill('SIGKILL');
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What it wrote to its log. */
  get log(): string {
    return this.#log;
  }

  async token(user: string): Promise<string> {
    const response = await fetch(`${this.url}/v1/dev/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user }),
    });
    expect(response.status).toBe(200);
    return ((await response.json()) as { token: string }).token;
  }

  /** The whole truth of `user`, page by page; of one entity if one is named. */
  async truth(user: string, entity?: string): Promise<TruthRecord[]> {
    const headers = { authorization: `Bearer ${await this.token(user)}` };
    const found: TruthRecord[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: '1000' });
      if (entity !== undefined) query.set('entity', entity);
      if (cursor !== null) query.set('cursor', cursor);
      const response = await fetch(`${this.url}/v1/records?${query}`, { headers });
      expect(response.status).toBe(200);
      const page = (await response.json()) as { records: TruthRecord[]; cursor: string | null };
      found.push(...page.records);
      cursor = page.cursor;
    } while (cursor !== null);
    return found;
  }
}

/** A test with a server of its own. */
export const test = base.extend<{ server: Server }>({
  server: async ({}, use, info) => {
    const server = new Server();
    await server.start();
    await use(server);
    if (info.status !== info.expectedStatus) await info.attach('server.log', { body: server.log });
    await server.remove();
  },
});

export { expect };
