// What the archive holds, and that tools, editors and servers find in it what they look for.

import { expect } from '@playwright/test';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { sizes } from '../../client-wasm/sizes.mjs';
import { archive, test } from './archive.ts';

/** The package's folder as it was installed. */
const installed = (folder: string): string => join(folder, 'node_modules/tidemark');

test('the archive holds what it should and nothing else', ({ app }) => {
  const paths = app.contents.map(path => path.replace('package/', ''));
  for (const needed of ['package.json', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) {
    expect(paths).toContain(needed);
  }
  expect(paths.filter(path => path.endsWith('.wasm'))).toHaveLength(1);
  const stray = paths.filter(path => /\.rs$|Cargo|node_modules|\.spec\.|\.test\.|tsconfig|\.tsbuildinfo/.test(path));
  expect(stray).toEqual([]);
});

test('every address in package.json leads to a file', ({ app }) => {
  const manifest = JSON.parse(readFileSync(join(installed(app.folder), 'package.json'), 'utf8'));
  const addresses: string[] = [];
  const collect = (node: unknown): void => {
    if (typeof node === 'string') addresses.push(node);
    else if (node !== null && typeof node === 'object') Object.values(node).forEach(collect);
  };
  collect([manifest.exports, manifest.main ?? [], manifest.types ?? []]);
  expect(addresses.length).toBeGreaterThan(0);
  for (const address of addresses) expect(() => readFileSync(join(installed(app.folder), address)), address).not.toThrow();
  expect(manifest.dependencies ?? {}).toEqual({});
});

test('publint finds nothing to say', async ({ app }) => {
  const { messages, pkg } = await publint({ pkgDir: installed(app.folder), pack: false, strict: true });
  expect(messages.map(message => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

// `require` of a module that is only ESM is no mistake, and the oldest way to resolve knows no `exports`.
test('@arethetypeswrong/cli finds nothing wrong', () => {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('@arethetypeswrong/cli/package.json');
  const program = join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.attw);
  const asked = [archive, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--exclude-entrypoints', './tidemark_bg.wasm'];
  const { status, stdout } = spawnSync(process.execPath, [program, ...asked], { encoding: 'utf8' });
  expect(status, stdout).toBe(0);
});

for (const [module, resolution] of [
  ['esnext', 'bundler'],
  ['nodenext', 'nodenext'],
] as const) {
  test(`its types serve an app that resolves as ${resolution}`, ({ app }) => {
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--lib', 'es2023,dom,dom.asynciterable'];
    execFileSync('tsc', [...options, '--module', module, '--moduleResolution', resolution, 'types.ts'], {
      cwd: app.folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  });
}

// In kB of brotli, as they are: an entry that grows has to say so here. What they are made of:
// docs/decisions/0009-what-the-package-costs.md, and why there are two of the main one: 0020.
const HELD: Record<string, number> = {
  'dist/index.js': 130,
  // Packed by Node's zlib, of which versions differ a little.
  'dist/inline.js': 151,
  'dist/service-worker.js': 151.5,
  'dist/background-sync.js': 0.7,
  'dist/react.js': 2.1,
  'dist/vue.js': 2,
  'dist/svelte.js': 2,
  'dist/solid.js': 2,
  // For Node alone: no page fetches it.
  'dist/testing.js': 157.6,
};

test('no entry costs more than it did', ({ app }) => {
  const now = sizes(installed(app.folder));
  expect(Object.keys(now).sort(), 'each entry is held').toEqual(Object.keys(HELD).sort());
  for (const [entry, bytes] of Object.entries(now)) expect(bytes / 1000, entry).toBeLessThanOrEqual(HELD[entry] ?? 0);
});
