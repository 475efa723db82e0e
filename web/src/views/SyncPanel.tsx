/** How the sync stands: a pill that always shows, a panel that says all, and a voice for those who listen. */
import { Check, CloudOff, RefreshCw, TriangleAlert } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Doc } from 'tidemark';
import { useLive, useNow, useOnline, useSession, useStatus } from '../live';
import { signInAgain } from '../sync';
import { ago, explain, number, plural, standing, type Standing } from '../words';
import { Dialog } from './Dialog';
import { RecordDialog } from './RecordDialog';

const ICONS = { calm: Check, busy: RefreshCw, offline: CloudOff, trouble: TriangleAlert };
const PENDING_SHOWN = 50;

export function SyncPill({ onOpen }: { onOpen(): void }) {
  const status = useStatus();
  const stand = standing(status, useOnline());
  const syncing = status.phase !== 'idle' && status.phase !== 'waiting';
  const Icon = ICONS[stand.tone];
  return (
    <>
      <button className={`pill ${stand.tone}`} onClick={onOpen} aria-haspopup="dialog" aria-label={`Sync: ${stand.short}`} data-testid="sync-pill">
        <Icon aria-hidden size={15} className={syncing ? 'turning' : ''} /> {stand.short}
      </button>
      <Voice stand={stand} />
      <div className={syncing ? 'tide moving' : 'tide'} aria-hidden style={{ '--part': part(status) } as React.CSSProperties} />
    </>
  );
}

/** Says a change of the sync's state, but not each step of it. */
function Voice({ stand }: { stand: Standing }) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setSaid(stand.long), 800);
    return () => clearTimeout(timer);
  }, [stand.long]);
  return <div className="visually-hidden" role="status">{said}</div>;
}

function part(status: { progress?: { done: number; total: number } }): number {
  const { progress } = status;
  return progress && progress.total > 0 ? progress.done / progress.total : 0.08;
}

export function SyncPanel({ open, onClose }: { open: boolean; onClose(): void }) {
  return (
    <Dialog title="Sync" open={open} onClose={onClose}>
      <Panel />
    </Dialog>
  );
}

function Panel() {
  const { database, user } = useSession();
  const status = useStatus();
  const online = useOnline();
  const now = useNow();
  const stand = standing(status, online);
  const trouble = status.error && status.error.code !== 'offline' ? explain(status.error) : undefined;
  const syncing = status.phase !== 'idle' && status.phase !== 'waiting';
  const sync = () => void database.sync().catch(() => undefined);
  const [refusal, setRefusal] = useState<string>();
  const again = () => {
    setRefusal(undefined);
    signInAgain(database, user).catch((error: unknown) => setRefusal(explain(error).title));
  };
  return (
    <div className="sync-panel">
      <p className={`standing ${stand.tone}`}>{stand.long}</p>
      {status.progress && syncing && (
        <progress max={status.progress.total} value={status.progress.done} aria-label="Progress of the sync" />
      )}
      {trouble && (
        <div className="notice trouble" role="alert">
          <div>
            <strong>{trouble.title}</strong>
            <p>{refusal ?? trouble.help}</p>
          </div>
          {trouble.action === 'sign-in' && <button className="button" onClick={again}>Sign in again</button>}
          {trouble.action === 'reload' && <button className="button" onClick={() => location.reload()}>Reload</button>}
        </div>
      )}
      <dl className="facts">
        <div><dt>Network</dt><dd>{online ? 'Online' : 'Offline'}</dd></div>
        <div><dt>Last sync</dt><dd data-testid="last-sync">{status.last_sync ? ago(status.last_sync, now) : 'never'}</dd></div>
        <div><dt>Waiting to be sent</dt><dd data-testid="pending-count">{number(status.pending)}</dd></div>
        {status.retry_at && <div><dt>Next try</dt><dd>{new Date(status.retry_at).toLocaleTimeString()}</dd></div>}
      </dl>
      <div className="buttons">
        <button className="button primary" onClick={sync} disabled={syncing}>
          <RefreshCw aria-hidden size={17} className={syncing ? 'turning' : ''} /> Sync now
        </button>
      </div>
      <Waiting />
    </div>
  );
}

/** What the server does not have: first what it would not take, then what waits its turn. */
function Waiting() {
  const pending = useLive('pending', (database) => database.pending()).answer ?? [];
  const [shown, setShown] = useState<Doc>();
  const rejected = pending.filter((doc) => doc.state === 'rejected');
  const waiting = pending.filter((doc) => doc.state !== 'rejected');
  const row = (doc: Doc) => (
    <li key={doc.handle}>
      <button className="pending-row" onClick={() => setShown(doc)}>
        <span className="tag">{doc.entity}</span>
        <span className="pending-label">{labelOf(doc)}</span>
        <span className="hint">{doc.state === 'rejected' ? doc.problem?.code : doc.state}</span>
      </button>
    </li>
  );
  return (
    <>
      {rejected.length > 0 && (
        <section aria-labelledby="aside-title">
          <h3 id="aside-title" className="trouble-title">Set aside ({number(rejected.length)})</h3>
          <p className="hint">The server did not take these. They are safe here; open one to mend or delete it.</p>
          <ul className="pending-list">{rejected.slice(0, PENDING_SHOWN).map(row)}</ul>
        </section>
      )}
      {waiting.length > 0 && (
        <section aria-labelledby="waiting-title">
          <h3 id="waiting-title">On its way ({number(waiting.length)})</h3>
          <ul className="pending-list">{waiting.slice(0, PENDING_SHOWN).map(row)}</ul>
          {waiting.length > PENDING_SHOWN && <p className="hint">and {plural(waiting.length - PENDING_SHOWN, 'more record')}</p>}
        </section>
      )}
      <RecordDialog doc={shown} onClose={() => setShown(undefined)} />
    </>
  );
}

/** The words by which a person knows a record. */
export function labelOf(doc: Doc): string {
  const value = doc.value as Record<string, unknown> | null | undefined;
  const name = value && typeof value === 'object' ? (value['title'] ?? value['name'] ?? value['file_name']) : value;
  return typeof name === 'string' && name ? name : doc.key;
}
