// What the tests show with React, each scene mounted on its own in an element of the page.

import { Component, memo, StrictMode, Suspense, startTransition, useLayoutEffect, useState, type ReactNode } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import type { Database, Query } from 'tidemark';
import { TidemarkProvider, useConflicts, useDatabase, useDoc, useQuery, useSyncStatus } from 'tidemark/react';
import { Page } from './react-server.tsx';

export interface Todo {
  title: string;
  done: boolean;
}

/** How often each component was rendered, by name. */
const renders: Record<string, number> = {};
const count = (name: string): void => void (renders[name] = (renders[name] ?? 0) + 1);

function Rows({ query }: { query: Query<Todo> }) {
  count('rows');
  const rows = useQuery<Todo>('todo', query);
  return rows ? <ul>{rows.map(row => <Row key={row.handle} title={row.value.title} row={row} />)}</ul> : <p>none yet</p>;
}

const Row = memo(function Row({ title }: { title: string; row: object }) {
  count(title);
  return <li>{title}</li>;
});

function Status() {
  const { phase, pending, last_sync } = useSyncStatus();
  count('status');
  return <p id="status">{[phase, pending, last_sync ? 'synced' : 'never synced'].join(', ')}</p>;
}

function Conflicts() {
  const conflicts = useConflicts();
  return <p id="conflicts">{conflicts ? conflicts.map(({ fields }) => fields).join() || 'none' : 'unknown'}</p>;
}

function Chosen({ of }: { of: string }) {
  const doc = useDoc<Todo>('todo', of);
  return <p id="doc">{doc ? `${doc.value.title}, ${doc.is_pending ? 'pending' : 'confirmed'}` : String(doc)}</p>;
}

let again: () => void;
/** Written inline, so each render makes another query that is equal. */
function Inline() {
  const [turn, setTurn] = useState(0);
  again = () => setTurn(turn + 1);
  const query: Query<Todo> = turn % 2 ? { orderBy: ['title'], where: { done: false } } : { where: { done: false }, orderBy: ['title'] };
  return <div id="turn" data-turn={turn}><Rows query={query} /></div>;
}

let show: (title: string | undefined) => void;
const fallbacks = { seen: 0 };
function Fallback() {
  useLayoutEffect(() => void (fallbacks.seen += 1));
  return <p id="fallback">waiting</p>;
}

/** Waits in Suspense for the todos of one title, or of any. */
function Waiting() {
  const [title, setTitle] = useState<string>();
  show = next => startTransition(() => setTitle(next));
  return <Suspense fallback={<Fallback />}><Found title={title} /></Suspense>;
}

function Found({ title }: { title: string | undefined }) {
  const rows = useQuery<Todo>('todo', { where: title === undefined ? {} : { title }, orderBy: ['title'] }, { suspense: true });
  const database = useDatabase({ suspense: true });
  return <p id="found">{`${database.name}: ${rows.map(row => row.value.title).join()}`}</p>;
}

/** So slow that a transition takes many slices, between which the page goes on. */
function Cell() {
  const rows = useQuery<Todo>('todo', { orderBy: ['title'] });
  for (const begun = performance.now(); performance.now() - begun < 8;);
  return <li className="cell">{rows?.map(row => row.value.title).join()}</li>;
}

let grow: () => void;
function Grid() {
  const [size, setSize] = useState(0);
  grow = () => startTransition(() => setSize(60));
  return <ul>{Array.from({ length: size }, (_, at) => <Cell key={at} />)}</ul>;
}

function Failing({ suspense }: { suspense: boolean }) {
  const rows = useQuery<Todo>('todo', { limit: 1 }, { suspense });
  return <p id="mended">{rows?.length}</p>;
}

class Boundary extends Component<{ children: ReactNode }> {
  override state: { code?: string } = {};

  static getDerivedStateFromError(error: { code?: string; message: string }) {
    return { code: error.code ?? error.message };
  }

  override render() {
    const retry = (): void => this.setState({ code: undefined });
    return this.state.code ? <button id="retry" onClick={retry}>{this.state.code}</button> : this.props.children;
  }
}

let root: Root | undefined;

function mount(children: ReactNode, database: Database | Promise<Database> | undefined = window.db): void {
  const element = document.body.appendChild(document.createElement('div'));
  root = createRoot(element);
  root.render(<StrictMode><TidemarkProvider database={database}>{children}</TidemarkProvider></StrictMode>);
}

/** Without StrictMode, so that renders can be counted. */
function mountPlainly(children: ReactNode): void {
  root = createRoot(document.body.appendChild(document.createElement('div')));
  root.render(<TidemarkProvider database={window.db}>{children}</TidemarkProvider>);
}

const scenes = {
  renders,
  fallbacks,
  everything: (of: string) => mount(<><Rows query={{}} /><Rows query={{}} /><Status /><Conflicts /><Chosen of={of} /></>),
  inline: () => mountPlainly(<><Inline /><Status /></>),
  again: () => again(),
  waiting: () => mount(<Boundary><Waiting /></Boundary>),
  show: (title: string | undefined) => show(title),
  grid: () => mountPlainly(<Grid />),
  cell: () => mountPlainly(<ul><Cell /></ul>),
  grow: () => grow(),
  failing: (suspense: boolean) => mount(<Boundary><Suspense fallback="waiting"><Failing suspense={suspense} /></Suspense></Boundary>),
  opening: (database: Promise<Database>) => mount(<Boundary><Waiting /><Rows query={{}} /><Status /></Boundary>, database),
  /** Brings a server's page to life; gives what React complained of. */
  hydrate(html: string) {
    const complaints: string[] = [];
    const element = document.body.appendChild(document.createElement('div'));
    element.id = 'page';
    element.innerHTML = html;
    const note = (error: unknown): void => void complaints.push(String((error as Error).message));
    root = hydrateRoot(element, <Page database={window.db} />, { onRecoverableError: note, onUncaughtError: note });
    return complaints;
  },
  unmount: () => root?.unmount(),
};

declare global {
  interface Window {
    react: typeof scenes;
  }
}
window.react = scenes;
