/** What components show of a database, in the one form that the bindings of all frameworks stand on. */
import type { Conflict, Database, Doc, Query, SyncStatus } from 'tidemark';
import { answerOf, presentAnswer, type Question } from './answers.ts';
import { kept } from './identity.ts';
import { type Given, opened, openingSettled, unwrapped, whenOpen } from './opening.ts';

export interface Observed<V> {
  /** Equal where the same is observed. */
  readonly name: string;
  /** How it is: the same object for as long as it has not changed; nothing while it is not known. Throws what failed. */
  present(given: Given): V | undefined;
  /** Calls back when it has changed, until stopped. */
  watch(given: Given, changed: () => void): () => void;
  /** Finds out, and settles when there is something `present` or it throws. Never throws. */
  settled(given: Given): Promise<void>;
}

/** The database itself. */
export const DATABASE: Observed<Database> = {
  name: 'database',
  present: opened,
  watch: (given, changed) => whenOpen(given, changed, () => () => undefined),
  settled: openingSettled,
};

/** How the sync stands; before there is a database, at rest with nothing pending. */
export const SYNC_STATUS: Observed<SyncStatus> = {
  name: 'status',
  present(given) {
    const database = opened(given);
    return database ? statusOf(database) : NO_STATUS;
  },
  watch: (given, changed) => whenOpen(given, changed, database => database.on('status', changed)),
  settled: openingSettled,
};

export const NO_STATUS: SyncStatus = { phase: 'idle', online: true, pending: 0 };

/** The conflicts that wait for a person. */
export const CONFLICTS = answered<readonly Conflict[]>({
  name: 'conflicts',
  ask: (database, tell, fail) => askAgain(database, () => database.conflicts(), tell, fail),
});

/** The records of an entity that match. */
export function rowsOf<T>(entity: string, query: Query<T> = {}): Observed<readonly Doc<T>[]> {
  return answered({
    name: textOf(['rows', entity, query]),
    ask: (database, tell, fail) => database.collection<T>(entity).watch(query, tell, fail),
  });
}

/** One record, followed as its key changes; `null` where there is none. */
export function docOf<T>(entity: string, key: string): Observed<Doc<T> | null> {
  return answered({
    name: textOf(['doc', entity, key]),
    ask: (database, tell, fail) =>
      askAgain(database, async () => (await database.collection<T>(entity).get(key)) ?? null, tell, fail),
  });
}

function answered<V>(question: Question<V>): Observed<V> {
  return {
    name: question.name,
    present(given) {
      const database = opened(given);
      return database && unwrapped(presentAnswer(database, question)?.state);
    },
    watch(given, changed) {
      return whenOpen(given, changed, database => answerOf(database, question).watch(changed));
    },
    async settled(given) {
      await openingSettled(given);
      // One that could not be opened has told why by now.
      const database = await Promise.resolve(given).catch(() => undefined);
      if (database) await answerOf(database, question).settled;
    },
  };
}

/** Asks now, and again after each commit; what is committed meanwhile is asked for once. */
function askAgain<V>(
  database: Database,
  ask: () => Promise<V>,
  tell: (answer: V) => void,
  fail: (error: unknown) => void,
): () => void {
  let isStopped = false;
  let isAsking = false;
  let isStale = false;
  async function begin(): Promise<void> {
    isStale = true;
    if (isAsking) return;
    isAsking = true;
    while (isStale && !isStopped) {
      isStale = false;
      await ask().then(answer => isStopped || tell(answer), (error: unknown) => isStopped || fail(error));
    }
    isAsking = false;
  }
  const stopListening = database.on('change', () => void begin());
  void begin();
  return () => {
    isStopped = true;
    stopListening();
  };
}

const statuses = new WeakMap<Database, SyncStatus>();

/** A closed database keeps the status that it had. */
function statusOf(database: Database): SyncStatus {
  const before = statuses.get(database);
  let now: SyncStatus;
  try {
    now = database.status;
  } catch (error) {
    if (before) return before;
    throw error;
  }
  const status = before ? kept(before, now) : now;
  statuses.set(database, status);
  return status;
}

/** Equal for equal values, in whatever order their members were written. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if ('toJSON' in value) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${textOf(member)}`).join()}}`;
}
