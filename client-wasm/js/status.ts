/** The status that the app sees: this tab's own, or that of the tab that syncs for all. */
import { toError } from './error.ts';
import { isOnline } from './host.ts';
import type { SyncStatus } from './tidemark.d.ts';

/** A status as the module tells it, here or in another tab. */
export interface CoreStatus {
  phase: SyncStatus['phase'];
  pending: number;
  last_sync?: string;
  in_sync?: boolean;
  progress?: { done: number; total: number };
  error?: unknown;
  retry_at?: number;
}

export function isActive(status: CoreStatus): boolean {
  return status.phase !== 'idle' && status.phase !== 'waiting';
}

/** What to show, of this tab's own status and of what another one told last. */
export function shownStatus(own: CoreStatus, elsewhere: CoreStatus | undefined): SyncStatus {
  const shown = elsewhere && !isActive(own) ? elsewhere : own;
  const { phase, progress, error, retry_at, in_sync } = shown;
  const last_sync = [own.last_sync, elsewhere?.last_sync].filter(moment => moment !== undefined).sort().at(-1);
  return {
    phase,
    online: isOnline(),
    pending: own.pending,
    ...(last_sync === undefined ? {} : { last_sync }),
    ...(in_sync === undefined ? {} : { in_sync }),
    ...(progress === undefined ? {} : { progress }),
    ...(error === undefined ? {} : { error: toError(error) }),
    ...(retry_at === undefined ? {} : { retry_at: new Date(retry_at).toISOString() }),
  };
}
