/** The database that an app gives to its components: open, being opened, or not there, as on a server. */
import type { Database } from 'tidemark';

/** What an app gives. */
export type Given = Database | PromiseLike<Database> | undefined;

/** What has come, or why nothing did. */
export type State<V> = { readonly value: V } | { readonly error: unknown };

class Opening {
  state: State<Database> | undefined;
  readonly settled: Promise<void>;

  constructor(database: PromiseLike<Database>) {
    const take = (state: State<Database>): void => void (this.state = state);
    this.settled = Promise.resolve(database).then(value => take({ value }), (error: unknown) => take({ error }));
  }
}

const openings = new WeakMap<object, Opening>();

/** The database, if it is open by now. Throws why it could not be opened. */
export function opened(given: Given): Database | undefined {
  if (given === undefined || !isAwaited(given)) return given;
  return unwrapped(openingOf(given).state);
}

/** Settles when it is open, or will not be. Never throws. */
export function openingSettled(given: Given): Promise<void> {
  if (given === undefined) return new Promise(() => undefined);
  return isAwaited(given) ? openingOf(given).settled : Promise.resolve();
}

/** Calls `begin` with the database as soon as it is open; the answer stops what it began. `changed` hears that it is open, or will not be. */
export function whenOpen(given: Given, changed: () => void, begin: (database: Database) => () => void): () => void {
  const begun = attempt(() => opened(given));
  if (begun) return begin(begun);
  let stop = (): void => undefined;
  let isStopped = false;
  void openingSettled(given).then(() => {
    if (isStopped) return;
    const database = attempt(() => opened(given));
    if (database) stop = begin(database);
    changed();
  });
  return () => {
    isStopped = true;
    stop();
  };
}

export function unwrapped<V>(state: State<V> | undefined): V | undefined {
  if (state && 'error' in state) throw state.error;
  return state?.value;
}

function openingOf(promise: PromiseLike<Database>): Opening {
  let opening = openings.get(promise);
  if (!opening) {
    opening = new Opening(promise);
    openings.set(promise, opening);
  }
  return opening;
}

function isAwaited(given: Database | PromiseLike<Database>): given is PromiseLike<Database> {
  return 'then' in given;
}

function attempt<V>(work: () => V): V | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
