// The bindings for Vue, Svelte and Solid: rows are shown and followed, a changed query too, and nothing
// is left of them.

import { Device } from '../package-page.ts';
import { expect, test } from '../server.ts';
import { run, subscriptions } from './page.ts';

const LINGERS_MILLIS = 7_000;

for (const source of ['vue.ts', 'svelte.ts', 'solid.ts']) {
  const [framework] = source.split('.');

  test(`${framework} shows rows, follows a write and another query, and leaves nothing`, async ({ server, context }) => {
    const device = await Device.open(context, server, 'alice');
    const [bread] = await device.create('todo', [
      { title: 'bread', done: false },
      { title: 'milk', done: false },
      { title: 'tea', done: true },
    ]);
    await run(device, source);
    const { page } = device;
    await page.evaluate(() => window.scene.mount());
    await expect(page.locator('li')).toHaveText(['bread', 'milk']);
    await expect(page.locator('#rest')).toHaveText('alice,bread,3,0');
    const milk = await page.locator('li', { hasText: 'milk' }).elementHandle();
    await device.update('todo', bread!, { title: 'crumbs' });
    await expect(page.locator('li')).toHaveText(['crumbs', 'milk']);
    await expect(page.locator('#rest')).toHaveText('alice,crumbs,3,0');
    expect(await milk?.evaluate(element => element.isConnected), 'the other row is the same element').toBe(true);

    await page.evaluate(() => window.scene.showDone());
    await expect(page.locator('li')).toHaveText(['tea']);
    await device.update('todo', bread!, { done: true });
    await expect(page.locator('li')).toHaveText(['crumbs', 'tea']);
    await device.sync();
    await expect(page.locator('#rest')).toHaveText('alice,crumbs,0,0');

    await page.evaluate(() => window.scene.unmount());
    await expect.poll(async () => (await subscriptions(device)).active, { timeout: LINGERS_MILLIS }).toBe(0);
  });

  test(`${framework} is told what goes wrong where it catches errors`, async ({ server, context }) => {
    const device = await Device.open(context, server, 'alice');
    await run(device, source);
    await device.page.evaluate(() => window.scene.fail());
    if (framework === 'vue') await expect(device.page).toHaveTitle('invalid');
    else await expect(device.page.locator('#caught')).toHaveText('invalid');
  });
}

test('live meets the contract of Svelte’s stores, in a component and in svelte/store', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const [bread] = await device.create('todo', [{ title: 'bread' }, { title: 'milk' }]);
  await run(device, 'svelte.ts');
  const { page } = device;
  await page.evaluate(() => window.scene.store?.());
  await expect(page.locator('li')).toHaveText(['bread', 'milk']);
  await device.update('todo', bread!, { title: 'crumbs' });
  await expect(page.locator('li')).toHaveText(['crumbs', 'milk']);
  expect(await page.evaluate(() => window.scene.derived?.())).toEqual([2, 2]);
  await page.evaluate(() => window.scene.unmount());
  await expect.poll(async () => (await subscriptions(device)).active).toBe(0);
});
