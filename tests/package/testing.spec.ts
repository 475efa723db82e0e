// `tidemark/testing`: an app's tests run with it, and its server is no other than the real one.

import { expect, mergeTests } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { test as serverTest } from '../browser/server.ts';
import { test as packageTest } from './archive.ts';

const test = mergeTests(packageTest, serverTest);

/** Of 250 steps each: writes, conflicts, deletions, decisions, one-way syncs, of two devices. */
const SEEDS = [12, 21, 27];

/** Runs Node in the app's folder, and gives what it printed. */
function node(folder: string, ...given: string[]): string {
  return execFileSync(process.execPath, given, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
}

packageTest("an app's own tests steer the network, the server, the other devices and the time", ({ app }) => {
  const told = node(app.folder, '--test', '--test-reporter=tap', 'testing/app.test.js');
  expect(told).toMatch(/^# pass 12$/m);
  expect(told).toMatch(/^# fail 0$/m);
});

/** A step of the story, as app/testing/scenario.js tells it. */
interface Step {
  in_sync?: boolean;
  conflicts?: number;
  conflict?: string;
}

for (const seed of SEEDS) {
  test(`the fake server leads to what the real one leads to, step by step; seed ${seed}`, async ({ app, server }) => {
    const run = (...reached: string[]): Step[] => JSON.parse(node(app.folder, 'testing/scenario.js', `${seed}`, '250', ...reached));
    const real = run(server.url, await server.token('ada'));
    for (const [place, step] of run().entries()) expect(step, `step ${place}`).toEqual(real[place]);
    // It was worth comparing: there were conflicts, some were settled, every sync ended well, and the devices agree.
    expect(real.filter(({ conflicts = 0 }) => conflicts > 0).length).toBeGreaterThan(1);
    expect(real.filter(({ conflict }) => conflict).length).toBeGreaterThan(1);
    expect(real.filter(step => 'failed' in step || step.in_sync === false)).toEqual([]);
    expect(real.at(-1)).toEqual(real.at(-2));
    expect((await server.truth('ada')).length).toBeGreaterThan(0);
  });
}
