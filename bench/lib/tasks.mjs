// The tasks, each timed in the page; the quick ones several times a round.
import { startDevice } from './devices.mjs';

const QUICK_TIMES = 5;

/** What needs one device: no server takes part. */
export async function localTasks({ contender, database, count, pageUrl, keep }) {
  const device = await startDevice(pageUrl, contender);
  try {
    const options = { name: `${database}-local` };
    await device.call('open', options);
    keep('bulk create', await device.call('bulkCreate', count, 1));
    const keys = await device.call('keys');
    await device.call('close');
    await device.reload();
    keep('open to first query', await device.call('openToFirstQuery', options));
    keep('read all by key, cold', await device.call('readWanted', keys));
    keep('read all by key, warm', await device.call('readWanted', keys));
    if (await device.call('has', 'find')) {
      const list = `list-${Math.floor(count / 2000)}`;
      for (let time = 0; time < QUICK_TIMES; time += 1) {
        keep('indexed find of 1,000', await device.call('find', list, 1000));
      }
    }
    await device.call('close');
    await device.call('open', { name: `${database}-single` });
    keep('1,000 single creates', await device.call('singleCreates', 1000));
  } finally {
    await device.stop();
  }
}

/** What needs two devices and a server. */
export async function syncTasks({ contender, count, pageUrl, keep, target }) {
  const first = await startDevice(pageUrl, contender);
  const second = await startDevice(pageUrl, contender);
  try {
    await first.call('open', await target('a'));
    await first.call('bulkCreate', count, 2);
    keep('initial push', await first.wired('push'));
    keep('empty sync after a push', await first.wired('sync'));
    await second.call('open', await target('b'));
    keep('initial pull', await second.wired('pull'));
    const arrived = await second.call('count');
    if (arrived !== count) throw new Error(`${contender}: ${arrived} of ${count} arrived`);
    await first.wired('sync');
    await second.wired('sync');
    await first.call('update', 100, `${Date.now()}`);
    keep('100 changes across', together(await first.wired('sync'), await second.wired('sync')));
    await first.wired('sync');
    for (let time = 0; time < QUICK_TIMES; time += 1) keep('empty sync', await first.wired('sync'));
  } finally {
    await first.stop();
    await second.stop();
  }
}

/** An empty sync where there is little to be in step with. */
export async function smallEmptySync({ contender, count, pageUrl, keep, target }) {
  const device = await startDevice(pageUrl, contender);
  try {
    await device.call('open', await target('a'));
    await device.call('bulkCreate', count, 3);
    await device.wired('sync');
    await device.wired('sync');
    for (let time = 0; time < 2 * QUICK_TIMES; time += 1) {
      keep('empty sync at 20', await device.wired('sync'));
    }
  } finally {
    await device.stop();
  }
}

function together(a, b) {
  const wire = {};
  for (const name of Object.keys(a.wire)) wire[name] = a.wire[name] + b.wire[name];
  return { ms: a.ms + b.ms, longest: Math.max(a.longest, b.longest), wire };
}
