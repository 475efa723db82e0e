/** The Solid binding: accessors over signals. Its types are in solid.d.ts. */
import { type Accessor, createComponent, createContext, createEffect, createMemo, createSignal, onCleanup, useContext } from 'solid-js';
import { TidemarkError } from 'tidemark';
import { CONFLICTS, DATABASE, docOf, type Observed, rowsOf, SYNC_STATUS } from '../bindings/observed.ts';
import type { Given } from '../bindings/opening.ts';
import type * as Face from './solid.d.ts';

const Provided = createContext<Accessor<Given>>();

export const TidemarkProvider: typeof Face.TidemarkProvider = props =>
  createComponent(Provided.Provider, {
    value: () => props.database,
    get children() {
      return props.children;
    },
  });

export const useDatabase: typeof Face.useDatabase = () => useObserved(() => DATABASE);

export const useQuery: typeof Face.useQuery = (entity, query) => useObserved(() => rowsOf(valueOf(entity), valueOf(query)));

export const useDoc: typeof Face.useDoc = (entity, key) => useObserved(() => docOf(valueOf(entity), valueOf(key)));

export const useSyncStatus: typeof Face.useSyncStatus = () => useObserved(() => SYNC_STATUS) as ReturnType<typeof Face.useSyncStatus>;

export const useConflicts: typeof Face.useConflicts = () => useObserved(() => CONFLICTS);

function useObserved<V>(ask: () => Observed<V>): Accessor<V | undefined> {
  const database = useContext(Provided);
  if (!database) throw new TidemarkError('invalid', 'there is no TidemarkProvider above this component', 'Put the app inside <TidemarkProvider database={…}>.');
  const observed = createMemo(ask, undefined, { equals: (one, other) => one.name === other.name });
  const [changes, changed] = createSignal(undefined, { equals: false });
  createEffect(() => onCleanup(observed().watch(database(), () => changed())));
  return createMemo(() => {
    changes();
    return observed().present(database());
  });
}

function valueOf<V>(given: Face.Reactive<V>): V {
  return typeof given === 'function' ? (given as () => V)() : given;
}
