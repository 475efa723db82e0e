// Two devices change the same thing offline: both see it, one settles it, the other follows. And
// what goes back: undo of what is not sent, and an earlier version out of the record's history.

import type { Browser } from '@playwright/test';
import { Demo } from './demo.ts';
import { expect, test } from './server.ts';

/** A device of its own, signed in. */
async function device(browser: Browser, url: string): Promise<Demo> {
  return Demo.open(await browser.newContext(), url, 'alice');
}

async function rename(demo: Demo, from: string, to: string): Promise<void> {
  await demo.page.getByRole('button', { name: `Edit “${from}”` }).click();
  await demo.page.keyboard.type(to);
  await demo.page.keyboard.press('Enter');
  await expect(demo.todo(to)).toBeVisible();
}

/** Two devices that renamed the same thing to do, each without a network, and synced. */
async function conflict(browser: Browser, url: string): Promise<{ phone: Demo; laptop: Demo }> {
  const phone = await device(browser, url);
  await phone.add('Rope');
  await phone.inSync();
  const laptop = await device(browser, url);
  await expect(laptop.todo('Rope')).toBeVisible();
  await laptop.inSync();
  for (const demo of [phone, laptop]) await demo.page.context().setOffline(true);
  await rename(phone, 'Rope', 'Thick rope');
  await rename(laptop, 'Rope', 'Long rope');
  await phone.page.context().setOffline(false);
  await phone.inSync();
  await laptop.page.context().setOffline(false);
  await laptop.inSync();
  await phone.sync();
  await expect(phone.todo('Long rope')).toBeVisible();
  return { phone, laptop };
}

const count = (demo: Demo) => demo.page.getByTestId('conflict-count');
const card = (demo: Demo) => demo.page.getByTestId('conflict');

async function settledOn(demo: Demo, title: string): Promise<void> {
  await demo.sync();
  await demo.inSync();
  await demo.go('Inbox');
  await expect(demo.todo(title)).toBeVisible();
  await expect(count(demo)).toHaveCount(0);
}

test('a field that two devices changed waits on both, and is settled on one for both', async ({ server, browser }) => {
  const { phone, laptop } = await conflict(browser, server.url);
  for (const demo of [phone, laptop]) {
    await expect(count(demo)).toHaveText(/^1/);
    await count(demo).click();
    await expect(card(demo).getByRole('row', { name: /title/ })).toContainText('Rope');
    await expect(card(demo).locator('.truth')).toHaveText('Thick rope');
    await expect(card(demo).locator('.device')).toHaveText('Long rope');
  }
  await expect(card(phone).getByRole('columnheader', { name: /This device/ })).toContainText('set aside');
  await expect(card(laptop).getByRole('columnheader', { name: /This device/ })).toContainText('stands now');

  // Offline, and by the keyboard.
  await phone.page.context().setOffline(true);
  await card(phone).getByRole('button', { name: 'Keep mine' }).focus();
  await phone.page.keyboard.press('Enter');
  await expect(card(phone)).toHaveCount(0);
  await phone.page.reload();
  await expect(phone.page.getByText('Nothing to settle')).toBeVisible();
  await phone.page.context().setOffline(false);
  await settledOn(phone, 'Thick rope');
  await settledOn(laptop, 'Thick rope');
  const [truth] = await server.truth('alice', 'todo');
  expect(truth?.value).toMatchObject({ title: 'Thick rope' });
  expect((await laptop.facts()).fingerprint).toBe((await phone.facts()).fingerprint);
});

test('a conflict is settled with a value of one’s own', async ({ server, browser }) => {
  const { phone, laptop } = await conflict(browser, server.url);
  await count(phone).click();
  await card(phone).getByRole('button', { name: 'Edit…' }).click();
  await expect(card(phone).getByLabel('title')).toBeFocused();
  await card(phone).getByLabel('title').fill('Long thick rope');
  await phone.page.keyboard.press('Enter');
  await expect(card(phone)).toHaveCount(0);
  await settledOn(phone, 'Long thick rope');
  await settledOn(laptop, 'Long thick rope');
});

test('undo drops what is not sent yet: a new record, a change, a deletion', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  await demo.add('Kept');
  await demo.add('Deleted');
  await demo.inSync();
  await context.setOffline(true);
  await demo.add('New');
  await rename(demo, 'Kept', 'Changed');
  await demo.page.getByRole('button', { name: 'Delete “Deleted”' }).click();
  await expect(demo.todo('Deleted')).toHaveCount(0);
  // A dialog that stands there empty takes an Escape that is meant for the one below it.
  await demo.page.evaluate(() => {
    const isEmpty = () => [...document.querySelectorAll('dialog')].some(dialog => dialog.open && dialog.childElementCount === 0);
    const note = () => isEmpty() && Object.assign(window, { stoodEmpty: true });
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const record = demo.page.getByRole('dialog', { name: 'Record of todo' });
  for (const [label, action] of [['New', 'take it back'], ['Changed', 'Undo the change'], ['Deleted', 'Undo the deletion']] as const) {
    await demo.page.getByTestId('sync-pill').click();
    await demo.page.locator('.pending-row').filter({ hasText: label }).click();
    await record.getByRole('button', { name: action }).click();
    await expect(record).toBeHidden();
    await demo.page.keyboard.press('Escape');
  }
  expect(await demo.page.evaluate(() => 'stoodEmpty' in window)).toBe(false);
  // The list follows the commit, and the dialog does not wait for the list.
  await expect.poll(async () => (await demo.titles()).sort()).toEqual(['Deleted', 'Kept']);
  await context.setOffline(false);
  await demo.inSync();
  const truth = await server.truth('alice', 'todo');
  expect(truth.map(({ value }) => (value as { title: string }).title).sort()).toEqual(['Deleted', 'Kept']);
});

test('a record’s history tells who changed what, and brings an earlier version back', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  await demo.add('First name');
  await demo.inSync();
  await rename(demo, 'First name', 'Second name');
  await demo.inSync();
  await demo.go('Records');
  await demo.page.getByRole('button', { name: 'Second name' }).click();
  const record = demo.page.getByRole('dialog', { name: 'Record of todo' });
  await record.getByRole('button', { name: 'History' }).click();
  const versions = record.getByTestId('version');
  await expect(versions).toHaveCount(2);
  await expect(versions.first()).toContainText('Changed title');
  await expect(versions.first()).toContainText('This device');
  await expect(versions.last()).toContainText('First name');
  await versions.last().getByRole('button', { name: /Bring back/ }).click();
  await expect(record).toBeHidden();
  await demo.go('Inbox');
  await expect(demo.todo('First name')).toBeVisible();
  await demo.inSync();
  expect((await server.truth('alice', 'todo'))[0]?.value).toMatchObject({ title: 'First name' });

  await context.setOffline(true);
  await demo.go('Records');
  await demo.page.getByRole('button', { name: 'First name' }).click();
  await record.getByRole('button', { name: 'History' }).click();
  await expect(record.getByText('It shows here when the network returns')).toBeVisible();
});
