// A sync that would delete much waits for the person: what the demo shows, and what each answer does.

import type { Browser } from '@playwright/test';
import { Demo } from './demo.ts';
import { Device } from './package-page.ts';
import { expect, test, type Server } from './server.ts';

/** More than the airbag lets pass, and far more than a fifth. */
const MANY = 20;

const panel = (demo: Demo) => demo.page.getByTestId('airbag');
const title = (demo: Demo) => demo.page.getByRole('dialog', { name: `Delete ${MANY + 1} records on the server?` });

/** A device that has synced a list of things, deleted it offline, written something else, and come back. */
async function held(browser: Browser, server: Server): Promise<Demo> {
  const context = await browser.newContext();
  const writer = await Device.open(context, server, 'alice');
  await writer.create('list', [{ id: 'ropes', name: 'Ropes' }]);
  const titles = ['Kept', ...Array.from({ length: MANY }, (_, at) => `Ropes ${at}`)];
  await writer.create('todo', titles.map(title => ({ title, done: false, list: title === 'Kept' ? 'inbox' : 'ropes' })));
  await writer.sync();
  await writer.close();
  const demo = await Demo.open(context, server.url, 'alice');
  await demo.page.getByRole('link', { name: 'Ropes' }).click();
  await expect(demo.page.locator('.todo')).toHaveCount(MANY);
  await demo.inSync();
  await demo.page.context().setOffline(true);
  await demo.deleteList();
  await demo.add('New');
  await expect(demo.page.getByTestId('sync-pill')).toHaveText(`Offline · ${MANY + 2} kept`);
  await demo.page.context().setOffline(false);
  await expect(panel(demo)).toBeVisible();
  return demo;
}

test('what an emptied list would delete is told in numbers, survives a reload, and passes when confirmed', async ({ server, browser }) => {
  const demo = await held(browser, server);
  await expect(panel(demo)).toContainText(`delete ${MANY + 1} of the ${MANY + 2} records on the server`);
  expect(await server.truth('alice', 'todo')).toHaveLength(MANY + 1);

  // A key pressed as it opens decides nothing: no choice has the focus.
  await demo.page.keyboard.press('Enter');
  await demo.page.keyboard.press('Space');
  await expect(title(demo)).toBeVisible();
  await demo.page.keyboard.press('Escape');
  await expect(panel(demo)).toBeHidden();
  await expect(demo.page.getByTestId('sync-pill')).toHaveText('Stopped');
  await demo.add('Written while it waits');
  await expect(panel(demo)).toBeHidden();

  await demo.page.reload();
  await expect(title(demo)).toBeVisible();
  await panel(demo).getByRole('button', { name: 'Not now' }).click();
  await demo.page.getByTestId('sync-pill').click();
  await demo.page.getByRole('button', { name: 'Decide…' }).click();
  await expect(title(demo)).toBeVisible();
  expect(await server.truth('alice', 'todo')).toHaveLength(MANY + 1);

  // By the keyboard alone: past the close button and the safe choice.
  for (let step = 0; step < 3; step += 1) await demo.page.keyboard.press('Tab');
  await expect(panel(demo).getByRole('button', { name: 'Delete them' })).toBeFocused();
  await demo.page.keyboard.press('Enter');
  await expect(panel(demo)).toBeHidden();
  await demo.page.keyboard.press('Escape');
  await demo.inSync();
  const titles = (await server.truth('alice', 'todo')).map(record => (record.value as { title: string }).title);
  expect(titles.sort()).toEqual(['Kept', 'New', 'Written while it waits']);
});

test('the server’s records are taken instead: the deleted come back, what else waited is set aside and sent again', async ({ server, browser }) => {
  const demo = await held(browser, server);
  await panel(demo).getByRole('button', { name: 'Keep the server’s records' }).click();
  await expect(panel(demo)).toBeHidden();
  await expect(demo.page.getByTestId('sync-pill')).toHaveText('1 set aside');
  await demo.page.getByRole('link', { name: 'Ropes' }).click();
  await expect(demo.page.locator('.todo')).toHaveCount(MANY);
  expect(await server.truth('alice', 'todo')).toHaveLength(MANY + 1);

  await demo.page.getByTestId('sync-pill').click();
  const sync = demo.page.getByRole('dialog', { name: 'Sync' });
  await expect(sync.getByRole('heading', { name: 'Set aside (1)' })).toBeVisible();
  await expect(sync.getByRole('button', { name: /New/ })).toBeVisible();
  await sync.getByRole('button', { name: 'Send all again' }).click();
  await expect(sync.getByRole('heading', { name: 'Set aside (1)' })).toHaveCount(0);
  await demo.page.keyboard.press('Escape');
  await demo.inSync();
  const titles = (await server.truth('alice', 'todo')).map(record => (record.value as { title: string }).title);
  expect(titles).toHaveLength(MANY + 2);
  expect(titles).toContain('New');
});

test('a deletion that is undone needs no answer: the panel stays away once the sync passes', async ({ server, browser }) => {
  const demo = await held(browser, server);
  await panel(demo).getByRole('button', { name: 'Not now' }).click();
  // One more, and they are fewer than the airbag asks about.
  await demo.page.getByTestId('sync-pill').click();
  const sync = demo.page.getByRole('dialog', { name: 'Sync' });
  const record = demo.page.getByRole('dialog', { name: 'Record of todo' });
  for (let at = 0; at < MANY + 1 - 19; at += 1) {
    await sync.locator('.pending-row').filter({ hasText: `Ropes ${at}` }).first().click();
    await record.getByRole('button', { name: 'Undo the deletion' }).click();
    await expect(record).toBeHidden();
  }
  await demo.page.keyboard.press('Escape');
  await demo.inSync();
  await expect(panel(demo)).toBeHidden();
  expect(await server.truth('alice', 'todo')).toHaveLength(2 + MANY + 1 - 19);
});
