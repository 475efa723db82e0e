/** How the sync stands: a pill that always shows, a panel that says all, and a voice for those who listen. */
import { Check, CloudOff, RefreshCw, TriangleAlert } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useSyncStatus } from 'tidemark/react';
import { useAsideCount } from '../aside';
import { useNow, useOnline, useSession } from '../live';
import { useSteering } from '../steering';
import { signInAgain } from '../sync';
import { ago, explain, number, standing, type Standing } from '../words';
import { Dialog } from './Dialog';
import { SetAside } from './SetAside';

const ICONS = { calm: Check, busy: RefreshCw, offline: CloudOff, trouble: TriangleAlert };

export function SyncPill({ onOpen }: { onOpen(): void }) {
  const status = useSyncStatus();
  const stand = standing(status, useOnline(), useAsideCount(status.pending));
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
  const status = useSyncStatus();
  const online = useOnline();
  const now = useNow();
  const aside = useAsideCount(status.pending);
  const stand = standing(status, online, aside);
  const trouble = status.error && status.error.code !== 'offline' ? explain(status.error) : undefined;
  const syncing = status.phase !== 'idle' && status.phase !== 'waiting';
  const { steering, held } = useSteering();
  const sync = () => void steering.run({});
  const decide = held ? () => steering.comeBack() : sync;
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
          {trouble.action === 'decide' && <button className="button" onClick={decide}>Decide…</button>}
          {trouble.action === 'reload' && <button className="button" onClick={() => location.reload()}>Reload</button>}
        </div>
      )}
      <dl className="facts">
        <div><dt>Network</dt><dd>{online ? 'Online' : 'Offline'}</dd></div>
        <div><dt>Last sync</dt><dd data-testid="last-sync">{status.last_sync ? ago(status.last_sync, now) : 'never'}</dd></div>
        <div><dt>Waiting to be sent</dt><dd data-testid="pending-count">{number(Math.max(status.pending - aside, 0))}</dd></div>
        {aside > 0 && <div><dt>Set aside</dt><dd>{number(aside)}</dd></div>}
        {status.retry_at && <div><dt>Next try</dt><dd>{new Date(status.retry_at).toLocaleTimeString()}</dd></div>}
      </dl>
      <div className="buttons">
        <button className="button primary" onClick={sync} disabled={syncing}>
          <RefreshCw aria-hidden size={17} className={syncing ? 'turning' : ''} /> Sync now
        </button>
      </div>
      <SetAside />
    </div>
  );
}
