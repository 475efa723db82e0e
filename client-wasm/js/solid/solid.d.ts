/**
 * Tidemark in Solid: accessors of what a database holds, which follow it.
 *
 * A record that has not changed stays the same object from one result to the next, so `<For>` keeps its
 * row; those who ask the same share one answer: do not change it. Calling an accessor throws what went
 * wrong in reading the database or opening it, to the nearest `<ErrorBoundary>`; what goes wrong in
 * syncing is `error` of `useSyncStatus()()`. On a server, give no database.
 */
import type { Accessor, JSX } from 'solid-js';
import type { Conflict, Database, Doc, Json, Query, SyncStatus } from 'tidemark';

/** A value, or a function of signals that gives it. */
export type Reactive<V> = V | (() => V);

/** What a provider is given. */
export interface TidemarkProviderProps {
  /** The database, or the promise that `open` gave; `undefined` while there is none. Whoever opened it closes it. */
  database: Database | PromiseLike<Database> | undefined;
  /** The components that show what the database holds. */
  children?: JSX.Element;
}

/** Gives the components in it a database. */
export function TidemarkProvider(props: TidemarkProviderProps): JSX.Element;

/** The database of the nearest provider; `undefined` until it is open. */
export function useDatabase(): Accessor<Database | undefined>;

/** The records of an entity that match, in order; `undefined` until the first answer. Follows a query that a function gives. */
export function useQuery<T = Json>(entity: Reactive<string>, query?: Reactive<Query<T> | undefined>): Accessor<readonly Doc<T>[] | undefined>;

/** The record of this key, or of this `local_id` even after the real key came; `null` where there is none. */
export function useDoc<T = Json>(entity: Reactive<string>, key: Reactive<string>): Accessor<Doc<T> | null | undefined>;

/** How the sync stands, in whichever tab it runs; idle, with nothing pending, until the database is open. */
export function useSyncStatus(): Accessor<SyncStatus>;

/** What two devices changed without knowing of each other and waits for a person, oldest first. */
export function useConflicts(): Accessor<readonly Conflict[] | undefined>;
