/** The Svelte binding: state that is watched for as long as something shows it. Its types are in svelte.d.ts. */
import { getContext, setContext } from 'svelte';
import { createSubscriber } from 'svelte/reactivity';
import { TidemarkError } from 'tidemark';
import { CONFLICTS, DATABASE, docOf, type Observed, rowsOf, SYNC_STATUS } from '../bindings/observed.ts';
import type { Given } from '../bindings/opening.ts';
import type * as Face from './svelte.d.ts';

const PROVIDED = Symbol('tidemark');

export const setDatabase: typeof Face.setDatabase = database => void setContext(PROVIDED, { database });

export const useDatabase: typeof Face.useDatabase = () => useObserved(() => DATABASE);

export const useQuery: typeof Face.useQuery = (entity, query) => useObserved(() => rowsOf(valueOf(entity), valueOf(query)));

export const useDoc: typeof Face.useDoc = (entity, key) => useObserved(() => docOf(valueOf(entity), valueOf(key)));

export const useSyncStatus: typeof Face.useSyncStatus = () => useObserved(() => SYNC_STATUS) as ReturnType<typeof Face.useSyncStatus>;

export const useConflicts: typeof Face.useConflicts = () => useObserved(() => CONFLICTS);

function useObserved<V>(ask: () => Observed<V>): Face.Current<V | undefined> {
  const provided = getContext<{ database: Given } | undefined>(PROVIDED);
  if (!provided) throw new TidemarkError('invalid', 'no database was given to the components', 'Call setDatabase(…) in one above this.');
  const { database } = provided;
  let name: string | undefined;
  let follow: () => void;
  return {
    get current() {
      const observed = ask();
      if (observed.name !== name) {
        name = observed.name;
        follow = createSubscriber(changed => observed.watch(database, changed));
      }
      follow();
      return observed.present(database);
    },
  };
}

function valueOf<V>(given: Face.Reactive<V>): V {
  return typeof given === 'function' ? (given as () => V)() : given;
}
