/** Tidemark in a service worker: syncing after the page has gone. */
import type { OpenOptions } from 'tidemark';

/** A database to sync, as the page opens it; with a server, and without `sync`, for here it is synced when the browser says. */
export type BackgroundDatabase = Omit<OpenOptions, 'sync' | 'server'> & {
  /** The server's address. */
  server: string | URL;
};

/** The databases, or what tells them at each event: whoever is signed in by then. Nothing told, nothing is synced. */
export type BackgroundDatabases =
  | BackgroundDatabase
  | readonly BackgroundDatabase[]
  | (() => Told | Promise<Told>);

/** What there is to sync: one database, several, or none. */
type Told = BackgroundDatabase | readonly BackgroundDatabase[] | null | undefined;

/**
 * Syncs at each `sync` and `periodicsync` event that `requestBackgroundSync` of
 * `tidemark/background-sync` asked for in the page, and as a page goes while something is pending. Call it once, as the service worker's script runs: browsers want
 * listeners to be there from the start.
 *
 * A sync that could not reach the server fails the event, and the browser tries again. What waits for a
 * person (somebody to sign in, the airbag) does not: the next page tells it. A database that this
 * device does not have is not made.
 */
export function syncInBackground(databases: BackgroundDatabases): void;
