// script/bench: Tidemark beside its peers, in one run, interleaved, in real Chromium.
//   node run.mjs [--rounds 3] [--records 10000] [--scale 5] [--scaled-rounds 2]
//                [--repaired 100000] [--summed 1000000]
//                [--only raw,tidemark] [--skip memory,repairs,sums] [--out ../docs/benchmarks.md]
//                [--tidemark PATH-TO-BINARY] [--reconciling PATH-TO-EXAMPLE]
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LACKING, repairOf } from './lib/bars.mjs';
import { machine } from './lib/machine.mjs';
import { residentMegabytes, serveFolder, startServer } from './lib/processes.mjs';
import { pushMany } from './lib/push-many.mjs';
import { repairTasks } from './lib/repairs.mjs';
import { markdown } from './lib/report.mjs';
import { Samples } from './lib/samples.mjs';
import { packageSize } from './lib/size.mjs';
import { sumsAt } from './lib/sums.mjs';
import { localTasks, smallEmptySync, syncTasks } from './lib/tasks.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    records: { type: 'string', default: '10000' },
    only: { type: 'string', default: 'raw,dexie,pouchdb,yjs,tidemark' },
    skip: { type: 'string', default: '' },
    scale: { type: 'string', default: '5' },
    'scaled-rounds': { type: 'string', default: '2' },
    out: { type: 'string' },
    tidemark: { type: 'string', default: '../target/release/tidemark' },
    reconciling: { type: 'string', default: '../target/release/examples/reconciling' },
    repaired: { type: 'string', default: '100000' },
    summed: { type: 'string', default: '1000000' },
  },
});
const records = Number(options.records);
const rounds = Number(options.rounds);
const scaledRounds = Number(options['scaled-rounds']);
const scaled = records * Number(options.scale);
const contenders = options.only.split(',');
const hasTidemark = contenders.includes('tidemark');
const syncing = new Set(['pouchdb', 'yjs', 'tidemark']);

const begun = performance.now();
const say = text => process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
const samples = new Samples(say);
const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-servers-'));
const site = await serveFolder(new URL('./dist', import.meta.url).pathname);
const servers = {
  tidemark: () => tidemarkServer('truth'),
  pouchdb: () => startServer('node', ['servers/peers.mjs', 'pouchdb', directory]),
  yjs: () => startServer('node', ['servers/peers.mjs', 'yjs']),
};
const running = {};

function tidemarkServer(name) {
  const database = `sqlite:${directory}/${name}.db`;
  return startServer(options.tidemark, ['serve', '--dev', '--listen', '127.0.0.1:0', '--database', database]);
}

async function tokenFor(user) {
  const answer = await fetch(`${running.tidemark.url}/v1/dev/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  return (await answer.json()).token;
}

/** What every task needs to know: who is measured, how often, and where the figures go. */
function job(contender, database, count, row = contender) {
  return {
    contender,
    database,
    count,
    pageUrl: site.url,
    keep: (task, measure) => samples.keep(task, row, measure),
    target: async device => ({
      name: `${database}-device-${device}`,
      server: running[contender]?.url,
      token: contender === 'tidemark' ? await tokenFor(database) : undefined,
    }),
  };
}

async function play(round) {
  say(`round ${round + 1} of ${rounds}`);
  const entries = contenders.map(name => job(name, `round${round}`, records));
  if (hasTidemark && round < scaledRounds) entries.push(job('tidemark', `scaled${round}`, scaled, 'scaled'));
  // Each round begins with another contender, so that none always follows the same one.
  const turn = round % entries.length;
  for (const each of [...entries.slice(turn), ...entries.slice(0, turn)]) {
    await localTasks(each);
    if (syncing.has(each.contender)) await syncTasks(each);
  }
}

/** What the server holds in memory after one device has pushed this many records at once. */
async function memoryAfter(count) {
  const server = await tidemarkServer('many');
  try {
    const before = await residentMegabytes(server.pid);
    const seconds = await pushMany(server.url, count);
    return { count, seconds, before: before.now, ...(await residentMegabytes(server.pid)) };
  } finally {
    await server.stop();
  }
}

const skipped = new Set(options.skip.split(','));
const repaired = Number(options.repaired);
const facts = { ...(await machine()), records, rounds, scaled, scaledRounds, repaired };
try {
  for (const name of contenders) if (servers[name]) running[name] = await servers[name]();
  for (let round = 0; round < rounds; round += 1) await play(round);
  if (hasTidemark) {
    await smallEmptySync(job('tidemark', 'small', 20));
    facts.size = await packageSize();
    if (!skipped.has('repairs')) {
      await repairTasks(job('tidemark', 'repaired', repaired), LACKING, lack => repairOf(lack, repaired));
    }
    if (!skipped.has('sums')) facts.sums = await sumsAt(options.reconciling, Number(options.summed));
    if (!skipped.has('memory')) facts.memory = await memoryAfter(100_000);
  }
} finally {
  for (const server of Object.values(running)) await server.stop();
  site.stop();
  await rm(directory, { recursive: true, force: true });
}

const before = options.out ? await readFile(options.out, 'utf8').catch(() => '') : '';
const text = markdown({ samples, facts, contenders, before });
if (options.out) await writeFile(options.out, text);
else process.stdout.write(text);
say('done');
