/** Watching a query: its rows at once, then after each commit that changes them. */
import type { Followed } from '../wasm/tidemark.js';
import { fromSlices } from './text.ts';
import type { Doc } from './tidemark.d.ts';

/** Calls back after each commit, until stopped. */
export type OnChange = (changed: () => void) => () => void;

/** Calls back with the rows now and whenever they differ, until stopped. */
export function watch<T>(follow: () => Followed, onChange: OnChange, tell: (rows: Doc<T>[]) => void, fail: (error: unknown) => void): () => void {
  let isStopped = false;
  let isAsking = false;
  let isStale = false;
  let followed: Followed | undefined;
  let known: Doc<T>[] | undefined;

  async function ask(): Promise<void> {
    while (isStale && !isStopped) {
      isStale = false;
      followed ??= follow();
      const [places, ...slices] = (await followed.next()) ?? [];
      if (places === undefined) continue;
      const docs = await fromSlices<Doc<T>>(slices);
      const before = known;
      known = changed(before ?? [], JSON.parse(places) as Places, docs);
      // A copy: the app may do with the array what it likes.
      if (!isStopped && !(before && isSame(before, known))) tell([...known]);
    }
  }

  function forget(): void {
    followed?.free();
    followed = undefined;
    known = undefined;
  }

  function begin(): void {
    isStale = true;
    if (isAsking) return;
    isAsking = true;
    ask()
      .catch((error: unknown) => {
        // Whoever was told of a failure is told when it is over, too.
        forget();
        if (!isStopped) fail(error);
      })
      .finally(() => {
        isAsking = false;
        if (isStopped) forget();
        else if (isStale) begin();
      });
  }

  const stopListening = onChange(begin);
  begin();
  return () => {
    if (isStopped) return;
    isStopped = true;
    stopListening();
    if (!isAsking) forget();
  };
}

/** As the module tells them. */
type Places = [[isWhole: number, count: number], removed: number[], placed: number[]];

/** The rows after a change. What did not change stays the same object. */
function changed<T>(known: Doc<T>[], [[isWhole, count], removed, placed]: Places, docs: Doc<T>[]): Doc<T>[] {
  if (isWhole) {
    const before = new Map(known.map(doc => [doc.key, doc]));
    return docs.map(doc => {
      const same = before.get(doc.key);
      return same && JSON.stringify(same) === JSON.stringify(doc) ? same : doc;
    });
  }
  const rows = [...known];
  for (const place of removed) rows.splice(place, 1);
  placed.forEach((place, index) => rows.splice(place, 0, docs[index] as Doc<T>));
  rows.length = count;
  return rows;
}

function isSame<T>(one: Doc<T>[], other: Doc<T>[]): boolean {
  return one.length === other.length && one.every((doc, place) => doc === other[place]);
}
