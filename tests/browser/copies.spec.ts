// A browser profile copied while something is pending, and both used on: two devices from then.

import { chromium, type BrowserContext } from '@playwright/test';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { launchOptions } from '../playwright.ts';
import { Demo } from './demo.ts';
import { expect, test } from './server.ts';

test('a profile copied while pending: the copy becomes a device of its own, and nothing is lost, doubled or reverted', async ({ server }) => {
  const profile = join(server.folder, 'profile');
  const copied = join(server.folder, 'copy');
  const launch = (folder: string): Promise<BrowserContext> => chromium.launchPersistentContext(folder, launchOptions);

  let original = await launch(profile);
  const before = await Demo.open(original, server.url, 'alice');
  await before.add('Synced before');
  await before.inSync();
  await before.installed();
  await original.setOffline(true);
  await before.add('Pending at the copy');
  await before.todo('Synced before').click();
  await expect(before.todo('Synced before')).toBeChecked();
  await original.close();
  cpSync(profile, copied, { recursive: true });

  original = await launch(profile);
  const one = await Demo.reopen(original, server.url);
  await one.inSync();
  await one.add('On the original');
  await rename(one, 'Pending at the copy', 'Renamed on the original');
  await one.inSync();

  const copy = await launch(copied);
  const two = await Demo.reopen(copy, server.url);
  await two.inSync();
  await expect(two.todo('Renamed on the original')).toBeVisible();
  await two.add('On the copy');
  await two.inSync();
  await one.sync();
  await one.inSync();
  await expect(one.todo('On the copy')).toBeVisible();

  const titles = ['On the copy', 'On the original', 'Renamed on the original', 'Synced before'];
  expect((await one.titles()).sort()).toEqual(titles);
  expect((await two.titles()).sort()).toEqual(titles);
  await expect(two.todo('Synced before')).toBeChecked();
  const truth = await server.truth('alice', 'todo');
  expect(truth.map(record => (record.value as { title: string }).title).sort()).toEqual(titles);
  const [here, there] = [await one.facts(), await two.facts()];
  expect(there.device_uuid).not.toBe(here.device_uuid);
  expect(there.fingerprint).toBe(here.fingerprint);
  await original.close();
  await copy.close();
});

async function rename(demo: Demo, from: string, to: string): Promise<void> {
  await demo.page.getByRole('button', { name: `Edit “${from}”` }).click();
  await demo.page.keyboard.type(to);
  await demo.page.keyboard.press('Enter');
  await expect(demo.todo(to)).toBeVisible();
}
