/** The React binding: hooks on `useSyncExternalStore`, so that one render shows one state. Its types are in react.d.ts. */
import { createContext, createElement, useCallback, useContext, useMemo, useSyncExternalStore } from 'react';
import { type Query, TidemarkError } from 'tidemark';
import { CONFLICTS, DATABASE, docOf, NO_STATUS, type Observed, rowsOf, SYNC_STATUS } from '../bindings/observed.ts';
import type { Given } from '../bindings/opening.ts';
import type * as Face from './react.d.ts';

const Provided = createContext<{ database: Given } | undefined>(undefined);

export const TidemarkProvider: typeof Face.TidemarkProvider = ({ database, children }) => {
  const provided = useMemo(() => ({ database }), [database]);
  return createElement(Provided.Provider, { value: provided }, children);
};

export const useDatabase: typeof Face.useDatabase = (options?: Face.HookOptions): any => useObserved(DATABASE, options);

export const useQuery: typeof Face.useQuery = (entity: string, query?: Query<any>, options?: Face.HookOptions): any =>
  useObserved(rowsOf(entity, query), options);

export const useDoc: typeof Face.useDoc = (entity: string, key: string, options?: Face.HookOptions): any =>
  useObserved(docOf(entity, key), options);

export const useSyncStatus: typeof Face.useSyncStatus = () => useObserved(SYNC_STATUS, undefined, NO_STATUS) ?? NO_STATUS;

export const useConflicts: typeof Face.useConflicts = (options?: Face.HookOptions): any => useObserved(CONFLICTS, options);

/** `onServer` is shown on a server, and in the browser until its page has come to life. */
function useObserved<V>(observed: Observed<V>, options?: Face.HookOptions, onServer?: V): V | undefined {
  const database = useGiven();
  const isWaiting = options?.suspense === true;
  const present = (): V | undefined => observed.present(database);
  if (isWaiting && present() === undefined) throw awaited(observed, database);
  // Equal queries have one name, however often they are written anew.
  const subscribe = useCallback((changed: () => void) => observed.watch(database, changed), [database, observed.name]);
  return useSyncExternalStore(subscribe, present, isWaiting ? present : () => onServer);
}

/** What a waiting component throws: a promise, or, where no answer will ever come, an error that leaves it to the browser. */
function awaited(observed: Observed<unknown>, database: Given): Promise<void> | TidemarkError {
  if (database === undefined && !globalThis.indexedDB) {
    const help = 'Put a <Suspense> around it: its fallback is in the page until the browser shows the rest.';
    return new TidemarkError('not_supported', 'a component with `suspense` has no database on a server', help);
  }
  return observed.settled(database);
}

function useGiven(): Given {
  const provided = useContext(Provided);
  if (provided) return provided.database;
  const help = 'Put the app inside <TidemarkProvider database={…}>.';
  throw new TidemarkError('invalid', 'there is no TidemarkProvider above this component', help);
}
