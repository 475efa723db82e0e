/** The page's side of syncing after the page has gone: it asks the browser, and that wakes the service worker. */
import type { BackgroundSync, BackgroundSyncAnswer, BackgroundSyncOptions } from './background-sync.d.ts';
import type { Database } from '../tidemark.d.ts';
import { TAG } from './tag.ts';

/** What not every browser has, nor TypeScript's library. */
interface Registration extends ServiceWorkerRegistration {
  readonly sync?: { register(tag: string): Promise<void> };
  readonly periodicSync?: { register(tag: string, options: { minInterval: number }): Promise<void> };
}

const HOUR_MILLIS = 3_600_000;

export async function requestBackgroundSync(database: Database, options: BackgroundSyncOptions = {}): Promise<BackgroundSync> {
  const registration = options.registration ?? (await ownRegistration());
  if (typeof registration === 'string') return { sync: registration, periodic: registration, stop() {} };
  const periodic = await askPeriodic(registration, options.everyHours ?? 12);
  return { sync: await ability(registration), periodic, stop: askWhenNeeded(database, registration) };
}

async function ability({ sync }: Registration): Promise<BackgroundSyncAnswer> {
  if (!sync) return 'not_supported';
  return (await permission('background-sync')) === 'denied' ? 'denied' : 'ready';
}

/** The page's service worker, once it is active. */
async function ownRegistration(): Promise<ServiceWorkerRegistration | BackgroundSyncAnswer> {
  const container = (globalThis.navigator as { serviceWorker?: ServiceWorkerContainer } | undefined)?.serviceWorker;
  if (!container) return 'not_supported';
  // Where there is none, `ready` would be waited for in vain.
  return (await container.getRegistration()) ? container.ready : 'no_service_worker';
}

/** Asks for a sync whenever something is pending that this page may not live to send. */
function askWhenNeeded(database: Database, { active, sync }: Registration): () => void {
  const ask = (): void => {
    const isHidden = document.visibilityState === 'hidden';
    if ((navigator.onLine && !isHidden) || pending(database) === 0) return;
    sync?.register(TAG).catch(() => undefined);
    // A page on its way out may be too late to register: then the worker, which lives on for a while, tries at once.
    if (isHidden) active?.postMessage(TAG);
  };
  const stopListening = database.on('status', ask);
  globalThis.addEventListener('offline', ask);
  document.addEventListener('visibilitychange', ask);
  ask();
  return () => {
    stopListening();
    globalThis.removeEventListener('offline', ask);
    document.removeEventListener('visibilitychange', ask);
  };
}

function pending(database: Database): number {
  try {
    return database.status.pending;
  } catch {
    // It is closed.
    return 0;
  }
}

async function askPeriodic({ periodicSync }: Registration, hours: number): Promise<BackgroundSyncAnswer> {
  if (!periodicSync) return 'not_supported';
  if ((await permission('periodic-background-sync')) !== 'granted') return 'denied';
  try {
    await periodicSync.register(TAG, { minInterval: hours * HOUR_MILLIS });
    return 'ready';
  } catch {
    return 'denied';
  }
}

/** What the browser says of it; nothing where it cannot be asked. */
async function permission(name: string): Promise<PermissionState | undefined> {
  try {
    return (await navigator.permissions.query({ name: name as PermissionName })).state;
  } catch {
    return undefined;
  }
}
