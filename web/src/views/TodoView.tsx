/** One list: what is to do, what is done, and a line to add more. */
import { ChevronDown, Plus, Trash2 } from 'lucide-react';
import { useRef, useState, type KeyboardEvent, type SyntheticEvent } from 'react';
import type { Doc } from 'tidemark';
import { useQuery } from 'tidemark/react';
import { useHashLocation } from 'wouter/use-hash-location';
import { useSession } from '../live';
import { INBOX, type List, type Todo } from '../model';
import { explain, plural } from '../words';
import { Dialog } from './Dialog';
import { TodoItem } from './TodoItem';
import { useToast } from './Toasts';

export function TodoView({ id }: { id: string }) {
  const lists = useQuery<List>('list', { where: { id } });
  const todos = useQuery<Todo>('todo', { where: { list: id }, orderBy: ['created'] });
  const list = lists?.[0];
  const [showDone, setShowDone] = useState(true);
  if (lists && !list && id !== INBOX.id) return <Gone />;
  const open = (todos ?? []).filter((todo) => !todo.value.done);
  const done = (todos ?? []).filter((todo) => todo.value.done);
  return (
    <section className="page todos" aria-labelledby="list-title">
      <header className="page-head">
        {list ? <ListTitle list={list} todos={todos ?? []} /> : <h1 id="list-title">{id === INBOX.id ? INBOX.name : '…'}</h1>}
        <p className="summary">{todos ? summary(open.length, done.length) : '…'}</p>
      </header>
      <NewTodo list={id} />
      {todos?.length === 0 && <Empty />}
      <ul className="todo-list" aria-label="To do" onKeyDown={moveByArrows}>
        {open.map((todo) => <TodoItem key={todo.handle} todo={todo} />)}
      </ul>
      {done.length > 0 && (
        <>
          <button className="fold" aria-expanded={showDone} onClick={() => setShowDone(!showDone)}>
            <ChevronDown aria-hidden size={18} /> Done <span className="count">{done.length}</span>
          </button>
          {showDone && (
            <ul className="todo-list done" aria-label="Done" onKeyDown={moveByArrows}>
              {done.map((todo) => <TodoItem key={todo.handle} todo={todo} />)}
            </ul>
          )}
        </>
      )}
    </section>
  );
}

function summary(open: number, done: number): string {
  if (open === 0) return done === 0 ? 'Nothing here yet' : 'All done';
  return `${plural(open, 'thing')} to do`;
}

function Empty() {
  return (
    <div className="empty">
      <div className="empty-drawing" aria-hidden />
      <p>A clean beach. Write down the first thing above; it is kept here at once, network or not.</p>
    </div>
  );
}

function Gone() {
  return (
    <section className="page">
      <div className="empty"><p>This list is not here. It may have been deleted on another device.</p></div>
    </section>
  );
}

function NewTodo({ list }: { list: string }) {
  const { database } = useSession();
  const toast = useToast();
  const [title, setTitle] = useState('');
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const text = title.trim();
    if (!text) return;
    setTitle('');
    database.collection<Todo>('todo').create({ title: text, done: false, list }).catch((error: unknown) => {
      setTitle(text);
      toast({ text: explain(error).help });
    });
  };
  return (
    <form className="new-todo" onSubmit={submit}>
      <Plus aria-hidden size={20} />
      <input id="new-todo" value={title} onChange={(event) => setTitle(event.target.value)} placeholder="Add something to do"
        aria-label="Add something to do" maxLength={500} enterKeyHint="done" autoComplete="off" />
      <kbd aria-hidden className="desktop-only">n</kbd>
    </form>
  );
}

function ListTitle({ list, todos }: { list: Doc<List>; todos: readonly Doc<Todo>[] }) {
  const { database } = useSession();
  const [, go] = useHashLocation();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const rename = () => {
    const name = input.current?.value.trim();
    if (name && name !== list.value.name) {
      database.collection<List>('list').update(list.key, { name }).catch((error: unknown) => toast({ text: explain(error).help }));
    } else if (input.current) {
      input.current.value = list.value.name;
    }
  };
  const remove = () => {
    database
      .batch(async (batch) => {
        for (const todo of todos) await batch.collection('todo').delete(todo.key);
        await batch.collection('list').delete(list.key);
      })
      .then(() => go('/list/inbox'), (error: unknown) => toast({ text: explain(error).help }));
  };
  return (
    <div className="list-title">
      <h1 id="list-title" className="visually-hidden">{list.value.name}</h1>
      <input ref={input} key={list.value.name} className="title-input" defaultValue={list.value.name} aria-label="Name of the list"
        maxLength={80} onBlur={rename} onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.value = list.value.name;
          if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur();
        }} />
      <button className="icon-button" aria-label="Delete this list" title="Delete this list" onClick={() => setAsking(true)}>
        <Trash2 aria-hidden size={18} />
      </button>
      <Dialog title={`Delete “${list.value.name}”?`} open={asking} onClose={() => setAsking(false)}>
        <p>The list goes, with {todos.length === 0 ? 'nothing on it' : `the ${plural(todos.length, 'thing')} on it`}, on all your devices.</p>
        <div className="buttons end">
          <button className="button" onClick={() => setAsking(false)}>Keep it</button>
          <button className="button danger" onClick={remove}>Delete</button>
        </div>
      </Dialog>
    </div>
  );
}

/** Up and down move among the rows, whatever of a row has the focus. */
function moveByArrows(event: KeyboardEvent<HTMLUListElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0 || (event.target as HTMLElement).matches('input:not([type=checkbox])')) return;
  const rows = [...document.querySelectorAll<HTMLElement>('.todo-list .todo-check')];
  const row = (event.target as HTMLElement).closest('li')?.querySelector<HTMLElement>('.todo-check');
  const next = rows[(row ? rows.indexOf(row) : -1) + step];
  if (next) {
    next.focus();
    event.preventDefault();
  }
}
