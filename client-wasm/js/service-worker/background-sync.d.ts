/** Tidemark in a page: asking the browser to sync after the page has gone. */
import type { Database } from 'tidemark';

/** How it is asked for. */
export interface BackgroundSyncOptions {
  /** The service worker that calls `syncInBackground`; the page's own if left out. */
  registration?: ServiceWorkerRegistration | undefined;
  /** How often to sync while no page is open, at most, in hours; 12 if left out. The browser decides; some never do. */
  everyHours?: number | undefined;
}

/**
 * Whether the browser will do it: `ready`; `not_supported`; `no_service_worker`, as the page has none
 * yet; `denied`, as the person or the browser does not allow it (periodic syncs are for installed apps).
 */
export type BackgroundSyncAnswer = 'ready' | 'not_supported' | 'no_service_worker' | 'denied';

/** What the browser answered. */
export interface BackgroundSync {
  /** What is pending as the page goes, or while there is no network, is synced once there is one. */
  sync: BackgroundSyncAnswer;
  /** It is synced now and then while no page is open. */
  periodic: BackgroundSyncAnswer;
  /** Asks for no more syncs. */
  stop(): void;
}

/**
 * Asks the browser for syncs of its own, where it has them, and says where it has not. In every
 * browser the service worker is told to sync as the page goes while something is pending.
 */
export function requestBackgroundSync(database: Database, options?: BackgroundSyncOptions): Promise<BackgroundSync>;
