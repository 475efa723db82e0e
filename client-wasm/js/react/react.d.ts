/**
 * Tidemark in React: components show what a database holds, and follow it.
 *
 * - A hook renders a component again only when what it gives has changed. A record that has not
 *   changed stays the same object from one result to the next, so `memo` works; components that
 *   ask the same share one answer, so do not change it. A query may be written inline.
 * - Without `suspense`, a hook gives `undefined` until the first answer; with it, the component
 *   waits in the nearest `<Suspense>`. A change of the query within a transition then goes on
 *   showing the former answer until the new one is there.
 * - What goes wrong in reading, or in opening the database, is thrown to the nearest error boundary;
 *   to mount again is to try again. What goes wrong in syncing is thrown nowhere: it is `error`
 *   of `useSyncStatus()`.
 * - On a server, give the provider `undefined` as its database: hooks give what they give before the
 *   first answer, and components with `suspense` are left to the browser, their fallback in the page.
 */
import type { ReactElement, ReactNode } from 'react';
import type { Conflict, Database, Doc, Json, Query, SyncStatus } from 'tidemark';

/** How a hook waits. */
export interface HookOptions {
  /** Waits in the nearest `<Suspense>` instead of giving `undefined`. */
  suspense?: boolean | undefined;
}

/** A hook that waits in `<Suspense>`. */
export interface Suspending extends HookOptions {
  suspense: true;
}

/** What a provider is given. */
export interface TidemarkProviderProps {
  /** The database, or the promise that `open` gave, kept from one render to the next; `undefined` while there is none, as on a server. Whoever opened it closes it. */
  database: Database | PromiseLike<Database> | undefined;
  /** The components that show what the database holds. */
  children?: ReactNode;
}

/** Gives the components in it a database. */
export function TidemarkProvider(props: TidemarkProviderProps): ReactElement;

/** The database of the nearest provider; `undefined` until it is open. */
export function useDatabase(options: Suspending): Database;
export function useDatabase(options?: HookOptions): Database | undefined;

/** The records of an entity that match, in order. `T` is what their values look like; nothing checks it. */
export function useQuery<T = Json>(entity: string, query: Query<T> | undefined, options: Suspending): readonly Doc<T>[];
export function useQuery<T = Json>(entity: string, query?: Query<T>, options?: HookOptions): readonly Doc<T>[] | undefined;

/** The record of this key, or of this `local_id` even after the real key came; `null` where there is none. */
export function useDoc<T = Json>(entity: string, key: string, options: Suspending): Doc<T> | null;
export function useDoc<T = Json>(entity: string, key: string, options?: HookOptions): Doc<T> | null | undefined;

/** How the sync stands, in whichever tab it runs; idle, with nothing pending, until the database is open. */
export function useSyncStatus(): SyncStatus;

/** What two devices changed without knowing of each other and waits for a person, oldest first. */
export function useConflicts(options: Suspending): readonly Conflict[];
export function useConflicts(options?: HookOptions): readonly Conflict[] | undefined;
