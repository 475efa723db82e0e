// The inspector's modes: one device makes its records the truth, another one that had something
// waiting keeps it; both fingerprints and a report tell what a sync has done.

import type { Browser } from '@playwright/test';
import { Demo } from './demo.ts';
import { expect, test, type Server } from './server.ts';
import { bodyOf } from './wire.ts';

async function device(browser: Browser, server: Server): Promise<Demo> {
  return Demo.open(await browser.newContext(), server.url, 'alice');
}

async function titles(server: Server): Promise<string[]> {
  return (await server.truth('alice', 'todo')).map(record => (record.value as { title: string }).title).sort();
}

async function rename(demo: Demo, from: string, to: string): Promise<void> {
  await demo.page.getByRole('button', { name: `Edit “${from}”` }).click();
  await demo.page.keyboard.type(to);
  await demo.page.keyboard.press('Enter');
  await expect(demo.todo(to)).toBeVisible();
}

/** Lets through only the syncs that a person asks for in this way: none that comes by itself. */
async function onlyByHand(demo: Demo, how: Record<string, string>): Promise<void> {
  await demo.page.route('**/v1/sync/open', route => {
    const body = bodyOf(route.request());
    return Object.entries(how).every(([name, word]) => body[name] === word) ? route.continue() : route.abort();
  });
}

/** Two devices in sync; then each goes offline and works on. */
async function apart(browser: Browser, server: Server): Promise<{ phone: Demo; laptop: Demo }> {
  const phone = await device(browser, server);
  for (const title of ['Anchor', 'Buoy', 'Compass']) await phone.add(title);
  await phone.inSync();
  const laptop = await device(browser, server);
  await expect(laptop.todo('Compass')).toBeVisible();
  await laptop.inSync();
  for (const demo of [phone, laptop]) await demo.page.context().setOffline(true);
  return { phone, laptop };
}

test('one device becomes the truth; what another had waiting is set aside, and sent again or dropped', async ({ server, browser }) => {
  const { phone, laptop } = await apart(browser, server);
  await rename(laptop, 'Anchor', 'Heavy anchor');
  await laptop.add('Dinghy');
  await laptop.todo('Compass').click();
  await laptop.page.getByRole('button', { name: 'Delete “Buoy”' }).click();
  await expect(laptop.todo('Buoy')).toHaveCount(0);
  await phone.page.getByRole('button', { name: 'Delete “Compass”' }).click();
  await phone.add('Echo sounder');
  await phone.page.context().setOffline(false);
  await phone.inSync();

  // It always asks, with the numbers, however little it would change.
  await phone.syncBy({ mode: 'Make this device the truth' });
  await expect(phone.page.getByRole('dialog', { name: 'Replace the server’s records?' })).toBeVisible();
  await phone.page.getByTestId('airbag').getByRole('button', { name: 'Replace them' }).click();
  await expect(phone.page.getByTestId('airbag')).toBeHidden();
  await expect(phone.report).toContainText('In sync, and proved so');
  await expect(phone.page.getByTestId('report-mode')).toHaveText('push_truth');
  expect(await titles(server)).toEqual(['Anchor', 'Buoy', 'Echo sounder']);

  // The other one takes that by itself, and keeps what it had for the person.
  await laptop.page.context().setOffline(false);
  await expect(laptop.page.getByTestId('sync-pill')).toHaveText('4 set aside', { timeout: 60_000 });
  await expect(laptop.page.getByRole('log')).toContainText('4 changes set aside, and kept');
  await expect(laptop.todo('Echo sounder')).toBeVisible();
  // What was set aside is seen as it was left here, the change of a record that is no more among it.
  await expect(laptop.todo('Compass')).toBeChecked();
  await expect(laptop.todo('Buoy')).toHaveCount(0);
  expect(await titles(server)).toEqual(['Anchor', 'Buoy', 'Echo sounder']);
  await laptop.page.reload();
  await expect(laptop.page.getByTestId('sync-pill')).toHaveText('4 set aside');

  await laptop.page.getByTestId('sync-pill').click();
  const sync = laptop.page.getByRole('dialog', { name: 'Sync' });
  await expect(sync.getByRole('heading', { name: 'Set aside (4)' })).toBeVisible();
  await expect(sync.locator('.notice')).toContainText('Another device replaced the records on the server');
  // One is dropped, by itself; the others are sent again, together.
  await sync.locator('.pending-row').filter({ hasText: 'Buoy' }).click();
  const record = laptop.page.getByRole('dialog', { name: 'Record of todo' });
  await expect(record).toContainText('a deletion');
  await record.getByRole('button', { name: 'Drop' }).click();
  await expect(sync.getByRole('heading', { name: 'Set aside (3)' })).toBeVisible();
  await sync.getByRole('button', { name: 'Send all again' }).click();
  await expect(sync.getByRole('heading', { name: /Set aside/ })).toHaveCount(0);
  await laptop.page.keyboard.press('Escape');
  await laptop.inSync();
  await expect(laptop.todo('Buoy')).toBeVisible();
  expect(await titles(server)).toEqual(['Buoy', 'Compass', 'Dinghy', 'Echo sounder', 'Heavy anchor']);
  await phone.sync();
  expect((await phone.facts()).fingerprint).toBe((await laptop.facts()).fingerprint);
});

test('the server’s records are taken by hand, after a question; what waited is dropped, all at once', async ({ server, browser }) => {
  const { phone, laptop } = await apart(browser, server);
  await rename(laptop, 'Anchor', 'Heavy anchor');
  await laptop.add('Dinghy');
  await onlyByHand(laptop, { mode: 'pull_truth' });
  await laptop.page.context().setOffline(false);
  await expect(laptop.page.getByTestId('sync-pill')).toHaveText('No server · 2 kept');
  await laptop.syncBy({ mode: 'Take the server’s records' });
  const question = laptop.page.getByRole('dialog', { name: 'Take the server’s records?' });
  await expect(question).toContainText('2 changes not sent yet will be set aside');
  await question.getByRole('button', { name: 'Take them' }).click();
  await expect(laptop.page.getByTestId('report-mode')).toHaveText('pull_truth');
  await laptop.page.unroute('**/v1/sync/open');
  await expect(laptop.page.getByTestId('sync-pill')).toHaveText('2 set aside');
  await expect(laptop.page.getByTestId('fingerprint-verdict')).toContainText('Equal');

  await laptop.page.getByTestId('sync-pill').click();
  await laptop.page.getByRole('button', { name: 'Drop all…' }).click();
  await laptop.page.getByRole('dialog', { name: 'Drop 2 changes?' }).getByRole('button', { name: 'Drop', exact: true }).click();
  await expect(laptop.page.getByRole('heading', { name: /Set aside/ })).toHaveCount(0);
  await laptop.page.keyboard.press('Escape');
  await laptop.inSync();
  await laptop.go('Inbox');
  await expect(laptop.todo('Anchor')).toBeVisible();
  expect((await laptop.titles()).sort()).toEqual(['Anchor', 'Buoy', 'Compass']);
  await phone.page.context().setOffline(false);
  await phone.sync();
  expect(await titles(server)).toEqual(['Anchor', 'Buoy', 'Compass']);
});

test('only fetching sends nothing; the report and both fingerprints say so', async ({ server, browser }) => {
  const { phone, laptop } = await apart(browser, server);
  await phone.add('Made on the phone');
  await phone.page.context().setOffline(false);
  await phone.inSync();
  await laptop.add('Waits');
  await onlyByHand(laptop, { direction: 'pull' });
  await laptop.page.context().setOffline(false);
  await expect(laptop.page.getByTestId('sync-pill')).toHaveText('No server · 1 kept');
  await laptop.syncBy({ direction: 'Only fetch' });
  await expect(laptop.report).toContainText('In sync, and proved so');
  await expect(laptop.report.locator('div', { hasText: /^Sent/ })).toHaveText('Sent0');
  await expect(laptop.report.locator('div', { hasText: /^Fetched/ })).toHaveText('Fetched1');
  await expect(laptop.page.getByTestId('fingerprint-verdict')).toContainText('Equal');
  expect(await titles(server)).not.toContain('Waits');
});

test('every mode of the inspector ends in step; what does not go together cannot be begun', async ({ server, browser }) => {
  const { phone, laptop } = await apart(browser, server);
  for (const demo of [phone, laptop]) await demo.page.context().setOffline(false);
  for (const [mode, word] of [['Automatic', 'fast'], ['Fast', 'fast'], ['Repair', 'repair'], ['Refresh', 'refresh']] as const) {
    await phone.syncBy({ mode });
    await expect(phone.page.getByTestId('report-mode')).toHaveText(word);
    await expect(phone.report).toContainText('In sync, and proved so');
  }
  await phone.syncBy({ mode: 'Slow' });
  await phone.page.getByRole('dialog', { name: 'Compare the whole table?' }).getByRole('button', { name: 'Compare' }).click();
  await expect(phone.page.getByTestId('report-mode')).toHaveText('slow');
  await expect(phone.report).toContainText('In sync, and proved so');
  await expect(phone.page.getByTestId('fingerprint-verdict')).toContainText('Equal');

  const button = phone.page.getByRole('button', { name: 'Sync this way' });
  await expect(phone.page.getByRole('switch', { name: 'Mirror' })).toBeDisabled();
  await phone.page.getByRole('radio', { name: 'Take the server’s records' }).check();
  await phone.page.getByRole('radio', { name: 'Only send' }).check();
  await expect(button).toBeDisabled();
  await expect(phone.page.getByRole('alert')).toContainText('These do not go together');
  await phone.page.getByRole('radio', { name: 'Only fetch' }).check();
  await expect(button).toBeEnabled();
  expect(await titles(server)).toEqual(['Anchor', 'Buoy', 'Compass']);
});
