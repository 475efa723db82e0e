// The figures as markdown: medians with their spread, ratios to the floor and to the peers, and
// the bars that the project set itself.

const median = list => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const round = (value, digits = 1) => Number(value.toFixed(digits)).toLocaleString('en');
const kilo = bytes => `${round(bytes / 1000)} kB`;

export function markdown({ samples, facts, records, rounds, contenders }) {
  const of = (task, contender) => samples.get(`${task}|${contender}`);
  const ms = (task, contender) => {
    const list = of(task, contender);
    return list ? median(list.map(each => each.ms)) : undefined;
  };
  const tasks = [...new Set([...samples.keys()].map(id => id.split('|')[0]))];
  const lines = [
    '# Benchmarks', '',
    `${records.toLocaleString('en')} records of about 250 bytes, ${rounds} rounds, interleaved, headless Chromium with a profile on disk, servers on loopback. Milliseconds: median (min–max). Timed from the call of the public API to its settled promise. Made by \`script/bench\`.`,
    '', `| task | ${contenders.join(' | ')} |`, `| --- |${' --- |'.repeat(contenders.length)}`,
  ];
  for (const task of tasks) {
    const cells = contenders.map(contender => {
      const list = of(task, contender)?.map(each => each.ms);
      return list ? `${round(median(list))} (${round(Math.min(...list))}–${round(Math.max(...list))})` : '·';
    });
    lines.push(`| ${task} | ${cells.join(' | ')} |`);
  }
  lines.push('', '## On the wire', '', '| task | contender | requests | bytes up | bytes down |', '| --- | --- | --- | --- | --- |');
  for (const task of tasks) {
    for (const contender of contenders) {
      const wires = of(task, contender)?.map(each => each.wire).filter(Boolean) ?? [];
      if (!wires.length) continue;
      const middle = name => median(wires.map(wire => wire[name]));
      lines.push(`| ${task} | ${contender} | ${middle('requests')} | ${kilo(middle('sent'))} | ${kilo(middle('received'))} |`);
    }
  }
  lines.push('', '## Longest main-thread task (ms, median)', '', `| task | ${contenders.join(' | ')} |`, `| --- |${' --- |'.repeat(contenders.length)}`);
  for (const task of tasks) {
    const cells = contenders.map(contender => {
      const list = of(task, contender)?.map(each => each.longest);
      return list ? round(median(list), 0) : '·';
    });
    lines.push(`| ${task} | ${cells.join(' | ')} |`);
  }
  lines.push('', '(0: no task over 50 ms.)', '', ...bars({ ms, of, facts }));
  return `${lines.join('\n')}\n`;
}

function bars({ ms, of, facts }) {
  const wire = (task, name) => median((of(task, 'tidemark') ?? []).map(each => each.wire[name]));
  const rows = [];
  const bar = (figure, value, most, aim) => {
    if (!Number.isFinite(value)) return;
    rows.push(`| ${figure} | ${round(value, 2)} | ≤ ${most} | ${aim} | ${value <= most ? 'met' : '**missed**'} |`);
  };
  const ratio = (task, peer) => ms(task, 'tidemark') / ms(task, peer);
  bar('bulk create, × raw', ratio('bulk create', 'raw'), 0.3, 0.15);
  bar('1,000 single creates, × raw', ratio('1,000 single creates', 'raw'), 1.5, 1);
  bar('read all by key (cold), × raw', ratio('read all by key, cold', 'raw'), 0.5, 0.15);
  bar('read all by key (warm), × raw', ratio('read all by key, warm', 'raw'), 0.5, 0.15);
  bar('initial push, × PouchDB', ratio('initial push', 'pouchdb'), 0.2, 'ahead of Yjs');
  bar('initial push, × Yjs', ratio('initial push', 'yjs'), Infinity, 1);
  bar('initial push, requests', wire('initial push', 'requests'), 10, '');
  bar('initial push, MB up', wire('initial push', 'sent') / 1e6, 1, '');
  bar('initial pull, × PouchDB', ratio('initial pull', 'pouchdb'), 1 / 9, 'half of Yjs');
  bar('initial pull, × Yjs', ratio('initial pull', 'yjs'), Infinity, 0.5);
  bar('initial pull, requests', wire('initial pull', 'requests'), 10, '');
  bar('initial pull, MB down', wire('initial pull', 'received') / 1e6, 1, '');
  bar('100 changes across, requests', wire('100 changes across', 'requests'), 5, '');
  bar('100 changes across, kB', (wire('100 changes across', 'sent') + wire('100 changes across', 'received')) / 1000, 45, '');
  bar('100 changes across, × Yjs', ratio('100 changes across', 'yjs'), Infinity, 1);
  for (const task of ['empty sync', 'empty sync after a push', 'empty sync at 20']) {
    bar(`${task}, ms`, ms(task, 'tidemark'), 8, '');
    bar(`${task}, requests`, wire(task, 'requests'), 1, '');
    bar(`${task}, kB both ways`, (wire(task, 'sent') + wire(task, 'received')) / 1000, 1, '');
  }
  if (facts.scaled) {
    for (const task of ['bulk create', 'read all by key, cold', 'read all by key, warm', 'initial push', 'initial pull', 'indexed find of 1,000', 'open to first query', '100 changes across', 'empty sync', '1,000 single creates']) {
      bar(`${task}: ${facts.scaled.toLocaleString('en')} records, × the time`, ms(task, 'scaled') / ms(task, 'tidemark'), 6, 5);
    }
  }
  if (facts.size) bar('package, wasm + JS, brotli, kB', facts.size.total / 1000, 130, 90);
  if (facts.memory) {
    bar('server after 100,000 records pushed, MB resident', facts.memory.now, 150, '');
    bar('the same, highest', facts.memory.highest, 150, '');
  }
  return ['## Bars', '', '| figure | measured | must be | aim | |', '| --- | --- | --- | --- | --- |', ...rows];
}
