/** The page's coming and going. In a Worker nothing of it is told. */

/** What is told of it: all on the way through the window, wherever it is told. */
export const PAGE_EVENTS = ['online', 'offline', 'visibilitychange', 'freeze', 'resume', 'pagehide', 'pageshow'];

export function isHidden(): boolean {
  return (globalThis as { document?: Document }).document?.visibilityState === 'hidden';
}
