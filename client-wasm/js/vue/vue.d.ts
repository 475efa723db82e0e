/**
 * Tidemark in Vue: composables that show what a database holds, and follow it.
 *
 * A record that has not changed stays the same object from one result to the next, and those who
 * ask the same share one answer: do not change it. Reading a ref throws what went wrong in reading the
 * database or opening it, to the nearest `onErrorCaptured`; what goes wrong in syncing is `error`
 * of `useSyncStatus()`. On a server, give no database.
 */
import type { ComputedRef, MaybeRefOrGetter, Plugin } from 'vue';
import type { Conflict, Database, Doc, Json, Query, SyncStatus } from 'tidemark';

/** Gives an app a database, or the promise that `open` gave: `app.use(createTidemark(open({ name: 'notes' })))`. */
export function createTidemark(database: Database | PromiseLike<Database> | undefined): Plugin;

/** The app's database; `undefined` until it is open. */
export function useDatabase(): ComputedRef<Database | undefined>;

/** The records of an entity that match, in order; `undefined` until the first answer. Follows a query that changes. */
export function useQuery<T = Json>(
  entity: MaybeRefOrGetter<string>,
  query?: MaybeRefOrGetter<Query<T> | undefined>,
): ComputedRef<readonly Doc<T>[] | undefined>;

/** The record of this key, or of this `local_id` even after the real key came; `null` where there is none. */
export function useDoc<T = Json>(entity: MaybeRefOrGetter<string>, key: MaybeRefOrGetter<string>): ComputedRef<Doc<T> | null | undefined>;

/** How the sync stands, in whichever tab it runs; idle, with nothing pending, until the database is open. */
export function useSyncStatus(): ComputedRef<SyncStatus>;

/** What two devices changed without knowing of each other and waits for a person, oldest first. */
export function useConflicts(): ComputedRef<readonly Conflict[] | undefined>;
