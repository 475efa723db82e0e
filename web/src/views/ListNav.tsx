/** The lists, with how much is left on each, and a way to make another. */
import { Inbox, List as ListIcon, Plus } from 'lucide-react';
import { useState, type SyntheticEvent } from 'react';
import { useQuery } from 'tidemark/react';
import { Link } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { useLive, useSession } from '../live';
import { INBOX, type List, type Todo } from '../model';
import { PendingMark } from './PendingMark';
import { useToast } from './Toasts';
import { explain } from '../words';

export function ListNav({ shown }: { shown: boolean }) {
  const lists = useQuery<List>('list', { orderBy: ['created'] }) ?? [];
  const left = useLive('left', async (database) => {
    const open = await database.collection<Todo>('todo').find({ where: { done: false } });
    return open.reduce((counts, { value }) => counts.set(value.list, (counts.get(value.list) ?? 0) + 1), new Map<string, number>());
  }).answer;
  const [place] = useHashLocation();
  const entry = (list: List, icon: typeof Inbox, handle: string, state?: 'synced' | 'pending' | 'rejected') => {
    const href = `/list/${encodeURIComponent(list.id)}`;
    const Icon = icon;
    const count = left?.get(list.id);
    return (
      <li key={handle}>
        <Link href={href} className={place === href ? 'current' : ''} {...(place === href && { 'aria-current': 'page' as const })}>
          <Icon aria-hidden size={18} />
          <span className="list-name">{list.name}</span>
          {state && state !== 'synced' && <PendingMark state={state === 'rejected' ? 'rejected' : 'created'} />}
          {count ? <span className="count">{count}<span className="visually-hidden"> to do</span></span> : null}
        </Link>
      </li>
    );
  };
  return (
    <nav className={shown ? 'list-nav' : 'list-nav elsewhere'} aria-label="Lists">
      <h2>Lists</h2>
      <ul>
        {entry(INBOX, Inbox, INBOX.id)}
        {lists.map(({ value, handle, state }) =>
          entry(value, ListIcon, handle, state === 'synced' || state === 'rejected' ? state : 'pending'))}
        <li className="new"><NewList /></li>
      </ul>
    </nav>
  );
}

function NewList() {
  const { database } = useSession();
  const [name, setName] = useState('');
  const [, go] = useHashLocation();
  const toast = useToast();
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (!name.trim()) return;
    const list: List = { id: crypto.randomUUID(), name: name.trim() };
    database.collection<List>('list').create(list).then(
      () => {
        setName('');
        go(`/list/${list.id}`);
      },
      (error: unknown) => toast({ text: explain(error).title }),
    );
  };
  return (
    <form className="new-list" onSubmit={submit}>
      <Plus aria-hidden size={18} />
      <input id="new-list" value={name} onChange={(event) => setName(event.target.value)} placeholder="New list"
        aria-label="New list" maxLength={80} enterKeyHint="done" autoComplete="off" />
    </form>
  );
}
