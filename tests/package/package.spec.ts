// What is published works where it is said to: in the browser as a plain module, through a bundler,
// imported where there is no browser, and in the editor.

import { expect, test, type Page } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'vite';
import { filesIn, install, serve, type Installed } from './archive.ts';

let app: Installed;

test.beforeAll(() => {
  app = install();
});
test.afterAll(() => app.remove());

/** What the app's page says when it is done. */
async function resultOf(page: Page, url: string): Promise<string> {
  await page.goto(url);
  await expect(page).not.toHaveTitle('running');
  return page.title();
}

const worked = JSON.stringify({ pending: true, title: 'Buy milk', done: true, found: 1 });

test('the archive holds what it should and nothing else', () => {
  const paths = app.contents.map(path => path.replace('package/', ''));
  for (const needed of ['package.json', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) {
    expect(paths).toContain(needed);
  }
  expect(paths.filter(path => path.endsWith('.wasm'))).toHaveLength(1);
  const stray = paths.filter(path => /\.rs$|Cargo|node_modules|\.spec\.|\.test\.|tsconfig|\.tsbuildinfo/.test(path));
  expect(stray).toEqual([]);
});

test('every address in package.json leads to a file', () => {
  const folder = join(app.folder, 'node_modules/tidemark');
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const addresses: string[] = [];
  const collect = (node: unknown): void => {
    if (typeof node === 'string') addresses.push(node);
    else if (node !== null && typeof node === 'object') Object.values(node).forEach(collect);
  };
  collect([manifest.exports, manifest.main ?? [], manifest.types ?? []]);
  expect(addresses.length).toBeGreaterThan(0);
  for (const address of addresses) expect(() => readFileSync(join(folder, address)), address).not.toThrow();
  expect(manifest.dependencies ?? {}).toEqual({});
});

test('it runs as a plain module in the browser', async ({ page }) => {
  const entry = execFileSync(
    process.execPath,
    ['--conditions=browser', '--input-type=module', '-e', 'console.log(import.meta.resolve("tidemark"))'],
    { cwd: app.folder, encoding: 'utf8' },
  );
  const path = entry.trim().slice(entry.indexOf('/node_modules/'));
  const html = `<!doctype html><title>running</title>
    <script type="importmap">{"imports":{"tidemark":"${path}"}}</script>
    <script type="module" src="/main.js"></script>`;
  const server = await serve(app.folder, html);
  expect(await resultOf(page, server.url)).toBe(worked);
  server.close();
});

test('it runs through Vite, its wasm an asset beside the bundle', async ({ page }) => {
  await build({ root: app.folder, logLevel: 'warn', configFile: false });
  const dist = join(app.folder, 'dist');
  expect(filesIn(dist, '.wasm')).toHaveLength(1);
  const server = await serve(dist);
  expect(await resultOf(page, server.url)).toBe(worked);
  server.close();
});

test('importing it starts nothing, where there is no browser too', () => {
  const code = 'const m = await import("tidemark"); console.log(typeof m.open, typeof m.TidemarkError)';
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: app.folder,
    encoding: 'utf8',
  });
  expect(said.trim()).toBe('function function');
});

for (const [module, resolution] of [
  ['esnext', 'bundler'],
  ['nodenext', 'nodenext'],
] as const) {
  test(`its types serve an app that resolves as ${resolution}`, () => {
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--lib', 'es2023,dom,dom.asynciterable'];
    execFileSync('tsc', [...options, '--module', module, '--moduleResolution', resolution, 'types.ts'], {
      cwd: app.folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  });
}

// What it costs and where it lies: docs/decisions/0009-what-the-package-costs.md.
test('wasm and JavaScript together are 130 kB at most, compressed', async () => {
  await build({ root: app.folder, logLevel: 'warn', configFile: false });
  const dist = join(app.folder, 'dist');
  const shipped = [...filesIn(dist, '.wasm'), ...filesIn(dist, '.js')];
  const bytes = shipped.reduce((sum, path) => sum + brotliCompressSync(readFileSync(path)).length, 0);
  expect(bytes).toBeLessThanOrEqual(130_000);
});
