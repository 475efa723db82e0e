// What is published works where it is said to: in the page, in a Worker and in a service worker,
// however the app's files get there.

import { expect, type Page } from '@playwright/test';
import { test } from './archive.ts';
import { ways, type Site } from './ways.ts';

/** What the app's page says when it is done. */
async function resultOf(page: Page, url: string): Promise<string> {
  await page.goto(url);
  await expect(page).not.toHaveTitle('running', { timeout: 15_000 });
  return page.title();
}

const worked = JSON.stringify({ pending: true, title: 'Buy milk', done: true, found: 1 });

for (const { name, places, make } of ways) {
  test.describe(name, () => {
    let site: Site;

    test.beforeAll(async ({ app }) => {
      site = await make(app.folder);
    });
    test.afterAll(() => site.close());

    for (const place of places) {
      test(`it works in the ${place.replaceAll('-', ' ')}`, async ({ page }) => {
        expect(await resultOf(page, `${site.url}?in=${place}`)).toBe(worked);
      });
    }
  });
}
