/** The frame around every view: navigation, the state of the sync, dialogs and shortcuts. */
import { ArrowUpDown, Database, GitMerge, Info, ListTodo } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useConflicts } from 'tidemark/react';
import { Link, Redirect, Route, Router, Switch } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { useLive, useSession } from '../live';
import { INBOX, type Import } from '../model';
import { number, plural } from '../words';
import { AirbagPanel } from './AirbagPanel';
import { ConflictsView } from './ConflictsView';
import { HelpDialog } from './HelpDialog';
import { Inspector } from './Inspector';
import { ListNav } from './ListNav';
import { Mark } from './Mark';
import { RecordsView } from './RecordsView';
import { ShareView } from './ShareView';
import { useShortcuts } from './shortcuts';
import { SyncPanel, SyncPill } from './SyncPanel';
import { TodoView } from './TodoView';
import { useToast } from './Toasts';
import { UserMenu } from './UserMenu';

const PLACES = [
  { href: '/records', label: 'Records', icon: Database },
  { href: '/files', label: 'Import & export', icon: ArrowUpDown },
  { href: '/device', label: 'This device', icon: Info },
] as const;

export type DialogName = 'sync' | 'help';

/** A newer version of the app. */
export interface Update {
  /** It has been fetched. */
  needed: boolean;
  /** Reloads the page with it. */
  start(): void;
}

export function Shell({ update }: { update: Update }) {
  return (
    <Router hook={useHashLocation}>
      <Frame update={update} />
    </Router>
  );
}

function Frame({ update }: { update: Update }) {
  const [dialog, setDialog] = useState<DialogName>();
  const [place] = useHashLocation();
  useShortcuts(setDialog);
  useUpdates(update);
  useImportsGoOn();
  useNewConflicts();
  useNewlyAside(setDialog);
  const inLists = place.startsWith('/list');
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>
        Skip to the content
      </a>
      <header className="side">
        <div className="brand">
          <Mark size={30} /> <span>Tidemark</span>
          <SyncPill onOpen={() => setDialog('sync')} />
        </div>
        <ListNav shown={inLists} />
        <nav className="places" aria-label="More">
          <Link href={`/list/${INBOX.id}`} className={inLists ? 'place lists current' : 'place lists'}>
            <ListTodo aria-hidden size={20} /> Lists
          </Link>
          {PLACES.map(({ href, label, icon: Icon }) => (
            <Link key={href} href={href} className={place.startsWith(href) ? 'place current' : 'place'}
              {...(place.startsWith(href) && { 'aria-current': 'page' as const })}>
              <Icon aria-hidden size={20} /> {label}
            </Link>
          ))}
          <ConflictsLink isHere={place.startsWith('/conflicts')} />
        </nav>
        <UserMenu onHelp={() => setDialog('help')} />
      </header>
      <main id="main" tabIndex={-1}>
        <Switch>
          <Route path="/list/:id">{({ id }) => <TodoView key={id} id={decodeURIComponent(id)} />}</Route>
          <Route path="/records/:entity?">{({ entity }) => <RecordsView entity={entity && decodeURIComponent(entity)} />}</Route>
          <Route path="/conflicts"><ConflictsView /></Route>
          <Route path="/files"><ShareView /></Route>
          <Route path="/device"><Inspector /></Route>
          <Route><Redirect to={`/list/${INBOX.id}`} replace /></Route>
        </Switch>
      </main>
      <SyncPanel open={dialog === 'sync'} onClose={() => setDialog(undefined)} />
      <AirbagPanel />
      <HelpDialog open={dialog === 'help'} onClose={() => setDialog(undefined)} />
    </div>
  );
}

/** The way to the conflicts, there while there are some. */
function ConflictsLink({ isHere }: { isHere: boolean }) {
  const count = useConflicts()?.length ?? 0;
  if (count === 0 && !isHere) return null;
  return (
    <Link href="/conflicts" className={isHere ? 'place current' : 'place'} {...(isHere && { 'aria-current': 'page' as const })}>
      <GitMerge aria-hidden size={20} /> Conflicts
      {count > 0 && <span className="badge" data-testid="conflict-count">{number(count)}<span className="visually-hidden"> to settle</span></span>}
    </Link>
  );
}

/** Says when a sync has found that two devices changed the same thing. */
function useNewConflicts(): void {
  const { database } = useSession();
  const toast = useToast();
  const [, go] = useHashLocation();
  useEffect(() => database.on('conflict', () => {
    if (location.hash.startsWith('#/conflicts')) return;
    toast({ text: 'Two devices changed the same thing.', action: { label: 'Compare', run: () => go('/conflicts') } });
  }), [database, toast, go]);
}

/** Says when changes were set aside, and leads to them. */
function useNewlyAside(open: (dialog: DialogName) => void): void {
  const { database } = useSession();
  const toast = useToast();
  useEffect(() => database.on('rejected', ({ length }) => {
    toast({ text: `${plural(length, 'change')} set aside, and kept.`, stays: true, action: { label: 'Look', run: () => open('sync') } });
  }), [database, toast, open]);
}

/** Says when a new version of the app has been fetched; it starts when the person says so. */
function useUpdates({ needed, start }: Update): void {
  const toast = useToast();
  useEffect(() => {
    if (!needed) return;
    toast({
      text: 'A new version is ready.',
      stays: true,
      action: { label: 'Reload', run: start },
    });
  }, [needed, toast, start]);
}

/** Stands by for an import that another tab has begun, should that tab go. */
function useImportsGoOn(): void {
  const { importer } = useSession();
  const { answer: running } = useLive('imports running', (database) =>
    database.collection<Import>('import').count({ where: { state: 'running' } }));
  useEffect(() => {
    if (running) importer.wake();
  }, [running, importer]);
}
