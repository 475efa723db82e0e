// The figures as markdown: the bars that the project set itself, medians with their spread, the
// wire, the longest tasks. What people wrote below NOTES is kept from the page before.
import { bars } from './bars.mjs';
import { kilo, round, spread, table } from './format.mjs';

const NOTES = '## Where the time goes';

export function markdown({ samples, facts, contenders, before }) {
  const kept = before.indexOf(`\n${NOTES}\n`);
  const notes = kept < 0 ? '' : before.slice(kept);
  return [
    ...opening(facts),
    '', '## Bars', '', ...bars({ samples, facts }),
    '', '## Milliseconds', '', ...times(samples, contenders),
    '', '## On the wire', '', ...wire(samples, contenders),
    '', '## Longest main-thread task', '', ...longest(samples, contenders), '',
  ].join('\n') + notes;
}

function opening({ records, rounds, scaled, scaledRounds, cores, gigabytes, browser }) {
  return [
    '# Benchmarks',
    '',
    `Made by \`script/bench\`: ${records.toLocaleString('en')} records of about 250 bytes of JSON`,
    `each, in rounds (${rounds}) in which the contenders take turns, with Tidemark at`,
    `${scaled.toLocaleString('en')} records as well (in ${scaledRounds}). ${browser}, headless, with profiles on disk; servers on loopback;`,
    `${cores} cores and ${gigabytes} GB for browser and servers together.`,
    '',
    'What is timed runs from the call of the public API to its settled promise, returned documents',
    'included; for a sync from `sync()` to its report. A figure is the median (least–most). Quick',
    'tasks (find, empty sync) are measured several times a round. The contenders: *raw* is',
    'IndexedDB through `idb`, a row per record with one index, one transaction; Dexie 4; PouchDB 9',
    'in batches of 1,000 with its own server on disk; Yjs with y-indexeddb and Hocuspocus, which',
    'keeps everything in memory on both sides. Tidemark\'s server writes to SQLite on disk,',
    '`synchronous=FULL`.',
  ];
}

const titles = contenders => contenders.map(name => (name === 'scaled' ? 'tidemark, scaled' : name));

function times(samples, contenders) {
  const rows = samples.tasks.map(task => [
    task,
    ...contenders.map(contender => {
      const ms = samples.ms(task, contender);
      return ms ? spread(ms) : '·';
    }),
  ]);
  return table(['task', ...titles(contenders)], rows);
}

function wire(samples, contenders) {
  const rows = [];
  for (const task of samples.tasks) {
    for (const contender of contenders) {
      const middle = samples.wire(task, contender);
      if (!middle) continue;
      rows.push([task, contender, round(middle.requests), kilo(middle.sent), kilo(middle.received)]);
    }
  }
  return [
    'Requests without preflights (of Yjs: frames of its socket); bytes are bodies as sent, compressed.',
    '',
    ...table(['task', 'contender', 'requests', 'up', 'down'], rows),
  ];
}

function longest(samples, contenders) {
  const rows = samples.tasks.map(task => [
    task,
    ...contenders.map(contender => {
      const most = Math.max(...samples.of(task, contender).map(each => each.longest));
      if (!Number.isFinite(most)) return '·';
      return most ? round(most) : '–';
    }),
  ]);
  return [
    'Milliseconds, the worst of all rounds; –: none of 50 ms or more.',
    '',
    ...table(['task', ...titles(contenders)], rows),
  ];
}
