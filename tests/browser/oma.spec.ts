// The cases of OMA's notes on smart sync (OMA-DS-2005-0226), each by its name: the package in a
// real browser against the real server. What a case promises of the messages is looked up in them.

import type { Browser, BrowserContext } from '@playwright/test';
import { lose, type Lost } from './lost.ts';
import { Device } from './package-page.ts';
import { expect, test, type Server } from './server.ts';
import { listen, sentIn } from './wire.ts';

interface Note {
  text: string;
  number: number;
}

/** Enough for two pushes, and for two pulls. */
const MANY = 4_100;

const notes = (count: number, text = 'note'): Note[] => Array.from({ length: count }, (_, number) => ({ text: `${text} ${number}`, number }));

/** Another of the user's devices: a browser of its own. */
async function another(browser: Browser, server: Server): Promise<Device> {
  return Device.open(await browser.newContext(), server, 'alice');
}

/** Two devices that hold the same notes. */
async function inSync(server: Server, context: BrowserContext, browser: Browser, count: number) {
  const device = await Device.open(context, server, 'alice');
  const other = await another(browser, server);
  await device.create('note', notes(count));
  expect((await device.sync()).in_sync).toBe(true);
  expect((await other.sync()).in_sync).toBe(true);
  const keys = new Map((await device.all<Note>('note')).map(doc => [doc.value.number, doc.key]));
  return { device, other, key: (number: number) => keys.get(number)! };
}

/** The notes that a device shows, by their text. */
async function texts(device: Device): Promise<string[]> {
  return (await device.all<Note>('note')).map(doc => doc.value.text).sort();
}

/** Both hold what the truth holds, to the last byte: their fingerprints say so, and the records do. */
async function expectEqual(server: Server, ...devices: Device[]): Promise<void> {
  const truth = (await server.truth('alice', 'note')).map(record => (record.value as Note).text).sort();
  const infos = await Promise.all(devices.map(device => device.info()));
  for (const [at, device] of devices.entries()) {
    expect(await texts(device)).toEqual(truth);
    expect(infos[at]).toMatchObject({ pending: 0, fingerprint: infos[0]!.fingerprint });
  }
}

test('OMA case 1: an initial sync sends everything, maps every record, and ends with equal fingerprints', async ({ server, context, browser }) => {
  const device = await Device.open(context, server, 'alice');
  const local = await device.create('note', notes(50));
  const calls = listen(device.page);
  const report = await device.sync();
  expect(report).toMatchObject({ in_sync: true, pushed: 50, rejected: 0, conflicts: 0 });
  // Each was sent under the device's own id, and is known by the server's from then on.
  expect(sentIn(calls).map(record => record.key).sort()).toEqual([...local].sort());
  const docs = await device.all<Note>('note');
  expect(docs.every(doc => doc.state === 'synced' && !doc.is_pending && !local.includes(doc.key))).toBe(true);
  expect(docs.map(doc => doc.key).sort()).toEqual((await server.truth('alice')).map(record => record.key).sort());
  // The device says in the end what it holds.
  const [finish] = calls.map(({ body }) => body.finish ?? body).slice(-1);
  expect(finish.fingerprint).toBe((await device.info()).fingerprint);

  const other = await another(browser, server);
  expect(await other.sync()).toMatchObject({ in_sync: true, pushed: 0, pulled: 50 });
  await expectEqual(server, device, other);
});

test('OMA case 2: an empty sync is one round trip', async ({ server, context, browser }) => {
  const { device, other } = await inSync(server, context, browser, 200);
  for (const synced of [device, other]) {
    const { fingerprint } = await synced.info();
    const calls = listen(synced.page);
    const report = await synced.sync();
    expect(report).toMatchObject({ in_sync: true, round_trips: 1, pushed: 0, pulled: 0, deleted: 0 });
    expect(report.bytes_sent + report.bytes_received).toBeLessThan(1_000);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.body).toMatchObject({ fingerprint, pending: 0 });
    expect(sentIn(calls)).toEqual([]);
  }
  await expectEqual(server, device, other);
});

test('OMA case 3: with changes on the server only, just those come', async ({ server, context, browser }) => {
  const { device, other, key } = await inSync(server, context, browser, 200);
  await other.update('note', key(7), { text: 'changed on the server' });
  await other.delete('note', [key(8)]);
  await other.create('note', [{ text: 'made on the server', number: 200 }]);
  await other.sync();

  const before = (await device.info()).fingerprint;
  const calls = listen(device.page);
  const report = await device.sync();
  expect(report).toMatchObject({ in_sync: true, mode: 'fast', pushed: 0, pulled: 3, deleted: 1 });
  expect(calls[0]?.body).toMatchObject({ fingerprint: before, pending: 0 });
  expect(sentIn(calls)).toEqual([]);
  expect(await texts(device)).toEqual(expect.arrayContaining(['changed on the server', 'made on the server']));
  await expectEqual(server, device, other);
});

test('OMA case 4: with changes on both sides, each takes the other’s', async ({ server, context, browser }) => {
  const { device, other, key } = await inSync(server, context, browser, 200);
  await other.update('note', key(1), { text: 'changed there' });
  await other.update('note', key(2), { text: 'changed on both' });
  await other.delete('note', [key(3)]);
  await other.create('note', [{ text: 'made there', number: 201 }]);
  await other.sync();
  await device.update('note', key(4), { text: 'changed here' });
  await device.update('note', key(2), { number: 2_000 });
  await device.delete('note', [key(5)]);
  await device.create('note', [{ text: 'made here', number: 202 }]);

  const calls = listen(device.page);
  expect(await device.sync()).toMatchObject({ in_sync: true, mode: 'fast', pushed: 4, deleted: 1, conflicts: 0 });
  expect(sentIn(calls)).toHaveLength(4);
  expect((await other.sync()).in_sync).toBe(true);
  // Different fields of one record: both changes stand.
  const both = (await device.all<Note>('note')).find(doc => doc.key === key(2));
  expect(both?.value).toEqual({ text: 'changed on both', number: 2_000 });
  expect(await texts(device)).toHaveLength(200);
  await expectEqual(server, device, other);
});

test('OMA case 4: where the fingerprints differ in the end, only what differs is told again', async ({ server, context, browser }) => {
  const { device, other, key } = await inSync(server, context, browser, 500);
  await other.update('note', key(1), { text: 'changed there' });
  await other.create('note', [{ text: 'lost on the way', number: 500 }]);
  await other.sync();
  await device.update('note', key(4), { text: 'changed here' });
  // A fault between server and store: a record that never arrives, of which nobody knows.
  let lost = 0;
  await device.page.route('**/v1/sync/*', async route => {
    const response = await route.fetch();
    const answer = (await response.json()) as Record<string, any>;
    const pull = answer.pull ?? answer;
    if (lost === 0 && Array.isArray(pull.records) && !('ranges' in answer)) {
      const kept = pull.records.filter((record: { value?: Note }) => record.value?.text !== 'lost on the way');
      lost += pull.records.length - kept.length;
      pull.records = kept;
    }
    await route.fulfill({ response, json: answer });
  });
  const calls = listen(device.page);
  const report = await device.sync();
  expect(lost).toBe(1);
  expect(calls.map(call => call.name)).toContain('reconcile');
  expect(report).toMatchObject({ in_sync: true, pushed: 1 });
  expect(report.round_trips).toBeLessThanOrEqual(8);
  // 500 records are some 100 kB.
  expect(report.bytes_sent + report.bytes_received).toBeLessThan(30_000);
  expect(await texts(device)).toContain('lost on the way');
  await other.sync();
  await expectEqual(server, device, other);
});

test('OMA case 5: one way from the server, nothing is sent, and what waits goes on waiting', async ({ server, context, browser }) => {
  const { device, other, key } = await inSync(server, context, browser, 200);
  await other.update('note', key(1), { text: 'changed there' });
  await other.delete('note', [key(2)]);
  await other.create('note', [{ text: 'made there', number: 200 }]);
  await other.sync();
  await device.update('note', key(3), { text: 'changed here' });
  await device.update('note', key(1), { number: 1_000 });
  await device.delete('note', [key(4)]);
  await device.create('note', [{ text: 'made here', number: 201 }]);
  const before = await server.truth('alice');

  const calls = listen(device.page);
  const report = await device.sync({ direction: 'pull' });
  expect(report).toMatchObject({ in_sync: true, pushed: 0, pulled: 3 });
  expect(sentIn(calls)).toEqual([]);
  expect(await server.truth('alice')).toEqual(before);
  // What came lies under what waits, which is as it was.
  expect((await device.info()).pending).toBe(4);
  expect((await device.info()).fingerprint).toBe((await other.info()).fingerprint);
  expect(await texts(device)).toEqual(expect.arrayContaining(['changed there', 'made there', 'changed here', 'made here']));
  expect((await device.all<Note>('note')).find(doc => doc.key === key(1))?.value).toEqual({ text: 'changed there', number: 1_000 });

  // Two ways again: “resetting the sync type to 2-way will cause them to be in sync again”.
  expect(await device.sync()).toMatchObject({ in_sync: true, pushed: 4, conflicts: 0 });
  expect((await other.sync()).in_sync).toBe(true);
  await expectEqual(server, device, other);
});

test('OMA case 5, of the second kind: a mirror of the server gives up what the device holds otherwise', async ({ server, context, browser }) => {
  const { device, other, key } = await inSync(server, context, browser, 200);
  await other.update('note', key(1), { text: 'changed there' });
  await other.delete('note', [key(2)]);
  await other.sync();
  await device.update('note', key(3), { text: 'changed here' });
  await device.create('note', [{ text: 'made here', number: 201 }]);
  const before = await server.truth('alice');

  const calls = listen(device.page);
  expect(await device.sync({ direction: 'pull', mirror: true })).toMatchObject({ in_sync: true, pushed: 0 });
  expect(sentIn(calls)).toEqual([]);
  expect(await server.truth('alice')).toEqual(before);
  // Set aside, not lost: the person may send it again or drop it.
  const aside = await device.pending();
  expect(aside.map(doc => [doc.state, (doc.value as unknown as Note).text]).sort()).toEqual([
    ['rejected', 'changed here'],
    ['rejected', 'made here'],
  ]);
  for (const { key } of aside) await device.page.evaluate(key => window.db.collection('note').undo(key), key);
  await expectEqual(server, device, other);
});

test('OMA, one way from the device: its changes go, others’ come later; as a mirror the truth becomes what it holds', async ({ server, context, browser }) => {
  const { device, other, key } = await inSync(server, context, browser, 200);
  await other.update('note', key(1), { text: 'changed there' });
  await other.create('note', [{ text: 'made there', number: 200 }]);
  await other.sync();
  await device.update('note', key(3), { text: 'changed here' });
  await device.create('note', [{ text: 'made here', number: 201 }]);

  const { last_sync } = await device.info();
  const report = await device.sync({ direction: 'push' });
  expect(report).toMatchObject({ in_sync: true, pushed: 2, conflicts: 0 });
  expect((await device.info())).toMatchObject({ pending: 0, last_sync });
  const here = await texts(device);
  expect(here).toEqual(expect.arrayContaining(['changed here', 'made here']));
  expect(here).not.toContain('changed there');
  expect(here).not.toContain('made there');
  expect((await server.truth('alice')).map(record => (record.value as Note).text)).toEqual(
    expect.arrayContaining(['changed there', 'made there', 'changed here', 'made here']),
  );

  expect((await device.sync({ direction: 'push', mirror: true })).in_sync).toBe(true);
  expect((await server.truth('alice')).map(record => (record.value as Note).text).sort()).toEqual(here);
  for (const one of [device, other]) expect((await one.sync()).in_sync).toBe(true);
  expect(await texts(device)).toEqual(here);
  await expectEqual(server, device, other);
});

for (const what of ['request', 'answer'] as const satisfies Lost[]) {
  test(`OMA, interrupted: an initial sync that loses the ${what} while the device sends`, async ({ server, context, browser }) => {
    const device = await Device.open(context, server, 'alice');
    const keys = await device.create('note', notes(MANY));
    // The open, then two pushes: the second is lost when the first has been taken.
    const loss = await lose(device.page, 2, what);
    expect(await device.trySync()).toBe('offline');
    expect(loss.call).toBe('push+pull');
    // It goes on being used until the network is back.
    await device.update('note', keys[0]!, { text: 'changed meanwhile' });
    await device.delete('note', [keys[1]!]);
    await device.create('note', [{ text: 'made meanwhile', number: MANY }]);
    expect((await device.sync()).in_sync).toBe(true);
    expect(await server.truth('alice')).toHaveLength(MANY);
    expect(await device.sync()).toMatchObject({ in_sync: true, round_trips: 1 });

    const other = await another(browser, server);
    expect(await other.sync()).toMatchObject({ in_sync: true, pulled: MANY });
    expect(await texts(other)).toEqual(expect.arrayContaining(['changed meanwhile', 'made meanwhile']));
    await expectEqual(server, device, other);
  });

  test(`OMA, interrupted: an initial sync that loses the ${what} while the server sends`, async ({ server, context, browser }) => {
    const device = await Device.open(context, server, 'alice');
    await device.create('note', notes(MANY));
    await device.sync();

    const other = await another(browser, server);
    await other.create('note', notes(5, 'written before the first sync'));
    // The open, then the push on which the first pull rides; the second pull does not arrive.
    const loss = await lose(other.page, 2, what);
    expect(await other.trySync()).toBe('offline');
    expect(loss.call).toBe('pull');
    await other.create('note', [{ text: 'written after the failure', number: MANY }]);
    expect((await other.sync()).in_sync).toBe(true);
    // What was sent before the failure, and sent again for want of an answer, is there once.
    expect(await server.truth('alice')).toHaveLength(MANY + 6);
    expect(await texts(other)).toHaveLength(MANY + 6);
    expect((await device.sync()).in_sync).toBe(true);
    await expectEqual(server, device, other);
  });
}
