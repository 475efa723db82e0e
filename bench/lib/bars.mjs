// The bars that the project set itself, each beside its figure.
import { spread, round, table } from './format.mjs';

/** How many records a device lacks when it is repaired. */
export const LACKING = [0, 1, 100];

/** What the task is called in which so many of all are found. */
export const repairOf = (lack, count) =>
  lack === 0 ? `empty sync at ${count.toLocaleString('en')}` : `repair of ${lack} in ${count.toLocaleString('en')}`;

export function bars({ samples, facts }) {
  const rows = [];
  const bar = (figure, value, must, aim) => {
    if (value === undefined || Number.isNaN(value)) return;
    const range = typeof value === 'number' ? { median: value, min: value, max: value } : value;
    rows.push([figure, spread(range), most(must), most(aim), verdict(range.median, must, aim)]);
  };
  timesBars(samples, bar);
  wireBars(samples, bar);
  repairBars(samples, facts, bar);
  for (const task of ['bulk create', 'read all by key, cold', 'read all by key, warm', 'indexed find of 1,000', 'initial push', 'initial pull']) {
    const figure = `${task}: ${facts.scaled.toLocaleString('en')} records, × the time of ${facts.records.toLocaleString('en')}`;
    bar(figure, samples.ratio(task, 'scaled', 'tidemark'), 6, 5);
  }
  if (facts.size) bar('package, wasm + JS, brotli, kB', facts.size.total / 1000, 130, 90);
  if (facts.memory) {
    bar(`server after ${facts.memory.count.toLocaleString('en')} records pushed, MB resident`, facts.memory.now, 150);
    bar('the same at its highest, MB', facts.memory.highest, 150);
  }
  return table(['figure', 'measured', 'must be', 'aim', ''], rows);
}

const most = limit => (limit === undefined ? '' : `≤ ${round(limit)}`);

function verdict(value, must, aim) {
  if (must !== undefined && value > must) return '**missed**';
  if (aim === undefined) return 'met';
  if (value <= aim) return 'met, and the aim';
  return must === undefined ? 'not yet' : 'met';
}

function repairBars(samples, { repaired, sums }, bar) {
  for (const [lack, requests, kilobytes] of [[0, 1, 1], [1, 4, 12], [100, 5, 500]]) {
    const task = repairOf(lack, repaired);
    const wire = samples.wire(task, 'tidemark') ?? {};
    bar(`${task}, requests from open to finish`, wire.requests, requests);
    bar(`${task}, kB both ways`, (wire.sent + wire.received) / 1000, kilobytes);
    bar(`${task}, ms`, samples.ms(task, 'tidemark'), 1000);
  }
  if (!sums) return;
  const count = sums.count.toLocaleString('en');
  bar(`sums of ranges at ${count}, of the time of a push, in %`, sums.percent, 15);
  bar(`the fingerprint of a third of ${count}, ms`, sums.third_ms, 100);
}

function timesBars(samples, bar) {
  const ratio = (task, peer) => samples.ratio(task, 'tidemark', peer);
  bar('bulk create, × raw', ratio('bulk create', 'raw'), 0.3, 0.15);
  bar('1,000 single creates, × raw', ratio('1,000 single creates', 'raw'), 1.5, 1);
  bar('read all by key (cold), × raw', ratio('read all by key, cold', 'raw'), 0.5, 0.15);
  bar('read all by key (warm), × raw', ratio('read all by key, warm', 'raw'), 0.5, 0.15);
  bar('initial push, × PouchDB', ratio('initial push', 'pouchdb'), 1 / 5);
  bar('initial push, × Yjs', ratio('initial push', 'yjs'), undefined, 1);
  bar('initial pull, × PouchDB', ratio('initial pull', 'pouchdb'), 1 / 9);
  bar('initial pull, × Yjs', ratio('initial pull', 'yjs'), undefined, 0.5);
  bar('100 changes across, × Yjs', ratio('100 changes across', 'yjs'), undefined, 1);
}

function wireBars(samples, bar) {
  const wire = task => samples.wire(task, 'tidemark') ?? {};
  const both = task => (wire(task).sent + wire(task).received) / 1000;
  bar('initial push, requests', wire('initial push').requests, 10);
  bar('initial push, MB up', wire('initial push').sent / 1e6, 1);
  bar('initial pull, requests', wire('initial pull').requests, 10);
  bar('initial pull, MB down', wire('initial pull').received / 1e6, 1);
  bar('100 changes across, requests', wire('100 changes across').requests, 5);
  bar('100 changes across, kB', both('100 changes across'), 45);
  for (const task of ['empty sync', 'empty sync after a push', 'empty sync at 20']) {
    bar(`${task}, ms`, samples.ms(task, 'tidemark'), 8);
    bar(`${task}, requests`, wire(task).requests, 1);
    bar(`${task}, kB both ways`, both(task), 1);
  }
}
