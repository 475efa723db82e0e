/** The Vue binding: composables over refs. Its types are in vue.d.ts. */
import { type ComputedRef, computed, inject, type InjectionKey, shallowRef, toValue, watch } from 'vue';
import { TidemarkError } from 'tidemark';
import { CONFLICTS, DATABASE, docOf, type Observed, rowsOf, SYNC_STATUS } from '../bindings/observed.ts';
import type { Given } from '../bindings/opening.ts';
import type * as Face from './vue.d.ts';

const PROVIDED: InjectionKey<{ database: Given }> = Symbol('tidemark');

export const createTidemark: typeof Face.createTidemark = database => ({
  install: app => void app.provide(PROVIDED, { database }),
});

export const useDatabase: typeof Face.useDatabase = () => useObserved(() => DATABASE);

export const useQuery: typeof Face.useQuery = (entity, query) => useObserved(() => rowsOf(toValue(entity), toValue(query)));

export const useDoc: typeof Face.useDoc = (entity, key) => useObserved(() => docOf(toValue(entity), toValue(key)));

export const useSyncStatus: typeof Face.useSyncStatus = () => useObserved(() => SYNC_STATUS) as ReturnType<typeof Face.useSyncStatus>;

export const useConflicts: typeof Face.useConflicts = () => useObserved(() => CONFLICTS);

function useObserved<V>(ask: () => Observed<V>): ComputedRef<V | undefined> {
  const provided = inject(PROVIDED);
  if (!provided) throw new TidemarkError('invalid', 'the app has no database', 'Give it one: app.use(createTidemark(…)).');
  const { database } = provided;
  const observed = computed(ask);
  const changes = shallowRef(0);
  const changed = (): void => void (changes.value += 1);
  const begin = (_now: unknown, _before: unknown, stopAtNext: (stop: () => void) => void): void =>
    stopAtNext(observed.value.watch(database, changed));
  watch(() => observed.value.name, begin, { immediate: true });
  return computed(() => {
    void changes.value;
    return observed.value.present(database);
  });
}
