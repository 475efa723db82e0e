/** How much room the origin has, and whether the browser promises to keep its data. */
import type { Info } from './tidemark.d.ts';

/** Asks the browser; what it does not tell is absent. */
export async function askStorage(): Promise<Info['storage']> {
  // Not in every context.
  const manager = (globalThis.navigator as { storage?: StorageManager } | undefined)?.storage;
  const { usage, quota } = (await told(() => manager?.estimate())) ?? {};
  const persisted = await told(() => manager?.persisted());
  return {
    ...(usage === undefined ? {} : { usage }),
    ...(quota === undefined ? {} : { quota }),
    ...(persisted === undefined ? {} : { persisted }),
  };
}

/** Whether the browser was asked by this page; it is not asked twice. */
let isAsked = false;

/**
 * Asks the browser to keep what this origin holds, even when the disk is nearly full. Called when something
 * was saved: then there is something to lose. Some browsers ask the person, so it waits for one who has done
 * something on the page.
 */
export function keepStorage(): void {
  if (isAsked || (globalThis.navigator as { userActivation?: { hasBeenActive: boolean } } | undefined)?.userActivation?.hasBeenActive === false) return;
  isAsked = true;
  void told(async () => (await navigator.storage.persisted()) || navigator.storage.persist());
}

async function told<T>(ask: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await ask();
  } catch {
    return undefined;
  }
}
