/**
 * Web Locks: one holder of a name at a time, over all tabs and workers of the origin.
 * Where the browser has none (an insecure context), whoever asks gets the lock: what it guards
 * must be safe without it, and only be dearer.
 */

/** Lets a lock go; the promise settles when it is free. */
export type Release = () => unknown;

/** Takes the lock of a name: with what lets it go, or `null` where it is held and not to be waited for. */
export function lock(name: string, ifAvailable: boolean): Promise<Release | null> {
  return new Promise(grant => {
    const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks;
    if (!locks) return grant(nothing);
    const held: Promise<unknown> = locks.request(name, { ifAvailable }, granted => {
      if (!granted) return grant(null);
      return new Promise<void>(release => {
        grant(() => {
          release();
          return held;
        });
      });
    });
    held.catch(() => grant(nothing));
  });
}

function nothing(): void {}

/** Does some work while nobody else has the lock of a name. */
export async function holding(name: string, work: () => Promise<void>): Promise<void> {
  const release = await lock(name, false);
  try {
    await work();
  } finally {
    await release?.();
  }
}
