// DESIGN.md's table of failures through the whole stack: every request of a sync lost, every
// answer lost, the server killed at each, with an edit between the failure and the retry.

import type { BrowserContext } from '@playwright/test';
import { lose, type Lost } from './lost.ts';
import { Device } from './package-page.ts';
import { expect, test, type Server } from './server.ts';

interface Note {
  text: string;
  number: number;
}

/** Enough for two pushes and two pulls; a small sync rides on its open. */
const MANY = 4_100;
const FEW = 5;

const notes = (count: number): Note[] => Array.from({ length: count }, (_, number) => ({ text: `note ${number}`, number }));

/** One device that loses a call of its sync, edits, and syncs again; what it has is then the truth. */
async function losesOne(server: Server, context: BrowserContext, user: string, count: number, nth: number, what: Lost, kills = false) {
  const device = await Device.open(context, server, user);
  const keys = await device.create('note', notes(count));
  const loss = await lose(device.page, nth, what, kills ? () => server.kill() : undefined);
  const code = await device.trySync();
  if (loss.call === undefined) {
    expect(code).toBeUndefined();
    await device.close();
    return undefined;
  }
  expect(code, `the sync lost ${loss.call}`).toBe('offline');
  if (kills) await server.start();
  // one edited, one deleted, one edited and edited back, one new
  await device.update('note', keys[0]!, { text: 'edited after the failure' });
  await device.delete('note', [keys[1]!]);
  await device.update('note', keys[2]!, { text: 'there' });
  await device.update('note', keys[2]!, { text: 'note 2' });
  await device.create('note', [{ text: 'after the failure', number: count }]);
  const report = await device.sync();
  expect(report.in_sync, `after losing ${loss.call}`).toBe(true);
  await expectTruth(server, context, device, user, count);
  await device.close();
  return loss.call;
}

async function expectTruth(server: Server, context: BrowserContext, device: Device, user: string, count: number): Promise<void> {
  const wanted = notes(count);
  wanted[0]!.text = 'edited after the failure';
  wanted.splice(1, 1);
  wanted.push({ text: 'after the failure', number: count });
  const sorted = (values: unknown[]) => (values as Note[]).sort((a, b) => a.number - b.number);
  expect(sorted((await server.truth(user)).map(record => record.value))).toEqual(wanted);
  expect(sorted((await device.all('note')).map(doc => doc.value))).toEqual(wanted);
  expect((await device.info()).pending).toBe(0);
  // what a large sync left is proved by the fingerprints that its finish compared
  if (count > FEW) return;
  const second = await Device.open(context, server, user, { name: `${user}, second` });
  expect((await second.sync()).in_sync).toBe(true);
  expect(sorted((await second.all('note')).map(doc => doc.value))).toEqual(wanted);
  const [here, there] = [await device.info(), await second.info()];
  expect(there.fingerprint).toBe(here.fingerprint);
  await second.close();
}

/** Loses each call of a sync in turn, until there is none left to lose. */
async function losesEach(server: Server, context: BrowserContext, count: number, what: Lost, kills = false): Promise<string[]> {
  const lost: string[] = [];
  for (let nth = 0; ; nth += 1) {
    const call = await losesOne(server, context, `user ${nth}`, count, nth, what, kills);
    if (call === undefined) return lost;
    lost.push(call);
  }
}

for (const what of ['request', 'answer'] as const) {
  test(`a small sync survives the loss of any ${what}`, async ({ server, context }) => {
    const lost = await losesEach(server, context, FEW, what);
    expect(lost[0]).toMatch(/^open/);
    expect(lost.at(-1)).toMatch(/finish$/);
  });

  test(`a large sync survives the loss of any ${what}`, async ({ server, context }) => {
    const lost = await losesEach(server, context, MANY, what);
    for (const call of ['open', 'push', 'pull', 'finish']) expect(lost.join(' ')).toContain(call);
  });

  test(`a large sync survives the server’s kill -9 with any ${what}`, async ({ server, context }) => {
    await losesEach(server, context, MANY, what, true);
  });
}

/** Three rounds, each with a user and a moment of its own; `SEED` repeats them. */
async function atRandomMoments(work: (user: string, millis: number) => Promise<void>): Promise<void> {
  const seed = Number(process.env.SEED ?? Date.now() % 100_000);
  console.log(`SEED=${seed}`);
  let state = seed;
  for (let round = 0; round < 3; round += 1) {
    state = (state * 48_271 + 11) % 2_147_483_647;
    await work(`round ${round}`, state % 900);
  }
}

test('a server killed at a random moment of a push neither loses nor doubles', async ({ server, context }) => {
  await atRandomMoments(async (user, millis) => {
    const device = await Device.open(context, server, user);
    await device.create('note', notes(MANY));
    const syncing = device.trySync();
    await device.page.waitForTimeout(millis);
    await server.kill();
    await syncing;
    await server.start();
    expect((await device.sync()).in_sync).toBe(true);
    const truth = await server.truth(user);
    expect(truth).toHaveLength(MANY);
    expect(new Set(truth.map(record => (record.value as Note).number)).size).toBe(MANY);
    await device.close();
  });
});

test('a tab killed at a random moment of a sync goes on where it was', async ({ server, context }) => {
  await atRandomMoments(async (user, millis) => {
    const device = await Device.open(context, server, user);
    await device.create('note', notes(MANY));
    void device.trySync().catch(() => undefined);
    await device.page.waitForTimeout(millis);
    await device.close();
    const again = await Device.open(context, server, user);
    expect(await again.all('note')).toHaveLength(MANY);
    expect((await again.sync()).in_sync).toBe(true);
    expect(await server.truth(user)).toHaveLength(MANY);
    expect((await again.info()).pending).toBe(0);
    await again.close();
  });
});
