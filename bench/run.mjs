// script/bench: Tidemark beside its peers, in one run, interleaved, in real Chromium.
//   node run.mjs [--rounds 5] [--records 10000] [--only tidemark,raw] [--out ../docs/benchmarks.md]
//                [--tidemark PATH-TO-BINARY]
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDevice } from './lib/devices.mjs';
import { residentMegabytes, serveFolder, startServer } from './lib/processes.mjs';
import { pushMany } from './lib/push-many.mjs';
import { markdown } from './lib/report.mjs';
import { packageSize } from './lib/size.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '10000' },
    only: { type: 'string', default: 'raw,dexie,pouchdb,yjs,tidemark' },
    scale: { type: 'string', default: '5' },
    out: { type: 'string' },
    tidemark: { type: 'string', default: '../target/release/tidemark' },
  },
});
const records = Number(options.records);
const contenders = options.only.split(',');
const syncing = new Set(['pouchdb', 'yjs', 'tidemark']);
const samples = new Map();

function keep(task, contender, measure) {
  const id = `${task}|${contender}`;
  if (!samples.has(id)) samples.set(id, []);
  samples.get(id).push(measure);
  process.stderr.write(`  ${contender.padEnd(9)} ${task.padEnd(28)} ${measure.ms.toFixed(1)} ms\n`);
}

const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-servers-'));
const site = await serveFolder(new URL('./dist', import.meta.url).pathname);
const servers = {
  tidemark: () =>
    startServer(options.tidemark, [
      'serve', '--dev', '--listen', '127.0.0.1:0', '--database', `sqlite:${directory}/truth.db`,
    ]),
  pouchdb: () => startServer('node', ['servers/peers.mjs', 'pouchdb', directory]),
  yjs: () => startServer('node', ['servers/peers.mjs', 'yjs']),
};
const running = {};
for (const name of contenders) if (servers[name]) running[name] = await servers[name]();

async function tokenFor(user) {
  const answer = await fetch(`${running.tidemark.url}/v1/dev/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  return (await answer.json()).token;
}

async function target(contender, database, device) {
  const server = running[contender]?.url;
  const token = contender === 'tidemark' ? await tokenFor(database) : undefined;
  return { name: `${database}-device-${device}`, server, token };
}

/** What needs one device: no server takes part. */
async function localTasks(contender, database, count) {
  const device = await startDevice(site.url, contender);
  try {
    const options = { name: `${database}-local` };
    await device.call('open', options);
    keep('bulk create', contender, await device.call('bulkCreate', count, 1));
    const keys = await device.call('keys');
    await device.call('close');
    await device.reload();
    keep('open to first query', contender, await device.call('openToFirstQuery', options));
    keep('read all by key, cold', contender, await device.call('readWanted', keys));
    keep('read all by key, warm', contender, await device.call('readWanted', keys));
    if (await device.call('has', 'find')) {
      keep('indexed find of 1,000', contender, await device.call('find', 'list-3', 1000));
    }
    await device.call('close');
    await device.call('open', { name: `${database}-single` });
    keep('1,000 single creates', contender, await device.call('singleCreates', 1000));
  } finally {
    await device.stop();
  }
}

/** What needs two devices and a server. */
async function syncTasks(contender, database, count) {
  const first = await startDevice(site.url, contender);
  const second = await startDevice(site.url, contender);
  try {
    await first.call('open', await target(contender, database, 'a'));
    await first.call('bulkCreate', count, 2);
    keep('initial push', contender, await first.wired('push'));
    keep('empty sync after a push', contender, await first.wired('sync'));
    await second.call('open', await target(contender, database, 'b'));
    keep('initial pull', contender, await second.wired('pull'));
    const arrived = await second.call('count');
    if (arrived !== count) throw new Error(`${contender}: ${arrived} of ${count} arrived`);
    await first.wired('sync');
    await second.wired('sync');
    await first.call('update', 100, `${Date.now()}`);
    const sent = await first.wired('sync');
    const received = await second.wired('sync');
    keep('100 changes across', contender, together(sent, received));
    await first.wired('sync');
    keep('empty sync', contender, await first.wired('sync'));
  } finally {
    await first.stop();
    await second.stop();
  }
}

function together(a, b) {
  const wire = {};
  for (const name of Object.keys(a.wire)) wire[name] = a.wire[name] + b.wire[name];
  return { ms: a.ms + b.ms, longest: Math.max(a.longest, b.longest), wire };
}

const facts = {};
try {
  for (let round = 0; round < Number(options.rounds); round += 1) {
    process.stderr.write(`round ${round + 1} of ${options.rounds}\n`);
    // Each round begins with another contender, so that none always follows the same one.
    const turn = round % contenders.length;
    for (const contender of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      await localTasks(contender, `round${round}`, records);
      if (syncing.has(contender)) await syncTasks(contender, `round${round}`, records);
    }
  }
  if (contenders.includes('tidemark')) {
    const scaled = records * Number(options.scale);
    process.stderr.write(`${scaled} records\n`);
    for (let round = 0; round < 2; round += 1) await scaledTasks(`scaled${round}`, scaled);
    await smallEmptySync();
    facts.scaled = scaled;
    facts.size = await packageSize();
    facts.memory = await memoryAfterMany();
  }
} finally {
  for (const server of Object.values(running)) await server.stop();
  site.stop();
  await rm(directory, { recursive: true, force: true });
}

/** The same tasks with more records, under names of their own. */
async function scaledTasks(database, count) {
  const before = new Set(samples.keys());
  const plain = new Map(samples);
  samples.clear();
  await localTasks('tidemark', database, count);
  await syncTasks('tidemark', database, count);
  const scaled = new Map(samples);
  samples.clear();
  for (const [id, list] of plain) samples.set(id, list);
  for (const [id, list] of scaled) {
    const [task] = id.split('|');
    const name = `${task}|scaled`;
    samples.set(name, [...(before.has(name) ? plain.get(name) : []), ...list]);
  }
}

async function smallEmptySync() {
  const device = await startDevice(site.url, 'tidemark');
  try {
    await device.call('open', await target('tidemark', 'small', 'a'));
    await device.call('bulkCreate', 20, 3);
    await device.wired('sync');
    for (let round = 0; round < 5; round += 1) {
      keep('empty sync at 20', 'tidemark', await device.wired('sync'));
    }
  } finally {
    await device.stop();
  }
}

async function memoryAfterMany() {
  const fresh = await startServer(options.tidemark, [
    'serve', '--dev', '--listen', '127.0.0.1:0', '--database', `sqlite:${directory}/many.db`,
  ]);
  try {
    const seconds = await pushMany(fresh.url, 100_000);
    return { ...(await residentMegabytes(fresh.pid)), seconds };
  } finally {
    await fresh.stop();
  }
}

const text = markdown({ samples, facts, records, rounds: Number(options.rounds), contenders });
if (options.out) await writeFile(options.out, text);
process.stdout.write(text);
