// The package where there is no browser: a server that renders pages imports it, and nothing happens.

import { expect } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import webpack from 'webpack';
import { test } from './archive.ts';

/** Runs a module in the app's folder, and gives what it printed; one that does not come to its end fails. */
function run(folder: string, ...given: string[]): string {
  return execFileSync(process.execPath, given, { cwd: folder, encoding: 'utf8', timeout: 20_000 }).trim();
}

/** Each entry that is JavaScript, as an app names it. */
function entries(folder: string): string[] {
  const { exports } = JSON.parse(readFileSync(join(folder, 'node_modules/tidemark/package.json'), 'utf8'));
  const names = Object.keys(exports).filter(name => !/\.\w+$/.test(name));
  return names.map(name => name.replace('.', 'tidemark')).filter(name => !PEERS.some(peer => name.endsWith(`/${peer}`)));
}

/** Entries for a framework, which the app here has not installed. */
const PEERS = ['react', 'vue', 'svelte', 'solid'];

test('importing every entry starts nothing', ({ app }) => {
  const names = entries(app.folder);
  expect(names).toContain('tidemark');
  expect(names).toContain('tidemark/service-worker');
  const code = `
    const started = [];
    const watched = [['fetch'], ['setTimeout'], ['setInterval'], ['queueMicrotask'], ['BroadcastChannel'], ['Worker'], ['addEventListener'],
      ['instantiate', WebAssembly], ['compile', WebAssembly], ['Module', WebAssembly], ['Instance', WebAssembly]];
    for (const [name, owner = globalThis] of watched) {
      owner[name] = function () { started.push(name); };
    }
    const before = Reflect.ownKeys(globalThis).length;
    const open = [];
    for (const name of ${JSON.stringify(names)}) open.push(typeof (await import(name)).open);
    console.log(JSON.stringify({ started, globals: Reflect.ownKeys(globalThis).length - before, open: open[0]}));`;
  expect(JSON.parse(run(app.folder, '--input-type=module', '-e', code))).toEqual({ started: [], globals: 0, open: 'function' });
});

test('a server bundle, made as Next makes one, imports it and starts nothing', async ({ app }) => {
  const path = join(app.folder, 'out-server');
  const compiler = webpack({
    mode: 'production',
    target: 'node20',
    context: app.folder,
    entry: './server-page.js',
    output: { path, filename: 'page.mjs', module: true, library: { type: 'module' } },
    experiments: { outputModule: true },
    performance: false,
  });
  await new Promise<void>((resolve, reject) => {
    compiler?.run((error, stats) => {
      if (error || stats?.hasErrors() || stats?.hasWarnings()) reject(error ?? new Error(stats?.toString('errors-warnings')));
      else compiler.close(() => resolve());
    });
  });
  expect(run(app.folder, 'out-server/page.mjs')).toBe('<p>Loading…</p>');
});

test('opening it where there is no IndexedDB is told in words that help', ({ app }) => {
  const code = "import('tidemark').then(({ open }) => open({ name: 'notes' })).catch(error => console.log(`${error.name} ${error.code}: ${error.help}`))";
  expect(run(app.folder, '-e', code)).toMatch(/^TidemarkError private_mode: .*storage/);
});

test('over an IndexedDB of another make it works in Node too', ({ app }) => {
  const code = "import 'fake-indexeddb/auto'; import { use } from './use.js'; console.log(JSON.stringify(await use()))";
  expect(run(app.folder, '--input-type=module', '-e', code)).toBe(JSON.stringify({ pending: true, title: 'Buy milk', done: true, found: 1 }));
});
