// Compiled, never run: what the types of the hooks let an app write, and what they do not.

import type { Conflict, Database, Doc, Json, SyncStatus } from 'tidemark';
import { open } from 'tidemark';
import { TidemarkProvider, useConflicts, useDatabase, useDoc, useQuery, useSyncStatus } from 'tidemark/react';
import * as solid from 'tidemark/solid';
import * as svelte from 'tidemark/svelte';
import * as vue from 'tidemark/vue';

interface Todo {
  title: string;
  done: boolean;
  list?: string;
}

/** Compiles only if both are the same type. */
function same<One, Other>(..._equal: (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? [] : ['not the same']): void {}

export function App() {
  const rows = useQuery<Todo>('todo', { where: { done: false, title: { startsWith: 'B' } }, orderBy: ['-updated'], limit: 50 });
  same<typeof rows, readonly Doc<Todo>[] | undefined>();
  const waited = useQuery<Todo>('todo', {}, { suspense: true });
  same<typeof waited, readonly Doc<Todo>[]>();
  const maybe = useQuery<Todo>('todo', undefined, { suspense: Math.random() < 0.5 });
  same<typeof maybe, readonly Doc<Todo>[] | undefined>();
  const untyped = useQuery('todo');
  same<typeof untyped, readonly Doc<Json>[] | undefined>();
  // @ts-expect-error a field is compared with what it cannot be
  useQuery<Todo>('todo', { where: { done: 'yes' } });
  // @ts-expect-error there is no such member of a query
  useQuery<Todo>('todo', { order: ['title'] });
  // @ts-expect-error what others show too is not to be changed
  rows?.push();

  const doc = useDoc<Todo>('todo', 'key');
  same<typeof doc, Doc<Todo> | null | undefined>();
  const waitedDoc = useDoc<Todo>('todo', 'key', { suspense: true });
  same<typeof waitedDoc, Doc<Todo> | null>();
  same<ReturnType<typeof useSyncStatus>, SyncStatus>();
  const conflicts = useConflicts();
  same<typeof conflicts, readonly Conflict[] | undefined>();
  const waitedConflicts = useConflicts({ suspense: true });
  same<typeof waitedConflicts, readonly Conflict[]>();
  const database = useDatabase();
  same<typeof database, Database | undefined>();
  const opened = useDatabase({ suspense: true });
  same<typeof opened, Database>();
  // @ts-expect-error of a field that no Todo has
  void opened.collection<Todo>('todo').update('key', { colour: 'red' });
  return (
    <>
      <TidemarkProvider database={open({ name: 'types' })}>{rows?.length}</TidemarkProvider>
      <TidemarkProvider database={undefined} />
      {/* @ts-expect-error the name is no database */}
      <TidemarkProvider database="types" />
    </>
  );
}

export function others(): void {
  const inVue = vue.useQuery<Todo>('todo', () => ({ where: { done: true } }));
  same<typeof inVue.value, readonly Doc<Todo>[] | undefined>();
  const inSvelte = svelte.useQuery<Todo>('todo', () => ({ where: { done: true } }));
  same<typeof inSvelte.current, readonly Doc<Todo>[] | undefined>();
  const inSolid = solid.useQuery<Todo>('todo', () => ({ where: { done: true } }));
  same<ReturnType<typeof inSolid>, readonly Doc<Todo>[] | undefined>();
  // @ts-expect-error a field is compared with what it cannot be
  vue.useQuery<Todo>('todo', { where: { done: 'yes' } });
  // @ts-expect-error likewise
  svelte.useQuery<Todo>('todo', { where: { done: 'yes' } });
  // @ts-expect-error likewise
  solid.useQuery<Todo>('todo', { where: { done: 'yes' } });
}
