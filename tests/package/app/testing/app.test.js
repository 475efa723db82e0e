// An app's own tests, with node's runner: what it does when the network, the server, the other devices
// and the time are not as it would like.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { open } from 'tidemark';
import { startTesting } from 'tidemark/testing';

const BEGIN = '2026-01-01T12:00:00.000Z';
let testing;

beforeEach(async () => {
  testing = await startTesting({ now: BEGIN });
});
afterEach(() => testing.end());

/** The titles that the server holds. */
const titles = () => testing.server.records('user', 'todo').map(({ value }) => value.title).sort();

test('what the app opens itself lives in the same memory, and syncs with the server by itself', async () => {
  const { server } = testing;
  const db = await open({ name: 'notes', server: server.url, token: () => server.token('user') });
  const made = await db.collection('todo').create({ title: 'Milk' });
  assert.equal(made.created, BEGIN);
  await testing.clock.advance(60_000);
  assert.deepEqual(titles(), ['Milk']);
  assert.equal((await db.collection('todo').get(made.key)).is_pending, false);
  assert.equal(db.status.pending, 0);
  await db.close();
});

test('offline it goes on, and is synced when the network is back', async () => {
  const { server, clock } = testing;
  const db = await testing.open({ sync: 'auto' });
  server.isReachable = false;
  await db.collection('todo').create({ title: 'Milk' });
  await clock.advance(60_000);
  assert.equal(db.status.error.code, 'offline');
  assert.deepEqual(await db.collection('todo').count(), 1);
  assert.deepEqual(titles(), []);
  server.isReachable = true;
  await clock.advance(600_000);
  assert.deepEqual(titles(), ['Milk']);
});

test('a busy server is asked again when it said, not before', async () => {
  const { server, clock } = testing;
  const db = await testing.open({ sync: 'auto' });
  await clock.advance(10_000);
  server.failNext({ retryAfter: 30 });
  await db.collection('todo').create({ title: 'Milk' });
  await clock.advance(10_000);
  assert.equal(db.status.error.code, 'busy');
  await clock.advance(15_000);
  assert.deepEqual(titles(), []);
  await clock.advance(60_000);
  assert.deepEqual(titles(), ['Milk']);
});

test('a lost answer doubles nothing', async () => {
  const db = await testing.open();
  await db.sync();
  await db.collection('todo').create({ title: 'Milk' });
  testing.server.loseNextAnswer();
  await assert.rejects(db.sync(), { code: 'offline' });
  assert.deepEqual(titles(), ['Milk']);
  assert.equal((await db.sync()).in_sync, true);
  assert.deepEqual(titles(), ['Milk']);
  assert.equal(await db.collection('todo').count(), 1);
});

test('an answer takes its time, by the clock', async () => {
  testing.server.latency = 5_000;
  const db = await testing.open();
  let isDone = false;
  const syncing = db.sync().then(() => (isDone = true));
  await testing.clock.advance(4_999);
  assert.equal(isDone, false);
  await testing.clock.advance(1);
  await syncing;
});

test("another device's writes come with the next sync, and a conflict keeps both sides", async () => {
  const { server } = testing;
  const db = await testing.open();
  const other = server.device('user');
  const key = other.create('todo', { title: 'Milk', done: false });
  await db.sync();
  await db.collection('todo').update(key, { title: 'Oat milk' });
  other.update(key, { title: 'Soy milk', done: true });
  assert.equal((await db.sync()).conflicts, 1);
  assert.deepEqual((await db.collection('todo').get(key)).value, { title: 'Oat milk', done: true });
  const [conflict] = await db.conflicts();
  assert.deepEqual([conflict.truth.title, conflict.device.title], ['Soy milk', 'Oat milk']);
  await db.resolve(conflict.id, 'truth');
  await db.sync();
  assert.deepEqual(titles(), ['Soy milk']);
  other.delete(key);
  await db.sync();
  assert.equal(await db.collection('todo').count(), 0);
});

test('two people see nothing of each other, and expired tokens are asked for again', async () => {
  const { server } = testing;
  const ada = await testing.open({ user: 'ada' });
  const bob = await testing.open({ user: 'bob' });
  await ada.collection('todo').create({ title: 'Milk' });
  await ada.sync();
  server.expireTokens();
  await ada.collection('todo').create({ title: 'Bread' });
  await ada.sync();
  await bob.sync();
  assert.equal(server.records('ada').length, 2);
  assert.equal(await bob.collection('todo').count(), 0);

  const fixed = await testing.open({ user: 'ada', token: server.token('ada') });
  server.expireTokens();
  await assert.rejects(fixed.sync(), { code: 'unauthenticated' });
});

test('the airbag holds back what would delete much', async () => {
  const db = await testing.open();
  const todos = db.collection('todo');
  const made = await todos.createMany(Array.from({ length: 40 }, (_, index) => ({ title: `${index}` })));
  await db.sync();
  await db.batch(async batch => {
    for (const { key } of made) await batch.collection('todo').delete(key);
  });
  await assert.rejects(db.sync(), { code: 'airbag' });
  assert.equal(titles().length, 40);
  await db.sync({ confirm: true });
  assert.equal(titles().length, 0);
});

test('thousands of records come in pages', async () => {
  const [one, other] = [await testing.open(), await testing.open()];
  await one.collection('todo').createMany(Array.from({ length: 4_500 }, (_, index) => ({ title: `${index}` })));
  assert.equal((await one.sync()).in_sync, true);
  assert.equal((await other.sync()).pulled, 4_500);
  assert.equal((await other.info()).fingerprint, (await one.info()).fingerprint);
});

test('what the server cannot do it says', async () => {
  const db = await testing.open();
  await assert.rejects(db.sync({ mode: 'refresh' }), ({ message, cause }) => /real one/.test(`${message} ${cause?.detail}`));
});

test('at the end the process has what it had before', async () => {
  const during = [globalThis.fetch, globalThis.Date, globalThis.setTimeout, globalThis.indexedDB];
  await testing.end();
  assert.equal(typeof globalThis.CompressionStream, 'function');
  for (const [place, name] of ['fetch', 'Date', 'setTimeout', 'indexedDB'].entries()) {
    assert.notEqual(globalThis[name], during[place], name);
  }
  assert.ok(Math.abs(Date.now() - new Date(BEGIN)) > 1_000);
  testing = await startTesting();
  await testing.open();
  await assert.rejects(testing.clock.advance(1), { code: 'invalid' });
  await assert.rejects(startTesting(), { code: 'invalid' });
});

test('what cannot be is told at once', async () => {
  assert.throws(() => testing.clock.set('tomorrow'), { code: 'invalid' });
  assert.throws(() => testing.server.device('user').delete('nothing'), { code: 'not_found' });
  await testing.end();
  await testing.end();
  await assert.rejects(startTesting({ now: 'tomorrow' }), { code: 'invalid' });
});
