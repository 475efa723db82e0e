// The archive that script/package made, installed in a folder of its own, as an app would.

import { test as base } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');

export interface Installed {
  /** The app's folder, the package in its `node_modules`. */
  folder: string;
  /** Paths in the archive. */
  contents: string[];
  remove(): void;
}

const { version } = JSON.parse(readFileSync(join(root, 'client-wasm/package.json'), 'utf8'));

/** The newest archive. */
export const archive = join(root, `dist/tidemark-${version}.tgz`);

/** Beside the package, what its `tidemark/testing` asks an app to install; a copy that this workspace has. */
const indexedDb = join(root, 'node_modules/fake-indexeddb');

/** Installs the archive, with no network: the package itself needs nothing else. */
function install(): Installed {
  const contents = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n');
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-package-'));
  cpSync(join(here, 'app'), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  execFileSync('npm', ['install', '--offline', '--ignore-scripts', '--no-save', '--omit=peer', archive, indexedDb], {
    cwd: folder,
    stdio: 'pipe',
  });
  return { folder, contents, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A test with the app's folder, which is installed once. */
export const test = base.extend<object, { app: Installed }>({
  app: [
    async ({}, use) => {
      const app = install();
      await use(app);
      app.remove();
    },
    { scope: 'worker' },
  ],
});

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** Serves a folder as any static host does: files and their types, nothing resolved. */
export async function serve(folder: string, page?: string): Promise<{ url: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (path === '/' && page !== undefined) {
      response.setHeader('content-type', types['.html'] ?? '');
      response.end(page);
      return;
    }
    try {
      const file = readFileSync(join(folder, path === '/' ? 'index.html' : path));
      response.setHeader('content-type', types[extname(path) || '.html'] ?? 'application/octet-stream');
      response.end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

/** The files below a folder with one extension. */
export function filesIn(folder: string, extension: string): string[] {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return all.filter(path => path.endsWith(extension)).map(path => join(folder, path));
}
