// A tab that stands still: its process is stopped, as a phone does with what is in the background.
// The DevTools' own way (`Page.setWebLifecycleState`) does nothing to a page that Playwright drives.

import type { Page } from '@playwright/test';

/** What stops a page's process, and lets it go on. */
export interface Stoppable {
  stop(): void;
  goOn(): void;
}

export async function stoppable(page: Page): Promise<Stoppable> {
  const id = await processOf(page);
  return { stop: () => void process.kill(id, 'SIGSTOP'), goOn: () => void process.kill(id, 'SIGCONT') };
}

/** The process that works when the page is given work: nothing tells it otherwise. */
async function processOf(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const worked = async (): Promise<Map<number, number>> => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]));
  };
  const before = await worked();
  await page.evaluate(() => {
    for (const end = performance.now() + 300; performance.now() < end; );
  });
  const after = await worked();
  await session.detach();
  const more = ([id, time]: [number, number]) => time - (before.get(id) ?? 0);
  return [...after].sort((one, other) => more(other) - more(one))[0]![0];
}
