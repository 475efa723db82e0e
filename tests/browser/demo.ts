// The demo app as a person uses it: by what it shows and says.

import { expect, type BrowserContext, type Page } from '@playwright/test';

/** What “This device” tells. */
export interface DeviceFacts {
  device_uuid: string;
  fingerprint: string;
}

export class Demo {
  constructor(readonly page: Page) {}

  /** Opens the app in a new tab and signs in. */
  static async open(context: BrowserContext, url: string, user: string): Promise<Demo> {
    const demo = new Demo(await context.newPage());
    await demo.page.goto(url);
    await demo.page.getByLabel('Your name').fill(user);
    await demo.page.getByRole('button', { name: 'Sign in' }).click();
    await demo.ready();
    return demo;
  }

  /** Opens the app in a new tab where somebody is signed in already. */
  static async reopen(context: BrowserContext, url: string): Promise<Demo> {
    const demo = new Demo(await context.newPage());
    await demo.page.goto(url);
    await demo.ready();
    return demo;
  }

  /**
   * The same in a context that is offline. A process that starts in it fails all requests, as it should, but is
   * not told why, in some versions of Chromium: said anew it hears of it, and meanwhile no call goes through.
   */
  static async reopenOffline(context: BrowserContext, url: string): Promise<Demo> {
    const demo = await Demo.reopen(context, url);
    const calls = `${url}/v1/**`;
    await context.route(calls, route => route.abort('internetdisconnected'));
    await context.setOffline(false);
    await context.setOffline(true);
    await context.unroute(calls);
    return demo;
  }

  async ready(): Promise<void> {
    await expect(this.page.getByTestId('sync-pill')).toBeVisible();
  }

  /** Waits until the service worker could start the app without a network. */
  async installed(): Promise<void> {
    await this.page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
  }

  async go(place: 'Records' | 'Import & export' | 'This device' | 'Inbox'): Promise<void> {
    await this.page.getByRole('link', { name: place, exact: place !== 'Inbox' }).first().click();
  }

  /** Adds something to do; when this settles, it is saved. */
  async add(title: string): Promise<void> {
    const input = this.page.getByLabel('Add something to do');
    await input.fill(title);
    await input.press('Enter');
    await expect(this.todo(title)).toBeVisible();
  }

  todo(title: string) {
    return this.page.getByRole('checkbox', { name: title, exact: true });
  }

  /** What is to do and what is done, as shown. */
  async titles(): Promise<string[]> {
    return this.page.locator('.todo-title').allInnerTexts();
  }

  async inSync(): Promise<void> {
    await expect(this.page.getByTestId('sync-pill')).toHaveText('In sync', { timeout: 60_000 });
  }

  /** Syncs now rather than when the app thinks fit. */
  async sync(): Promise<void> {
    await this.page.getByTestId('sync-pill').click();
    const panel = this.page.getByRole('dialog', { name: 'Sync' });
    await panel.getByRole('button', { name: 'Sync now' }).click();
    await expect(panel.getByRole('button', { name: 'Sync now' })).toBeEnabled({ timeout: 60_000 });
    await this.page.keyboard.press('Escape');
    await expect(panel).toBeHidden();
  }

  /** Deletes the list that is shown, with all that is on it. */
  async deleteList(): Promise<void> {
    await this.page.getByRole('button', { name: 'Delete this list' }).click();
    await this.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    // What is typed before the Inbox is there would be typed into the list that goes.
    await expect(this.page).toHaveURL(/#\/list\/inbox$/);
  }

  /** Syncs in a mode and a direction of the inspector's. */
  async syncBy(how: { mode?: string; direction?: string; mirror?: boolean }): Promise<void> {
    await this.go('This device');
    if (how.mode !== undefined) await this.page.getByRole('radio', { name: how.mode }).check();
    if (how.direction !== undefined) await this.page.getByRole('radio', { name: how.direction }).check();
    if (how.mirror !== undefined) await this.page.getByRole('switch', { name: 'Mirror' }).setChecked(how.mirror);
    await this.page.getByRole('button', { name: 'Sync this way' }).click();
  }

  /** What came of the last sync that was asked for. */
  get report() {
    return this.page.getByTestId('report');
  }

  async facts(): Promise<DeviceFacts> {
    await this.go('This device');
    const device_uuid = await this.page.getByTestId('device-uuid').innerText();
    const fingerprint = await this.page.getByTestId('fingerprint').getAttribute('data-value');
    return { device_uuid, fingerprint: fingerprint ?? '' };
  }
}
