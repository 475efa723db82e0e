// What the driver calls in the page. Everything timed runs here, from the call of the public
// API to its settled promise; nothing of the driver is inside a measure.
import { makeRecords } from './records.js';

const contenders = {
  raw: () => import('./contenders/raw.js'),
  dexie: () => import('./contenders/dexie.js'),
  pouchdb: () => import('./contenders/pouchdb.js'),
  yjs: () => import('./contenders/yjs.js'),
  tidemark: () => import('./contenders/tidemark.js'),
};

let contender;
let handle;
let longest = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
}).observe({ type: 'longtask' });

async function timed(work) {
  // A collection left over from the step before is not this step's cost.
  globalThis.gc?.();
  await new Promise(resolve => setTimeout(resolve, 60));
  longest = 0;
  const start = performance.now();
  const result = await work();
  const ms = performance.now() - start;
  await new Promise(resolve => setTimeout(resolve, 60));
  return { ms, longest, result };
}

function expectCount(rows, count) {
  if (rows.length !== count || rows.some(row => row === undefined || row === null)) {
    throw new Error(`expected ${count} rows, got ${rows.length}`);
  }
}

window.bench = {
  async load(name) {
    contender = await contenders[name]();
  },
  async open(options) {
    handle = await contender.open(options);
  },
  close: () => contender.close(handle),
  async openToFirstQuery(options) {
    return timed(async () => {
      handle = await contender.open(options);
      expectCount(await contender.firstQuery(handle), 50);
    });
  },
  async bulkCreate(count, seed) {
    const values = makeRecords(count, seed);
    return timed(async () => expectCount(await contender.createMany(handle, values), count));
  },
  async singleCreates(count) {
    const values = makeRecords(count, 7);
    return timed(async () => {
      for (const value of values) await contender.createOne(handle, value);
    });
  },
  async readWanted(keys) {
    return timed(async () => expectCount(await contender.readMany(handle, keys), keys.length));
  },
  keys: () => contender.keys(handle),
  async find(list, count) {
    return timed(async () => expectCount(await contender.find(handle, list), count));
  },
  async update(count, stamp) {
    const keys = (await contender.keys(handle)).slice(0, count);
    await contender.update(handle, keys, { title: `changed ${stamp}` });
  },
  push: () => timed(async () => void (await contender.push(handle))),
  pull: () => timed(async () => void (await contender.pull(handle))),
  sync: () => timed(async () => void (await contender.sync(handle))),
  count: () => contender.count(handle),
  has: name => typeof contender[name] === 'function',
};
