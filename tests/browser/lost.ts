// A network that loses one request of a sync, or the answer to it, and is whole again after.

import type { Page } from '@playwright/test';
import { nameOf } from './wire.ts';

export type Lost = 'request' | 'answer';

/** What was lost, once it has been. */
export interface Loss {
  /** The call's last word, such as `open`, and the phases that rode on it. */
  call: string | undefined;
}

/** Loses the sync's `nth` call from now (the first is 0). `meanwhile` runs when it has. */
export async function lose(page: Page, nth: number, what: Lost, meanwhile?: () => Promise<void>): Promise<Loss> {
  const loss: Loss = { call: undefined };
  let calls = 0;
  await page.unroute('**/v1/sync/*');
  await page.route('**/v1/sync/*', async route => {
    if (calls++ !== nth) return route.continue();
    loss.call = nameOf(route.request());
    if (what === 'answer') await route.fetch();
    await meanwhile?.();
    await route.abort('connectionfailed');
  });
  return loss;
}
