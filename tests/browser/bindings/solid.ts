// What the tests show with Solid, its components written as the functions that JSX becomes.

import h from 'solid-js/h';
import { createComponent, createSignal, ErrorBoundary, For, type JSX } from 'solid-js';
import type { Database, Doc } from 'tidemark';
import { render } from 'solid-js/web';
import { TidemarkProvider, useConflicts, useDatabase, useDoc, useQuery, useSyncStatus } from 'tidemark/solid';

interface Todo {
  title: string;
  done: boolean;
}

const [done, setDone] = createSignal(false);
let dispose: (() => void) | undefined;

function Todos() {
  const rows = useQuery<Todo>('todo', () => ({ where: { done: done() }, orderBy: ['title'] }));
  const first = useDoc<Todo>('todo', () => rows()?.[0]?.key ?? 'none');
  const status = useSyncStatus();
  const conflicts = useConflicts();
  const database = useDatabase();
  const row = ({ value }: Doc<Todo>): JSX.Element => element('li', {}, value.title);
  const shown = {
    get each() {
      return rows() ?? [];
    },
    children: row,
  };
  return [
    element('ul', {}, createComponent(For<readonly Doc<Todo>[], JSX.Element>, shown)),
    element('p', { id: 'rest' }, () => [database()?.name, first()?.value.title, status().pending, conflicts()?.length].join()),
  ];
}

function Failing() {
  const rows = useQuery('todo', { limit: -1 });
  return element('p', {}, () => rows()?.length);
}

/** What hyperscript makes is a function, which Solid shows as an element. */
function element(tag: string, properties: object, content: unknown): JSX.Element {
  return h(tag, properties, content) as unknown as JSX.Element;
}

function mount(component: () => JSX.Element, database: Database | Promise<Database>): void {
  const caught = (error: { code: string }): JSX.Element => element('p', { id: 'caught' }, error.code);
  dispose = render(
    () =>
      createComponent(TidemarkProvider, {
        database,
        get children() {
          return createComponent(ErrorBoundary, { fallback: caught, get children() { return createComponent(component, {}); } });
        },
      }),
    document.body.appendChild(document.createElement('div')),
  );
}

window.scene = {
  mount: () => mount(Todos, Promise.resolve(window.db)),
  fail: () => mount(Failing, window.db),
  showDone: () => void setDone(true),
  unmount: () => dispose?.(),
};
