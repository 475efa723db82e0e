/**
 * Web Locks: one holder of a name at a time, over all tabs and workers of the origin.
 * Where the browser has none (an insecure context), whoever asks gets the lock: what it guards
 * must be safe without it, and only be dearer.
 */

/** Lets a lock go; the promise settles when it is free. */
export type Release = () => unknown;

/** What is held here. */
const held = new Set<Release>();

/**
 * Takes the lock of a name: with what lets it go, or `null` where it is held and not to be waited
 * for. Whoever stops waiting by the signal may be given something: it looks at its signal.
 */
export function lock(name: string, ifAvailable: boolean, signal?: AbortSignal): Promise<Release | null> {
  return new Promise(grant => {
    const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks;
    if (!locks) return grant(nothing);
    const ended: Promise<unknown> = locks.request(name, signal ? { signal } : { ifAvailable }, granted => {
      if (!granted) return grant(null);
      return new Promise<void>(resolve => {
        const release = (): unknown => {
          held.delete(release);
          resolve();
          return ended;
        };
        held.add(release);
        grant(release);
      });
    });
    ended.catch(() => grant(nothing));
  });
}

/** Lets everything go that is held here: a page that is frozen is to hold up no other. */
export function letGo(): void {
  for (const release of held) release();
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
