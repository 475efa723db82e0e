// Repairs: a device lacks some of very many records without knowing it, and its next sync finds them.
// They are taken out of the answers that it pulls from, and the sync that hears so is cut off there; what
// is measured is the whole sync after that, from its open to its finish.
import { startDevice } from './devices.mjs';

/** One device that pushes `count` records, and for each number in `lacking` one that lacks so many. */
export async function repairTasks({ contender, count, pageUrl, keep, target }, lacking, nameOf) {
  const first = await startDevice(pageUrl, contender);
  try {
    await first.call('open', await target('a'));
    await first.call('bulkCreate', count, 4);
    await first.call('push');
  } finally {
    await first.stop();
  }
  for (const lack of lacking) {
    const device = await startDevice(pageUrl, contender);
    try {
      await device.call('open', await target(`lacks-${lack}`));
      await pullWithout(device, lack, count);
      const before = await device.call('count');
      if (before !== count - lack) throw new Error(`${count - before} are lacking, not ${lack}`);
      keep(nameOf(lack), await device.wired('sync'));
      const after = await device.call('count');
      if (after !== count) throw new Error(`${count - after} are lacking after the repair`);
    } finally {
      await device.stop();
    }
  }
}

/** A pull in which so many records, spread over all, are not there. */
async function pullWithout(device, lack, count) {
  const step = Math.floor(count / Math.max(lack, 1));
  let seen = 0;
  const isLost = () => lack > 0 && seen++ % step === step >> 1;
  const thin = page => {
    if (Array.isArray(page?.records)) page.records = page.records.filter(() => !isLost());
  };
  const rewrite = async route => {
    const response = await route.fetch();
    const body = await response.json();
    thin(body);
    thin(body.pull);
    const { 'content-encoding': _, 'content-length': __, ...headers } = response.headers();
    await route.fulfill({ status: response.status(), headers, body: JSON.stringify(body) });
  };
  const { page } = device;
  await page.route(/\/v1\/sync\/(open|pull)$/, rewrite);
  await page.route(/\/v1\/sync\/reconcile$/, route => route.abort());
  const cutOff = await device.call('pull').then(() => false, () => true);
  if (cutOff !== lack > 0) throw new Error(`${lack} are lacking, and the sync was cut off: ${cutOff}`);
  await page.unrouteAll({ behavior: 'wait' });
}
