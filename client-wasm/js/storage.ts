/** How much room the origin has, and whether the browser has promised to keep its data. */
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

async function told<T>(ask: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await ask();
  } catch {
    return undefined;
  }
}
