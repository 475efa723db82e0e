// The same story against the fake server and the real one: two devices of one user, steps drawn by
// a seed. What each step led to is told in words that hold for both, so with no keys and no times.

import { startTesting } from 'tidemark/testing';

const testing = await startTesting();
const [seed, steps, server, token] = process.argv.slice(2);
const reached = server === undefined ? {} : { server, token };
const devices = [await testing.open(reached), await testing.open(reached)];
const random = numbers(Number(seed));
const transcript = [];
let made = 0;

for (let step = 0; step < Number(steps); step += 1) transcript.push(await take(pick(devices)));
// At the end all agree, after two rounds at most.
for (const device of [...devices, ...devices]) transcript.push(await synced(device));
for (const device of devices) transcript.push(await seen(device));
console.log(JSON.stringify(transcript));
await testing.end();

async function take(device) {
  const who = devices.indexOf(device);
  const records = device.collection('thing');
  const docs = (await records.find()).sort((one, other) => (name(one) < name(other) ? -1 : 1));
  const doc = pick(docs);
  const act = pick(['create', 'create', 'update', 'update', 'update', 'put', 'remove', 'delete', 'undo', 'resolve', 'sync', 'sync', 'push', 'pull']);
  const told = { who, act, of: doc && name(doc) };
  if (act === 'create') {
    made += 1;
    await records.create(pick([{ name: `${made}`, a: 0, b: 0 }, { name: `${made}`, list: [1] }, [`${made}`]]));
  } else if (act === 'sync') {
    return { ...told, ...(await synced(device)), ...(await seen(device)) };
  } else if (act === 'push' || act === 'pull') {
    return { ...told, ...(await synced(device, { direction: act })), ...(await seen(device)) };
  } else if (act === 'resolve') {
    // One decision a sync: several go in the order of the conflicts' ids, which are no one's twice.
    if ((await device.info()).decisions > 0) return told;
    const conflicts = (await device.conflicts()).sort((one, other) => (words(one) < words(other) ? -1 : 1));
    const conflict = pick(conflicts);
    const choice = pick(['truth', 'device', { value: { name: 'settled', a: 9 } }]);
    if (conflict) await device.resolve(conflict.id, choice);
    return { ...told, choice, conflict: conflict && words(conflict) };
  } else if (doc && act === 'delete') {
    await records.delete(doc.key);
  } else if (doc && act === 'undo') {
    await records.undo(doc.key);
  } else if (doc && Array.isArray(doc.value)) {
    await records.put(doc.key, [...doc.value.slice(0, 1), random(3)]);
  } else if (doc && act === 'put') {
    await records.put(doc.key, { name: doc.value.name, a: random(3), c: random(3) });
  } else if (doc && act === 'remove') {
    await records.update(doc.key, { b: undefined });
  } else if (doc) {
    await records.update(doc.key, { [pick(['a', 'b'])]: random(3) });
  }
  return told;
}

async function synced(device, options) {
  try {
    const { in_sync, mode, pushed, pulled, deleted, conflicts, rejected, round_trips } = await device.sync(options);
    return { in_sync, mode, pushed, pulled, deleted, conflicts, rejected, round_trips };
  } catch (error) {
    return { failed: `${error.code}: ${error.message}` };
  }
}

/** What a device shows: its records, what it has pending, and the conflicts that wait. */
async function seen(device) {
  const docs = await device.collection('thing').find();
  const pending = await device.pending();
  const conflicts = await device.conflicts();
  return {
    docs: docs.map(doc => `${JSON.stringify(doc.value)} ${doc.state}`).sort(),
    pending: pending.map(doc => `${JSON.stringify(doc.value)} ${doc.state} ${doc.problem?.code}`).sort(),
    open: conflicts.map(words).sort(),
  };
}

function words({ fields, truth, device, deleted, base, truth_device, device_uuid }) {
  return JSON.stringify({ fields, truth, device, deleted, base: base === null, own: truth_device === device_uuid });
}

function name(doc) {
  return `${JSON.stringify(doc.value)} ${doc.state}`;
}

/** A small generator of numbers below `end`, the same for the same seed (mulberry32). */
function numbers(state) {
  return end => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

function pick(list) {
  return list[random(Math.max(1, list.length))];
}
