// The demo app as a person meets it: with and without a network, on several devices and tabs.

import { Demo } from './demo.ts';
import { expect, test } from './server.ts';

test('what is written on one device is seen on another, under its real key', async ({ server, context, browser }) => {
  const phone = await Demo.open(context, server.url, 'alice');
  await phone.page.getByLabel('New list').fill('Boat');
  await phone.page.keyboard.press('Enter');
  await expect(phone.page.getByRole('textbox', { name: 'Name of the list' })).toHaveValue('Boat');
  await phone.add('Rope');
  await phone.add('Varnish');
  await phone.todo('Rope').click();
  await phone.inSync();

  const laptop = await Demo.open(await browser.newContext(), server.url, 'alice');
  await laptop.page.getByRole('link', { name: 'Boat' }).click();
  await expect(laptop.todo('Varnish')).not.toBeChecked();
  await expect(laptop.todo('Rope')).toBeChecked();
  await laptop.inSync();

  const [one, other] = [await phone.facts(), await laptop.facts()];
  expect(other.fingerprint).toBe(one.fingerprint);
  expect(other.device_uuid).not.toBe(one.device_uuid);
  const truth = await server.truth('alice');
  expect(truth.map(record => record.entity).sort()).toEqual(['list', 'todo', 'todo']);
  expect(truth.every(record => record.is_pending === false)).toBe(true);
});

test('it starts and works with no network, and syncs when the network returns', async ({ server, context }) => {
  const first = await Demo.open(context, server.url, 'alice');
  await first.add('Before the tunnel');
  await first.inSync();
  await first.installed();
  await first.page.close();

  await context.setOffline(true);
  const demo = await Demo.reopenOffline(context, server.url);
  await expect(demo.page.getByTestId('sync-pill')).toHaveText('Offline');
  await expect(demo.todo('Before the tunnel')).toBeVisible();
  await demo.add('In the tunnel');
  await demo.todo('Before the tunnel').click();
  await expect(demo.page.getByTestId('sync-pill')).toHaveText('Offline · 2 kept');
  await demo.page.reload();
  await expect(demo.todo('In the tunnel')).toBeVisible();
  await expect(demo.todo('Before the tunnel')).toBeChecked();
  await expect(demo.page.getByRole('listitem').filter({ hasText: 'In the tunnel' }).getByTitle('Waiting to be sent')).toBeVisible();

  await context.setOffline(false);
  await demo.inSync();
  await expect(demo.page.getByTitle('Waiting to be sent')).toHaveCount(0);
  const truth = await server.truth('alice', 'todo');
  expect(truth.map(record => record.value)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ title: 'Before the tunnel', done: true }),
      expect.objectContaining({ title: 'In the tunnel', done: false }),
    ]),
  );
  expect(truth).toHaveLength(2);
});

test('a first sign-in needs no network', async ({ server, context }) => {
  const page = await context.newPage();
  await page.goto(server.url);
  await new Demo(page).installed();
  await context.setOffline(true);
  await page.reload();
  await page.getByLabel('Your name').fill('bob');
  await page.getByLabel('Your name').press('Enter');
  const demo = new Demo(page);
  await demo.add('Written before the first sync');
  await context.setOffline(false);
  await demo.inSync();
  expect(await server.truth('bob', 'todo')).toHaveLength(1);
});

test('each name has its own records', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  await demo.add('Alice’s secret');
  await demo.inSync();
  await demo.page.getByRole('button', { name: 'Sign out' }).click();
  await demo.page.getByLabel('Your name').fill('mallory');
  await demo.page.getByLabel('Your name').press('Enter');
  await demo.inSync();
  expect(await demo.titles()).toEqual([]);
  expect(await server.truth('mallory')).toEqual([]);

  await demo.page.getByRole('button', { name: 'Sign out' }).click();
  await demo.page.getByRole('button', { name: 'alice' }).click();
  await expect(demo.todo('Alice’s secret')).toBeVisible();
});

test('the keyboard does it all', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  const { page } = demo;
  await page.keyboard.press('n');
  await expect(page.getByLabel('Add something to do')).toBeFocused();
  await page.keyboard.type('First');
  await page.keyboard.press('Enter');
  await page.keyboard.type('Second');
  await page.keyboard.press('Enter');
  await expect(demo.todo('Second')).toBeVisible();
  await demo.todo('First').focus();
  await page.keyboard.press('ArrowDown');
  await expect(demo.todo('Second')).toBeFocused();
  await page.keyboard.press('Space');
  await expect(demo.todo('Second')).toBeChecked();
  await demo.todo('First').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('Renamed');
  await page.keyboard.press('Enter');
  await expect(demo.todo('Renamed')).toBeFocused();
  await page.keyboard.press('Delete');
  await expect(demo.todo('Renamed')).toHaveCount(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(demo.todo('Renamed')).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeHidden();
  await demo.inSync();
  expect(await server.truth('alice', 'todo')).toHaveLength(2);
});

test('what is deleted is brought back, whether it ever left the device or not', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  await demo.add('Known');
  await demo.inSync();
  await context.setOffline(true);
  await demo.add('Unknown');
  for (const title of ['Known', 'Unknown']) {
    await demo.page.getByRole('button', { name: `Delete “${title}”` }).click();
    await expect(demo.todo(title)).toHaveCount(0);
    await demo.page.getByRole('button', { name: 'Undo' }).last().click();
    await expect(demo.todo(title)).toBeVisible();
  }
  await context.setOffline(false);
  await demo.inSync();
  await expect(demo.page.getByTitle('Waiting to be sent')).toHaveCount(0);
  const truth = await server.truth('alice', 'todo');
  expect(truth.map(record => (record.value as { title: string }).title).sort()).toEqual(['Known', 'Unknown']);
});

test('whatever is shown survives a reload at any moment', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  const written: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const title = `Thing ${round}`;
    await demo.add(title);
    written.push(title);
    // from at once to well within the sync that follows
    await demo.page.waitForTimeout(round * 40);
    await demo.page.reload();
    await demo.ready();
    await expect(demo.todo(title)).toBeVisible();
  }
  await demo.inSync();
  expect((await demo.titles()).sort()).toEqual(written.sort());
  const truth = await server.truth('alice', 'todo');
  expect(truth.map(record => (record.value as { title: string }).title).sort()).toEqual(written.sort());
});

test('two tabs see each other’s changes and lose none', async ({ server, context }) => {
  const left = await Demo.open(context, server.url, 'alice');
  const right = await Demo.reopen(context, server.url);
  const write = async (demo: Demo, name: string) => {
    for (let at = 0; at < 10; at += 1) await demo.add(`${name} ${at}`);
  };
  await Promise.all([write(left, 'left'), write(right, 'right')]);
  for (const demo of [left, right]) {
    await expect(demo.page.locator('.todo')).toHaveCount(20);
    await demo.inSync();
  }
  expect(await server.truth('alice', 'todo')).toHaveLength(20);
  await left.page.getByRole('button', { name: 'Delete “right 3”' }).click();
  await expect(right.todo('right 3')).toHaveCount(0);
});

test('a server killed in the middle is found again, and nothing is lost or doubled', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  await demo.add('Safe');
  await demo.inSync();
  await server.kill();
  await demo.add('While it was dead');
  await expect(demo.page.getByTestId('sync-pill')).toHaveText('No server · 1 kept');
  await server.start();
  await demo.sync();
  await demo.inSync();
  expect(await server.truth('alice', 'todo')).toHaveLength(2);
});


test('a CSV file becomes records, and comes out again', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  const { page } = demo;
  await demo.go('Import & export');
  const csv = 'name;born;note\nAnn Lee;1980;"says ""hi"""\nBo;;\n';
  const file = { name: 'person.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) };
  await page.getByLabel('File to import').setInputFiles(file);
  await page.getByRole('checkbox', { name: 'note' }).uncheck();
  await page.getByLabel('Field for name').fill('full_name');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(page.getByTestId('import')).toContainText('Done');
  await demo.inSync();
  const values = (await server.truth('alice', 'person')).map(record => record.value);
  expect(values).toEqual(expect.arrayContaining([{ full_name: 'Ann Lee', born: 1980 }, { full_name: 'Bo' }]));
  expect(values).toHaveLength(2);

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export person as JSON' }).click(),
  ]);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual(expect.arrayContaining(values));
});

test('a record that cannot be sent is set aside, shown with its problem, and can be mended', async ({ server, context }) => {
  const demo = await Demo.open(context, server.url, 'alice');
  const { page } = demo;
  await demo.go('Import & export');
  const rows = [{ title: 'small' }, { title: 'large', text: 'x'.repeat(9_000_000) }];
  const file = { name: 'note.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(rows)) };
  await page.getByLabel('File to import').setInputFiles(file);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(page.getByTestId('import')).toContainText('Done');
  await page.getByTestId('sync-pill').click();
  await expect(page.getByRole('heading', { name: 'Set aside (1)' })).toBeVisible();
  await page.getByRole('button', { name: /large/ }).click();
  const record = page.getByRole('dialog', { name: 'Record of note' });
  await expect(record.getByRole('alert')).toBeVisible();
  await record.getByLabel('Value').fill('{"title": "mended"}');
  await record.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { name: 'Set aside (1)' })).toHaveCount(0);
  await page.keyboard.press('Escape');
  await demo.inSync();
  const titles = (await server.truth('alice', 'note')).map(one => (one.value as { title: string }).title);
  expect(titles.sort()).toEqual(['mended', 'small']);
});
