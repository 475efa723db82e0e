/** Watching a query: asked once, then again after each commit, telling only what differs. */
import type { Doc } from './tidemark.d.ts';
import { fromSlices } from './text.ts';

/** What a watch stands on. */
export interface Source {
  /** The present rows, in slices of text. */
  find(): Promise<string[]>;
  /** Calls back after each commit. */
  onChange(changed: () => void): () => void;
}

/** Calls back with the rows now and whenever they differ, until stopped. */
export function watch<T>(source: Source, tell: (rows: Doc<T>[]) => void, fail: (error: unknown) => void): () => void {
  let isStopped = false;
  let isAsking = false;
  let isStale = false;
  let known: string | undefined;

  async function ask(): Promise<void> {
    isAsking = true;
    do {
      isStale = false;
      const slices = await source.find();
      const text = slices.length === 1 ? (slices[0] ?? '') : slices.join('');
      if (isStopped || text === known) continue;
      known = text;
      const rows = await fromSlices<Doc<T>>(slices);
      if (!isStopped) tell(rows);
    } while (isStale && !isStopped);
    isAsking = false;
  }

  function begin(): void {
    if (isStopped) return;
    isStale = true;
    if (!isAsking) {
      ask().catch((error: unknown) => {
        isAsking = false;
        // Whoever was told of a failure is told when it is over, too.
        known = undefined;
        if (!isStopped) fail(error);
      });
    }
  }

  const stopListening = source.onChange(begin);
  begin();
  return () => {
    isStopped = true;
    stopListening();
  };
}
