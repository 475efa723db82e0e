/** One thing to do: complete it, edit it in place, delete it (and take that back). */
import { Trash2 } from 'lucide-react';
import { memo, useState, type KeyboardEvent } from 'react';
import type { Database, Doc } from 'tidemark';
import { useSession } from '../live';
import type { Todo } from '../model';
import { asideReason, explain } from '../words';
import { PendingMark } from './PendingMark';
import { useToast } from './Toasts';

export const TodoItem = memo(TodoRow, (before, after) => {
  const [a, b] = [before.todo, after.todo];
  return a.key === b.key && a.state === b.state && a.updated === b.updated && a.value.title === b.value.title && a.value.done === b.value.done;
});

function TodoRow({ todo }: { todo: Doc<Todo> }) {
  const { database } = useSession();
  const toast = useToast();
  const [editing, setEditing] = useState(false);
  const todos = database.collection<Todo>('todo');
  const { title, done } = todo.value;
  const complain = (error: unknown) => toast({ text: explain(error).help });
  const save = (text: string) => {
    setEditing(false);
    if (text.trim() && text.trim() !== title) todos.update(todo.key, { title: text.trim() }).catch(complain);
  };
  const remove = () => {
    const again = () => void bringBack(database, todo).catch(complain);
    todos.delete(todo.key).then(() => toast({ text: `Deleted “${shorten(title)}”`, action: { label: 'Undo', run: again } }), complain);
  };
  const press = (event: KeyboardEvent<HTMLLIElement>) => {
    if (editing || (event.target as HTMLElement).matches('button')) return;
    if (event.key === 'Enter' || event.key === 'e') setEditing(true);
    else if (event.key === 'Delete' || event.key === 'Backspace') remove();
    else return;
    event.preventDefault();
  };
  return (
    <li className={done ? 'todo done' : 'todo'} onKeyDown={press}>
      <input type="checkbox" className="todo-check" checked={done} aria-label={title}
        onChange={() => void todos.update(todo.key, { done: !done }).catch(complain)} />
      {editing
        ? <TitleInput title={title} onSave={save} onCancel={() => setEditing(false)} />
        : <button className="todo-title" aria-label={`Edit “${title}”`} onClick={() => setEditing(true)}>{title}</button>}
      <PendingMark state={todo.state} />
      <button className="icon-button todo-delete" aria-label={`Delete “${title}”`} onClick={remove}>
        <Trash2 aria-hidden size={17} />
      </button>
      {todo.state === 'rejected' && <p className="problem">{asideReason(todo)}</p>}
    </li>
  );
}

/**
 * Put, not undone: the deletion may be on its way already, and would come back from the server. Of what
 * never left the device nothing waits: it is made anew, for it has no key of the server's.
 */
async function bringBack(database: Database, { key, value, is_pending }: Doc<Todo>): Promise<void> {
  const todos = database.collection<Todo>('todo');
  const isGone = is_pending && !(await database.pending()).some(doc => doc.key === key);
  await (isGone ? todos.create(value) : todos.put(key, value));
}

function TitleInput({ title, onSave, onCancel }: { title: string; onSave(text: string): void; onCancel(): void }) {
  return (
    <input className="todo-edit" defaultValue={title} aria-label="Edit" maxLength={500} autoFocus enterKeyHint="done"
      onFocus={(event) => event.currentTarget.select()}
      onBlur={(event) => onSave(event.currentTarget.value)}
      onKeyDown={(event) => {
        const row = event.currentTarget.closest('li');
        if (event.key === 'Escape') onCancel();
        else if (event.key === 'Enter') onSave(event.currentTarget.value);
        else return;
        event.preventDefault();
        event.stopPropagation();
        requestAnimationFrame(() => row?.querySelector<HTMLElement>('.todo-check')?.focus());
      }} />
  );
}

const shorten = (text: string) => (text.length > 32 ? `${text.slice(0, 31)}…` : text);
