// Every block of code in the README and in the guide: it satisfies the type checker, and it runs in
// the browser with the package, against the real server, and prints what it says.

import type { Page } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundled, examplesOf, printedBy } from './examples.ts';
import { packagePage } from './package-page.ts';
import { expect, test, type Server } from './server.ts';

const DOCUMENTS = ['README.md', 'client-wasm/README.md', 'docs/guide.md'];
const examples = DOCUMENTS.flatMap(examplesOf);

/** Whoever signs in at `/session`, the app's own login in the examples, gets a token of the server's. */
async function login(page: Page, server: Server): Promise<void> {
  await page.route(`${server.url}/session*`, async route => {
    const user = new URL(route.request().url()).searchParams.get('user') ?? 'alice';
    await route.fulfill({ contentType: 'text/plain', body: await server.token(user) });
  });
}

test('the examples satisfy the type checker, and name nothing that they do not use', () => {
  expect(examples.map(({ document }) => document)).toEqual(expect.arrayContaining(DOCUMENTS));
  // Within the workspace, so that imports are found as in an app.
  const results = resolve(import.meta.dirname, '../../test-results');
  mkdirSync(results, { recursive: true });
  const folder = mkdtempSync(join(results, 'examples-'));
  for (const { document, line, file, language, code } of examples) {
    const place = join(folder, document);
    mkdirSync(place, { recursive: true });
    // Blank lines before it: so the checker tells the document's own lines.
    writeFileSync(join(place, file ?? `line-${line}.${language}`), '\n'.repeat(line - 1) + code);
  }
  const compilerOptions = {
    target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'], types: [],
    module: 'esnext', moduleResolution: 'bundler', moduleDetection: 'force', allowImportingTsExtensions: true,
    strict: true, noUncheckedIndexedAccess: true, noUnusedLocals: true, noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts', '**/*.tsx', '**/*.js'] }));
  let complaints = '';
  try {
    execFileSync('tsc', ['--project', folder, '--pretty', 'false'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    complaints = (error as { stdout: string }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(complaints).toBe('');
});

for (const [place, example] of examples.entries()) {
  test(`${example.document}:${example.line}, ${example.heading}`, async ({ server, context }) => {
    const page = await packagePage(context, server);
    await login(page, server);
    const faults: string[] = [];
    page.on('pageerror', error => faults.push(String(error)));
    const printed = new Map<number, string[]>();
    await page.exposeFunction('heard', (line: number, text: string) => void printed.set(line, [...(printed.get(line) ?? []), text]));
    await page.evaluate(() => {
      const text = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)));
      const { heard } = window as unknown as { heard(line: number, text: string): void };
      Object.assign(window, { printed: (line: number, ...values: unknown[]) => heard(line, values.map(text).join(' ')) });
    });
    const module = await bundled(example, examples, server.url, `${server.url}/package-under-test/`);
    await page.route(`${server.url}/example-${place}.js`, route => route.fulfill({ contentType: 'text/javascript', body: module }));

    await page.evaluate(address => import(address), `${server.url}/example-${place}.js`);
    for (const { line, text, isLast } of printedBy(example)) {
      const said = () => (isLast ? printed.get(line)?.slice(-1) : printed.get(line));
      await expect.poll(said, { message: `what line ${line} prints`, timeout: 5_000 }).toEqual([text]);
    }
    expect(faults).toEqual([]);
  });
}
