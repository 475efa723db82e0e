/** The other tabs and workers of the origin that have the same database open. */

/** Joins the channel; calls back with what others say, never with what is said here. `undefined` where the browser has none. */
export function joinTabs(database: string, heard: (name: string, detail: unknown) => void): BroadcastChannel | undefined {
  try {
    const channel = new BroadcastChannel(`tidemark:${database}`);
    channel.onmessage = ({ data: [name, detail] }: MessageEvent<[string, unknown]>) => heard(name, detail);
    // Node would not come to its end while one is open.
    (channel as { unref?: () => void }).unref?.();
    return channel;
  } catch {
    // Then the tabs learn of each other's commits later.
    return undefined;
  }
}
