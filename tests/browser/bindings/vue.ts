// What the tests show with Vue.

import { createApp, h, ref, type App } from 'vue';
import { createTidemark, useConflicts, useDatabase, useDoc, useQuery, useSyncStatus } from 'tidemark/vue';

const done = ref(false);
let app: App | undefined;

const Todos = {
  setup() {
    const rows = useQuery<{ title: string; done: boolean }>('todo', () => ({ where: { done: done.value }, orderBy: ['title'] }));
    const first = useDoc<{ title: string }>('todo', () => rows.value?.[0]?.key ?? 'none');
    const status = useSyncStatus();
    const conflicts = useConflicts();
    const database = useDatabase();
    return () => [
      h('ul', rows.value?.map(row => h('li', { key: row.handle }, row.value.title))),
      h('p', { id: 'rest' }, [database.value?.name, first.value?.value.title, status.value.pending, conflicts.value?.length].join()),
    ];
  },
};

const Failing = {
  setup() {
    const rows = useQuery('todo', { limit: -1 });
    return () => h('p', rows.value?.length);
  },
};

window.scene = {
  mount() {
    app = createApp(Todos).use(createTidemark(Promise.resolve(window.db)));
    app.mount(document.body.appendChild(document.createElement('div')));
  },
  fail() {
    app = createApp(Failing).use(createTidemark(window.db));
    app.config.errorHandler = error => (document.title = (error as { code: string }).code);
    app.mount(document.body.appendChild(document.createElement('div')));
  },
  showDone: () => void (done.value = true),
  unmount: () => app?.unmount(),
};
