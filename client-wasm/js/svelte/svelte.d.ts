/**
 * Tidemark in Svelte 5: what a database holds as reactive state, `current` of what each function
 * gives. Where stores are wanted, or Svelte is older, `collection.live(query)` is one.
 *
 * A record that has not changed stays the same object from one result to the next, and those who
 * ask the same share one answer: do not change it. Reading `current` throws what went wrong in reading
 * the database or opening it, to the nearest `<svelte:boundary>`; what goes wrong in syncing is `error`
 * of `useSyncStatus().current`. On a server, give no database.
 */
import type { Conflict, Database, Doc, Json, Query, SyncStatus } from 'tidemark';

/** State that follows what it shows. */
export interface Current<V> {
  /** The value as it is now; read where Svelte follows it. */
  readonly current: V;
}

/** A value, or a function of state that gives it. */
export type Reactive<V> = V | (() => V);

/** Gives the component and those within it a database, or the promise that `open` gave. To be called while the component initialises, as all of these. */
export function setDatabase(database: Database | PromiseLike<Database> | undefined): void;

/** The database; `undefined` until it is open. */
export function useDatabase(): Current<Database | undefined>;

/** The records of an entity that match, in order; `undefined` until the first answer. Follows a query that a function gives. */
export function useQuery<T = Json>(entity: Reactive<string>, query?: Reactive<Query<T> | undefined>): Current<readonly Doc<T>[] | undefined>;

/** The record of this key, or of this `local_id` even after the real key came; `null` where there is none. */
export function useDoc<T = Json>(entity: Reactive<string>, key: Reactive<string>): Current<Doc<T> | null | undefined>;

/** How the sync stands, in whichever tab it runs; idle, with nothing pending, until the database is open. */
export function useSyncStatus(): Current<SyncStatus>;

/** What two devices changed without knowing of each other and waits for a person, oldest first. */
export function useConflicts(): Current<readonly Conflict[] | undefined>;
